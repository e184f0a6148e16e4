//! The words of the protocol as sentences: for diagrams, and for clients that were refused.

use std::fmt::{self, Debug, Display, Formatter};
use std::time::Duration;

use machine::Wall;

use crate::Id;
use crate::message::{Get, Message, Note, Refusal};

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Get(Get { worker, count }) => write!(f, "get {count} from {worker:?}"),
            Message::Mint { count, .. } => write!(f, "mint {count}"),
            Message::Minted { ids, .. } => write!(f, "minted {}", Ids(ids)),
            Message::Refused { why, .. } => write!(f, "refused: {why:?}"),
            Message::Acquire(wanted) => write!(f, "acquire, up to {}", Clock(wanted.ceiling)),
            Message::Renew(wanted, lease) => {
                let (worker, epoch) = (lease.worker, lease.epoch);
                write!(f, "renew worker {worker}, epoch {epoch}, up to {}", Clock(wanted.ceiling))
            }
            Message::Granted(grant) => {
                let (worker, epoch) = (grant.lease.worker, grant.lease.epoch);
                let (floor, ceiling) = (Clock(grant.floor), Clock(grant.ceiling));
                write!(f, "granted worker {worker}, epoch {epoch}, above {floor} up to {ceiling}")
            }
            Message::Denied { .. } => write!(f, "denied"),
            Message::Raft(envelope) => write!(f, "{envelope}"),
        }
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Invoked { token, .. } => write!(f, "request {} begins", token & 0xFFFF_FFFF),
            Note::Received { token, ids } => {
                write!(f, "request {} got {}", token & 0xFFFF_FFFF, Ids(ids))
            }
            Note::AllRefused { token } => write!(f, "request {} failed", token & 0xFFFF_FFFF),
            Note::ClockWentBack { by } => {
                write!(f, "the clock stepped back behind what was minted, by {by:?}")
            }
            Note::TickUsedUp => write!(f, "the tick is used up"),
            Note::StartedBelowMark => write!(f, "starts with its clock below the mark"),
            Note::ClockWrong => write!(f, "the clock is too far from the authority's"),
            Note::Compared { distance } => {
                write!(f, "its clock is within {distance:?} of the authority's")
            }
            Note::Stopped { why, off } => stopped(*why, *off, f),
            Note::Resumed { after } => write!(f, "mints again, after {after:?}"),
            Note::LeaseExpired => write!(f, "the lease ran out"),
            Note::GenerationChanged => write!(f, "notices that it was resumed from a snapshot"),
            Note::HolderChanged => write!(f, "a worker id changes hands"),
            Note::Fenced => write!(f, "a renewal with a stale epoch is refused"),
            Note::Group(what) => f.write_str(what),
        }
    }
}

fn stopped(why: Refusal, off: Duration, f: &mut Formatter<'_>) -> fmt::Result {
    match why {
        Refusal::ClockBehind => write!(
            f,
            "mints nothing until its wall clock, which is {off:?} behind what was minted, has caught up"
        ),
        Refusal::ClockWrong => {
            write!(f, "mints nothing while its wall clock is up to {off:?} from the authority's")
        }
        Refusal::NotReady => write!(f, "mints nothing until it is given a lease, as it holds none"),
        Refusal::OutOfRange => {
            write!(f, "mints nothing while its wall clock is outside the years of its layout")
        }
        Refusal::DiskFull => write!(f, "mints nothing until there is space on its disk"),
        Refusal::Overloaded | Refusal::BadCount => write!(f, "refuses a request"),
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotReady => "this worker may not mint yet; ask again in a moment",
            Refusal::ClockBehind => {
                "the wall clock went back behind ids that were minted; ask again when it has \
                 caught up"
            }
            Refusal::ClockWrong => {
                "the wall clock of this worker is too far from the authority's; ask another worker"
            }
            Refusal::OutOfRange => "the wall clock is outside the years that the layout can write",
            Refusal::DiskFull => {
                "the disk is full, so the high-water mark cannot be raised; make space and ask again"
            }
            Refusal::Overloaded => "too many requests wait; ask again later",
            Refusal::BadCount => "the count must be from 1 to 10000",
        })
    }
}

/// A few ids whole, more of them by the first and the last.
struct Ids<'a>(&'a [Id]);

impl Display for Ids<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => write!(f, "no ids"),
            [id] => write!(f, "{id}"),
            [first, .., last] => write!(f, "{} ids, {first} to {last}", self.0.len()),
        }
    }
}

/// A wall clock, by the last digits of its milliseconds.
struct Clock(Wall);

impl Display for Clock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Wall(0) => write!(f, "nothing"),
            Wall(u64::MAX) => write!(f, "any time"),
            wall => write!(f, "…{:06} ms", wall.millis() % 1_000_000),
        }
    }
}
