//! The door of the replicated log: Kafka's protocol for clients, and the real server.
//!
//! # The files, in the order of a request
//!
//! 1. `server.rs` takes a frame off a connection, and has `wire.rs` read it: `wire/versions.rs` says what is announced,
//!    `wire/bounds.rs` that nothing in it claims more than is there, and `wire/data.rs`, `wire/topics.rs` and
//!    `wire/groups.rs` make an [`Ask`](replicated_log::ask::Ask) of it.
//! 2. The broker of `replicated-log` answers, and the same files make a frame of that.
//!
//! `options.rs` says which nodes are in a process; `server/metrics.rs` counts.

pub mod options;
pub mod server;
pub mod wire;
