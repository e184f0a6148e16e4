//! Which shard keeps a link.

use std::fmt;

use hash_ring::{Node, Nodes, Placement, Ring};
use machine::NodeId;
use machine::codec::Malformed;

use crate::Key;

/// The most shards that can lease disjoint ranges of numbers.
pub const MAX_SHARDS: u32 = 1024;

/// The phase of a ring change, at one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingPhase {
    /// No change is under way.
    Settled,
    /// A joining shard copies its links. This shard answers for them until it cedes them.
    Donating,
    /// The links are ceded, and kept until the joining shard has them.
    Ceded,
    /// The joining shard has them; the copies here are being removed.
    Cleaning,
    /// This is the joining shard.
    Joining,
}

impl RingPhase {
    /// The phase of this number, in the order in which they are listed.
    pub(crate) fn of_number(number: u8) -> Result<RingPhase, Malformed> {
        use RingPhase::{Ceded, Cleaning, Donating, Joining, Settled};
        let known = [Settled, Donating, Ceded, Cleaning, Joining];
        let phase = known.get(usize::from(number));
        phase.copied().ok_or(Malformed("there is no such phase of a ring"))
    }

    /// As the programming interface and `inspect` show it.
    pub fn word(self) -> &'static str {
        match self {
            RingPhase::Settled => "settled",
            RingPhase::Donating => "donating",
            RingPhase::Ceded => "ceded",
            RingPhase::Cleaning => "cleaning",
            RingPhase::Joining => "joining",
        }
    }
}

/// The shards of a service.
#[derive(Clone, Debug)]
pub struct Roster {
    /// By their places: all shards, and those that may join later.
    pub nodes: Vec<NodeId>,
    /// How many of them the service was founded with. This never changes.
    pub founders: u32,
}

impl Roster {
    /// A roster of founders only.
    pub fn of(nodes: Vec<NodeId>) -> Roster {
        Roster { founders: nodes.len() as u32, nodes }
    }
}

/// The hash ring of a number of shards, with virtual nodes.
///
/// The law: the place of a key depends only on the key and the number of shards, not on node numbers. One
/// more shard takes keys from the others, and no key moves between those.
#[derive(Clone, Debug)]
pub(crate) struct ShardRing(Ring);

impl ShardRing {
    /// The ring of 1 to [`MAX_SHARDS`] shards.
    pub(crate) fn of(shards: u32) -> Result<ShardRing, BadShards> {
        let bad = BadShards(shards as usize);
        if shards == 0 || shards > MAX_SHARDS {
            return Err(bad);
        }
        let node = |place| Node::new(&format!("shard-{place}"));
        let named: Result<Vec<_>, _> = (0..shards).map(node).collect();
        named.and_then(Nodes::new).and_then(Ring::new).map(ShardRing).map_err(|_| bad)
    }

    /// The place of the shard that keeps this key.
    pub(crate) fn place(&self, key: &[u8]) -> u32 {
        self.0.locate(self.0.hash(key)).0
    }
}

/// The shards, as an instance knows them.
#[derive(Clone, Debug)]
pub(crate) struct ShardMap {
    places: ShardRing,
    count: u32,
    nodes: Vec<NodeId>,
}

impl ShardMap {
    /// The founders. Replies will tell of shards that joined later.
    pub(crate) fn new(Roster { nodes, founders }: Roster) -> Result<ShardMap, BadShards> {
        if founders as usize > nodes.len() {
            return Err(BadShards(nodes.len()));
        }
        Ok(ShardMap { places: ShardRing::of(founders)?, count: founders, nodes })
    }

    /// A shard says how many shards there are. It may know of fewer than others said before.
    pub(crate) fn learn(&mut self, count: u32) {
        if count > self.count
            && count as usize <= self.nodes.len()
            && let Ok(places) = ShardRing::of(count)
        {
            (self.places, self.count) = (places, count);
        }
    }

    /// The shard that keeps this link.
    pub(crate) fn of(&self, key: &Key) -> NodeId {
        self.nodes[self.places.place(&key.bytes()) as usize]
    }

    /// The shard at this place, if there is one.
    pub(crate) fn at(&self, place: usize) -> Option<NodeId> {
        self.among(place, 0)
    }

    /// The same, if there are at least `count` shards, as a cursor from another instance may say.
    pub(crate) fn among(&self, place: usize, count: usize) -> Option<NodeId> {
        self.nodes.iter().take(self.count().max(count)).nth(place).copied()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }
}

/// There is no ring of so many shards. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadShards(pub usize);

impl fmt::Display for BadShards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a service has 1 to {MAX_SHARDS} shards, not {}", self.0)
    }
}

impl std::error::Error for BadShards {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u32) -> ShardMap {
        let nodes = (10..10 + MAX_SHARDS).map(NodeId).collect();
        ShardMap::new(Roster { nodes, founders: count }).unwrap()
    }

    #[test]
    fn one_more_shard_takes_its_share_and_no_key_moves_between_the_others() {
        for count in [1, 2, 3, 8] {
            let (before, mut after) = (shards(count), shards(count));
            after.learn(count + 1);
            after.learn(count);
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
        assert_eq!(ShardMap::new(Roster::of(Vec::new())).err(), Some(BadShards(0)));
        assert!(ShardMap::new(Roster::of(vec![NodeId(0); 1025])).is_err());
        let too_few = Roster { nodes: vec![NodeId(0)], founders: 2 };
        assert_eq!(ShardMap::new(too_few).err(), Some(BadShards(1)));
    }
}
