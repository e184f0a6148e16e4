//! Where what the nodes send goes: answers to the requests that wait for them, everything else to the inbox of the
//! node that it is for.
//!
//! A node sends while its lock is held, so nothing is handed over at once: two nodes that sent to each other
//! would wait for each other. What waits in an inbox is bounded by the senders: an instance has a bounded number
//! of calls and clicks under way, and the others only answer.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use host::{FRONT_END, Node, Outside, PendingRequests};
use machine::{Input, Link, NodeId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Member;
use super::counts::ServerCounts;
use crate::{Answer, LinkStats, Message, Note, Reply, Shortener};

/// A message, and who sent it.
pub(super) type Addressed = (NodeId, Message);

/// The inboxes of all nodes.
#[derive(Clone, Default)]
pub(super) struct Inboxes(Arc<RwLock<BTreeMap<NodeId, UnboundedSender<Addressed>>>>);

impl Inboxes {
    /// One for this node, and where to receive from it.
    pub(super) fn open(&self, node: NodeId) -> UnboundedReceiver<Addressed> {
        let (inbox, end) = unbounded_channel();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(node, inbox);
        end
    }

    /// Is there one for this node?
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&node)
    }

    fn put(&self, from: NodeId, to: NodeId, message: Message) {
        // A map is whole between any two calls on it.
        let inboxes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = inboxes.get(&to) {
            // A node that stopped receives nothing any more.
            let _ = inbox.send((from, message));
        }
    }
}

/// Where requests wait for answers.
#[derive(Default)]
pub(super) struct Waiting {
    /// For those of the instance.
    pub(super) answers: PendingRequests<Answer>,
    /// For those of the tally.
    pub(super) told: PendingRequests<Option<Arc<LinkStats>>>,
    /// For those of a shard that joins.
    pub(super) replies: PendingRequests<Reply>,
}

/// Delivers what one node sends.
pub(super) struct Delivery {
    pub(super) me: NodeId,
    pub(super) inboxes: Inboxes,
    pub(super) waiting: Arc<Waiting>,
    pub(super) counts: ServerCounts,
}

impl Outside<Shortener> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, _link: Link) {
        match message {
            Message::Answer { token, answer } if to == FRONT_END => {
                self.waiting.answers.answer(token, answer);
            }
            Message::Told { call, stats } if to == FRONT_END => {
                self.waiting.told.answer(call, stats)
            }
            Message::Reply { call, reply, .. } if to == FRONT_END => {
                self.waiting.replies.answer(call, reply);
            }
            message => self.inboxes.put(self.me, to, message),
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
        self.waiting.answers.close();
        self.waiting.told.close();
        self.waiting.replies.close();
    }
}

/// Hands a node what is sent to it, on a thread of its own, until it stops.
#[expect(clippy::disallowed_methods, reason = "this is where the threads of the nodes come from")]
pub(super) fn drain_inbox(
    node: Arc<Node<Member>>,
    mut inbox: UnboundedReceiver<Addressed>,
    runtime: Handle,
) {
    std::thread::spawn(move || {
        while let Some((from, message)) = inbox.blocking_recv() {
            runtime.block_on(node.room());
            if !node.input(Input::Message { from, message }) {
                return;
            }
        }
    });
}
