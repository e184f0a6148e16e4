//! Delivers what a node sends to others than nodes of this process: to other processes, or calls to the database that
//! stands in for a shard.

use std::sync::Arc;

use host::{Links, Outside};
use machine::{Link, NodeId};
use tokio::sync::mpsc::UnboundedSender;

use super::Member;
use super::cluster::shard;
use super::metrics::ServerMetrics;
use crate::{Message, Note, Shortener};

/// Delivers what one node sends.
pub(super) struct Delivery {
    /// As its folder is called.
    pub(super) name: String,
    pub(super) links: Option<Arc<Links<Member>>>,
    /// Calls to the first shard, if it is a database. The instance bounds how many are under way.
    pub(super) database: Option<UnboundedSender<Message>>,
    pub(super) counts: ServerMetrics,
}

impl Outside<Shortener> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, link: Link) {
        if let Some(links) = &self.links {
            links.send(to, &message, link);
        } else if let Some(database) = self.database.as_ref().filter(|_| to == shard(0)) {
            // A server that stops has no database any more.
            let _ = database.send(message);
        }
    }

    fn noted(&self, note: Note) {
        self.counts.note(&note);
        if matches!(note, Note::Cut) {
            let (name, why) =
                (&self.name, "a crash tore the last write to it, which nobody was told of");
            tracing::warn!("the end of the store of {name} was cut off: {why}");
        }
    }
}
