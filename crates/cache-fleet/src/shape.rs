//! The cluster of a scenario: who is who, and how large.

use machine::{NodeId, Switches};
use sim::{Cluster, Delays, Draft, Target};

use crate::cache::Cache;
use crate::database::Database;
use crate::front::Front;
use crate::message::{Fleet, Order};
use crate::router::Member;

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Server: Fleet {
        Database(Database),
        Cache(Cache),
        Front(Front),
    }
}

/// Caches are in these zones by turns; the database and the fronts are elsewhere.
const ZONES: u64 = 3;

/// Who is who: the database, then the caches, those of the fleet first, then the fronts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Caches in the fleet from the beginning.
    pub(crate) caches: u64,
    /// Caches that may join it.
    pub(crate) spares: u64,
    pub(crate) fronts: u64,
    /// How many caches a key lives on.
    pub(crate) copies: u64,
    /// Are some caches twice or four times as large as others?
    pub(crate) uneven: bool,
    /// The number of the fleet, which is part of the names of caches and so of where keys live.
    pub(crate) number: u64,
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft<Order>) {
        let Shape { caches, spares, fronts, copies, uneven, number } = self;
        for size in [caches, spares, fronts, copies, u64::from(uneven), number] {
            draft.size(size, size);
        }
        let zone = |place: u64| match place {
            1.. if place <= caches + spares => ((place - 1) % ZONES) as u8,
            _ => ZONES as u8,
        };
        draft.zones((0..1 + caches + spares + fronts).map(zone).collect());
        draft.delays(Delays::micros(100, 500));
    }

    /// Reads it back. A plan may come from a stranger: sizes that make no sense are cut.
    pub(crate) fn of(cluster: &Cluster) -> Shape {
        let size = |place: usize| cluster.sizes.get(place).copied().unwrap_or(0);
        Shape {
            caches: size(0).clamp(1, 64),
            spares: size(1).min(64),
            fronts: size(2).min(64),
            copies: size(3).clamp(1, 64),
            uneven: size(4) > 0,
            number: size(5),
        }
    }

    pub(crate) fn database(self) -> NodeId {
        NodeId(0)
    }

    /// All caches, those of the fleet first.
    pub(crate) fn cache_ids(self) -> Vec<NodeId> {
        (1..=(self.caches + self.spares) as u32).map(NodeId).collect()
    }

    pub(crate) fn front_ids(self) -> Vec<NodeId> {
        let first = 1 + (self.caches + self.spares) as u32;
        (first..first + self.fronts as u32).map(NodeId).collect()
    }

    /// The caches, as targets of faults.
    pub(crate) fn cache_targets(self) -> Vec<Target> {
        self.cache_ids().into_iter().map(Target::from).collect()
    }

    /// What a cache can carry, next to the others.
    pub(crate) fn weight(self, cache: NodeId) -> u32 {
        if self.uneven { 1 << ((cache.0 + 2) % 3) } else { 1 }
    }

    fn members(self, cluster: &Cluster) -> Vec<Member> {
        let member = |id: NodeId| Member {
            id,
            name: format!("cache-{}-{}", self.number, id.0),
            zone: format!("zone-{}", cluster.zones.get(id.0 as usize).copied().unwrap_or(0)),
            weight: self.weight(id),
        };
        self.cache_ids().into_iter().map(member).collect()
    }

    pub(crate) fn boot(cluster: &Cluster, id: NodeId, switches: Switches) -> Server {
        let shape = Shape::of(cluster);
        if id == shape.database() {
            return Server::Database(Database::new());
        }
        if shape.cache_ids().contains(&id) {
            return Server::Cache(Cache::new(shape.weight(id)));
        }
        let (known, members) = (shape.members(cluster), shape.caches as usize);
        let copies = shape.copies as usize;
        let front = Front::new(id, shape.database(), known, members, copies, switches);
        Server::Front(front.expect("a fleet has one to 64 caches of different names"))
    }

    pub(crate) fn name(cluster: &Cluster, id: NodeId) -> String {
        let shape = Shape::of(cluster);
        let role = match id {
            id if id == shape.database() => "database",
            id if shape.cache_ids().contains(&id) => "cache",
            _ => "front",
        };
        format!("n{} {role}", id.0)
    }
}
