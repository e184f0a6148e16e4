//! Consistent hashing: a circle of points, many for each node.
//!
//! Karger et al., "Consistent Hashing and Random Trees" (STOC 1997): hash the nodes onto a circle, and
//! give a key to the first node at or after its own hash. A node that goes leaves its arc to the next,
//! a node that comes takes a part of one, and no other key moves. One point a node makes arcs of very
//! different lengths (the longest is about ln(nodes) times the average), so each has many: with v
//! points the loads deviate by about 1/sqrt(v).

use crate::continuum::{Continuum, MOST_POINTS, Point};
use crate::error::Refused;
use crate::hash::{hash_name, nth};
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// A ring with virtual nodes.
///
/// The law: a node of weight w has `vnodes` x w points, rounded, at least one; they follow from its
/// name alone. So when a node comes or goes, the points of the others stay, and only keys of that node
/// move. In what order nodes came does not matter.
#[derive(Clone, Debug)]
pub struct Ring {
    nodes: Nodes,
    vnodes: u32,
    points: Continuum,
}

impl Ring {
    /// The default number of points for a weight of 1.
    pub const VNODES: u32 = 160;

    /// A ring with [`VNODES`](Ring::VNODES).
    pub fn new(nodes: Nodes) -> Result<Ring, Refused> {
        Ring::with_vnodes(nodes, Ring::VNODES)
    }

    /// A ring with another number of points for a weight of 1. Few make it smaller, many more even.
    pub fn with_vnodes(nodes: Nodes, vnodes: u32) -> Result<Ring, Refused> {
        let points = lay_out(&nodes, vnodes)?;
        Ok(Ring { nodes, vnodes, points })
    }

    /// The points and their owners, sorted. A key stands where the upper 32 bits of its hash say, and
    /// belongs to the first point from there on.
    pub fn continuum(&self) -> impl Iterator<Item = (u32, NodeIndex)> {
        self.points.iter()
    }

    /// The owners of the points from a key on, once around, with repetitions.
    pub(crate) fn walk(&self, key: u64) -> impl Iterator<Item = NodeIndex> {
        self.points.walk(position(key))
    }
}

impl Placement for Ring {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        self.points.locate(position(key))
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        let mut nodes = self.nodes.clone();
        let index = nodes.add(node)?;
        self.points = lay_out(&nodes, self.vnodes)?;
        self.nodes = nodes;
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let (index, node) = self.nodes.remove(name)?;
        let left = self.points.points().iter().filter(|point| point.owner != index);
        self.points = Continuum::new(left.copied().collect());
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.points.bytes()
    }

    fn candidates(&self, key: u64) -> Box<dyn Iterator<Item = NodeIndex> + '_> {
        Box::new(self.walk(key))
    }
}

/// Where a key stands.
#[inline]
fn position(key: u64) -> u32 {
    (key >> 32) as u32
}

fn lay_out(nodes: &Nodes, vnodes: u32) -> Result<Continuum, Refused> {
    let share = |node: &Node| (f64::from(vnodes) * node.weight()).round().max(1.0);
    let count: f64 = nodes.iter().map(|(_, node)| share(node)).sum();
    if count > f64::from(MOST_POINTS) {
        return Err(Refused::TooManyPoints { points: count, most: MOST_POINTS });
    }
    let mut points = Vec::with_capacity(count as usize);
    for (owner, node) in nodes.by_name() {
        let seed = hash_name(node.name());
        let at = (0..share(node) as u64).map(|vnode| position(nth(seed, vnode)));
        points.extend(at.map(|at| Point { at, owner }));
    }
    // Some of a million points share a position; a stable sort leaves them by the names of their
    // nodes, so that the order of the list does not matter.
    points.sort_by_key(|point| point.at);
    Ok(Continuum::new(points))
}
