//! Bounded loads: a ring on which no node is given more than its share and a bit.
//!
//! However even a ring is, one popular key can overload its node. Mirrokni, Thorup and Zadimoghaddam,
//! "Consistent Hashing with Bounded Loads" (SODA 2018): count the requests that each node has at the
//! moment, and let a request that finds its node at the bound walk on along the ring to the first with
//! room. There is always one, as the bounds add up to more than the requests. A bound of 1.25 keeps
//! most requests at home; one close to 1 sends them far.

use crate::error::Refused;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;
use crate::ring::Ring;

/// A ring that counts requests and bounds them.
///
/// The law: a request that is admitted leaves its node with at most
/// ceil(bound x average x weight) requests, where the average is of all requests, this one among them,
/// for a weight of 1. Releases lower the average, and requests do not move once they are admitted: a
/// node that thereby is above the bound gets no request until it is below again.
#[derive(Clone, Debug)]
pub struct BoundedRing {
    ring: Ring,
    bound: f64,
    loads: Vec<u64>,
    total: u64,
}

impl BoundedRing {
    /// The default bound, as a multiple of the average.
    pub const BOUND: f64 = 1.25;

    /// A ring with [`BOUND`](BoundedRing::BOUND) and no requests.
    pub fn new(nodes: Nodes) -> Result<BoundedRing, Refused> {
        BoundedRing::with_bound(Ring::new(nodes)?, BoundedRing::BOUND)
    }

    /// Bounds a ring: at least 1 average, where 1 is the most even and the farthest from home.
    pub fn with_bound(ring: Ring, bound: f64) -> Result<BoundedRing, Refused> {
        if !(bound >= 1.0 && bound.is_finite()) {
            return Err(Refused::BadBound { bound });
        }
        let loads = vec![0; ring.nodes().end()];
        Ok(BoundedRing { ring, bound, loads, total: 0 })
    }

    /// The ring without the requests: where keys are at home.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// How many requests a node has.
    pub fn load(&self, node: NodeIndex) -> u64 {
        self.loads.get(node.at()).copied().unwrap_or(0)
    }

    /// How many requests there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The most requests that a node may have with the next one that is admitted.
    ///
    /// # Panics
    ///
    /// Where there is no such node.
    pub fn limit(&self, node: NodeIndex) -> u64 {
        let nodes = self.ring.nodes();
        // One division, at the end: where the product is exact, so is the bound.
        let share = self.bound * (self.total + 1) as f64 * nodes[node].weight() / nodes.weight();
        share.ceil() as u64
    }

    /// A request of a node is done. Each is released once, and not after its node was removed: the
    /// requests of a node go with it.
    pub fn release(&mut self, node: NodeIndex) -> Result<(), Refused> {
        let load = self.loads.get_mut(node.at()).filter(|load| **load > 0);
        let Some(load) = load else {
            let name = self.ring.nodes().get(node).map_or("a removed node", Node::name);
            return Err(Refused::NothingToRelease { name: name.to_owned() });
        };
        *load -= 1;
        self.total -= 1;
        Ok(())
    }

    fn has_room(&self, node: NodeIndex) -> bool {
        self.loads[node.at()] < self.limit(node)
    }
}

impl Placement for BoundedRing {
    fn nodes(&self) -> &Nodes {
        self.ring.nodes()
    }

    /// The node that [`admit`](Placement::admit) would choose now.
    fn locate(&self, key: u64) -> NodeIndex {
        let mut walk = self.ring.walk(key);
        walk.find(|node| self.has_room(*node)).expect("the limits add up to more than the requests")
    }

    fn admit(&mut self, key: u64) -> NodeIndex {
        let node = self.locate(key);
        self.loads[node.at()] += 1;
        self.total += 1;
        node
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        let index = self.ring.add(node)?;
        self.loads.resize(self.ring.nodes().end(), 0);
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let index = self.ring.nodes().find(name);
        let node = self.ring.remove(name)?;
        let gone = index.map_or(0, |index| std::mem::take(&mut self.loads[index.at()]));
        self.total -= gone;
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.ring.bytes() + self.loads.capacity() * size_of::<u64>()
    }

    /// First the nodes with room, then the others.
    fn candidates(&self, key: u64) -> Box<dyn Iterator<Item = NodeIndex> + '_> {
        let with_room = self.ring.walk(key).filter(|node| self.has_room(*node));
        Box::new(with_room.chain(self.ring.walk(key)))
    }
}
