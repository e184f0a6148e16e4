//! The cluster of a scenario: who is who, and how large.
//!
//! Nodes are numbered by their place: the store's from 0, in three zones by turns, then clients.

use std::time::Duration;

use machine::{NodeId, Switches};
use object_store::cluster::Cluster as Stores;
use object_store::message::ObjectStore;
use object_store::note::Operation;
use object_store::range::Ranges;
use object_store::store::Store;
use object_store::tuning::Tuning;
use object_store::words::Code;
use serde::{Deserialize, Serialize};
use sim::{Cluster, Shape as _, Target, within};

use crate::client::{Client, PART};

sim::nodes! {
    /// A node of a simulated cluster.
    pub enum Node: ObjectStore {
        Store(Store),
        Client(Client),
    }
}

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Operation, Shape>;

/// Zones of all clusters.
pub(crate) const ZONES: u8 = 3;
/// So many epochs an upload may last.
pub(crate) const UPLOAD_AGE: u32 = 3;
/// The buckets of clients, each in a group of its own; and the names with which the groups' ranges begin.
pub(crate) const BUCKETS: [&str; 3] = ["apples", "pears", "plums"];
const BEGINS: [&str; 3] = ["", "p", "pl"];

/// Who is who, and the sizes and times that a scenario draws. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Nodes of the store.
    pub stores: u64,
    /// Those who ask.
    pub clients: u64,
    /// Bytes that are kept whole, at most.
    pub small: u64,
    /// Shards of data.
    pub data: u64,
    /// Shards of parity.
    pub parity: u64,
    /// Bytes of an object in a stripe.
    pub stripe: u64,
    /// Catalogs are synced so often.
    pub checkpoint: u64,
    /// Entries that stay behind what logs are cut to.
    pub keep_entries: u64,
    /// Epochs of groups.
    pub epoch: u64,
}

impl Default for Shape {
    /// What most scenarios have.
    fn default() -> Shape {
        Shape {
            stores: 9,
            clients: 3,
            small: 64,
            data: 4,
            parity: 2,
            stripe: 4 << 10,
            checkpoint: 300,
            keep_entries: 10,
            epoch: 2_000,
        }
    }
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("store", self.stores), ("client", self.clients)]
    }

    fn validate(&self) -> Result<(), String> {
        within("clients", self.clients, 0..=64)?;
        within("small", self.small, 1..=64 << 10)?;
        within("data", self.data, 1..=16)?;
        within("parity", self.parity, 0..=16)?;
        within("stores", self.stores, self.data + self.parity..=64)?;
        within("stripe", self.stripe, 16..=1 << 20)?;
        within("checkpoint", self.checkpoint, 1..=60_000)?;
        within("keep_entries", self.keep_entries, 0..=1_000_000)?;
        within("epoch", self.epoch, 100..=3_600_000)
    }
}

impl Shape {
    /// The nodes of the store.
    pub fn store_ids(self) -> Vec<NodeId> {
        self.ids("store")
    }

    /// The same as targets of faults.
    pub(crate) fn store_targets(self) -> Vec<Target> {
        self.targets("store")
    }

    /// Those who ask.
    pub fn client_ids(self) -> Vec<NodeId> {
        self.ids("client")
    }

    /// What all nodes are told.
    pub(crate) fn stores(self) -> Stores {
        let zone = |node: NodeId| (node, (node.0 % u32::from(ZONES)) as u8);
        let zones = self.store_ids().into_iter().map(zone).collect();
        let ranges = Ranges::new(BEGINS).expect("they rise");
        Stores::new(zones, ranges, &self.tuning()).expect("no fewer nodes than shards")
    }

    /// How bytes are cut.
    pub(crate) fn code(self) -> Code {
        Code { data: self.data as u8, parity: self.parity as u8 }
    }

    /// Times and sizes.
    pub(crate) fn tuning(self) -> Tuning {
        Tuning {
            small: self.small as u32,
            stripe: self.stripe as u32,
            code: self.code(),
            placement_groups: 8,
            checkpoint: Duration::from_millis(self.checkpoint),
            keep_entries: self.keep_entries,
            epoch: Duration::from_millis(self.epoch),
            upload_age: UPLOAD_AGE,
            least_part: PART.into(),
            election_timeout: Duration::from_millis(150),
            ..Tuning::default()
        }
    }

    /// The machine of a node.
    pub fn boot(cluster: &Cluster<Shape>, id: NodeId, switches: Switches) -> Node {
        let shape = cluster.shape;
        match shape.store_ids().contains(&id) {
            true => Node::Store(Store::new(id, shape.stores(), shape.tuning(), switches)),
            false => Node::Client(Client::new(id, shape.tuning())),
        }
    }
}
