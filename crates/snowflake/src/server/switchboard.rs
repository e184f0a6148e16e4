//! Where a machine's words go: answers to the desk, everything else over the links, notes to the
//! metrics.

use std::sync::Arc;

use host::{FRONT_END, Links, Metrics, Outside};
use machine::{Link, Machine, NodeId};
use sim::{Remark, System};

use super::desk::Desk;
use crate::{Message, Note, Snowflake, Snowflakes};

pub(super) struct Switchboard<M: Machine> {
    /// Of a server that has clients.
    pub(super) desk: Option<Arc<Desk>>,
    /// Of a node that has others to talk to.
    pub(super) links: Option<Arc<Links<M>>>,
    pub(super) metrics: Metrics,
}

impl<M: Machine<Protocol = Snowflake>> Outside<Snowflake> for Switchboard<M> {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        match (to, &self.desk, &self.links) {
            (FRONT_END, Some(desk), _) => desk.answer(message),
            (_, _, Some(links)) => links.send(to, &message, link),
            // A worker with a number of its own has nobody else to talk to.
            _ => {}
        }
    }

    /// What the simulated world counts as worth seeing is worth seeing here.
    fn noted(&self, note: Note) {
        if let Remark::Sometimes(name) = Snowflakes::remark(&note) {
            let help = "What a machine noted about itself.";
            self.metrics.labelled("snowflake_notes_total", help, "note", name).one();
        }
    }

    fn halted(&self, _why: &str) {
        if let Some(desk) = &self.desk {
            desk.close();
        }
    }
}
