//! Where the outputs of a machine go: answers to the requests that wait, other messages over the links,
//! notes to the metrics.

use std::sync::Arc;

use host::{FRONT_END, Links, Outside};
use machine::{Link, Machine, NodeId};

use super::counts::NoteCounts;
use super::pending::PendingMints;
use crate::{Message, Note, Snowflake};

pub(super) struct Delivery<M: Machine> {
    /// Of a server that has clients.
    pub(super) pending: Option<Arc<PendingMints>>,
    /// Of a node that has others to talk to.
    pub(super) links: Option<Arc<Links<M>>>,
    pub(super) counts: NoteCounts,
}

impl<M: Machine<Protocol = Snowflake>> Outside<Snowflake> for Delivery<M> {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        match (to, &self.pending, &self.links) {
            (FRONT_END, Some(pending), _) => pending.answer(message),
            (_, _, Some(links)) => links.send(to, &message, link),
            // A worker with a number of its own has nobody else to talk to.
            _ => {}
        }
    }

    fn noted(&self, note: Note) {
        self.counts.noted(&note);
    }

    fn halted(&self, _why: &str) {
        if let Some(pending) = &self.pending {
            pending.close();
        }
    }
}
