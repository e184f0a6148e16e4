//! The cluster of a scenario: one keeper of a log, and its clients.

use machine::{NodeId, Switches};
use serde::{Deserialize, Serialize};
use sim::{Cluster, within};

use crate::client::{Client, KEEPER};
use crate::keeper::Keeper;
use crate::message::{Keeping, Order};

sim::nodes! {
    /// A node of a simulated cluster: the keeper is node 0.
    pub enum Node: Keeping {
        Keeper(Keeper),
        Client(Client),
    }
}

/// Who is who, and how long a file is: for a keeper of anything on one disk, and its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// A file is followed by the next when it is so long, in bytes.
    pub segment: u64,
    /// How many clients there are, from node 1 on.
    pub clients: u64,
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
            KEEPER => Node::Keeper(Keeper::new(cluster.shape.segment, switches)),
            client => Node::Client(Client::new(client)),
        }
    }
}
