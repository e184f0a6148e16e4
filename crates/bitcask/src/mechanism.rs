//! The switches: which protections a store has, and what each is for.

use machine::{Mechanism as Info, Switches};

/// A protective mechanism. Its place in [`MECHANISMS`] is its place in [`Switches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is explained in MECHANISMS")]
pub enum Mechanism {
    FlushBeforeAck,
    EntryChecksum,
}

impl Mechanism {
    /// Is it on?
    pub fn on(self, switches: Switches) -> bool {
        switches.on(self as usize)
    }

    /// The switches of a store in which it is on or off, and all others are on.
    pub fn only_if(self, on: bool) -> Switches {
        if on { Switches::ALL_ON } else { Switches::ALL_ON.without(self as usize) }
    }
}

/// All of them, in the order of [`Mechanism`].
pub const MECHANISMS: &[Info] = &[
    Info { name: "flush-before-ack", about: "a batch is synced before it is said to be durable" },
    Info {
        name: "entry-checksum",
        about: "a read compares the checksum of the entry before it believes it",
    },
];
