//! The replicated log in a simulated world: producers, readers, members of a group and an operator; what may go wrong
//! with brokers, controllers, disks and networks; and what must hold all the same.
//!
//! # The files, in the order of a run
//!
//! `scenario.rs` and its folder draw a plan, for a cluster of the shape that `shape.rs` says. `client.rs` and its folder
//! are those who ask. What they and the brokers note, `promise.rs` and its folder judge, and `promise/figures.rs` adds up.

mod client;
mod promise;
mod scenario;
mod shape;

pub use scenario::{Log, registered};
pub use shape::{Node, Shape};
