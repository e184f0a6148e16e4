//! What the groups of a node say in the words of their owner.

use journal::{Journal, JournalOp, JournalTimer};
use machine::{Embeds, Protocol};

use crate::groups::Groups;
use crate::member::Member;
use crate::rpc::{Envelope, GroupId};

/// A part of the machine that embeds it. What there is to note, [`Event::Noted`](crate::Event::Noted) says in
/// its place.
impl Protocol for Groups {
    /// To the groups of another node.
    type Message = Envelope;
    type Timer = GroupsTimer;
    type Op = GroupsOp;
    /// Something that does not happen all the time.
    type Note = &'static str;

    fn weight(envelope: &Envelope) -> u32 {
        envelope.length() as u32
    }
}

/// By itself it has the words of its journal too.
impl Embeds<Journal> for Groups {
    fn op(op: JournalOp) -> GroupsOp {
        GroupsOp::Journal(op)
    }

    fn timer(timer: JournalTimer) -> GroupsTimer {
        GroupsTimer::Journal(timer)
    }
}

/// Whoever embeds groups has their words and those of their journal.
pub trait Owner: Embeds<Groups> + Embeds<Journal> {}

impl<P: Embeds<Groups> + Embeds<Journal>> Owner for P {}

/// A timer of the groups of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupsTimer {
    /// A group has something to do, or a snapshot.
    Due,
    /// Of their journal.
    Journal(JournalTimer),
}

/// What to do when a disk operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupsOp {
    /// Of their journal.
    Journal(JournalOp),
    /// At boot: the names of the snapshots are known.
    Listed,
    /// At boot: a piece of a snapshot was read.
    SnapshotRead(GroupId),
    /// A piece of a snapshot was written.
    PieceWritten,
    /// And synced, with those before it.
    PieceSynced,
    /// A snapshot was deleted that does not count any more.
    Deleted,
    /// A piece of a snapshot was read, to be sent.
    PieceRead {
        /// Of which group.
        group: GroupId,
        /// For whom.
        to: Member,
        /// Of the file.
        number: u64,
        /// Where it begins.
        offset: u64,
    },
}
