//! The cluster of a scenario: one keeper of a store, and its clients.

use journal::Shape;
use machine::{NodeId, Switches};
use sim::Cluster;

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

/// A plan, as it is drawn for such a cluster.
pub(crate) type Draft = sim::Draft<Order, Shape>;

/// The machine of a node.
pub(crate) fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
    match node {
        KEEPER => {
            let limits = Limits { segment: cluster.shape.segment as u32 };
            Node::Keeper(Keeper::new(limits, switches))
        }
        client => Node::Client(Client::new(client)),
    }
}
