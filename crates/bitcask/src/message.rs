//! The words of the simulated world: a keeper of one store, and clients who write and read.

use bytes::Bytes;
use journal::{Journal, JournalOp, JournalTimer};
use machine::{Embeds, Protocol};
use serde::{Deserialize, Serialize};

use crate::store::{Cut, Store, StoreOp};

/// The protocol of a keeper and its clients.
#[derive(Clone, Debug)]
pub struct Keeping;

impl Protocol for Keeping {
    type Message = Message;
    type Timer = Timer;
    type Op = StoreOp;
    type Note = Note;

    fn weight(message: &Message) -> u32 {
        let carried: usize = match message {
            Message::Commit { batch, .. } => {
                let some = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
                batch.iter().map(|(key, value)| 8 + key.len() + some(value)).sum()
            }
            Message::Get { keys, .. } => keys.iter().map(|key| 4 + key.len()).sum(),
            Message::Values { values, .. } => {
                let length = |value: &Bytes| value.len();
                values
                    .iter()
                    .map(|value| 4 + value.iter().flatten().map(length).sum::<usize>())
                    .sum()
            }
            Message::Do(_) | Message::Durable { .. } | Message::Full { .. } => 0,
        };
        64 + carried as u32
    }
}

impl Embeds<Store> for Keeping {
    fn op(op: StoreOp) -> StoreOp {
        op
    }

    fn timer(timer: JournalTimer) -> Timer {
        Timer::Journal(timer)
    }

    fn note(Cut: Cut) -> Note {
        Note::Cut
    }
}

impl Embeds<Journal> for Keeping {
    fn op(op: JournalOp) -> StoreOp {
        StoreOp::Journal(op)
    }

    fn timer(timer: JournalTimer) -> Timer {
        Timer::Journal(timer)
    }
}

/// The names of timers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of the keeper.
    Journal(JournalTimer),
    /// Of a client: this request takes too long.
    Patience(u64),
}

/// Some neighbours among the keys of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The first of them.
    pub first: u8,
    /// How many there are.
    pub count: u8,
}

impl Keys {
    /// Each of them.
    pub(crate) fn each(self) -> impl Iterator<Item = u8> {
        self.first..self.first.saturating_add(self.count)
    }

    /// Is it one of them?
    pub(crate) fn has(self, key: u8) -> bool {
        self.each().any(|other| other == key)
    }
}

/// An operation of a client. All keys of an operation are one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Puts values of about so many bytes under these keys.
    Put(Keys, u16),
    /// Removes these keys.
    Remove(Keys),
    /// Reads these keys.
    Read(Keys),
}

/// What is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadValue {
    /// Nothing.
    Nothing,
    /// What the batch of this token put there.
    Of(u64),
    /// Something that no batch put there.
    False,
    /// The store says that the disk altered it.
    Rotten,
}

/// What travels. A token is a request's number, and no two requests have the same.
#[derive(Clone, Hash)]
pub enum Message {
    /// To a client, from the plan.
    Do(Order),
    /// To the keeper: these changes, all or none.
    Commit {
        /// The request.
        token: u64,
        /// Keys, and what is put there; none where they are removed.
        batch: Vec<(Bytes, Option<Bytes>)>,
    },
    /// To the keeper: what is under these keys?
    Get {
        /// The request.
        token: u64,
        /// The keys.
        keys: Vec<Bytes>,
    },
    /// The batch is durable.
    Durable {
        /// The request.
        token: u64,
    },
    /// There was no space for the batch; nothing changed.
    Full {
        /// The request.
        token: u64,
    },
    /// What is under the keys, in their order; an error where it is rotten.
    Values {
        /// The request.
        token: u64,
        /// The values.
        values: Vec<Result<Option<Bytes>, Rotten>>,
    },
}

/// The disk altered what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rotten;

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
    /// A client knows that its batch is durable.
    Written {
        /// The request.
        token: u64,
    },
    /// A client knows that nothing changed.
    Refused {
        /// The request.
        token: u64,
    },
    /// A client has read.
    Read {
        /// The request.
        token: u64,
        /// Its keys in order, and what is there.
        seen: Vec<(u8, ReadValue)>,
    },
    /// A client waits no longer.
    GivenUp {
        /// The request.
        token: u64,
    },
    /// The keeper has read its disk.
    Ready {
        /// How many keys there are.
        keys: usize,
    },
    /// A batch became durable at the keeper.
    Kept {
        /// The request.
        token: u64,
    },
    /// A boot cut off what a crash tore.
    Cut,
    /// A boot found less than there was, and says so.
    LossTold,
    /// The keeper looks for the keys of a read, all at once.
    Looked {
        /// The request.
        token: u64,
    },
    /// The hint of a segment was put in place: it was sealed, or compacted.
    Hinted,
    /// A segment was compacted.
    Compacted,
    /// A value was found to be rotten.
    Rotted,
}
