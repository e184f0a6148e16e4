//! What all algorithms have in common.

use crate::error::Refused;
use crate::hash::{hash, hash_name, mix, nth};
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::replicas;

/// How many times a key is hashed anew to find more nodes for it, before all nodes are looked at.
const PROBES: u64 = 64;

/// A way to give every key one of the nodes.
///
/// The law: [`locate`](Placement::locate) follows from the key and from the nodes that came and went,
/// and always answers with a node that is there. A change that is refused changes nothing.
///
/// ```
/// use hash_ring::{Node, Nodes, Placement, Ring};
///
/// let mut ring = Ring::new(Nodes::parse("ams-1 1 ams\nams-2 1 ams\nfra-1 1 fra")?)?;
/// let key = ring.hash(b"user:7");
/// let copies = ring.replicas(key, 2);
/// assert_eq!(copies[0], ring.locate(key));
/// assert_ne!(ring.nodes()[copies[0]].zone(), ring.nodes()[copies[1]].zone());
/// ring.add(Node::new("fra-2")?.with_zone("fra")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Placement {
    /// The nodes.
    fn nodes(&self) -> &Nodes;

    /// The node of a key, given by its hash.
    fn locate(&self, key: u64) -> NodeIndex;

    /// Takes a node in. Where the algorithm promises little movement, keys move to it alone.
    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused>;

    /// Takes a node out. Where the algorithm promises little movement, its keys alone move.
    fn remove(&mut self, name: &str) -> Result<Node, Refused>;

    /// The bytes that it takes on the heap besides the list of nodes.
    fn bytes(&self) -> usize;

    /// The hash of a key. XXH3, except where compatibility asks for another.
    fn hash(&self, key: &[u8]) -> u64 {
        hash(key)
    }

    /// Gives a request the node of its key. Placements that count requests count it; the others only
    /// [`locate`](Placement::locate).
    fn admit(&mut self, key: u64) -> NodeIndex {
        self.locate(key)
    }

    /// The nodes in the order in which a key would have them, the one that it has first. Every node is
    /// in it, some more than once.
    ///
    /// Unless the algorithm has an order of its own, the key is hashed anew a number of times; then
    /// come all nodes, in an order of the key's.
    fn candidates(&self, key: u64) -> Box<dyn Iterator<Item = NodeIndex> + '_> {
        let again = (0..PROBES).map(move |probe| self.locate(nth(key, probe)));
        let all = std::iter::once_with(move || by_chance(self.nodes(), key)).flatten();
        Box::new(std::iter::once(self.locate(key)).chain(again).chain(all))
    }

    /// The nodes of the copies of a key: `count` of them, or all where there are fewer. The first is
    /// that of [`locate`](Placement::locate). No zone has two more copies than another that still has
    /// a node to spare, and within a zone the same holds for its racks.
    fn replicas(&self, key: u64, count: usize) -> Vec<NodeIndex> {
        replicas::spread(self.nodes(), count, || self.candidates(key))
    }
}

/// All nodes in the order of hashes of the key and their names.
pub(crate) fn by_chance(nodes: &Nodes, key: u64) -> Vec<NodeIndex> {
    let mut order: Vec<_> =
        nodes.iter().map(|(index, node)| (mix(key ^ hash_name(node.name())), index)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index).collect()
}
