#![doc = include_str!("../README.md")]
//!
//! # The words
//!
//! Whoever asks is a session: it speaks with one node, its *gateway*, in the questions of `ask.rs` and the answers of
//! `answer.rs`, which `message.rs` carries. What an object is stands in `row.rs`, how things are called in `words.rs`,
//! and why something was not done in `error.rs`. What a client makes a change depend on is judged in `conditions.rs`;
//! sums of bytes are in `sums.rs`.

pub mod answer;
pub mod ask;
pub mod conditions;
pub mod error;
pub mod mechanism;
pub mod message;
pub mod row;
pub mod sums;
pub mod tuning;
pub mod words;
