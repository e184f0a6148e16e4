//! The cluster of a scenario: who is who, and how large.

use std::time::Duration;

use machine::{NodeId, Switches};
use raft::Tuning;
use sim::{Cluster, Draft, Target};

use crate::client::Client;
use crate::message::{KeyValue, Operation};
use crate::replica::{Limits, Replica};

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: KeyValue {
        Replica(Replica),
        Client(Client),
    }
}

/// As every group has them, unless a scenario draws others.
pub(crate) const SNAPSHOT_CHUNK: u64 = 256 << 10;
pub(crate) const JOURNAL_GROWTH: u64 = 16 << 20;

/// Who is who: the replicas first, those who found the cluster before those who may join it, then the
/// clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Replicas that begin.
    pub founders: u64,
    /// Replicas that are no members, until a change makes them.
    pub spares: u64,
    /// Nodes that ask.
    pub clients: u64,
    /// A snapshot is taken when the log has grown by so many bytes.
    pub snapshot_after: u64,
    /// Entries that stay behind a snapshot.
    pub keep_entries: u64,
    /// In milliseconds.
    pub election_timeout: u64,
    /// Entries a message, at most.
    pub max_batch: u64,
    /// Bytes of a snapshot a message, at most.
    pub snapshot_chunk: u64,
    /// The journal is written anew when it has grown by so many bytes.
    pub journal_growth: u64,
}

impl Shape {
    /// Writes the shape into a draft. Replicas and clients are spread over so many zones.
    pub fn draw(self, draft: &mut Draft<Operation>, zones: u8) {
        let Shape { founders, spares, clients, snapshot_after, .. } = self;
        let Shape { keep_entries, election_timeout, max_batch, .. } = self;
        let times = [keep_entries, election_timeout, max_batch];
        for size in [founders, spares, clients, snapshot_after].into_iter().chain(times) {
            draft.size(size, size);
        }
        // What is usual is not written, so that plans without it stay what they were.
        let parts = [self.snapshot_chunk, self.journal_growth];
        if parts != [SNAPSHOT_CHUNK, JOURNAL_GROWTH] {
            for size in parts {
                draft.size(size, size);
            }
        }
        draft.cluster(founders + spares + clients, zones);
    }

    /// Reads it back. A plan may come from a stranger: sizes that make no sense are cut.
    pub fn of(cluster: &Cluster) -> Shape {
        let size_or = |place: usize, usual| cluster.sizes.get(place).copied().unwrap_or(usual);
        let size = |place| size_or(place, 0);
        Shape {
            founders: size(0).clamp(1, 64),
            spares: size(1).min(64),
            clients: size(2).min(256),
            snapshot_after: size(3).max(64),
            keep_entries: size(4).min(1_000_000),
            election_timeout: size(5).clamp(10, 60_000),
            max_batch: size(6).clamp(1, 4_096),
            snapshot_chunk: size_or(7, SNAPSHOT_CHUNK).clamp(16, 1 << 20),
            journal_growth: size_or(8, JOURNAL_GROWTH).clamp(16, 1 << 30),
        }
    }

    /// Those who begin.
    pub fn founder_ids(self) -> Vec<NodeId> {
        (0..self.founders as u32).map(NodeId).collect()
    }

    /// All that can be members.
    pub fn replica_ids(self) -> Vec<NodeId> {
        (0..(self.founders + self.spares) as u32).map(NodeId).collect()
    }

    /// Those who ask.
    pub fn client_ids(self) -> Vec<NodeId> {
        let first = (self.founders + self.spares) as u32;
        (first..first + self.clients as u32).map(NodeId).collect()
    }

    /// The replicas, as targets of faults.
    pub fn replica_targets(self) -> Vec<Target> {
        self.replica_ids().into_iter().map(Target::from).collect()
    }

    /// The times and sizes of the group.
    pub fn tuning(self) -> Tuning {
        let election_timeout = Duration::from_millis(self.election_timeout);
        Tuning {
            election_timeout,
            heartbeat: election_timeout / 5,
            max_batch: self.max_batch as usize,
            keep_entries: self.keep_entries,
            snapshot_chunk: self.snapshot_chunk as usize,
            journal_growth: self.journal_growth,
            ..Tuning::default()
        }
    }

    /// The machine of a node.
    pub fn boot(cluster: &Cluster, id: NodeId, switches: Switches) -> Node {
        let shape = Shape::of(cluster);
        let replicas = shape.replica_ids();
        if !replicas.contains(&id) {
            return Node::Client(Client::new(id, replicas));
        }
        let limits = Limits { snapshot_after: shape.snapshot_after, ..Limits::default() };
        let (founders, tuning) = (shape.founder_ids(), shape.tuning());
        Node::Replica(Replica::new(id, founders, tuning, limits, switches))
    }

    /// Its name in diagrams.
    pub fn name(cluster: &Cluster, id: NodeId) -> String {
        let shape = Shape::of(cluster);
        let role = match id {
            id if shape.founder_ids().contains(&id) => "replica",
            id if shape.replica_ids().contains(&id) => "spare",
            _ => "client",
        };
        format!("n{} {role}", id.0)
    }
}
