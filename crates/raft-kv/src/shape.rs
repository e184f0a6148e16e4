//! The cluster of a scenario: who is who, and how large.

use std::time::Duration;

use machine::{NodeId, Switches, Time};
use raft::Tuning;
use serde::{Deserialize, Serialize};
use sim::{Cluster, Shape as _, Target, within};

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

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Operation, Shape>;

/// As every group has them, unless a scenario draws others.
pub(crate) const SNAPSHOT_CHUNK: u64 = 256 << 10;
pub(crate) const JOURNAL_GROWTH: u64 = 16 << 20;

/// Who is who: the replicas that found the cluster, then the clients, and at last the replicas that join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Replicas that begin.
    pub founders: u64,
    /// Replicas that join, and are no members until a change makes them.
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
    /// A segment of the journal has about so many bytes.
    pub journal_growth: u64,
    /// So many values of the longest length each client puts, one after the other, before the first operation
    /// that it is given. They are no steps of a plan: a store that has grown stays so when the plan is shrunk.
    #[serde(default)]
    pub long_values: u64,
    /// The group rests when it has nothing to do.
    #[serde(default)]
    pub rests: bool,
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("replica", self.founders), ("client", self.clients)]
    }

    fn joins(&self) -> Vec<(&'static str, u64)> {
        vec![("spare", self.spares)]
    }

    fn validate(&self) -> Result<(), String> {
        within("founders", self.founders, 1..=64)?;
        within("spares", self.spares, 0..=64)?;
        within("clients", self.clients, 0..=256)?;
        within("snapshot_after", self.snapshot_after, 64..=u64::MAX)?;
        within("keep_entries", self.keep_entries, 0..=1_000_000)?;
        within("election_timeout", self.election_timeout, 10..=60_000)?;
        within("max_batch", self.max_batch, 1..=4_096)?;
        within("snapshot_chunk", self.snapshot_chunk, 16..=1 << 20)?;
        within("journal_growth", self.journal_growth, 16..=1 << 30)?;
        within("long_values", self.long_values, 0..=1_000)
    }
}

impl Shape {
    /// Writes the shape into a draft.
    pub(crate) fn draw(self, draft: &mut Draft) {
        // Its sizes were drawn once, each from a range of one; those of snapshots and journals only where
        // they were not the usual ones.
        let usual = (self.snapshot_chunk, self.journal_growth) == (SNAPSHOT_CHUNK, JOURNAL_GROWTH);
        draft.skip_draws(if usual { 7 } else { 9 });
        draft.cluster(self, 3);
    }

    /// Those who begin.
    pub fn founder_ids(self) -> Vec<NodeId> {
        self.ids("replica")
    }

    /// Lets those join who are not there from the start: all of them have by this time.
    pub(crate) fn spares_join(self, draft: &mut Draft, by_ms: u64) {
        for spare in self.ids("spare") {
            let at = Time(0) + Duration::from_millis(draft.number(0, by_ms));
            draft.join(at, spare, (spare.0 % 3) as u8);
        }
    }

    /// All that can be members.
    pub fn replica_ids(self) -> Vec<NodeId> {
        [self.ids("replica"), self.ids("spare")].concat()
    }

    /// Those who ask.
    pub fn client_ids(self) -> Vec<NodeId> {
        self.ids("client")
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
            rests: self.rests,
            ..Tuning::default()
        }
    }

    /// The machine of a node.
    pub fn boot(cluster: &Cluster<Shape>, id: NodeId, switches: Switches) -> Node {
        let shape = cluster.shape;
        let replicas = shape.replica_ids();
        if !replicas.contains(&id) {
            return Node::Client(Client::new(id, replicas, shape.long_values));
        }
        let limits = Limits { snapshot_after: shape.snapshot_after, ..Limits::default() };
        let (founders, tuning) = (shape.founder_ids(), shape.tuning());
        Node::Replica(Replica::new(id, founders, tuning, limits, switches))
    }
}
