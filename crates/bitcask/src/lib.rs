#![doc = include_str!("../README.md")]
//!
//! # The law
//!
//! A batch is there whole or not at all, and once it was acknowledged it stays, whatever crash
//! follows. Reads see what is durable and nothing else. What the disk lost or altered is never returned
//! and never silently missing: a read says [`Event::Rotten`], a boot [`Event::Broken`].
//!
//! Memory is one index entry a key, whatever the length of keys and values. How many batches and reads
//! wait is its owner's to bound.

mod store;

mod entry;
mod frame;
mod segment;

mod index;
mod log;

mod writer;

mod lookup;
mod scan;

mod hint;

mod compaction;

mod boot;

mod mechanism;

mod client;
mod keeper;
mod message;
mod promise;
mod scenario;
mod sentence;
mod shape;

pub use client::Client;
pub use index::INDEX_BYTES;
pub use journal::Shape;
pub use keeper::Keeper;
pub use lookup::ReadStep;
pub use mechanism::Mechanism;
pub use message::{Keeping, Keys, Message, Note, Order, ReadValue, Rotten};
pub use scan::ScanStep;
pub use scenario::{Bitcask, registered};
pub use shape::Node;
pub use store::{Change, Cut, Event, Keeps, Limits, Store, StoreOp};
