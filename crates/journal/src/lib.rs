#![doc = include_str!("../README.md")]
//!
//! # The law
//!
//! What an [`Appender`] said to be durable is there after every boot, or the boot is refused: it is never
//! taken for what never was. It says so only after its own sync. [`Bound`] is raised after that, and lowered,
//! durably, before anything is taken away.
//!
//! Memory is what waits for the disk, and two numbers a file. How much waits is its owner's to bound.
//!
//! Stores, the journal of consensus, the click log of `url-shortener`, and the partitions of `replicated-log` stand on
//! this. Only the last cut a log off ([`Appender::truncate`]), since another node may overrule its end, or give a damaged
//! one up ([`Appender::give_up`]), since another node has what it had.
//!
//! In return an owner hands on what it is told of ([`JournalOp`], [`JournalTimer`]), calls
//! [`Appender::go_on`] whenever it has handled an input of the journal or asked for anything, and halts when
//! it is told [`Event::Broken`]. On [`Event::Damaged`] it halts too, unless others have what this log had.

mod appender;
mod event;
mod format;
mod words;

mod head;
mod upkeep;

mod bound;
mod slot;

mod boot;

mod mechanism;

mod client;
mod keeper;
mod message;
mod promise;
mod scenario;
mod sentence;
mod shape;
mod unseen;

pub use appender::{Appender, Until};
pub use bound::{BOUND, Bound};
pub use client::Client;
pub use event::Event;
pub use format::{Blocks, Format, Parsed, Place};
pub use keeper::Keeper;
pub use mechanism::Mechanism;
pub use message::{Keeping, Message, Note, Order, Timer};
pub use promise::short;
pub use scenario::{KeptLog, registered};
pub use shape::{Node, Shape};
pub use unseen::Unseen;
pub use words::{BoundOp, Journal, JournalOp, JournalTimer, Step};
