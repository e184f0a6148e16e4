//! Delivers what nodes send to others than nodes of this process: calls go to the database that stands in for a
//! shard.

use host::Outside;
use machine::{Link, NodeId};
use tokio::sync::mpsc::UnboundedSender;

use super::FIRST_SHARD;
use super::metrics::ServerMetrics;
use crate::{Message, Note, Shortener};

/// Delivers what one node sends.
pub(super) struct Delivery {
    pub(super) me: NodeId,
    /// Calls to the first shard, if it is a database. The instance bounds how many are under way.
    pub(super) database: Option<UnboundedSender<Message>>,
    pub(super) counts: ServerMetrics,
}

impl Outside<Shortener> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, _link: Link) {
        let database = self.database.as_ref().filter(|_| to == NodeId(FIRST_SHARD));
        if let Some(database) = database {
            // A server that stops has no database any more.
            let _ = database.send(message);
        }
    }

    fn noted(&self, note: Note) {
        self.counts.note(&note);
        if matches!(note, Note::Cut) {
            let why = "a crash tore the last write to it, which nobody was told of";
            tracing::warn!("the end of the store of node {} was cut off: {why}", self.me.0);
        }
    }
}
