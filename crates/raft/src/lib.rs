//! Consensus.

mod effects;
mod group;
mod groups;
mod journal;
mod log;
mod mechanism;
mod member;
mod record;
mod recovery;
mod rpc;
mod tuning;

pub use effects::Event;
pub use group::{ChangeRefused, Consistency, Group, Leadership, NotLeader, Role, Roll, Votes};
pub use groups::{Embeds, Groups};
pub use journal::JournalOp;
pub use log::{Log, Snapshot};
pub use mechanism::{MECHANISMS, Mechanism};
pub use member::{Configuration, Member};
pub use rpc::{
    AppendEntries, Appended, Entry, Envelope, GroupId, Index, InstallSnapshot, Payload,
    RequestVote, Rpc, Term,
};
pub use tuning::{DRIFT_BOUND_PPM, Tuning};
