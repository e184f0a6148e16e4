//! Jump consistent hash: no memory at all, for nodes that are numbered.

use crate::error::Refused;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// The bucket of a key among `buckets`, of which there is at least one.
///
/// Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014). Think of buckets
/// that are added one at a time: a key moves to the n-th with a probability of 1/n, decided by random numbers
/// that follow from the key. One such number gives the next bucket to which the key moves, so the function
/// computes only the moves, ln(buckets) of them on average, until one would leave the buckets.
#[inline]
pub fn jump(mut key: u64, buckets: u32) -> u32 {
    // Signed, as in the paper: processors convert these to floats in one step.
    let (mut bucket, mut next) = (0i64, 0i64);
    while next < i64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let dice = (1i64 << 31) as f64 / ((key >> 33) as i64 + 1) as f64;
        next = ((bucket + 1) as f64 * dice) as i64;
    }
    bucket as u32
}

/// Placement by [`jump()`]: bucket i is the i-th node.
///
/// The law: only keys of the node that came or went move; nodes come and go at the end alone. There
/// are no weights.
#[derive(Clone, Debug)]
pub struct Jump {
    nodes: Nodes,
}

impl Jump {
    /// The nodes in the order of their numbers.
    pub fn new(nodes: Nodes) -> Result<Jump, Refused> {
        nodes.check_even("jump")?;
        Ok(Jump { nodes: nodes.packed() })
    }
}

impl Placement for Jump {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        NodeIndex(jump(key, self.nodes.count() as u32))
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        self.nodes.check_fits("jump", &node)?;
        self.nodes.add(node)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        // Only ever the last was removed, and is given out again first: no index is free below it.
        let last = &self.nodes[NodeIndex(self.nodes.count() as u32 - 1)];
        if self.nodes.find(name).is_some() && last.name() != name {
            let (name, last) = (name.to_owned(), last.name().to_owned());
            return Err(Refused::OnlyTheLast { name, last });
        }
        Ok(self.nodes.remove(name)?.1)
    }

    fn bytes(&self) -> usize {
        0
    }
}
