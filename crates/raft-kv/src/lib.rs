//! The system `raft`: a key-value store that its replicas agree on.
//!
//! # The law
//!
//! What a client was told is true for every later client: reads and writes are linearizable, but for reads
//! that ask to be stale; and a command that is sent again under its session is applied once. The order of the
//! commands is the library's (`raft`), which has a law of its own.
//!
//! # The files, in the order in which a put meets them
//!
//! 1. `server/front.rs` takes the HTTP request, which `wire.rs` reads. In the simulated world it is
//!    `client.rs` that asks. Both say it in the words of `message.rs`.
//! 2. `replica.rs` is the machine. `replica/request.rs` proposes the command, whose bytes `command.rs` has,
//!    to the group in it; there the files of the library follow, from `raft/src/groups.rs` on. What the
//!    group sends leaves as the bytes of `codec.rs`, over the links of `host`.
//! 3. When the command is committed, `replica.rs` takes it from the group, and `replica/apply.rs` has
//!    `store.rs` apply it, once for each session (`raft/src/sessions.rs`), and answers.
//! 4. The session of the connection has the answer, and `wire/reply.rs` makes the HTTP response of it.
//!
//! `scenario.rs` has what may go wrong, `promise.rs` what holds all the same, and `shape.rs` the clusters.
//! What is measured of real processes is in `stops.rs` and `steady.rs`.
#![doc = include_str!("../README.md")]

mod client;
mod message;
#[cfg(feature = "server")]
pub mod options;
mod sentence;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
mod status;
#[cfg(feature = "server")]
mod wire;

mod replica;

#[cfg(feature = "server")]
mod codec;
mod command;
mod store;

pub mod bench;
mod history;
#[cfg(feature = "server")]
mod processes;
mod promise;
mod scenario;
mod shape;
#[cfg(feature = "server")]
pub mod steady;
#[cfg(feature = "server")]
pub mod stops;
mod throughput;

pub use client::{Client, GIVE_UP_AFTER};
pub use command::{Change, Command, LONGEST_KEY, LONGEST_VALUE, TooLarge};
pub use message::{
    Answer, Ask, KeyValue, Message, Note, Op, Operation, ReadMode, Refusal, Request, Response,
    Timer,
};
pub use replica::{GROUP, Limits, Replica};
pub use scenario::{Consensus, registered};
pub use shape::{Node, Shape};
pub use store::{Effect, Frozen, MOST_BYTES, MOST_PAIRS, Pairs, Rotten, Store, Thawing};
pub use throughput::Throughput;
