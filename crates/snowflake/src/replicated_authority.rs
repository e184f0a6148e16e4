//! Several authorities that act as one: each is a member of a group, and the one that leads it is the
//! [`Authority`], on a table of leases that a majority has on its disks.
//!
//! The law is the authority's, with the log as its disk (`raft::Replicated` says what that disk
//! promises). Three things could break it when the authority moves to another node, and do not:
//!
//! 1. *A deposed authority grants, and does not know that it is deposed.* A grant leaves when its table
//!    is committed; one that is committed is in the log of every later leader, before the entry at
//!    which that one boots. So the new authority knows the lease, its epoch and its ceiling, even if
//!    the grant itself leaves later than that.
//! 2. *The monotonic clocks of two nodes have nothing to do with each other.* They need not: when a
//!    lease ends is not in the table. The new authority counts each as if given at its boot, which is
//!    after the entry was made, which is after the worker asked, from where the worker counts. So it
//!    gives a number away later than it must, never earlier.
//! 3. *A deposed authority denies*, which it does at once. A worker that believes it drops a lease that
//!    it might have kept, and asks anew. That costs time and no promise.

use std::time::Duration;

use journal::{Journal, JournalOp, JournalTimer};
use machine::{Embeds, Input, NodeId, Separates, Switches};
use raft::{Envelope, Groups, GroupsOp, GroupsTimer, LONGEST_COMMAND, Replicated, Tuning};

use crate::authority::{Authority, LONGEST_ROW};
use crate::message::{Message, Note, Op, Snowflake, Timer};

/// So many worker numbers, at most, can several authorities lease out: the table is one command of
/// their log.
pub const MOST_WORKERS: u64 = ((LONGEST_COMMAND - 1024) / LONGEST_ROW) as u64;

/// One of these authorities, over the worker ids from 0 up to, and without, `pool`.
pub fn replicated_authority(
    id: NodeId,
    authorities: Vec<NodeId>,
    pool: u64,
    switches: Switches,
) -> Replicated<Authority> {
    let machine = Authority::new(pool, switches);
    Replicated::new(id, authorities, tuning(), SNAPSHOT_AFTER, machine)
}

/// The log is compacted when it has grown by so many bytes: by tables, of which only the last counts.
const SNAPSHOT_AFTER: u64 = 1 << 20;

/// An authority that is gone is missed before leases run out: it takes two election timeouts to
/// elect another, and a renewal to find it. Tables are long and few, so that few of them need be on
/// their way, or stay behind in the log.
pub(crate) fn tuning() -> Tuning {
    Tuning {
        election_timeout: Duration::from_millis(200),
        heartbeat: Duration::from_millis(40),
        max_batch_bytes: 64 << 10,
        max_in_flight: 2,
        snapshot_chunk: 64 << 10,
        keep_entries: 16,
        ..Tuning::default()
    }
}

impl Embeds<Groups> for Snowflake {
    fn message(envelope: Envelope) -> Message {
        Message::Raft(envelope)
    }

    fn timer(timer: GroupsTimer) -> Timer {
        Timer::Raft(timer)
    }

    fn op(op: GroupsOp) -> Op {
        Op::Raft(op)
    }

    fn note(what: &'static str) -> Note {
        Note::Group(what)
    }
}

impl Embeds<Journal> for Snowflake {
    fn timer(timer: JournalTimer) -> Timer {
        Timer::Raft(GroupsTimer::Journal(timer))
    }

    fn op(op: JournalOp) -> Op {
        Op::Raft(GroupsOp::Journal(op))
    }
}

impl Separates<Groups> for Snowflake {
    fn separate(input: Input<Snowflake>) -> Result<Input<Groups>, Input<Snowflake>> {
        match input {
            Input::Message { from, message: Message::Raft(message) } => {
                Ok(Input::Message { from, message })
            }
            Input::Timer(Timer::Raft(timer)) => Ok(Input::Timer(timer)),
            Input::Disk { op: Op::Raft(op), result } => Ok(Input::Disk { op, result }),
            own => Err(own),
        }
    }
}
