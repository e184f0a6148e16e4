//! The metadata of a cluster: its brokers, topics and partitions.
//!
//! `entry.rs` is what happened, in the order of the controllers' log, and `entry/bytes.rs` has its bytes. `cluster.rs` is
//! what follows from it: controllers decide with it, and each broker has it too. They are parts of `replicated-log`,
//! which says what happens when.

pub mod cluster;
pub mod entry;
