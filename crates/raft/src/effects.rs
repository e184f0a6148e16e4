//! What a group wants done after an input: it owns neither a disk nor a socket.

use std::net::SocketAddr;

use bytes::Bytes;
use machine::NodeId;

use crate::log::{Snapshot, SnapshotFile};
use crate::member::Member;
use crate::rpc::{Index, Rpc, Term};
use crate::snapshot_files::Source;

/// What a group tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This member leads.
    Leads {
        /// In this term.
        term: Term,
    },
    /// It does not, or no longer; what was proposed here and is not committed yet may be lost.
    Follows {
        /// In this term.
        term: Term,
        /// Whom, where that is known.
        leader: Option<NodeId>,
    },
    /// A read may be answered: everything up to `index` was handed out to be applied.
    Readable {
        /// Of the read.
        token: u64,
        /// What the answer must contain.
        index: Index,
    },
    /// A read will not be answered here; it did nothing.
    ReadLost {
        /// Of the read.
        token: u64,
    },
    /// Give the next piece of the state that you froze ([`Groups::piece`](crate::Groups::piece)).
    PieceWanted,
    /// A piece of a state that may become yours, as an owner gave it, in any lengths. Keep it beside your own
    /// state: it counts with [`Event::Restored`], and not before.
    Piece {
        /// Is it the first? What was kept before it is void.
        first: bool,
        /// In order.
        bytes: Bytes,
    },
    /// The pieces since the first are whole, and your state from now on. What you froze is void.
    Restored {
        /// The last entry that is in it.
        index: Index,
    },
    /// A follower needs a snapshot, and there is none to send, since the owner keeps the state itself or the
    /// file is not what was written: freeze it, soon.
    SnapshotWanted,
    /// Something that does not happen all the time.
    Noted(&'static str),
}

/// What is to be done with the files of a group's snapshots.
#[derive(Clone, Debug)]
pub(crate) enum FileWork {
    /// The owner froze its state: ask for it, piece by piece.
    Take,
    /// A leader's piece; with the first a file is begun.
    Receive { first: bool, bytes: Bytes, last: bool },
    /// What was written so far of such a file is of no use.
    Drop(Source),
    /// Read a piece of a file, to send it.
    Read { to: Member, file: SnapshotFile, offset: u64 },
}

/// What came of one call of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// Term or vote changed: to be written.
    pub(crate) state: bool,
    /// The log changed from here on: to be written.
    pub(crate) appended_from: Option<Index>,
    /// There is a new snapshot in the place of this one: to be written before any of the above.
    pub(crate) compacted: Option<Snapshot>,
    /// And the log begins anew after that.
    pub(crate) restarted: bool,
    pub(crate) files: Vec<FileWork>,
    /// These leave at once.
    pub(crate) sends: Vec<(Member, Rpc)>,
    /// And these when what was written so far is durable.
    pub(crate) held: Vec<(Member, Rpc)>,
    pub(crate) events: Vec<Event>,
    /// The disk has lost these entries, the first and the last of them.
    pub(crate) lost: Option<(Index, Index)>,
    /// Nodes that may be spoken with from now on, and where.
    pub(crate) meets: Vec<(NodeId, SocketAddr)>,
}

impl Effects {
    pub(crate) fn send(&mut self, to: Member, rpc: Rpc) {
        self.sends.push((to, rpc));
    }

    /// Sends it when everything that it may rest on is durable.
    pub(crate) fn send_durable(&mut self, to: Member, rpc: Rpc) {
        self.held.push((to, rpc));
    }

    pub(crate) fn append_from(&mut self, index: Index) {
        self.appended_from = Some(self.appended_from.map_or(index, |first| first.min(index)));
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        self.events.push(Event::Noted(what));
    }

    /// Is something to be written?
    pub(crate) fn writes(&self) -> bool {
        self.state || self.appended_from.is_some() || self.compacted.is_some()
    }
}
