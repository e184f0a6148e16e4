//! What a group wants done after an input: it owns neither a disk nor a socket.

use bytes::Bytes;
use machine::NodeId;

use crate::log::Snapshot;
use crate::member::Member;
use crate::rpc::{Index, Rpc, Term};

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
    /// The owner's state is to become this snapshot.
    Restored {
        /// The last entry that is in it.
        index: Index,
        /// As the owner gave it.
        state: Bytes,
    },
    /// Something that does not happen all the time.
    Noted(&'static str),
}

/// What came of one call of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// Term or vote changed: to be written.
    pub(crate) state: bool,
    /// The log changed from here on: to be written.
    pub(crate) appended_from: Option<Index>,
    /// The log begins anew after a snapshot: to be written.
    pub(crate) rebased: bool,
    /// A new snapshot: to be written before any of the above.
    pub(crate) snapshot: Option<Snapshot>,
    /// These leave at once.
    pub(crate) sends: Vec<(Member, Rpc)>,
    /// And these when what was written so far is durable.
    pub(crate) held: Vec<(Member, Rpc)>,
    pub(crate) events: Vec<Event>,
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
        self.state || self.appended_from.is_some() || self.rebased || self.snapshot.is_some()
    }
}
