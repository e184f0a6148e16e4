//! The cluster of a scenario: who is who, and within which bounds.

use std::time::Duration;

use machine::{NodeId, Switches};
use sim::{Cluster, Draft, Target};

use crate::Layout;
use crate::authority::{Authority, LEASE};
use crate::client::Client;
use crate::mark::AHEAD;
use crate::message::{Get, Snowflake};
use crate::worker::Worker;

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: Snowflake {
        Authority(Authority),
        Worker(Worker),
        Client(Client),
    }
}

/// Who is who: the authority first, if there is one, then the workers, then the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many worker ids the authority gives; 0 where workers have fixed ones.
    pub(crate) pool: u64,
    pub(crate) workers: u64,
    pub(crate) clients: u64,
    /// How far the wall clock of a worker that serves may be from the true time.
    pub(crate) skew_ms: u64,
    pub(crate) sequence_bits: u64,
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft<Get>) {
        let Shape { pool, workers, clients, skew_ms, sequence_bits } = self;
        for size in [pool, workers, clients, skew_ms, sequence_bits] {
            draft.size(size, size);
        }
        draft.cluster(u64::from(pool > 0) + workers + clients, 3);
    }

    /// Reads it back. A plan may come from a stranger: sizes that make no sense are cut.
    pub(crate) fn of(cluster: &Cluster) -> Shape {
        let size = |place: usize| cluster.sizes.get(place).copied().unwrap_or(0);
        Shape {
            pool: size(0).min(64),
            workers: size(1).min(64),
            clients: size(2).min(64),
            skew_ms: size(3).min(3_600_000),
            sequence_bits: size(4).clamp(1, 12),
        }
    }

    pub(crate) fn authority(self) -> Option<NodeId> {
        (self.pool > 0).then_some(NodeId(0))
    }

    pub(crate) fn worker_ids(self) -> Vec<NodeId> {
        let first = u32::from(self.pool > 0);
        (first..first + self.workers as u32).map(NodeId).collect()
    }

    pub(crate) fn client_ids(self) -> Vec<NodeId> {
        let first = u32::from(self.pool > 0) + self.workers as u32;
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
        let ahead = if self.pool > 0 { LEASE } else { AHEAD };
        ahead + Duration::from_millis(self.skew_ms)
    }

    pub(crate) fn boot(cluster: &Cluster, id: NodeId, switches: Switches) -> Node {
        let shape = Shape::of(cluster);
        if shape.authority() == Some(id) {
            return Node::Authority(Authority::new(shape.pool, switches));
        }
        let Some(place) = shape.worker_ids().iter().position(|&worker| worker == id) else {
            return Node::Client(Client::new(id, shape.worker_ids()));
        };
        let layout = shape.layout();
        Node::Worker(match shape.authority() {
            Some(authority) => Worker::leased(layout, authority, switches),
            None => Worker::fixed(layout, place as u64, switches)
                .expect("the layout has room for 1024 workers, and a cluster has at most 64"),
        })
    }

    /// A world of this shape with every mechanism, for the tests of checkers, which must not know of
    /// any.
    #[cfg(test)]
    pub(crate) fn world(self, seed: u64) -> sim::World<Node> {
        let Shape { pool, workers, clients, skew_ms, sequence_bits } = self;
        let zones = vec![0; (u64::from(pool > 0) + workers + clients) as usize];
        let delays = sim::Delays::micros(20, 100);
        let sizes = vec![pool, workers, clients, skew_ms, sequence_bits];
        let cluster = Cluster { zones: zones.clone(), sizes, delays };
        let boot = move |id| Shape::boot(&cluster, id, Switches::ALL_ON);
        sim::World::new(seed, &zones, delays, std::sync::Arc::new(boot))
    }

    pub(crate) fn name(cluster: &Cluster, id: NodeId) -> String {
        let shape = Shape::of(cluster);
        let role = match id {
            id if shape.authority() == Some(id) => "authority",
            id if shape.worker_ids().contains(&id) => "worker",
            _ => "client",
        };
        format!("n{} {role}", id.0)
    }
}
