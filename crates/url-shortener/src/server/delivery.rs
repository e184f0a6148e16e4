//! Delivers what nodes send to others than nodes of this process: answers go to the requests that wait for them,
//! calls to the database that stands in for a shard.

use std::sync::Arc;

use host::{FRONT_END, Outside, PendingRequests};
use machine::{Link, NodeId};
use tokio::sync::mpsc::UnboundedSender;

use super::FIRST_SHARD;
use super::metrics::ServerMetrics;
use crate::{Answer, LinkStats, Message, Note, Reply, Shortener};

/// The requests that wait for answers.
#[derive(Default)]
pub(super) struct PendingAnswers {
    /// From the instance.
    pub(super) answers: PendingRequests<Answer>,
    /// From the tally.
    pub(super) stats: PendingRequests<Option<Arc<LinkStats>>>,
    /// From a joining shard.
    pub(super) replies: PendingRequests<Reply>,
}

/// Delivers what one node sends.
pub(super) struct Delivery {
    pub(super) me: NodeId,
    /// Calls to the first shard, if it is a database. The instance bounds how many are under way.
    pub(super) database: Option<UnboundedSender<Message>>,
    pub(super) pending: Arc<PendingAnswers>,
    pub(super) counts: ServerMetrics,
}

impl Outside<Shortener> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, _link: Link) {
        match message {
            Message::Answer { token, answer } if to == FRONT_END => {
                self.pending.answers.answer(token, answer);
            }
            Message::Stats { call, stats } if to == FRONT_END => {
                self.pending.stats.answer(call, stats)
            }
            Message::Reply { call, reply, .. } if to == FRONT_END => {
                self.pending.replies.answer(call, reply);
            }
            message => {
                let database = self.database.iter().filter(|_| to == NodeId(FIRST_SHARD));
                // A server that stops has no database any more.
                database.for_each(|database| drop(database.send(message.clone())));
            }
        }
    }

    fn noted(&self, note: Note) {
        self.counts.note(&note);
        if matches!(note, Note::Cut) {
            let why = "a crash tore the last write to it, which nobody was told of";
            tracing::warn!("the end of the store of node {} was cut off: {why}", self.me.0);
        }
    }

    fn halted(&self, _why: &str) {
        self.pending.answers.close();
        self.pending.stats.close();
        self.pending.replies.close();
    }
}
