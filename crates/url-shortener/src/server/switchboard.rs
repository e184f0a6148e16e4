//! Where the nodes' words go: answers to the desk, everything else to the queue of the node that it
//! is for.
//!
//! A node speaks while its lock is held, so nothing is handed over at once: two nodes that spoke to
//! each other would wait for each other. What waits in a queue is bounded by those who speak: an
//! instance has a bounded number of calls and clicks under way, and the others only answer.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use host::{FRONT_END, Node, Outside, PendingRequests};
use machine::{Input, Link, NodeId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Member;
use super::counts::Counts;
use crate::{Answer, LinkStats, Message, Note, Reply, Shortener};

/// Something said, and by whom.
pub(super) type Said = (NodeId, Message);

/// The queues of all nodes.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<RwLock<BTreeMap<NodeId, UnboundedSender<Said>>>>);

impl Lines {
    /// One for this node, and where to listen at it.
    pub(super) fn open(&self, node: NodeId) -> UnboundedReceiver<Said> {
        let (line, end) = unbounded_channel();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(node, line);
        end
    }

    /// Does this node listen?
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&node)
    }

    fn say(&self, from: NodeId, to: NodeId, message: Message) {
        // A map is whole between any two calls on it.
        let lines = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&to) {
            // A node that stopped listens no more.
            let _ = line.send((from, message));
        }
    }
}

/// Where requests wait for answers.
#[derive(Default)]
pub(super) struct Desks {
    /// For those of the instance.
    pub(super) answers: PendingRequests<Answer>,
    /// For those of the tally.
    pub(super) told: PendingRequests<Option<Arc<LinkStats>>>,
    /// For those of a shard that joins.
    pub(super) replies: PendingRequests<Reply>,
}

/// What the words of one node reach.
pub(super) struct Switchboard {
    pub(super) me: NodeId,
    pub(super) lines: Lines,
    pub(super) desks: Arc<Desks>,
    pub(super) counts: Counts,
}

impl Outside<Shortener> for Switchboard {
    fn deliver(&self, to: NodeId, message: Message, _link: Link) {
        match message {
            Message::Answer { token, answer } if to == FRONT_END => {
                self.desks.answers.answer(token, answer);
            }
            Message::Told { call, stats } if to == FRONT_END => self.desks.told.answer(call, stats),
            Message::Reply { call, reply, .. } if to == FRONT_END => {
                self.desks.replies.answer(call, reply);
            }
            message => self.lines.say(self.me, to, message),
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
        self.desks.answers.close();
        self.desks.told.close();
        self.desks.replies.close();
    }
}

/// Hands a node what is said to it, on a thread of its own, until it stops.
#[expect(clippy::disallowed_methods, reason = "this is where the threads of the nodes come from")]
pub(super) fn listen(node: Arc<Node<Member>>, mut line: UnboundedReceiver<Said>, runtime: Handle) {
    std::thread::spawn(move || {
        while let Some((from, message)) = line.blocking_recv() {
            runtime.block_on(node.room());
            if !node.input(Input::Message { from, message }) {
                return;
            }
        }
    });
}
