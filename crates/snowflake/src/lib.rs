//! Unique 64-bit ids, sortable by time, minted without asking anyone.
//!
//! # The law
//!
//! An id is a timestamp, a worker and a sequence number, packed as a [`Layout`] says. No two ids are
//! the same as long as the owners of generators keep two duties:
//!
//! 1. No two generators mint with the same worker number at the same time.
//! 2. A generator that takes over a worker number starts after everything that its predecessor
//!    minted, or may have: a mark stored afterwards ([`Generator::last_timestamp`]) or a ceiling set
//!    beforehand ([`Generator::set_ceiling`]) is what to hand to [`Generator::start_after`].
//!
//! The time that they hand in may be wrong in any way. A [`ClockPolicy`] says what a clock that goes
//! back costs: time, an error, or a timestamp ahead of the clock. Only [`ClockPolicy::Trust`] pays
//! with duplicates.
//!
//! Nothing here reads a clock, draws a random number or opens a socket: all of these are arguments.
//!
//! # The files, in the order in which a request for ids meets them
//!
//! 1. `server/front.rs` takes the HTTP request, which `wire.rs` reads, and asks in the session of its
//!    connection. In the simulated world it is `client.rs` that asks. Both say it in the messages of
//!    `message.rs`.
//! 2. `worker.rs` is the machine: the request waits in its queue until it may mint. `mark.rs` keeps the
//!    high-water mark on its disk; with a leased number `lease_client.rs` knows how long it may mint
//!    (`lease.rs`). `stoppage.rs` says why it mints nothing.
//! 3. `generator.rs` mints by the rules of `claim.rs`, or says why it cannot now (`error.rs`). It fills
//!    blocks of one tick (`block.rs`), and gives ids (`id.rs`), whose bits a `layout.rs` places.
//! 4. `server/counts.rs` counts what the answer brings (`ticks.rs`), and `wire.rs` makes the HTTP response of it.
//!
//! Leases come from `authority.rs`, or from several of them (`replicated_authority.rs`). `scenario.rs` has
//! what may go wrong, `promise.rs` what holds all the same, and `shape.rs` the clusters.
//!
//! The case study, with what fails and what was measured, is the README of the crate.
#![doc = include_str!("../README.md")]

mod client;
mod message;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
mod ticks;
#[cfg(feature = "server")]
pub mod wire;

mod worker;

mod lease;
mod lease_client;
mod mark;
mod stoppage;

mod generator;

mod claim;

mod block;
mod error;
mod id;
mod layout;

mod authority;
#[cfg(feature = "server")]
mod codec;
mod replicated_authority;

mod mechanism;
#[cfg(feature = "server")]
pub mod options;
mod promise;
mod scenario;
mod sentence;
mod shape;

pub mod alternatives;
pub mod bench;
mod catalogue;
pub mod compare;
mod decode;
mod mint;
mod shared;
pub mod wait;

pub use authority::Authority;
pub use block::Block;
pub use catalogue::{Catalogue, catalogue};
pub use claim::ClockPolicy;
pub use client::Client;
pub use decode::{BadText, decode_text};
pub use error::{IdError, LayoutError, NotNow, OutOfYears, TooLarge};
pub use generator::Generator;
pub use id::Id;
pub use layout::{Decoded, Field, Layout};
pub use lease::LEASE;
pub use mechanism::Mechanism;
pub use message::{Get, Grant, Lease, Message, Note, Op, Refusal, Snowflake, Timer, Wanted};
pub use mint::Mint;
pub use replicated_authority::{MOST_WORKERS, replicated_authority};
pub use scenario::{Snowflakes, registered};
pub use shared::Shared;
pub use worker::{MOST_IDS, Worker};
