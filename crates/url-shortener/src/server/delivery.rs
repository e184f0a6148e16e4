//! Delivers what nodes send each other: to the inbox of the receiving node.
//!
//! A node sends while it holds its lock, so a message is queued and not handed over: two nodes that sent
//! to each other would deadlock. The senders bound the inboxes: an instance has a bounded number of calls
//! and clicks under way, and the others only answer.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use host::{Node, Outside};
use machine::{Input, Link, NodeId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Member;
use super::metrics::ServerMetrics;
use crate::{Message, Note, Shortener};

/// A message, and who sent it.
pub(super) type Envelope = (NodeId, Message);

/// The inboxes of all nodes.
#[derive(Clone, Default)]
pub(super) struct Inboxes(Arc<RwLock<BTreeMap<NodeId, UnboundedSender<Envelope>>>>);

impl Inboxes {
    /// Makes the inbox of this node, and returns its receiving end.
    pub(super) fn open(&self, node: NodeId) -> UnboundedReceiver<Envelope> {
        let (inbox, end) = unbounded_channel();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(node, inbox);
        end
    }

    /// Does this node have an inbox?
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&node)
    }

    fn put(&self, from: NodeId, to: NodeId, message: Message) {
        // No call on the map leaves it half changed, so a poisoned lock is harmless.
        let inboxes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = inboxes.get(&to) {
            // A stopped node receives nothing.
            let _ = inbox.send((from, message));
        }
    }
}

/// Delivers what one node sends.
pub(super) struct Delivery {
    pub(super) me: NodeId,
    pub(super) inboxes: Inboxes,
    pub(super) counts: ServerMetrics,
}

impl Outside<Shortener> for Delivery {
    fn deliver(&self, to: NodeId, message: Message, _link: Link) {
        self.inboxes.put(self.me, to, message);
    }

    fn noted(&self, note: Note) {
        self.counts.note(&note);
        if matches!(note, Note::Cut) {
            let why = "a crash tore the last write to it, which nobody was told of";
            tracing::warn!("the end of the store of node {} was cut off: {why}", self.me.0);
        }
    }
}

/// Hands a node the messages in its inbox, on a thread of its own, until the node stops.
#[expect(clippy::disallowed_methods, reason = "this is where the threads of the nodes come from")]
pub(super) fn drain_inbox(
    node: Arc<Node<Member>>,
    mut inbox: UnboundedReceiver<Envelope>,
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
