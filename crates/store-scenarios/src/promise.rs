//! What the store promises, as code that watches a world.

mod durable;
mod goes_on;
mod linearizable;

use sim::PromiseSpec;

use crate::shape::{Node, Shape};

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "linearizable",
        about: "puts, gets, deletes and conditional puts of each key have an order that explains every answer",
        checker: |_| Box::new(linearizable::Linearizable),
    },
    PromiseSpec {
        name: "durable",
        about: "when a put is acknowledged, the disks have one shard more than its bytes need, and so many that the loss \
                of a zone leaves enough, unless a node was away; and what they have of it stays",
        checker: |cluster| Box::new(durable::Durable::new(cluster.shape)),
    },
    PromiseSpec {
        name: "puts-go-on",
        about: "where one zone at most is gone, since a second or longer, every put and get succeeds within 2 s",
        checker: |cluster| Box::new(goes_on::GoesOn::new(cluster.shape)),
    },
];
