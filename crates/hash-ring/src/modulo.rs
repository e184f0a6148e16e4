//! The remainder of a division: what consistent hashing was invented against.

use crate::error::Refused;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// Placement by hash modulo the number of nodes.
///
/// The law: the load is even, and when the number of nodes changes from n to n + 1, only one key in
/// n + 1 stays where it is. There are no weights.
#[derive(Clone, Debug)]
pub struct Modulo {
    nodes: Nodes,
    order: Vec<NodeIndex>,
}

impl Modulo {
    /// A placement on these nodes.
    pub fn new(nodes: Nodes) -> Result<Modulo, Refused> {
        nodes.check_even("modulo")?;
        let order = order(&nodes);
        Ok(Modulo { nodes, order })
    }
}

impl Placement for Modulo {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        self.order[(key % self.order.len() as u64) as usize]
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        self.nodes.check_fits("modulo", &node)?;
        let index = self.nodes.add(node)?;
        self.order = order(&self.nodes);
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let (_, node) = self.nodes.remove(name)?;
        self.order = order(&self.nodes);
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.order.capacity() * size_of::<NodeIndex>()
    }
}

fn order(nodes: &Nodes) -> Vec<NodeIndex> {
    nodes.iter().map(|(index, _)| index).collect()
}
