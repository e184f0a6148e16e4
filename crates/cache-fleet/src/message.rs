//! The protocol of the fleet: what application servers, caches and the database say to each other.

use std::time::Duration;

use machine::{NodeId, Protocol};
use serde::{Deserialize, Serialize};

/// The protocol that application servers, caches and the database share.
#[derive(Clone, Debug)]
pub struct Fleet;

impl Protocol for Fleet {
    type Message = Message;
    type Timer = Timer;
    type Op = ();
    type Note = Note;
}

/// What is sent. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a front or a cache, from outside.
    Order(Order),
    /// To a cache: a look-up.
    Get {
        /// The request, which comes back with the answer.
        token: u64,
        /// What it is about.
        key: u64,
    },
    /// From a cache: a hit, with the value.
    Found {
        /// Of the request.
        token: u64,
    },
    /// From a cache: a miss.
    Missing {
        /// Of the request.
        token: u64,
    },
    /// To a cache: keep this.
    Put {
        /// What to keep.
        key: u64,
    },
    /// To the database.
    Read {
        /// Which read, and which attempt at it.
        attempt: Attempt,
        /// What to read.
        key: u64,
        /// How long the front waits for it, where it says so.
        left: Option<Duration>,
    },
    /// From the database: here it is.
    Row {
        /// Of the read.
        attempt: Attempt,
    },
    /// From the database: too many wait already.
    TurnedAway {
        /// Of the read.
        attempt: Attempt,
    },
}

/// A call to the database. An answer to a call that was given up is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The read.
    pub read: u64,
    /// 0 for the first.
    pub retry: u32,
}

/// Something to do: an operation of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// For a front: users come.
    Browse(Browse),
    /// For a front: this cache is in the fleet from now on.
    Join(NodeId),
    /// For a front: this cache is no longer in the fleet.
    Leave(NodeId),
    /// For a cache: the time of this key is up.
    Expire(u64),
}

/// A crowd of users, who come whether or not earlier ones were served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browse {
    /// How many requests.
    pub requests: u32,
    /// How far apart on average, in microseconds; 0 is all at once.
    pub every_us: u32,
    /// The first of the keys that they ask for.
    pub first: u64,
    /// And how many keys there are; all are equally popular.
    pub keys: u64,
    /// They have been coming for a while, so that the caches have their keys when they begin.
    pub warm: bool,
}

/// The names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of a front: the next user of this crowd comes.
    Arrival(u32),
    /// Of a front: the cache has taken too long over this request.
    Call(u64),
    /// Of a front: the database has taken too long over this read, or it is time to try again.
    Read(u64),
    /// Of a cache or the database: the job of this number is done.
    Served(u64),
}

/// How a call to a cache ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// With the value.
    Hit,
    /// Without.
    Miss,
    /// The cache was silent for too long.
    TimedOut,
    /// The connection broke.
    Reset,
}

/// What goes into the history. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// A user asked a front.
    Asked {
        /// Of the request.
        token: u64,
        /// For what.
        key: u64,
        /// Where the front keeps it: its home first, then the other copies.
        copies: Vec<NodeId>,
    },
    /// The user was served.
    Answered {
        /// Of the request.
        token: u64,
    },
    /// The user was told to come back later.
    Failed {
        /// Of the request.
        token: u64,
    },
    /// A front called a cache.
    Called {
        /// Of the request.
        token: u64,
        /// Whom.
        cache: NodeId,
    },
    /// The call ended.
    Returned {
        /// Of the request.
        token: u64,
        /// Who was called.
        cache: NodeId,
        /// How.
        outcome: CallOutcome,
    },
    /// A request was sent on to another cache, since its home is at the bound.
    SentOn,
    /// A call to a cache failed at once, since its breaker is open.
    FailedFast {
        /// Which cache.
        cache: NodeId,
    },
    /// A breaker opened.
    Opened {
        /// In front of which cache.
        cache: NodeId,
    },
    /// A request waits for a read that is under way already.
    Coalesced,
    /// A read is tried again.
    Retried,
    /// A read is not tried again, since the budget is used up.
    BudgetSpent,
    /// A front called the database.
    Read {
        /// For which read, and which attempt at it.
        attempt: Attempt,
    },
    /// The database serves this from now on.
    Serves {
        /// Who called.
        front: NodeId,
        /// And for what.
        attempt: Attempt,
    },
    /// A read left the line of the database, since nobody waits for it any longer.
    GivenUp,
    /// The database turned a read away.
    TurnedAway,
    /// A front has taken a cache into the fleet.
    Joined {
        /// Which.
        cache: NodeId,
    },
    /// A front has taken a cache out of the fleet.
    Left {
        /// Which.
        cache: NodeId,
    },
}
