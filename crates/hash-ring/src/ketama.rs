//! The ring that memcached clients agree on, point for point.
//!
//! libketama (Richard Jones, Last.fm, 2007) fixed the details of a ring, and clients in every language
//! follow them: MD5 of `<name>-<i>`, each digest cut into four points, 160 points for an average node.
//! A node's points are its part of the total weight, rounded down in single precision. So a change of
//! weights takes points from others too, and with some numbers of nodes (61 is the first) even nodes
//! of the same weight have 156 points instead of 160: coming and going past them moves more keys.

use md5::{Digest, Md5};

use crate::continuum::{Continuum, MOST_POINTS, Point};
use crate::error::Refused;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::{Placement, by_chance};

const DIGESTS: f64 = 40.0;
const POINTS_PER_DIGEST: usize = 4;

/// A ring with the points of libketama.
///
/// The law: for the same names and weights, every key has the node that libketama gives it. A key
/// stands where the lower 32 bits of its hash say: the first four bytes of its MD5, little-endian. A
/// node that weighs less than a fortieth of the average has no points and so no keys.
#[derive(Clone, Debug)]
pub struct Ketama {
    nodes: Nodes,
    points: Continuum,
}

impl Ketama {
    /// The ring of these nodes.
    pub fn new(nodes: Nodes) -> Result<Ketama, Refused> {
        let points = lay_out(&nodes)?;
        Ok(Ketama { nodes, points })
    }

    /// The points and their owners, sorted. A key belongs to the first point from its own on.
    pub fn continuum(&self) -> impl Iterator<Item = (u32, NodeIndex)> {
        self.points.iter()
    }

    fn change_to(&mut self, nodes: Nodes) -> Result<(), Refused> {
        *self = Ketama::new(nodes)?;
        Ok(())
    }
}

impl Placement for Ketama {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        self.points.locate(key as u32)
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        let mut nodes = self.nodes.clone();
        let index = nodes.add(node)?;
        self.change_to(nodes)?;
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let mut nodes = self.nodes.clone();
        let (_, node) = nodes.remove(name)?;
        self.change_to(nodes)?;
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.points.bytes()
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let [first, ..] = points_of(key);
        u64::from(first)
    }

    fn candidates(&self, key: u64) -> Box<dyn Iterator<Item = NodeIndex> + '_> {
        // A node of too small a weight has no points.
        let all = std::iter::once_with(move || by_chance(&self.nodes, key)).flatten();
        Box::new(self.points.walk(key as u32).chain(all))
    }
}

fn lay_out(nodes: &Nodes) -> Result<Continuum, Refused> {
    let most = DIGESTS * POINTS_PER_DIGEST as f64 * nodes.count() as f64;
    if most > f64::from(MOST_POINTS) {
        return Err(Refused::TooManyPoints { points: most, most: MOST_POINTS });
    }
    let mut points = Vec::with_capacity(most as usize);
    for (owner, node) in nodes.iter() {
        for digest in 0..digests(node.weight(), nodes) {
            let name = format!("{}-{digest}", node.name());
            points.extend(points_of(name.as_bytes()).map(|at| Point { at, owner }));
        }
    }
    // A stable sort, as glibc's is: of two points at one place, that of the earlier node comes first.
    points.sort_by_key(|point| point.at);
    Ok(Continuum::new(points))
}

/// How many digests a node has, to the bit as C computes
/// `float pct = (float)weight / (float)total; floorf(pct * 40.0 * (float)nodes)`: 40.0 is a double, so
/// the product is one, and is rounded to a float again before it is rounded down.
fn digests(weight: f64, nodes: &Nodes) -> u32 {
    let part = weight as f32 / nodes.weight() as f32;
    let product = f64::from(part) * DIGESTS * f64::from(nodes.count() as f32);
    (product as f32).floor() as u32
}

/// The four numbers in an MD5.
fn points_of(bytes: &[u8]) -> [u32; POINTS_PER_DIGEST] {
    let digest = Md5::digest(bytes);
    let mut points = [0; POINTS_PER_DIGEST];
    for (point, bytes) in points.iter_mut().zip(digest.chunks_exact(4)) {
        *point = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    }
    points
}
