//! The cluster of a scenario: one keeper of a store, and its clients.

use machine::{NodeId, Switches};
use serde::{Deserialize, Serialize};
use sim::{Cluster, within};

use crate::client::{Client, KEEPER};
use crate::keeper::Keeper;
use crate::message::{Keeping, Order};
use crate::store::Limits;

sim::nodes! {
    /// A node of a simulated cluster: the keeper is node 0.
    pub enum Node: Keeping {
        Keeper(Keeper),
        Client(Client),
    }
}

/// Who is who, and how long a segment is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub(crate) segment: u32,
    pub(crate) clients: u64,
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("keeper", 1), ("client", self.clients)]
    }

    fn validate(&self) -> Result<(), String> {
        within("segment", self.segment, 64..=1 << 24)
    }
}

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Order, Shape>;

impl Shape {
    /// The machine of a node.
    pub(crate) fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        match node {
            KEEPER => {
                let limits = Limits { segment: cluster.shape.segment };
                Node::Keeper(Keeper::new(limits, switches))
            }
            client => Node::Client(Client::new(client)),
        }
    }
}
