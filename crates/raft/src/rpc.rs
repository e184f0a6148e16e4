//! What members say to each other: the messages of the paper's figure 2 and of figure 13 (snapshots),
//! and those of Ongaro's thesis (pre-vote, leadership transfer).

use std::sync::Arc;

use bytes::Bytes;
use machine::{DiskId, Routine};

use crate::member::{Configuration, Member};

mod sentence;

/// Time as Raft counts it: each has at most one leader.
pub type Term = u64;
/// A place in the log, from 1; 0 is the place before the first.
pub type Index = u64;

/// So long may a command be, in bytes. Messages, and what a follower keeps at once, are bounded by it.
pub const LONGEST_COMMAND: usize = (256 << 10) + 1055;

/// Which of the groups of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupId(pub u32);

/// One entry of a log. Its index is its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// In which it was made.
    pub term: Term,
    /// What it says.
    pub payload: Payload,
}

impl Entry {
    /// What it takes in a log and in a message, in bytes, about.
    pub(crate) fn cost(&self) -> u64 {
        32 + self.payload.len() as u64
    }
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Nothing: the first entry of every leader, which lets it commit what its predecessors left.
    Blank,
    /// For the state machine. Its bytes are the owner's.
    Command(Bytes),
    /// From here on these decide.
    Configuration(Arc<Configuration>),
}

impl Payload {
    /// The length of a command, in bytes; what else there is is short.
    pub fn len(&self) -> usize {
        match self {
            Payload::Command(command) => command.len(),
            Payload::Blank | Payload::Configuration(_) => 0,
        }
    }

    /// Has it no bytes of an owner's?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What travels between two nodes: the messages of all groups that have any, at once, so that a
/// thousand idle groups cost one heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// The disk of the sender.
    pub from: DiskId,
    /// The disk that it is meant for; another one drops it. `None` where the sender does not know.
    pub to: Option<DiskId>,
    /// In order.
    pub rpcs: Vec<(GroupId, Rpc)>,
}

impl Envelope {
    /// Does it say no more than that its sender is there: heartbeats, answers to them, and nothing else? An answer
    /// says the same as the one before it, since what the follower has did not grow.
    pub fn routine(&self) -> Routine {
        let of = |rpc: &Rpc| match rpc {
            Rpc::AppendEntries(append) if append.entries.is_empty() => Routine::Always,
            Rpc::Beat { .. } => Routine::Always,
            Rpc::Appended { outcome: Appended::Matches(_), .. } => Routine::Again,
            _ => Routine::Never,
        };
        self.rpcs.iter().map(|(_, rpc)| of(rpc)).max().unwrap_or(Routine::Always)
    }
}

/// One message of one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rpc {
    /// From a candidate.
    RequestVote(RequestVote),
    /// To a candidate.
    Vote {
        /// The voter's; the candidate's own, if a pre-vote was granted.
        term: Term,
        /// The answer to a pre-vote?
        pre: bool,
        /// Given, or refused?
        granted: bool,
    },
    /// From a leader; without entries it is a heartbeat.
    AppendEntries(AppendEntries),
    /// To a leader.
    Appended {
        /// The follower's.
        term: Term,
        /// Of the message that this answers.
        round: u64,
        /// How it went.
        outcome: Appended,
    },
    /// From a leader, to a follower whose next entry was compacted away.
    InstallSnapshot(InstallSnapshot),
    /// To a leader: so much of the snapshot is here.
    SnapshotTaken {
        /// The follower's.
        term: Term,
        /// Of the message that this answers.
        round: u64,
        /// Of the snapshot.
        last_index: Index,
        /// Send on from here, in bytes; `None` if it was installed.
        next: Option<u64>,
    },
    /// From a leader: campaign now, in my place.
    TimeoutNow {
        /// The leader's.
        term: Term,
    },
    /// From a leader: nobody lacks anything up to this place, so rest.
    Rest {
        /// The leader's.
        term: Term,
        /// Of the last entry, which is committed.
        index: Index,
    },
    /// To a leader: somebody does not rest.
    Wake,
    /// From a node, of no group: I am there, and so are the leaders here of all groups that rest.
    Beat {
        /// When it says so again, at the latest: in so many nanoseconds.
        next: u64,
    },
    /// From a node without a vote: who are we?
    Hello,
    /// To such a node: those who founded the group.
    Founders(Arc<Configuration>),
    /// To a node that is no member, or that is in the place of one: who the members are.
    Members {
        /// Where this was committed.
        index: Index,
        /// In force there.
        members: Arc<Configuration>,
    },
    /// From a leader, to a follower whose log seems to end before what it acknowledged: you had this entry.
    Lost {
        /// The leader's.
        term: Term,
        /// The last place up to which the follower had the leader's log.
        index: Index,
        /// Of the entry there.
        last_term: Term,
    },
}

/// A candidate asks for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestVote {
    /// The candidate's; with a pre-vote, the one that it would take.
    pub term: Term,
    /// Would you? It changes nothing at either end.
    pub pre: bool,
    /// The leader itself asked for this election, so do not protect it.
    pub transfer: bool,
    /// Of the candidate's log.
    pub last_index: Index,
    /// Of the entry there.
    pub last_term: Term,
}

/// A leader replicates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppendEntries {
    /// The leader's.
    pub term: Term,
    /// Grows with the times at which the leader asked; comes back with the answer.
    pub round: u64,
    /// The place before the first of these entries.
    pub prev_index: Index,
    /// The term of the entry there.
    pub prev_term: Term,
    /// In order; none in a heartbeat.
    pub entries: Vec<Entry>,
    /// The leader's commit index.
    pub leader_commit: Index,
}

/// How an append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Appended {
    /// Up to this place the follower's log is the leader's, durably.
    Matches(Index),
    /// There is no such entry before the first. Try this place, at most: the follower's log has
    /// nothing of use after it.
    Conflicts(Index),
}

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstallSnapshot {
    /// The leader's.
    pub term: Term,
    /// As in [`AppendEntries::round`].
    pub round: u64,
    /// What the snapshot replaces, up to this place.
    pub last_index: Index,
    /// Of the entry there.
    pub last_term: Term,
    /// In force there.
    pub configuration: Arc<Configuration>,
    /// Of the whole state.
    pub crc: u32,
    /// Where these bytes begin.
    pub offset: u64,
    /// A part of the state.
    pub bytes: Bytes,
    /// Are these the last?
    pub done: bool,
}

impl Rpc {
    /// What it carries, in bytes, about.
    pub(crate) fn cost(&self) -> u64 {
        match self {
            Rpc::AppendEntries(append) => 64 + append.entries.iter().map(Entry::cost).sum::<u64>(),
            Rpc::InstallSnapshot(part) => 64 + part.bytes.len() as u64,
            _ => 64,
        }
    }
}

impl Configuration {
    /// This member of it, if the node is one.
    pub fn member_at(&self, node: machine::NodeId) -> Option<Member> {
        self.members().into_iter().find(|member| member.node == node)
    }
}
