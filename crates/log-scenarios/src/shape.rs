//! The cluster of a scenario: who is who, and how large.
//!
//! Nodes are numbered by their place: brokers from 0, then controllers, then clients, and at last brokers that join.

use std::sync::Arc;
use std::time::Duration;

use machine::{NodeId, Switches};
use serde::{Deserialize, Serialize};
use sim::{Cluster, Shape as _, Target, within};

use crate::client::Client;
use replicated_log::ask::Settings;
use replicated_log::broker::{Broker, BrokerConfig};
use replicated_log::controller::Controller;
use replicated_log::message::ReplicatedLog;
use replicated_log::note::Operation;
use replicated_log::tuning::{Flush, Tuning};
use replicated_log::words::Name;

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: ReplicatedLog {
        Broker(Broker),
        Controller(Controller),
        Client(Client),
    }
}

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Operation, Shape>;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Who is who, and the sizes and times that a scenario draws. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Those that are there from the start.
    pub brokers: u64,
    /// Those that join.
    pub spares: u64,
    /// Those that agree on the metadata.
    pub controllers: u64,
    /// Clients that send. Every other one, from the first on, is idempotent.
    pub producers: u64,
    /// Clients that read every partition.
    pub readers: u64,
    /// Clients that may take part in the group.
    pub members: u64,
    /// Of the topic.
    pub partitions: u64,
    /// Of the topic, and of the system's own.
    pub replication_factor: u64,
    /// `min.insync.replicas`.
    pub min_insync: u64,
    /// Readers ask for replicas in their rack. Racks are zones.
    pub racks: bool,
    /// Replicas count what is written (`--flush os`).
    pub flush_os: bool,
    /// Of a record's value.
    pub record_bytes: u64,
    /// Of a segment of a log.
    pub segment_bytes: u64,
    /// Of a partition; 0 for no limit.
    pub retention_bytes: u64,
    /// A broker that is silent for so long is fenced.
    pub session: u64,
    /// A follower that does not keep up for so long leaves the ISR.
    pub lag: u64,
    /// A replica that is added fetches so many bytes a second.
    pub reassignment_bytes: u64,
    /// Of a member of the group.
    pub group_session: u64,
    /// Fetches of readers wait so long.
    pub fetch_wait: u64,
    /// When the audit begins.
    pub audit: u64,
    /// The longest that a partition may be down, where that is promised.
    pub downtime: u64,
}

impl Default for Shape {
    /// What most scenarios have.
    fn default() -> Shape {
        Shape {
            brokers: 3,
            spares: 0,
            controllers: 3,
            producers: 2,
            readers: 2,
            members: 0,
            partitions: 1,
            replication_factor: 3,
            min_insync: 2,
            racks: false,
            flush_os: false,
            record_bytes: 16,
            segment_bytes: 4 << 10,
            retention_bytes: 0,
            session: 500,
            lag: 1_000,
            reassignment_bytes: 20 << 20,
            group_session: 600,
            fetch_wait: 500,
            audit: 9_500,
            downtime: 1_000,
        }
    }
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("broker", self.brokers),
            ("controller", self.controllers),
            ("producer", self.producers),
            ("reader", self.readers),
            ("member", self.members),
            ("operator", 1),
        ]
    }

    fn joins(&self) -> Vec<(&'static str, u64)> {
        vec![("spare", self.spares)]
    }

    fn validate(&self) -> Result<(), String> {
        within("brokers", self.brokers, 1..=32)?;
        within("spares", self.spares, 0..=32)?;
        within("controllers", self.controllers, 1..=9)?;
        within("producers", self.producers, 0..=64)?;
        within("readers", self.readers, 0..=64)?;
        within("members", self.members, 0..=64)?;
        within("partitions", self.partitions, 1..=64)?;
        within("replication_factor", self.replication_factor, 1..=self.brokers)?;
        within("min_insync", self.min_insync, 1..=self.replication_factor)?;
        within("record_bytes", self.record_bytes, 8..=64 << 10)?;
        within("segment_bytes", self.segment_bytes, 1 << 10..=1 << 30)?;
        within("retention_bytes", self.retention_bytes, 0..=1 << 40)?;
        within("reassignment_bytes", self.reassignment_bytes, 1 << 10..=1 << 40)?;
        for (name, time) in [
            ("session", self.session),
            ("lag", self.lag),
            ("group_session", self.group_session),
            ("fetch_wait", self.fetch_wait),
            ("audit", self.audit),
            ("downtime", self.downtime),
        ] {
            within(name, time, 1..=600_000)?;
        }
        Ok(())
    }
}

impl Shape {
    /// The brokers that are there from the start.
    pub fn broker_ids(self) -> Vec<NodeId> {
        self.ids("broker")
    }

    /// They, as targets of faults.
    pub(crate) fn broker_targets(self) -> Vec<Target> {
        self.targets("broker")
    }

    /// Brokers and controllers, as targets of faults.
    pub(crate) fn server_targets(self) -> Vec<Target> {
        [self.targets("broker"), self.targets("controller")].concat()
    }

    /// The times and sizes of the cluster.
    pub fn tuning(self) -> Tuning {
        Tuning {
            flush: if self.flush_os { Flush::Os } else { Flush::Always },
            session: MS(self.session),
            lag: MS(self.lag),
            reassignment_bytes: self.reassignment_bytes,
            index_bytes: 512,
            checkpoint: MS(1_000),
            upkeep: MS(500),
            first_rebalance: MS(200),
            offsets_partitions: 1,
            offsets_snapshot_bytes: 8 << 10,
            partitions: self.partitions as u32,
            replication_factor: self.replication_factor as u32,
            settings: Settings {
                min_insync_replicas: self.min_insync as u32,
                retention_bytes: (self.retention_bytes > 0).then_some(self.retention_bytes),
                segment_bytes: self.segment_bytes as u32,
                max_message_bytes: 1 << 20,
            },
            ..Tuning::default()
        }
    }

    /// The machine of a node.
    pub fn boot(cluster: &Cluster<Shape>, id: NodeId, switches: Switches) -> Node {
        let shape = cluster.shape;
        let (brokers, controllers) = (shape.broker_ids(), shape.ids("controller"));
        let rack = Some(rack(cluster, id));
        let record_bytes = shape.record_bytes as u32;
        match shape.member(id) {
            "broker" | "spare" => {
                let config =
                    BrokerConfig { controllers, rack, addresses: None, tuning: shape.tuning() };
                Node::Broker(Broker::new(id, config, switches))
            }
            "controller" => {
                Node::Controller(Controller::new(id, controllers, shape.tuning(), switches))
            }
            "producer" => {
                let idempotent = shape.is_idempotent(id);
                Node::Client(Client::producer(
                    id,
                    brokers,
                    shape.partitions as u32,
                    idempotent,
                    record_bytes,
                ))
            }
            "reader" => {
                let rack = rack.filter(|_| shape.racks);
                Node::Client(Client::reader(
                    id,
                    brokers,
                    shape.partitions as u32,
                    rack,
                    MS(shape.fetch_wait),
                ))
            }
            "member" => Node::Client(Client::member(id, brokers, MS(shape.group_session))),
            _ => Node::Client(Client::operator(id, brokers, controllers, MS(shape.audit))),
        }
    }

    /// Is what this node sends idempotent?
    pub(crate) fn is_idempotent(self, node: NodeId) -> bool {
        self.ids("producer")
            .iter()
            .position(|producer| *producer == node)
            .is_some_and(|place| place % 2 == 0)
    }
}

/// The zone of a node. One that joins is where its number says, as [`Draft::join`] is told.
fn rack(cluster: &Cluster<Shape>, id: NodeId) -> Name {
    let zone = cluster.zones.get(id.0 as usize).copied().unwrap_or_else(|| zone_of_spare(id));
    Arc::from(format!("z{zone}"))
}

/// Of the first three zones one.
pub(crate) fn zone_of_spare(id: NodeId) -> u8 {
    (id.0 % 3) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_no_scenario_draws_are_refused() {
        let shape = Shape::default();
        assert_eq!(shape.validate(), Ok(()));
        assert!(
            Shape { min_insync: 4, ..shape }.validate().is_err(),
            "more than there are replicas"
        );
        assert!(
            Shape { replication_factor: 4, ..shape }.validate().is_err(),
            "more than there are brokers"
        );
        assert!(Shape { session: 0, ..shape }.validate().is_err());
    }

    #[test]
    fn every_other_producer_is_idempotent() {
        let shape = Shape { producers: 3, ..Shape::default() };
        let idempotent: Vec<bool> =
            shape.ids("producer").iter().map(|&node| shape.is_idempotent(node)).collect();
        assert_eq!(idempotent, [true, false, true]);
        assert!(!shape.is_idempotent(NodeId(0)), "a broker sends nothing");
    }
}
