//! The nodes that keys are placed on: their names, weights and zones.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;

use crate::error::{FileError, LineError, Refused};
use crate::racks::{Rack, Racks};

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    name: Box<str>,
    weight: f64,
    location: Box<str>,
}

impl Node {
    /// A node of weight 1 with no zone. Placements go by the name: it should outlive addresses.
    pub fn new(name: &str) -> Result<Node, Refused> {
        check_name(name)?;
        Ok(Node { name: name.into(), weight: 1.0, location: "".into() })
    }

    /// How much it should carry, next to the others: from a billionth to a billion. 1 is a normal
    /// node.
    pub fn with_weight(mut self, weight: f64) -> Result<Node, Refused> {
        if !(1e-9..=1e9).contains(&weight) {
            return Err(Refused::BadWeight { name: self.name.into(), weight });
        }
        self.weight = weight;
        Ok(self)
    }

    /// What fails together with it: a zone, or a zone and a rack in it, as `zone` or `zone/rack`.
    pub fn with_zone(mut self, location: &str) -> Result<Node, Refused> {
        let (zone, rack) = location.split_once('/').unwrap_or((location, "-"));
        if rack.contains('/') {
            return Err(Refused::BadName { name: location.to_owned() });
        }
        check_name(zone)?;
        check_name(rack)?;
        self.location = location.into();
        Ok(self)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much it should carry.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The zone, if one was given.
    pub fn zone(&self) -> Option<&str> {
        self.location.split('/').next().filter(|zone| !zone.is_empty())
    }

    /// The rack within the zone, if one was given.
    pub fn rack(&self) -> Option<&str> {
        self.location.split_once('/').map(|(_, rack)| rack)
    }

    /// Zone and rack as they were given; empty where none were.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }
}

fn check_name(name: &str) -> Result<(), Refused> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    if name.is_empty() || name.contains(bad) {
        return Err(Refused::BadName { name: name.to_owned() });
    }
    Ok(())
}

/// Where a node stands in its list. It stays with the node; once the node is removed, it goes to the
/// next one that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

impl NodeIndex {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A list of nodes.
///
/// The law: there is at least one, and no two have the same name. The index of a node never changes.
/// Indices that became free are given out again, the latest first, before a new one is.
#[derive(Clone, Debug)]
pub struct Nodes {
    slots: Vec<Option<Node>>,
    free: Vec<NodeIndex>,
    weight: f64,
    racks: Racks,
}

impl Nodes {
    /// A list, with indices from 0 in its order.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Nodes, Refused> {
        let slots: Vec<_> = nodes.into_iter().map(Some).collect();
        let mut names: Vec<&str> = slots.iter().flatten().map(Node::name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Refused::Twice { name: twice[0].to_owned() });
        }
        if slots.is_empty() {
            return Err(Refused::NoNodes);
        }
        let mut nodes = Nodes { slots, free: vec![], weight: 0.0, racks: Racks::default() };
        nodes.weight = nodes.sum();
        for (index, node) in nodes.slots.iter().flatten().enumerate() {
            nodes.racks.add(index, node.zone().unwrap_or_default(), node.location());
        }
        Ok(nodes)
    }

    /// Nodes of weight 1 called `node-0`, `node-1` and so on.
    pub fn numbered(count: u32) -> Result<Nodes, Refused> {
        Nodes::new((0..count).map(|number| Node::new(&format!("node-{number}")).expect("a name")))
    }

    /// Reads `name[ weight[ zone]]` a line; blanks or tabs between the words, 1 where there is no
    /// weight, and a zone may be `zone/rack`. Empty lines and those that start with `#` are skipped.
    pub fn parse(text: &str) -> Result<Nodes, FileError> {
        let mut nodes = Vec::new();
        let mut lines = BTreeMap::new();
        // Some editors put a mark of the byte order first, which is not a part of a name.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        for (line, text) in text.lines().enumerate().map(|(at, text)| (at + 1, text.trim())) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let node = parse_line(text).map_err(|error| FileError::Line { line, error })?;
            let name: Box<str> = node.name().into();
            if let Some(first) = lines.insert(name, line) {
                let error = LineError::Repeated { name: node.name().to_owned(), first };
                return Err(FileError::Line { line, error });
            }
            nodes.push(node);
        }
        Nodes::new(nodes).map_err(|_| FileError::NoNodes)
    }

    /// How many there are: at least one.
    pub fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The weights of all together.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The bytes that the list takes on the heap; those of zones are shared and not counted.
    pub fn bytes(&self) -> usize {
        let texts = |(_, node): (_, &Node)| node.name.len() + node.location.len();
        let slots = self.slots.capacity() * size_of::<Option<Node>>();
        slots + self.racks.bytes() + self.iter().map(texts).sum::<usize>()
    }

    /// The node at an index, unless it was removed.
    pub fn get(&self, index: NodeIndex) -> Option<&Node> {
        self.slots.get(index.at())?.as_ref()
    }

    /// The index of the node with a name. It looks at every node.
    pub fn find(&self, name: &str) -> Option<NodeIndex> {
        self.iter().find(|(_, node)| node.name() == name).map(|(index, _)| index)
    }

    /// The nodes by their indices.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        let numbered = self.slots.iter().enumerate();
        numbered.filter_map(|(at, node)| Some((NodeIndex(at as u32), node.as_ref()?)))
    }

    /// The nodes by name: an order that does not depend on their history.
    pub(crate) fn by_name(&self) -> Vec<(NodeIndex, &Node)> {
        let mut nodes: Vec<_> = self.iter().collect();
        nodes.sort_unstable_by_key(|(_, node)| node.name());
        nodes
    }

    /// One more than the largest index.
    pub(crate) fn end(&self) -> usize {
        self.slots.len()
    }

    /// The rack of a node.
    pub(crate) fn rack(&self, index: NodeIndex) -> usize {
        self.racks.rack(index.at())
    }

    /// All racks.
    pub(crate) fn racks(&self) -> &[Rack] {
        self.racks.all()
    }

    pub(crate) fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        if self.find(node.name()).is_some() {
            return Err(Refused::Twice { name: node.name.into() });
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            NodeIndex(self.slots.len() as u32 - 1)
        });
        self.racks.add(index.at(), node.zone().unwrap_or_default(), node.location());
        self.slots[index.at()] = Some(node);
        self.weight = self.sum();
        Ok(index)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<(NodeIndex, Node), Refused> {
        let index = self.find(name).ok_or_else(|| Refused::NotThere { name: name.to_owned() })?;
        if self.count() == 1 {
            return Err(Refused::LastNode { name: name.to_owned() });
        }
        let node = self.slots[index.at()].take().expect("it was found");
        self.racks.remove(index.at());
        self.free.push(index);
        self.weight = self.sum();
        Ok((index, node))
    }

    /// The same nodes with indices from 0 in their order, whatever was removed before.
    pub(crate) fn packed(self) -> Nodes {
        if self.free.is_empty() {
            return self;
        }
        Nodes::new(self.slots.into_iter().flatten()).expect("some are left, with different names")
    }

    /// Refuses weights that differ, for an algorithm that has none.
    pub(crate) fn check_even(&self, algorithm: &'static str) -> Result<(), Refused> {
        self.iter().try_for_each(|(_, node)| self.check_fits(algorithm, node))
    }

    /// Refuses a node whose weight differs from that of the others.
    pub(crate) fn check_fits(&self, algorithm: &'static str, node: &Node) -> Result<(), Refused> {
        let (_, first) = self.iter().next().expect("there is at least one");
        if node.weight != first.weight {
            return Err(Refused::NoWeights { algorithm, name: node.name().to_owned() });
        }
        Ok(())
    }

    /// Summed anew at each change, so that no rounding error piles up.
    fn sum(&self) -> f64 {
        self.slots.iter().flatten().map(Node::weight).sum()
    }
}

impl Index<NodeIndex> for Nodes {
    type Output = Node;

    /// The node at an index.
    ///
    /// # Panics
    ///
    /// Where it was removed: the index is from another list or from before.
    fn index(&self, index: NodeIndex) -> &Node {
        self.get(index).expect("no node has this index")
    }
}

fn parse_line(line: &str) -> Result<Node, LineError> {
    let mut words = line.split_whitespace();
    let mut node = Node::new(words.next().unwrap_or_default()).map_err(LineError::Node)?;
    if let Some(text) = words.next() {
        let not_a_number = |_| LineError::NotANumber { text: text.to_owned() };
        let weight = text.parse().map_err(not_a_number)?;
        node = node.with_weight(weight).map_err(LineError::Node)?;
    }
    if let Some(zone) = words.next() {
        node = node.with_zone(zone).map_err(LineError::Node)?;
    }
    if words.next().is_some() {
        return Err(LineError::TooLong);
    }
    Ok(node)
}
