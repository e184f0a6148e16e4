//! The cluster of a scenario: who is who, and within which bounds.

use std::time::Duration;

use machine::{NodeId, Switches};
use raft::Replicated;
use sim::{Cluster, Draft, Target};

use crate::Layout;
use crate::authority::{Authority, LEASE};
use crate::client::Client;
use crate::mark::AHEAD;
use crate::message::{Get, Snowflake};
use crate::replicated_authority::tuning;
use crate::worker::Worker;

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: Snowflake {
        Authority(Authority),
        Council(Replicated<Authority>),
        Worker(Worker),
        Client(Client),
    }
}

/// The log of several authorities is compacted so often that a run sees it.
const SNAPSHOT_AFTER: u64 = 4 << 10;
/// A healed majority of several authorities has a leader by then.
const ELECTED_WITHIN: Duration = Duration::from_millis(1_500);

/// Who is who: the authorities first, if there are any, then the workers, then the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many worker ids the authority gives; 0 where workers have fixed ones.
    pub(crate) pool: u64,
    pub(crate) authorities: u64,
    pub(crate) workers: u64,
    pub(crate) clients: u64,
    /// How far the wall clock of a worker that serves may be from the true time.
    pub(crate) skew_ms: u64,
    pub(crate) sequence_bits: u64,
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft<Get>) {
        for size in self.sizes() {
            draft.size(size, size);
        }
        draft.cluster(self.authorities + self.workers + self.clients, 3);
    }

    /// A single authority goes without saying.
    fn sizes(self) -> Vec<u64> {
        let Shape { pool, authorities, workers, clients, skew_ms, sequence_bits } = self;
        let council = Some(authorities).filter(|&authorities| authorities > 1);
        [pool, workers, clients, skew_ms, sequence_bits].into_iter().chain(council).collect()
    }

    /// Reads it back. A plan may come from a stranger: sizes that make no sense are cut.
    pub(crate) fn of(cluster: &Cluster) -> Shape {
        let size = |place: usize| cluster.sizes.get(place).copied().unwrap_or(0);
        let pool = size(0).min(64);
        Shape {
            pool,
            authorities: if pool > 0 { size(5).clamp(1, 9) } else { 0 },
            workers: size(1).min(64),
            clients: size(2).min(64),
            skew_ms: size(3).min(3_600_000),
            sequence_bits: size(4).clamp(1, 12),
        }
    }

    pub(crate) fn authority_ids(self) -> Vec<NodeId> {
        (0..self.authorities as u32).map(NodeId).collect()
    }

    pub(crate) fn worker_ids(self) -> Vec<NodeId> {
        let first = self.authorities as u32;
        (first..first + self.workers as u32).map(NodeId).collect()
    }

    pub(crate) fn client_ids(self) -> Vec<NodeId> {
        let first = (self.authorities + self.workers) as u32;
        (first..first + self.clients as u32).map(NodeId).collect()
    }

    /// The workers, as targets of faults.
    pub(crate) fn worker_targets(self) -> Vec<Target> {
        self.worker_ids().into_iter().map(Target::from).collect()
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
        let shape = Shape::of(cluster);
        let authorities = shape.authority_ids();
        if authorities.contains(&id) {
            let authority = Authority::new(shape.pool, switches);
            return match authorities.len() {
                1 => Node::Authority(authority),
                _ => Node::Council(Replicated::new(
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
        let zones = vec![0; (self.authorities + self.workers + self.clients) as usize];
        let delays = sim::Delays::micros(20, 100);
        let sizes = self.sizes();
        let cluster = Cluster { zones: zones.clone(), sizes, delays };
        let boot = move |id| Shape::boot(&cluster, id, Switches::ALL_ON);
        sim::World::new(seed, &zones, delays, std::sync::Arc::new(boot))
    }

    pub(crate) fn name(cluster: &Cluster, id: NodeId) -> String {
        let shape = Shape::of(cluster);
        let role = match id {
            id if shape.authority_ids().contains(&id) => "authority",
            id if shape.worker_ids().contains(&id) => "worker",
            _ => "client",
        };
        format!("n{} {role}", id.0)
    }
}
