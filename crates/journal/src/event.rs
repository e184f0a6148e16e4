//! What an owner is told.

use bytes::Bytes;

use crate::format::Place;

/// What happened, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<H> {
    /// At boot: these files are there, and none is shorter than it was. The owner has them read
    /// ([`crate::Appender::read`]), in order, the last in any case.
    Found(Vec<u64>),
    /// At boot: a frame was read.
    Frame(Place, Bytes),
    /// At boot: this file was read to its end.
    End(Place),
    /// At boot: the end of the newest file was never durable as far as anybody knows, and is no frame. A
    /// crash tore it, and it was cut off.
    Cut {
        /// Where it began.
        at: Place,
        /// How long it was.
        bytes: u64,
    },
    /// The boot is over.
    Ready,
    /// What was held leaves: all that was appended before is synced, or written where nothing is synced.
    Durable(Vec<H>),
    /// What was held leaves that waited for the write only.
    Written(Vec<H>),
    /// The disk is full. Nothing is lost: it is tried again, unless the owner takes it back
    /// ([`crate::Appender::refuse`]). A boot waits for space too, where the disk needs some to write again what is
    /// there.
    Full,
    /// A file was put in its place.
    Replaced(H),
    /// There was no space for a file, and the old one is there; or that one was taken away meanwhile.
    NotReplaced(H),
    /// At boot: what was durable is not there, or cannot be read. Nothing was changed, and nothing is done any more.
    /// The owner halts with this sentence; or goes on without this log, and may give it up
    /// ([`crate::Appender::give_up`]).
    Damaged(String),
    /// It cannot keep its promises: the owner halts with this sentence.
    Broken(String),
}
