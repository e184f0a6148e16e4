//! What clients of the replicated log ask and are answered, in the words of Kafka, whatever version of its protocol they
//! speak.
//!
//! `words.rs` says what offsets and leader epochs are, and `error.rs` why something is refused. `batch.rs` is a record
//! batch as clients send it: it is checked once, where it comes in, and nothing behind that decodes a record. `ask.rs`
//! has the questions and answers. `coded.rs` has the bytes of these words, where nodes say them to each other.

pub mod ask;
pub mod batch;
mod coded;
pub mod error;
pub mod words;
