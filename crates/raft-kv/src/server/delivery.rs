//! Where the outputs of a replica go: answers to the requests that wait, other messages over the links,
//! notes to the metrics.

use std::sync::Arc;

use host::{FRONT_END, Links, Metrics, Outside, PendingRequests};
use machine::{Link, NodeId};

use crate::message::{Answer, KeyValue, Message, Note};
use crate::replica::Replica;

pub(super) struct Delivery {
    pub(super) pending: Arc<PendingRequests<Answer>>,
    pub(super) links: Arc<Links<Replica>>,
    pub(super) metrics: Metrics,
}

impl Outside<KeyValue> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        match message {
            Message::Response(response) if to == FRONT_END => {
                self.pending.answer(response.token, response.answer);
            }
            message => self.links.send(to, &message, link),
        }
    }

    /// What the simulated world counts as worth seeing is worth seeing here.
    fn noted(&self, note: Note) {
        if let Note::Sometimes(name) = note {
            let help = "What a replica noted about itself.";
            self.metrics.labelled("raft_notes_total", help, "note", name).one();
            if name == "journal-cut" {
                let why = "a crash tore the last write to it, which nobody was told of";
                tracing::warn!("the end of a replica's journal was cut off: {why}");
            }
        }
    }

    fn halted(&self, _why: &str) {
        self.pending.close();
    }
}
