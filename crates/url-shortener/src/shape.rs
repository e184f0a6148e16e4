//! The cluster of a scenario: who is who, and within which bounds.

use std::time::Duration;

use machine::{NodeId, Switches};
use resilience::Backoff;
use sim::{Cluster, Delays, Draft, Target};

use crate::analytics::clicks::ClickTuning;
use crate::analytics::tally::{Rounds, Tally};
use crate::client::User;
use crate::instance::cache::Freshness;
use crate::instance::limiter::Rate;
use crate::instance::numbers::Codes;
use crate::instance::{Instance, Settings};
use crate::message::{Deed, Shortener};
use crate::ring::Roster;
use crate::shard::Shard;
use bitcask::Limits;

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: Shortener {
        Instance(Instance),
        Shard(Shard),
        Tally(Tally),
        User(User),
    }
}

/// How long copies are used.
pub(crate) const FRESHNESS: Freshness =
    Freshness { links: Duration::from_millis(500), missing: Duration::from_millis(400) };
/// When a shard is taken for silent.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);
/// What a client may ask of the store at one instance.
pub(crate) const RATE: Rate = Rate { per_second: 40, burst: 10 };
/// Links and dead codes in a cache; clients that are remembered.
const REMEMBERED: usize = 1_000;
/// Small, so that clicks fill files and have to wait on the disk within a run.
const CLICKS: ClickTuning = ClickTuning {
    flush_after: Duration::from_millis(20),
    batch: 8,
    waiting: 64,
    segment: 1_024,
    in_flight: 2,
    in_memory: 4,
    patience: Duration::from_millis(150),
    backoff: Backoff { base: Duration::from_millis(20), cap: Duration::from_millis(400) },
};

/// How much stores and the tally take at a time. It is drawn and small, so that segments are sealed, stores
/// compacted and rounds full within a run.
struct Portions {
    limits: Limits,
    rounds: Rounds,
}

impl Portions {
    /// Where they stand among the sizes of a cluster: behind those of the shape.
    const FIRST: usize = 6;

    fn draw(draft: &mut Draft<Deed>) {
        draft.size(1_024, 4_096);
        draft.size(1, 4);
        draft.size(3, 24);
    }

    fn of(cluster: &Cluster) -> Portions {
        let size = |place: usize, most: u64| match cluster.sizes.get(Portions::FIRST + place) {
            Some(size) => (*size).clamp(1, most),
            None => most,
        };
        Portions {
            limits: Limits { segment: size(0, 1 << 20) as u32 },
            rounds: Rounds { links: size(1, 400) as usize, clicks: size(2, 16_384) },
        }
    }
}

/// Who is who: the instances, then the shards, the tally, and the users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) instances: u64,
    pub(crate) shards: u64,
    /// The last so many of the shards join later.
    pub(crate) joining: u64,
    pub(crate) users: u64,
    /// How far the wall clock of an instance may be from the true time while faults go on.
    pub(crate) skew_ms: u64,
    /// Are codes snowflake ids? 0: no.
    pub(crate) ids: u64,
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft<Deed>) {
        let Shape { instances, shards, joining, users, skew_ms, ids } = self;
        for size in [instances, shards, users, skew_ms, joining, ids] {
            draft.size(size, size);
        }
        Portions::draw(draft);
        draft.cluster(instances + shards + 1 + users, 3);
        draft.delays(Delays::micros(100, 1_000));
    }

    /// Reads it back. A plan may come from a stranger: sizes that make no sense are cut.
    pub(crate) fn of(cluster: &Cluster) -> Shape {
        let size = |place: usize| cluster.sizes.get(place).copied().unwrap_or(0);
        let shards = size(1).clamp(1, 64);
        Shape {
            instances: size(0).clamp(1, 64),
            shards,
            joining: size(4).min(shards - 1),
            users: size(2).min(64),
            skew_ms: size(3).min(3_600_000),
            ids: size(5),
        }
    }

    pub(crate) fn instance_ids(self) -> Vec<NodeId> {
        (0..self.instances as u32).map(NodeId).collect()
    }

    pub(crate) fn shard_ids(self) -> Vec<NodeId> {
        let first = self.instances as u32;
        (first..first + self.shards as u32).map(NodeId).collect()
    }

    pub(crate) fn joining_ids(self) -> Vec<NodeId> {
        self.shard_ids().split_off((self.shards - self.joining) as usize)
    }

    fn roster(self) -> Roster {
        Roster { nodes: self.shard_ids(), founders: (self.shards - self.joining) as u32 }
    }

    pub(crate) fn tally(self) -> NodeId {
        NodeId((self.instances + self.shards) as u32)
    }

    pub(crate) fn user_ids(self) -> Vec<NodeId> {
        let first = self.tally().0 + 1;
        (first..first + self.users as u32).map(NodeId).collect()
    }

    /// Instances and shards, as targets of faults.
    pub(crate) fn server_targets(self) -> Vec<Target> {
        self.instance_ids().into_iter().chain(self.shard_ids()).map(Target::from).collect()
    }

    /// The shards, as targets of faults.
    pub(crate) fn shard_targets(self) -> Vec<Target> {
        self.shard_ids().into_iter().map(Target::from).collect()
    }

    fn settings(self) -> Settings {
        Settings {
            shards: self.roster(),
            tally: self.tally(),
            codes: match self.ids {
                0 => Codes::Leased(*b"known to all of "),
                _ => Codes::Snowflake,
            },
            cached: REMEMBERED,
            freshness: FRESHNESS,
            patience: PATIENCE,
            rate: RATE,
            clients: REMEMBERED,
            clicks: CLICKS,
        }
    }

    /// A world of this shape with every mechanism, for the tests of checkers, which must not know of any.
    #[cfg(test)]
    pub(crate) fn world(self, seed: u64) -> sim::World<Node> {
        let Shape { instances, shards, joining, users, skew_ms, ids } = self;
        let zones = vec![0; (instances + shards + 1 + users) as usize];
        let delays = Delays::micros(100, 1_000);
        let sizes = vec![instances, shards, users, skew_ms, joining, ids];
        let cluster = Cluster { zones: zones.clone(), sizes, delays };
        let boot = move |id| Shape::boot(&cluster, id, Switches::ALL_ON);
        sim::World::new(seed, &zones, delays, std::sync::Arc::new(boot))
    }

    pub(crate) fn boot(cluster: &Cluster, id: NodeId, switches: Switches) -> Node {
        let (shape, Portions { limits, rounds }) = (Shape::of(cluster), Portions::of(cluster));
        if shape.instance_ids().contains(&id) {
            let instance = Instance::new(shape.settings(), switches);
            return Node::Instance(instance.expect("a cluster has 1 to 64 shards"));
        }
        if let Some(place) = shape.shard_ids().iter().position(|&shard| shard == id) {
            return Node::Shard(Shard::new(place as u32, shape.roster(), limits, switches));
        }
        if id == shape.tally() {
            return Node::Tally(Tally::new(limits, switches).with_rounds(rounds));
        }
        Node::User(User::new(id))
    }

    pub(crate) fn name(cluster: &Cluster, id: NodeId) -> String {
        let shape = Shape::of(cluster);
        let role = match id {
            id if shape.instance_ids().contains(&id) => "instance",
            id if shape.shard_ids().contains(&id) => "shard",
            id if shape.tally() == id => "tally",
            _ => "user",
        };
        format!("n{} {role}", id.0)
    }
}
