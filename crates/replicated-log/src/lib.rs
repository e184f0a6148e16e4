#![doc = include_str!("../README.md")]
//!
//! # The files, in the order in which a batch meets them
//!
//! 1. A client's question (`ask.rs`, in the words of `words.rs` and `error.rs`) reaches `broker.rs`; its batch was checked
//!    (`batch.rs`). `broker/produce.rs` looks for the partition's replica.
//! 2. `replica.rs` is one partition on one broker. As its leader (`replica/leading.rs`) it appends to the log (`log.rs`
//!    and its folder, on the appender of `journal`), and gives the batch to its followers in the messages of `message.rs`,
//!    whose bytes are in `codec.rs`.
//! 3. A follower (`replica/following.rs`) appends it, syncs, and asks for what comes next. That says what it has.
//! 4. When everybody who counts has it (`replica/watermark.rs`, `replica/isr.rs`), it is acknowledged, and consumers may
//!    read it (`broker/fetch.rs`, `replica/reads.rs`).
//!
//! Who leads, and who is in sync, the controllers decide: `controller.rs` and its folder, on `raft`. What they decided
//! are entries (`entry.rs`), which make the metadata (`cluster.rs`) there and at every broker (`broker/view.rs`,
//! `broker/session.rs`). Groups of consumers are coordinated by `coordinator.rs` and `group.rs`, in a broker
//! (`broker/groups.rs`). `mechanism.rs` has the switches, `tuning.rs` every time and size.

pub mod ask;
pub mod batch;
pub mod broker;
pub mod cluster;
pub mod controller;
pub mod entry;
pub mod error;
pub mod mechanism;
pub mod message;
pub mod note;
pub mod tuning;
pub mod words;

mod codec;
mod coordinator;
mod group;
mod log;
mod replica;
mod sentence;
mod throttle;
