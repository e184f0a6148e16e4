//! Consensus.

mod log;
mod mechanism;
mod member;
mod rpc;

pub use log::{Log, Snapshot};
pub use mechanism::{MECHANISMS, Mechanism};
pub use member::{Configuration, Member};
pub use rpc::{
    AppendEntries, Appended, Entry, Envelope, GroupId, Index, InstallSnapshot, Payload,
    RequestVote, Rpc, Term,
};
