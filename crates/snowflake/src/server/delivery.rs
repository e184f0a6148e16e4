//! Where the outputs of a machine go: messages over the links, notes to the metrics.

use std::sync::Arc;

use host::{Links, Outside};
use machine::{Link, Machine, NodeId};

use super::counts::NoteCounts;
use crate::{Message, Note, Snowflake};

pub(super) struct Delivery<M: Machine> {
    /// Of a node that has others to talk to.
    pub(super) links: Option<Arc<Links<M>>>,
    pub(super) counts: NoteCounts,
}

impl<M: Machine<Protocol = Snowflake>> Outside<Snowflake> for Delivery<M> {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        // A worker with a number of its own has nobody else to talk to.
        if let Some(links) = &self.links {
            links.send(to, &message, link);
        }
    }

    fn noted(&self, note: Note) {
        self.counts.noted(&note);
    }
}
