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
//! The case study, with what fails and what was measured, is the README of the crate.
#![doc = include_str!("../README.md")]

mod error;
mod id;
mod layout;

mod block;
mod claim;
mod generator;
mod shared;
pub mod wait;

pub mod alternatives;
pub mod bench;
mod catalogue;
pub mod compare;
mod decode;
mod mint;

pub use block::Block;
pub use catalogue::{Catalogue, catalogue};
pub use claim::ClockPolicy;
pub use decode::{BadText, decode_text};
pub use error::{IdError, LayoutError, NotNow, OutOfYears, TooLarge};
pub use generator::Generator;
pub use id::Id;
pub use layout::{Decoded, Field, Layout};
pub use mint::Mint;
pub use shared::Shared;

mod authority;
mod client;
mod lease_client;
mod mark;
mod mechanism;
mod message;
mod promise;
mod replicated_authority;
mod scenario;
mod sentence;
mod shape;
mod stoppage;
mod worker;

#[cfg(feature = "server")]
mod codec;
#[cfg(feature = "server")]
pub mod options;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod wire;

pub use authority::{Authority, LEASE};
pub use client::Client;
pub use mechanism::Mechanism;
pub use message::{Get, Grant, Lease, Message, Note, Op, Refusal, Snowflake, Timer, Wanted};
pub use replicated_authority::{MOST_WORKERS, replicated_authority};
pub use scenario::Snowflakes;
pub use worker::{MOST_IDS, Worker};
