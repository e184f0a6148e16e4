//! The cluster of a scenario: who is who, and within which bounds.

use std::time::Duration;

use machine::{NodeId, Switches};
use raft::Replicated;
use serde::{Deserialize, Serialize};
use sim::{Shape as _, Target, within};

use crate::Layout;
use crate::authority::Authority;
use crate::client::Client;
use crate::lease::LEASE;
use crate::mark::AHEAD;
use crate::message::{Get, Snowflake};
use crate::replicated_authority::tuning;
use crate::worker::Worker;

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: Snowflake {
        Authority(Authority),
        ReplicatedAuthority(Replicated<Authority>),
        Worker(Worker),
        Client(Client),
    }
}

/// The log of several authorities is compacted so often that a run sees it.
const SNAPSHOT_AFTER: u64 = 4 << 10;
/// A healed majority of several authorities has a leader by then.
const ELECTED_WITHIN: Duration = Duration::from_millis(1_500);

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Get, Shape>;
/// The cluster of a run.
pub(crate) type Cluster = sim::Cluster<Shape>;

/// Who is who: the authorities first, if there are any, then the workers, then the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// How many worker ids the authority gives; 0 where workers have fixed ones.
    pub(crate) pool: u64,
    pub(crate) authorities: u64,
    pub(crate) workers: u64,
    pub(crate) clients: u64,
    /// How far the wall clock of a worker that serves may be from the true time.
    pub(crate) skew_ms: u64,
    pub(crate) sequence_bits: u64,
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        let Shape { authorities, workers, clients, .. } = *self;
        vec![("authority", authorities), ("worker", workers), ("client", clients)]
    }

    fn validate(&self) -> Result<(), String> {
        within("pool", self.pool, 0..=64)?;
        within("skew_ms", self.skew_ms, 0..=3_600_000)?;
        within("sequence_bits", self.sequence_bits, 1..=12)?;
        match (self.pool, self.authorities) {
            (0, 0) | (1.., 1..=9) => Ok(()),
            (0, _) => Err("an authority has numbers to give".into()),
            _ => Err("numbers are given by 1 to 9 authorities".into()),
        }
    }
}

impl Shape {
    pub(crate) fn authority_ids(self) -> Vec<NodeId> {
        self.ids("authority")
    }

    pub(crate) fn worker_ids(self) -> Vec<NodeId> {
        self.ids("worker")
    }

    pub(crate) fn client_ids(self) -> Vec<NodeId> {
        self.ids("client")
    }

    /// The workers, as targets of faults.
    pub(crate) fn worker_targets(self) -> Vec<Target> {
        self.targets("worker")
    }

    pub(crate) fn layout(self) -> Layout {
        // Twitter's, except that a scenario may want ticks with less room.
        let bits = self.sequence_bits;
        let spec =
            format!("custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence={bits}");
        spec.parse().unwrap_or_else(|_| Layout::twitter())
    }

    /// How long a healed cluster may take to serve everybody again: what was promised before the
    /// heal reaches so far ahead of the true time.
    pub(crate) fn recovers_within(self) -> Duration {
        let ahead = match self.authorities {
            0 => AHEAD,
            1 => LEASE,
            _ => ELECTED_WITHIN + LEASE,
        };
        ahead + Duration::from_millis(self.skew_ms)
    }

    pub(crate) fn boot(cluster: &Cluster, id: NodeId, switches: Switches) -> Node {
        let shape = cluster.shape;
        let authorities = shape.authority_ids();
        if authorities.contains(&id) {
            let authority = Authority::new(shape.pool, switches);
            return match authorities.len() {
                1 => Node::Authority(authority),
                _ => Node::ReplicatedAuthority(Replicated::new(
                    id,
                    authorities,
                    tuning(),
                    SNAPSHOT_AFTER,
                    authority,
                )),
            };
        }
        let Some(place) = shape.worker_ids().iter().position(|&worker| worker == id) else {
            return Node::Client(Client::new(id, shape.worker_ids()));
        };
        let layout = shape.layout();
        Node::Worker(match authorities.is_empty() {
            false => Worker::leased(layout, authorities, switches),
            true => Worker::fixed(layout, place as u64, switches)
                .expect("the layout has room for 1024 workers, and a cluster has at most 64"),
        })
    }

    /// A world of this shape with every mechanism, for the tests of checkers, which must not know of
    /// any.
    #[cfg(test)]
    pub(crate) fn world(self, seed: u64) -> sim::World<Node> {
        let cluster = Cluster::new(self, sim::Delays::micros(20, 100));
        sim::world_of::<crate::Snowflakes>(&cluster, seed, Switches::ALL_ON)
    }
}
