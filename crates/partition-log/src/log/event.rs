//! What the owner of a log is told.

use super::read::Damaged;
use log_protocol::ask::OffsetFound;
use log_protocol::batch::Batch;

/// What happened, in the order in which it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum LogEvent {
    /// The boot is over.
    Ready,
    /// At boot: a crash tore the end, which nobody was told of, and it was cut off.
    Cut {
        /// So much of it.
        bytes: u64,
    },
    /// More is written, or synced.
    Ends,
    /// What was to be cut is gone, durably; so is all where the log was to begin anew.
    Truncated,
    /// What was asked for with this token.
    Read {
        /// Of [`Log::read`].
        token: u64,
        /// None where all of it went meanwhile.
        batches: Result<Vec<Batch>, Damaged>,
    },
    /// What was looked for with this token. Damage says so instead.
    Found {
        /// Of [`Log::find`].
        token: u64,
        /// Nothing where there is none.
        found: OffsetFound,
    },
    /// The disk is full. What waits is tried again; it is not taken back, since followers may have it.
    Full,
    /// The disk does not have what it had, or shows something else: this log must not be counted on. The node goes on,
    /// and another replica may give it back ([`Log::restart_at`]).
    Damaged(String),
    /// It cannot be told what is on the disk: the node halts with this sentence.
    Broken(String),
    /// All of it is gone, as asked.
    Deleted,
}

/// What to do when a disk operation of a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogOp {
    /// The read of this number.
    Read(u64),
    /// At boot: the facts of this file were read.
    Facts(u64),
    /// Facts were put in place, or deleted.
    Sidecar,
}
