//! The cluster of a scenario: how many nodes of each kind, and with which settings.

use std::time::Duration;

use machine::{NodeId, Switches};
use resilience::Backoff;
use serde::{Deserialize, Serialize};
use sim::{Delays, Shape as _, Target, within};

use crate::user::User;
use url_shortener::ClickTuning;
use url_shortener::Codes;
use url_shortener::Freshness;
use url_shortener::Limits;
use url_shortener::Rate;
use url_shortener::Roster;
use url_shortener::Shard;
use url_shortener::{Action, Shortener};
use url_shortener::{Instance, Settings};
use url_shortener::{RoundLimits, Tally};

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
/// How long an instance waits for a shard.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);
/// How many calls to shards one client may cause at one instance.
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

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Action, Shape>;
/// The cluster of a run.
pub(crate) type Cluster = sim::Cluster<Shape>;

/// How much stores and the tally take at a time. It is drawn and small, so that segments are sealed, stores
/// compacted and rounds full within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Portions {
    /// Bytes of a segment of a store.
    segment: u32,
    /// Links and clicks in a round of the tally.
    round_links: usize,
    round_clicks: u64,
}

impl Portions {
    /// The most that a plan may have.
    const MOST: Portions = Portions { segment: 1 << 20, round_links: 400, round_clicks: 16_384 };

    fn draw(draft: &mut Draft) -> Portions {
        Portions {
            segment: draft.number(1_024, 4_096) as u32,
            round_links: draft.number(1, 4) as usize,
            round_clicks: draft.number(3, 24),
        }
    }
}

impl Default for Portions {
    fn default() -> Self {
        Portions::MOST
    }
}

/// Who is who: the instances, then the shards that are there from the start, the tally, the users, and at last the
/// shards that join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub(crate) instances: u64,
    pub(crate) shards: u64,
    /// The last so many of the shards join later.
    pub(crate) joining: u64,
    pub(crate) users: u64,
    /// How far the wall clock of an instance may be from the true time while faults go on.
    pub(crate) skew_ms: u64,
    /// Are codes snowflake ids?
    pub(crate) snowflake_codes: bool,
    pub(crate) portions: Portions,
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        let Shape { instances, users, .. } = *self;
        let founders = self.founders();
        vec![("instance", instances), ("shard", founders), ("tally", 1), ("user", users)]
    }

    fn joins(&self) -> Vec<(&'static str, u64)> {
        vec![("shard", self.joining)]
    }

    fn validate(&self) -> Result<(), String> {
        let (Portions { segment, round_links, round_clicks }, most) =
            (self.portions, Portions::MOST);
        within("instances", self.instances, 1..=64)?;
        within("shards", self.shards, 1..=64)?;
        within("joining", self.joining, 0..=self.shards - 1)?;
        within("users", self.users, 0..=64)?;
        within("skew_ms", self.skew_ms, 0..=3_600_000)?;
        within("segment", segment, 1..=most.segment)?;
        within("round_links", round_links, 1..=most.round_links)?;
        within("round_clicks", round_clicks, 1..=most.round_clicks)
    }
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft) {
        // Its sizes were drawn once, each from a range of one.
        draft.skip_draws(6);
        let shape = Shape { portions: Portions::draw(draft), ..self };
        draft.cluster(shape, 3);
        draft.delays(Delays::micros(100, 1_000));
    }

    pub(crate) fn instance_ids(self) -> Vec<NodeId> {
        self.ids("instance")
    }

    pub(crate) fn shard_ids(self) -> Vec<NodeId> {
        self.ids("shard")
    }

    pub(crate) fn joining_ids(self) -> Vec<NodeId> {
        self.shard_ids().split_off(self.founders() as usize)
    }

    /// Shards that are there from the start.
    pub(crate) fn founders(self) -> u64 {
        self.shards.saturating_sub(self.joining)
    }

    fn roster(self) -> Roster {
        Roster { nodes: self.shard_ids(), founders: self.founders() as u32 }
    }

    pub(crate) fn tally(self) -> NodeId {
        NodeId((self.instances + self.founders()) as u32)
    }

    pub(crate) fn user_ids(self) -> Vec<NodeId> {
        self.ids("user")
    }

    /// Instances and shards, as targets of faults.
    pub(crate) fn server_targets(self) -> Vec<Target> {
        [self.targets("instance"), self.targets("shard")].concat()
    }

    /// The shards, as targets of faults.
    pub(crate) fn shard_targets(self) -> Vec<Target> {
        self.targets("shard")
    }

    fn settings(self) -> Settings {
        Settings {
            shards: self.roster(),
            tally: self.tally(),
            codes: match self.snowflake_codes {
                false => Codes::Leased(*b"known to all of "),
                true => Codes::Snowflake,
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
        let cluster = Cluster::new(self, Delays::micros(100, 1_000));
        sim::world_of::<crate::UrlShortener>(&cluster, seed, Switches::ALL_ON)
    }

    pub(crate) fn boot(cluster: &Cluster, id: NodeId, switches: Switches) -> Node {
        let shape = cluster.shape;
        let Portions { segment, round_links, round_clicks } = shape.portions;
        let limits = Limits { segment };
        let rounds = RoundLimits { links: round_links, clicks: round_clicks };
        if shape.instance_ids().contains(&id) {
            let instance = Instance::new(shape.settings(), switches);
            return Node::Instance(instance.expect("a cluster has 1 to 64 shards"));
        }
        if let Some(place) = shape.shard_ids().iter().position(|&shard| shard == id) {
            return Node::Shard(Shard::new(place as u32, shape.roster(), limits, switches));
        }
        if id == shape.tally() {
            return Node::Tally(Tally::new(limits, switches).with_round_limits(rounds));
        }
        Node::User(User::new(id))
    }
}
