//! Where the outputs of a replica go: messages over the links, notes to the metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use host::{Links, Metrics, Outside};
use machine::{Link, NodeId};

use crate::message::{KeyValue, Message, Note};
use crate::replica::Replica;

pub(super) struct Delivery {
    pub(super) links: Arc<Links<Replica>>,
    pub(super) metrics: Metrics,
}

impl Outside<KeyValue> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        self.links.send(to, &message, link);
    }

    fn met(&self, peer: NodeId, address: SocketAddr) {
        self.links.meet(peer, address);
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
}
