//! What the store promises, as code that watches a world.

mod changes;
mod collected;
mod durable;
mod goes_on;
mod gone;
mod linearizable;
mod listing;

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
    PromiseSpec {
        name: "nothing-live-collected",
        about: "no shard is deleted of bytes that clients were told are an object's, or that somebody reads who began less \
                than an epoch ago",
        checker: |cluster| Box::new(collected::Collected::new(cluster.shape)),
    },
    PromiseSpec {
        name: "dead-bytes-go",
        about: "six epochs after bytes were replaced, deleted, refused or given up, no disk has any of them",
        checker: |cluster| Box::new(gone::Gone::new(cluster.shape)),
    },
    PromiseSpec {
        name: "listing-consistent",
        about: "a key that has an object as long as its bucket is listed by pages is listed once, and one that has none is \
                not",
        checker: |_| Box::<listing::Listings>::default(),
    },
];
