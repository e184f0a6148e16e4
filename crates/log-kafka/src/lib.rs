#![doc = include_str!("../README.md")]
//!
//! # The files, in the order of a request
//!
//! 1. `server.rs` takes a frame off a connection, and has `wire.rs` read it: `wire/versions.rs` says what is announced,
//!    `wire/bounds.rs` that nothing in it claims more than is there, and `wire/data.rs`, `wire/topics.rs` and
//!    `wire/groups.rs` make an [`Ask`](replicated_log::ask::Ask) of it.
//! 2. The broker of `replicated-log` answers, and the same files make a frame of that.
//!
//! `options.rs` says which nodes are in a process; `server/metrics.rs` counts, and `server/standing.rs` looks how brokers
//! stand; `server/moves.rs` moves partitions, by the admin address. `client.rs` is the other side, for people: what
//! they ask on the command line.

pub mod client;
pub mod options;
mod reassign;
pub mod server;
pub mod wire;
