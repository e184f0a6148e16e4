//! The cluster of a scenario: who is who, and how large.

use machine::{NodeId, Switches};
use serde::{Deserialize, Serialize};
use sim::{Delays, Shape as _, Target, within};

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
const ZONES: u32 = 3;

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Order, Shape>;
/// The cluster of a run.
pub(crate) type Cluster = sim::Cluster<Shape>;

/// Who is who: the database, then the caches, those of the fleet first, then the fronts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
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

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("database", 1),
            ("cache", self.caches.saturating_add(self.spares)),
            ("front", self.fronts),
        ]
    }

    fn validate(&self) -> Result<(), String> {
        within("caches", self.caches, 1..=64)?;
        within("spares", self.spares, 0..=64)?;
        within("fronts", self.fronts, 0..=64)?;
        within("copies", self.copies, 1..=64)
    }
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft) {
        // Its sizes were drawn once, each from a range of one.
        draft.skip_draws(6);
        draft.cluster(self, 1);
        let zone = |node: NodeId| match self.member(node) {
            "cache" => ((node.0 - 1) % ZONES) as u8,
            _ => ZONES as u8,
        };
        draft.zones((0..self.nodes() as u32).map(NodeId).map(zone).collect());
        draft.delays(Delays::micros(100, 500));
    }

    pub(crate) fn database(self) -> NodeId {
        NodeId(0)
    }

    /// All caches, those of the fleet first.
    pub(crate) fn cache_ids(self) -> Vec<NodeId> {
        self.ids("cache")
    }

    pub(crate) fn front_ids(self) -> Vec<NodeId> {
        self.ids("front")
    }

    /// The caches, as targets of faults.
    pub(crate) fn cache_targets(self) -> Vec<Target> {
        self.targets("cache")
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
        let shape = cluster.shape;
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
}
