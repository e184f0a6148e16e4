#![doc = include_str!("../README.md")]
//!
//! # The words
//!
//! Whoever asks is a session: it speaks with one node, its *gateway*, in the questions of `ask.rs` and the answers of
//! `answer.rs`. What an object is stands in `row.rs`, how things are called in `words.rs`, and why something was not done
//! in `error.rs`. What a client makes a change depend on is judged in `conditions.rs`; sums of bytes are in `sums.rs`.
//!
//! # What is computed and kept nowhere
//!
//! Which group keeps a bucket's catalog (`range.rs`) and who is its member (`cluster.rs`), which node has which shard of a
//! key (`layout.rs`), how bytes become shards (`erasure.rs`), and what a piece of a shard is known by (`stripe.rs`):
//! sessions, clients and nodes call the same functions.
//!
//! # The files, in the order in which a question meets them
//!
//! 1. It reaches a node (`store.rs`) in a message (`message.rs`), and `gateway.rs` looks for the leader of its group.
//! 2. There `metadata.rs` asks the group for leave to read, or has an entry (`entry.rs`) committed.
//! 3. The entry is applied: `catalog.rs` and its folder say what it does, and `rows.rs` writes that on the disk.
//! 4. The answer goes back to the gateway, and from there to the session.
//!
//! Bytes that are not few go another way: `gateway/puts.rs` has them kept by places, `shards.rs` is the disk of these, and
//! `gateway/reads.rs` has them read. What nobody names any more `collector.rs` deletes. `post.rs` is how pieces leave a node.
//!
//! `mechanism.rs` has the switches, `tuning.rs` every time and size, `codec.rs` the bytes of all words, `note.rs` what
//! clients of simulated worlds do and see, and `sentence.rs` how diagrams show it.

mod catalog;
mod codec;
mod collector;
mod gateway;
mod metadata;
mod post;
mod rows;
mod sentence;

pub mod answer;
pub mod ask;
pub mod cluster;
pub mod conditions;
pub mod entry;
pub mod erasure;
pub mod error;
pub mod layout;
pub mod mechanism;
pub mod message;
pub mod note;
pub mod range;
pub mod row;
pub mod shards;
pub mod store;
pub mod stripe;
pub mod sums;
pub mod tuning;
pub mod words;
