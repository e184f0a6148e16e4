//! What the store promises, as code that watches a world.

mod linearizable;

use sim::PromiseSpec;

use crate::shape::{Node, Shape};

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[PromiseSpec {
    name: "linearizable",
    about: "puts, gets, deletes and conditional puts of each key have an order that explains every answer",
    checker: |_| Box::new(linearizable::Linearizable),
}];
