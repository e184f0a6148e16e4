//! Layouts: which node has which slot of a placement group.
//!
//! The law: a layout follows from the one before and the new list of nodes alone. A node that stays keeps its slot, and
//! newcomers take the free ones: a replica set used as it is would number the shards anew behind a node that went, and
//! move all of them. No zone has more slots of a placement group than there is parity, where there are zones enough.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hash_ring::{Node, Nodes, Placement, Rendezvous};
use machine::NodeId;

use crate::words::{Code, Slot};

/// The number of a placement group: keys with one hash are on the same nodes.
pub type Group = u16;

/// A numbered table of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// It rises by one with each change.
    pub number: u32,
    code: Code,
    zones: Arc<BTreeMap<NodeId, u8>>,
    rows: Arc<[Row]>,
}

/// Of a placement group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// By slot.
    places: Vec<NodeId>,
    /// All nodes, in the order in which the group would have them.
    order: Vec<NodeId>,
}

/// Fewer nodes than shards: there is no such layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewNodes {
    /// There are so many.
    pub nodes: usize,
    /// And these are to be placed.
    pub code: Code,
}

impl fmt::Display for TooFewNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFewNodes { nodes, code } = self;
        write!(f, "{nodes} nodes cannot keep the {} shards of {code} apart", code.shards())
    }
}

impl std::error::Error for TooFewNodes {}

impl Layout {
    /// The first layout, of nodes in these zones.
    ///
    /// # Errors
    /// If there are fewer nodes than shards.
    pub fn first(
        code: Code,
        groups: Group,
        zones: BTreeMap<NodeId, u8>,
    ) -> Result<Layout, TooFewNodes> {
        Layout::of(1, code, groups, zones, |_| Vec::new())
    }

    /// The layout after this one, of these nodes.
    ///
    /// # Errors
    /// If there are fewer nodes than shards.
    pub fn next(&self, zones: BTreeMap<NodeId, u8>) -> Result<Layout, TooFewNodes> {
        let before = |group: Group| self.rows[usize::from(group)].places.clone();
        Layout::of(self.number + 1, self.code, self.rows.len() as Group, zones, before)
    }

    fn of(
        number: u32,
        code: Code,
        groups: Group,
        zones: BTreeMap<NodeId, u8>,
        before: impl Fn(Group) -> Vec<NodeId>,
    ) -> Result<Layout, TooFewNodes> {
        let shards = usize::from(code.shards());
        if zones.len() < shards {
            return Err(TooFewNodes { nodes: zones.len(), code });
        }
        let ids: Vec<NodeId> = zones.keys().copied().collect();
        let node = |(id, zone): (&NodeId, &u8)| {
            let named = Node::new(&format!("{id:?}"));
            named.and_then(|node| node.with_zone(&format!("{zone}"))).expect("names of letters")
        };
        let ring = Nodes::new(zones.iter().map(node)).and_then(Rendezvous::new);
        let ring = ring.expect("some nodes, of one weight and different names");
        let rows = (0..groups).map(|group| {
            let key = ring.hash(&group.to_le_bytes());
            let of = |index: hash_ring::NodeIndex| ids[index.0 as usize];
            let wanted = ring.replicas(key, shards).into_iter().map(of).collect();
            let mut order = Vec::with_capacity(ids.len());
            for node in ring.candidates(key).map(of) {
                if !order.contains(&node) {
                    order.push(node);
                }
            }
            Row { places: sticky(&before(group), wanted), order }
        });
        Ok(Layout { number, code, rows: rows.collect(), zones: Arc::new(zones) })
    }

    /// How shards are cut under it.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The nodes, and their zones.
    pub fn zones(&self) -> &BTreeMap<NodeId, u8> {
        &self.zones
    }

    /// The placement group of a key.
    pub fn group(&self, bucket: &str, key: &str) -> Group {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(bucket.len() as u32).to_le_bytes());
        hasher.update(bucket.as_bytes());
        hasher.update(key.as_bytes());
        let hash = hasher.finalize();
        let number = u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("32 bytes"));
        (number % self.rows.len() as u64) as Group
    }

    /// Who has the slots of a placement group.
    pub fn places(&self, group: Group) -> &[NodeId] {
        &self.rows[usize::from(group)].places
    }

    /// All nodes, in the order in which a placement group would have them.
    pub fn order(&self, group: Group) -> &[NodeId] {
        &self.rows[usize::from(group)].order
    }

    /// Who takes the shard of a node that does not: the first that is there and has no shard of this put, `holders`; in
    /// a zone that has not as many as there is parity, where there is one.
    pub fn substitute(
        &self,
        group: Group,
        holders: &[NodeId],
        is_there: impl Fn(NodeId) -> bool,
    ) -> Option<NodeId> {
        let order = self.order(group);
        let free =
            || order.iter().copied().filter(|&node| is_there(node) && !holders.contains(&node));
        let crowd =
            |node| holders.iter().filter(|&&other| self.zone(other) == self.zone(node)).count();
        let most = usize::from(self.code.parity);
        let spread = free().find(|&node| crowd(node) < most);
        spread.or_else(|| free().next())
    }

    fn zone(&self, node: NodeId) -> Option<u8> {
        self.zones.get(&node).copied()
    }

    /// The slots that are elsewhere under the other layout.
    pub fn moved<'a>(&'a self, other: &'a Layout) -> impl Iterator<Item = (Group, Slot)> + 'a {
        let pairs = self.rows.iter().zip(other.rows.iter()).zip(0..);
        pairs.flat_map(|((one, other), group)| {
            let slots = one.places.iter().zip(&other.places).zip(0..);
            slots.filter(|((one, other), _)| one != other).map(move |(_, slot)| (group, slot))
        })
    }
}

/// These nodes, those that were there before in the slots that they had.
fn sticky(before: &[NodeId], wanted: Vec<NodeId>) -> Vec<NodeId> {
    if before.is_empty() {
        return wanted;
    }
    let mut newcomers = wanted.iter().copied().filter(|node| !before.contains(node));
    let stays = |node: &NodeId| wanted.contains(node).then_some(*node);
    let kept = before.iter().map(|node| stays(node).or_else(|| newcomers.next()));
    kept.collect::<Option<_>>().expect("as many are wanted as there are slots")
}

#[cfg(test)]
mod tests;
