//! Which shard keeps a link.

use std::fmt;

use hash_ring::{Node, Nodes, Placement, Ring};
use machine::NodeId;

use crate::Key;
use crate::shard::MOST_SHARDS;

/// The shards, on a ring with virtual nodes.
///
/// The law: the shard of a key follows from the key and from how many shards there are, whatever their
/// node numbers: a shard's name on the ring is its place in the list. One more shard takes keys from the
/// others, and no key moves between those.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    ring: Ring,
    nodes: Vec<NodeId>,
}

impl Shards {
    /// A ring of these.
    pub(crate) fn new(nodes: Vec<NodeId>) -> Result<Shards, BadShards> {
        if nodes.is_empty() || nodes.len() > MOST_SHARDS as usize {
            return Err(BadShards(nodes.len()));
        }
        let node = |place| Node::new(&format!("shard-{place}"));
        let named: Result<Vec<_>, _> = (0..nodes.len()).map(node).collect();
        let ring = named.and_then(Nodes::new).and_then(Ring::new);
        let ring = ring.map_err(|_| BadShards(nodes.len()))?;
        Ok(Shards { ring, nodes })
    }

    /// The shard that keeps this link.
    pub(crate) fn of(&self, key: &Key) -> NodeId {
        let place = self.ring.locate(self.ring.hash(&key.bytes()));
        self.nodes[place.0 as usize]
    }

    /// The shard at this place, if there is one.
    pub(crate) fn at(&self, place: usize) -> Option<NodeId> {
        self.nodes.get(place).copied()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }
}

/// There is no ring of so many shards. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadShards(pub usize);

impl fmt::Display for BadShards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a service has 1 to {MOST_SHARDS} shards, not {}", self.0)
    }
}

impl std::error::Error for BadShards {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u32) -> Shards {
        Shards::new((10..10 + count).map(NodeId).collect()).unwrap()
    }

    #[test]
    fn one_more_shard_takes_its_share_and_no_key_moves_between_the_others() {
        for count in [1, 2, 3, 8] {
            let (before, after) = (shards(count), shards(count + 1));
            let keys = (0..10_000).map(|n| Key::new("", &format!("code-{n}")));
            let (came, new) =
                (keys.filter(|key| before.of(key) != after.of(key)), NodeId(10 + count));
            let moved: Vec<_> = came.map(|key| after.of(&key)).collect();
            assert!(moved.iter().all(|shard| *shard == new), "a key moved between two old shards");
            let share = 10_000 / (count as usize + 1);
            assert!((share * 2 / 3..share * 4 / 3).contains(&moved.len()), "{} moved", moved.len());
        }
    }

    #[test]
    fn there_are_one_to_1024_of_them() {
        assert_eq!(Shards::new(Vec::new()).err(), Some(BadShards(0)));
        assert!(Shards::new(vec![NodeId(0); 1025]).is_err());
    }
}
