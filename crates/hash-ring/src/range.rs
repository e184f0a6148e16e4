//! Range partitioning: neighbours stay together.
//!
//! Bigtable, HBase and most sharded SQL databases cut the ordered keys into ranges. It is the one way
//! here by which a scan from one key to the next stays on its node, if keys are placed by their order
//! instead of a hash. In return the ranges follow the keys: a popular range makes a hot node, and
//! the boundaries have to be stored.

use crate::error::Refused;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// Placement by boundaries.
///
/// The law: every node has one range of the keys. At first ranges are as wide as the weights say. A node that
/// comes takes its part of the widest one (for its weight); one that goes leaves its range to the one before
/// it (the first, to the one after). So only keys of that node move, but in time some ranges are twice as
/// wide as others, and more.
#[derive(Clone, Debug)]
pub struct Range {
    nodes: Nodes,
    /// By their first keys; that of the first is 0.
    ranges: Vec<(u64, NodeIndex)>,
}

/// How many keys there can be.
const KEYS: u128 = 1 << 64;

impl Range {
    /// Ranges in the order of the nodes.
    pub fn new(nodes: Nodes) -> Result<Range, Refused> {
        let mut before = 0.0;
        let range = |(index, node): (NodeIndex, &Node)| {
            let start = (before / nodes.weight() * KEYS as f64) as u64;
            before += node.weight();
            (start, index)
        };
        let ranges = nodes.iter().map(range).collect();
        Ok(Range { nodes, ranges })
    }

    fn width(&self, at: usize) -> u128 {
        let end = self.ranges.get(at + 1).map_or(KEYS, |(start, _)| u128::from(*start));
        end - u128::from(self.ranges[at].0)
    }

    fn width_by_weight(&self, at: usize) -> f64 {
        self.width(at) as f64 / self.nodes[self.ranges[at].1].weight()
    }
}

impl Placement for Range {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        let after = self.ranges.partition_point(|(start, _)| *start <= key);
        self.ranges[after - 1].1
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        let weight = node.weight();
        let by_width = |a: &usize, b: &usize| {
            self.width_by_weight(*a).total_cmp(&self.width_by_weight(*b)).then(b.cmp(a))
        };
        let widest = (0..self.ranges.len()).max_by(by_width).expect("there is a range");
        let (start, owner) = self.ranges[widest];
        let stays = self.nodes[owner].weight() / (self.nodes[owner].weight() + weight);
        let cut = (self.width(widest) as f64 * stays) as u64;
        let index = self.nodes.add(node)?;
        self.ranges.insert(widest + 1, (start.saturating_add(cut), index));
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let (index, node) = self.nodes.remove(name)?;
        self.ranges.retain(|(_, owner)| *owner != index);
        self.ranges[0].0 = 0;
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.ranges.capacity() * size_of::<(u64, NodeIndex)>()
    }
}
