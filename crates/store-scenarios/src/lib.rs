//! The object store in a simulated world: clients that do what a door's sessions do; what may go wrong with nodes, disks
//! and networks; and what must hold all the same.
//!
//! # The files, in the order of a run
//!
//! `scenario.rs` and its folder draw a plan, for a cluster of the shape that `shape.rs` says. `client.rs` is who asks. What
//! clients and nodes note, `promise.rs` and its folder judge.

mod client;
mod promise;
mod scenario;
mod shape;

pub use scenario::{ObjectStorage, registered};
pub use shape::{Node, Shape};
