//! The messages of the protocol: what clients, workers and the lease authority say to each other.

use std::time::Duration;

use machine::{Checkpoint, CheckpointOp, Embeds, NodeId, Protocol, Routine, Wall};
use raft::{Envelope, Groups, GroupsOp, GroupsTimer};
use serde::{Deserialize, Serialize};

use crate::Id;

/// The protocol that workers, the authority and clients share.
#[derive(Clone, Debug)]
pub struct Snowflake;

impl Protocol for Snowflake {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;

    fn routine(message: &Message) -> Routine {
        match message {
            Message::Raft(envelope) => envelope.routine(),
            _ => Routine::Never,
        }
    }

    fn weight(message: &Message) -> u32 {
        match message {
            Message::Minted { ids, .. } => 9 + 8 * ids.len() as u32,
            Message::Raft(envelope) => 1 + Groups::weight(envelope),
            _ => 64,
        }
    }

    fn answers(message: &Message) -> Option<(u64, bool)> {
        match message {
            Message::Minted { token, .. } | Message::Refused { token, .. } => Some((*token, true)),
            _ => None,
        }
    }
}

impl Embeds<Checkpoint<Snowflake>> for Snowflake {
    fn op(op: CheckpointOp) -> Op {
        match op {
            CheckpointOp::Loaded => Op::Loaded,
            CheckpointOp::Saved => Op::Saved,
        }
    }
}

/// What is sent. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a client: get ids.
    Get(Get),
    /// To a worker: mint ids. The client picks the token, so that it knows the answer.
    Mint {
        /// Comes back with the answer.
        token: u64,
        /// 1 to [`crate::MOST_IDS`].
        count: u32,
    },
    /// The ids, as many as were asked for, each larger than the one before.
    Minted {
        /// Of the request.
        token: u64,
        /// In order.
        ids: Vec<Id>,
    },
    /// No ids: nothing was minted for this request.
    Refused {
        /// Of the request.
        token: u64,
        /// Why.
        why: Refusal,
    },
    /// To the authority: a worker wants a worker id.
    Acquire(Wanted),
    /// To the authority: a worker wants to keep the worker id of this lease.
    Renew(Wanted, Lease),
    /// From the authority: the worker id is yours from the moment you asked for so long.
    Granted(Grant),
    /// From the authority: no worker id is free, or this lease is no longer yours.
    Denied {
        /// Of the request.
        request: u64,
    },
    /// Between authorities: what keeps their table one.
    Raft(Envelope),
}

/// Something to do for a client: an operation of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The worker to ask first; where it does not answer the others are asked in turn.
    pub worker: NodeId,
    /// How many ids.
    pub count: u32,
}

/// What a worker asks the authority for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Comes back with the answer, so that a late one is known as such.
    pub request: u64,
    /// The timestamp up to which the worker wants to mint.
    pub ceiling: Wall,
}

/// A worker id and the epoch in which it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The worker id: the worker bits of its ids.
    pub worker: u64,
    /// Grows with every holder.
    pub epoch: u64,
}

/// What the authority gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Of the request.
    pub request: u64,
    /// What is given.
    pub lease: Lease,
    /// For so long, from the moment at which the worker asked.
    pub lasts: Duration,
    /// Every id must be above the timestamp at which the holder before stopped.
    pub floor: Wall,
    /// And none may be above this one.
    pub ceiling: Wall,
    /// The authority's wall clock.
    pub wall: Wall,
}

/// Why a worker does not mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is still reading its high-water mark, or has no lease.
    NotReady,
    /// Its wall clock is behind what it has minted, by more than a request may wait.
    ClockBehind,
    /// Its wall clock is too far from the authority's.
    ClockWrong,
    /// The clock is outside what the layout can write.
    OutOfRange,
    /// The disk is full, so the high-water mark cannot be raised.
    DiskFull,
    /// Too many requests wait.
    Overloaded,
    /// The count is not from 1 to [`crate::MOST_IDS`].
    BadCount,
}

/// The names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of a worker: serve what waits.
    Serve,
    /// Of a worker: ask the authority for a lease, or to renew it.
    Lease,
    /// Of a worker that mints nothing: see whether it could again.
    Look,
    /// Of a client: the worker has taken too long over this token.
    Answer(u64),
    /// Of one of several authorities: their group's.
    Raft(GroupsTimer),
}

/// What to do when a disk operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The high-water mark, or the authority's leases, were read.
    Loaded,
    /// They were written.
    Saved,
    /// The group of several authorities goes on.
    Raft(GroupsOp),
}

/// What goes into the history. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// A client began to get ids.
    Invoked {
        /// Of the operation.
        token: u64,
        /// Whom it asked first.
        worker: NodeId,
    },
    /// A client got ids.
    Received {
        /// Of the operation.
        token: u64,
        /// In order.
        ids: Vec<Id>,
    },
    /// Every worker refused, so nothing was minted.
    AllRefused {
        /// Of the operation.
        token: u64,
    },
    /// A worker's wall clock stepped back behind what it had minted.
    ClockWentBack {
        /// By so much, or so much further than it was already.
        by: Duration,
    },
    /// A worker used up the sequence of a tick.
    TickUsedUp,
    /// A worker started above a mark that its clock had not reached yet.
    StartedBelowMark,
    /// A worker's clock was too far from the authority's.
    ClockWrong,
    /// A worker compared its clock with the authority's, as its lease was given or renewed.
    Compared {
        /// They are at most so far apart.
        distance: Duration,
    },
    /// From here on a worker mints nothing.
    Stopped {
        /// What requests are told.
        why: Refusal,
        /// How far its clock is off, if that is the cause.
        off: Duration,
    },
    /// It mints again.
    Resumed {
        /// So long after it stopped.
        after: Duration,
    },
    /// A worker's lease ran out before it could be renewed.
    LeaseExpired,
    /// A worker noticed that it was resumed from a snapshot.
    GenerationChanged,
    /// The authority gave a worker id to another node than the last time.
    HolderChanged,
    /// The authority refused to renew a lease that is no longer the newest.
    Fenced,
    /// Something happened to the group of several authorities.
    Group(&'static str),
}
