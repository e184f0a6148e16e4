//! Where a machine's words go: answers to the answers, everything else over the links, notes to what is
//! counted.

use std::sync::Arc;

use host::{FRONT_END, Links, Outside};
use machine::{Link, Machine, NodeId};

use super::answers::Answers;
use super::counts::Counts;
use crate::{Message, Note, Snowflake};

pub(super) struct Switchboard<M: Machine> {
    /// Of a server that has clients.
    pub(super) answers: Option<Arc<Answers>>,
    /// Of a node that has others to talk to.
    pub(super) links: Option<Arc<Links<M>>>,
    pub(super) counts: Counts,
}

impl<M: Machine<Protocol = Snowflake>> Outside<Snowflake> for Switchboard<M> {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        match (to, &self.answers, &self.links) {
            (FRONT_END, Some(answers), _) => answers.answer(message),
            (_, _, Some(links)) => links.send(to, &message, link),
            // A worker with a number of its own has nobody else to talk to.
            _ => {}
        }
    }

    fn noted(&self, note: Note) {
        self.counts.noted(&note);
    }

    fn halted(&self, _why: &str) {
        if let Some(answers) = &self.answers {
            answers.close();
        }
    }
}
