#![doc = include_str!("../README.md")]
//!
//! # The files, in the order in which a batch meets them
//!
//! 1. A client's question (`log-protocol`) reaches `broker.rs`; its batch was checked. `broker/produce.rs` looks for the
//!    partition's replica.
//! 2. `replica.rs` is one partition on one broker. As its leader (`replica/leading.rs`) it appends to the log
//!    (`partition-log`), and gives the batch to its followers in the messages of `message.rs`, whose bytes are in
//!    `codec.rs`.
//! 3. A follower (`replica/following.rs`) appends it, syncs, and asks for what comes next. That says what it has.
//! 4. When everybody who counts has it (`replica/watermark.rs`, `replica/isr.rs`), it is acknowledged, and consumers may
//!    read it (`broker/fetch.rs`, `replica/reads.rs`).
//!
//! Who leads, and who is in sync, the controllers decide: `controller.rs` and its folder, on `raft`. What they decided
//! are entries, which make the metadata (`log-metadata`) there and at every broker (`broker/view.rs`,
//! `broker/session.rs`). Groups of consumers are coordinated by a part of each broker (`consumer-groups`, which
//! `broker/groups.rs` embeds). `mechanism.rs` has the switches, `tuning.rs` every time and size.

pub mod broker;
pub mod controller;
pub mod mechanism;
pub mod message;
pub mod note;
pub mod tuning;

mod codec;
mod replica;
mod sentence;
mod throttle;

pub use log_metadata::{cluster, entry};
pub use log_protocol::{ask, batch, error, words};
