//! The words of the simulated world: a keeper of one log, and clients who append to it and read it.

use machine::{Embeds, Protocol};
use serde::{Deserialize, Serialize};

use crate::words::{Journal, JournalOp, JournalTimer};

/// The protocol of a keeper and its clients.
#[derive(Clone, Debug)]
pub struct Keeping;

impl Protocol for Keeping {
    type Message = Message;
    type Timer = Timer;
    type Op = JournalOp;
    type Note = Note;
}

impl Embeds<Journal> for Keeping {
    fn op(op: JournalOp) -> JournalOp {
        op
    }

    fn timer(timer: JournalTimer) -> Timer {
        Timer::Journal(timer)
    }
}

/// An operation of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Appends an entry of about so many bytes.
    Append(u16),
    /// Reads all that it has appended.
    Read,
}

/// The names of timers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of the keeper.
    Journal(JournalTimer),
    /// Of a client: this request takes too long.
    Patience(u64),
}

/// What travels. A token is a request's number, and no two requests have the same.
#[derive(Clone, Hash)]
pub enum Message {
    /// To a client, from the plan.
    Do(Order),
    /// To the keeper: append this.
    Append {
        /// The request, which is the entry too.
        token: u64,
        /// So many bytes beside it.
        length: u16,
    },
    /// To the keeper: what is there of mine?
    Read {
        /// The request.
        token: u64,
    },
    /// The entry is durable.
    Durable {
        /// The request.
        token: u64,
    },
    /// What is there, in order.
    Entries {
        /// The request.
        token: u64,
        /// The entries of that client.
        entries: Vec<u64>,
    },
}

/// What the history remembers.
#[derive(Clone, Hash)]
pub enum Note {
    /// A client begins.
    Asked {
        /// The request.
        token: u64,
        /// What it is.
        order: Order,
    },
    /// A client knows that its entry is durable.
    Written {
        /// The request.
        token: u64,
    },
    /// A client has read.
    Read {
        /// The request.
        token: u64,
        /// What is there, in order.
        entries: Vec<u64>,
    },
    /// A client waits no longer.
    GivenUp {
        /// The request.
        token: u64,
    },
    /// The keeper has read its disk.
    Ready {
        /// How many entries there are.
        entries: usize,
    },
    /// A boot cut off what a crash tore.
    Cut,
    /// A boot found less than there was, and says so.
    LossTold,
    /// The disk is full.
    Full,
}
