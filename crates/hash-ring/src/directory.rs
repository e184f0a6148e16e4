//! Directory partitioning: a table that says where every partition is.
//!
//! Redis Cluster has 16384 slots, Couchbase 1024; a key belongs to a slot for good, and the table of
//! slots says which node has it. Any slot can be put anywhere, so moves are as few and loads as even
//! as can be. The price is the table: it is state, not arithmetic, and everyone must hold the same.

use crate::error::Refused;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// Placement by a table of slots.
///
/// The law: a change moves slots to the node that comes or from the node that goes, and no others. A
/// node that comes is given its share of the slots, rounded down, by those that have most for their
/// weight; those of a node that goes are given to those that have least.
#[derive(Clone, Debug)]
pub struct Directory {
    nodes: Nodes,
    owners: Vec<NodeIndex>,
}

const FEWEST_SLOTS: usize = 1 << 14;
const SLOTS_PER_NODE: usize = 32;

impl Directory {
    /// A table of 16384 slots, or of a larger power of two with at least 32 for each node.
    pub fn new(nodes: Nodes) -> Result<Directory, Refused> {
        let slots = (nodes.count() * SLOTS_PER_NODE).next_power_of_two().max(FEWEST_SLOTS);
        let mut owners = Vec::with_capacity(slots);
        let mut weight = 0.0;
        for (index, node) in nodes.iter() {
            weight += node.weight();
            let end = (weight / nodes.weight() * slots as f64).round() as usize;
            owners.resize(end.clamp(owners.len(), slots), index);
        }
        Ok(Directory { nodes, owners })
    }

    /// The owners of all slots. A key's slot is in its upper bits.
    pub fn slots(&self) -> &[NodeIndex] {
        &self.owners
    }

    /// How many slots each node has, by its index.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.nodes.end()];
        for owner in &self.owners {
            counts[owner.at()] += 1;
        }
        counts
    }

    /// The node that has most slots for its weight.
    fn richest(&self, counts: &[usize]) -> NodeIndex {
        let riches = |index: NodeIndex, node: &Node| counts[index.at()] as f64 / node.weight();
        let nodes = self.nodes.iter().map(|(index, node)| (riches(index, node), index));
        nodes.max_by(|(a, _), (b, _)| a.total_cmp(b)).expect("there is a node").1
    }

    /// The node that would have least slots for its weight with one more.
    fn poorest(&self, counts: &[usize]) -> NodeIndex {
        let riches =
            |index: NodeIndex, node: &Node| (counts[index.at()] + 1) as f64 / node.weight();
        let nodes = self.nodes.iter().map(|(index, node)| (riches(index, node), index));
        nodes.min_by(|(a, _), (b, _)| a.total_cmp(b)).expect("there is a node").1
    }
}

impl Placement for Directory {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        self.owners[(key >> (64 - self.owners.len().ilog2())) as usize]
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        let (weight, mut counts) = (node.weight(), self.counts());
        let share = weight / (self.nodes.weight() + weight);
        let mut gives = vec![0; counts.len()];
        for _ in 0..(share * self.owners.len() as f64) as usize {
            let giver = self.richest(&counts).at();
            counts[giver] -= 1;
            gives[giver] += 1;
        }
        let index = self.nodes.add(node)?;
        for owner in &mut self.owners {
            if gives[owner.at()] > 0 {
                gives[owner.at()] -= 1;
                *owner = index;
            }
        }
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let mut counts = self.counts();
        let (index, node) = self.nodes.remove(name)?;
        for slot in 0..self.owners.len() {
            if self.owners[slot] == index {
                let heir = self.poorest(&counts);
                counts[heir.at()] += 1;
                self.owners[slot] = heir;
            }
        }
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.owners.capacity() * size_of::<NodeIndex>()
    }
}
