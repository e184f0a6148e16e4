//! One owner of the truth: consensus as a part of other machines, and a replicated key-value store.
//!
//! # The law
//!
//! What was committed in one term is in the log of every leader of a later one. It holds as long as a
//! majority of members keeps what its disk synced, and comes back with the disk or as another member.
//! Clocks are trusted for one thing only, and only within [`DRIFT_BOUND_PPM`]: reads by lease.
#![doc = include_str!("../README.md")]

pub mod bench;
mod client;
mod command;
mod effects;
mod group;
mod groups;
mod history;
mod journal;
mod log;
mod mechanism;
mod member;
mod message;
mod promise;
mod reconfiguration;
mod record;
mod recovery;
mod replica;
mod replicated;
mod rpc;
mod scenario;
mod sentence;
mod sessions;
mod shape;
mod store;
mod throughput;
mod tuning;

#[cfg(feature = "server")]
mod codec;
#[cfg(feature = "server")]
pub mod options;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod stops;
#[cfg(feature = "server")]
mod wire;

pub use client::{Client, GIVE_UP_AFTER};
pub use command::{
    Change, Command, LONGEST_COMMAND, LONGEST_KEY, LONGEST_VALUE, Session, TooLarge,
};
pub use effects::Event;
pub use group::{
    ChangeRefused, Consistency, Group, Leadership, NotLeader, Role, Roll, TransferRefused, Votes,
};
pub use groups::{Embeds, Groups};
pub use journal::JournalOp;
pub use log::{Log, Snapshot};
pub use mechanism::Mechanism;
pub use member::{Configuration, Member};
pub use message::{
    Answer, Ask, Message, Note, Op, Operation, Raft, Read, Refusal, Request, Response, Timer,
};
pub use replica::{GROUP, Limits, Replica};
pub use replicated::{Replicable, Replicated};
pub use rpc::{
    AppendEntries, Appended, Entry, Envelope, GroupId, Index, InstallSnapshot, Payload,
    RequestVote, Rpc, Term,
};
pub use scenario::Consensus;
pub use sessions::MOST_SESSIONS;
pub use shape::{Node, Shape};
pub use store::{MOST_BYTES, MOST_PAIRS, Outcome, Pairs, Rotten, Store};
pub use throughput::Throughput;
pub use tuning::{DRIFT_BOUND_PPM, Tuning};
