//! What the parts of a journal say in the words of their owner.

use std::convert::Infallible;

use machine::Protocol;

/// The words of the bound and of all appenders of a node: an owner embeds them with one `Embeds<Journal>`.
#[derive(Clone, Debug)]
pub struct Journal;

impl Protocol for Journal {
    type Message = Infallible;
    type Timer = JournalTimer;
    type Op = JournalOp;
    type Note = Infallible;
}

/// A timer of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalTimer {
    /// Of the bound: [`crate::Bound::timer`].
    Bound,
    /// Of the appender of this family: [`crate::Appender::timer`].
    Retry(u32),
}

/// A disk operation of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalOp {
    /// Of the bound: [`crate::Bound::ended`].
    Bound(BoundOp),
    /// Of the appender of a family: [`crate::Appender::ended`].
    Log {
        /// Which family.
        family: u32,
        /// What it was.
        step: Step,
    },
}

/// What to do when a disk operation of the bound ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoundOp {
    /// At boot: its file was read.
    Read,
    /// At boot: the folder was listed.
    Listed,
    /// A slot was written.
    Written,
    /// And synced.
    Synced,
    /// Its file was put in place with longer slots.
    Replaced,
}

/// What to do when a disk operation of an appender ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// At boot: the length of this file is known.
    Measured(u64),
    /// At boot: a part of a file was read.
    Read,
    /// At boot: the newest file was cut or written again, or synced after that.
    Restored,
    /// A file was synced to its end, before the next one is begun.
    Sealed,
    /// Frames were written or synced, or files cut.
    Put,
    /// A file was put in place as a whole.
    Replaced,
    /// A file was deleted.
    Deleted,
}
