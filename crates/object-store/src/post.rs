//! What leaves a node: pieces of shards in bulk, and no more of them at a time than a lane takes.
//!
//! The law: what waits for a peer is bounded. What would be too much is dropped, and whoever waits for the answer to it
//! takes the peer for silent, which it is.

use std::collections::{BTreeMap, VecDeque};

use machine::{Link, NodeId, Outputs, Protocol, WINDOW, Window};

use crate::message::{Message, ObjectStore};

/// The lanes to all other nodes, and what waits for room on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    window: Window,
    waiting: BTreeMap<NodeId, Waiting>,
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    messages: VecDeque<Message>,
    weight: u32,
}

impl Post {
    /// Sends a message: what is about shards in bulk, and in order.
    pub(crate) fn send(&mut self, to: NodeId, message: Message, out: &mut Outputs<ObjectStore>) {
        match message {
            Message::Job { .. } | Message::Did { .. } => {
                let waiting = self.waiting.entry(to).or_default();
                if waiting.weight <= WINDOW {
                    waiting.weight += ObjectStore::weight(&message);
                    waiting.messages.push_back(message);
                }
                self.go_on(to, out);
            }
            message => out.send(to, message),
        }
    }

    /// The peer has taken more.
    pub(crate) fn writable(&mut self, peer: NodeId, link: Link, out: &mut Outputs<ObjectStore>) {
        self.window.writable(peer, link);
        self.go_on(peer, out);
    }

    /// What was on its way to the peer may be lost, and nobody waits for what was to follow.
    pub(crate) fn reset(&mut self, peer: NodeId) {
        self.window.reset(peer);
        self.waiting.remove(&peer);
    }

    fn go_on(&mut self, to: NodeId, out: &mut Outputs<ObjectStore>) {
        let Some(waiting) = self.waiting.get_mut(&to) else { return };
        while self.window.has_room(to, Link::Bulk) {
            let Some(message) = waiting.messages.pop_front() else {
                self.waiting.remove(&to);
                return;
            };
            let weight = ObjectStore::weight(&message);
            waiting.weight -= weight;
            self.window.sent(to, Link::Bulk, weight);
            out.bulk(to, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use machine::Output;

    use super::*;
    use crate::row::Piece;
    use crate::shards::Done;

    const PEER: NodeId = NodeId(1);

    fn piece(token: u64) -> Message {
        let bytes = Bytes::from(vec![0; 1 << 20]);
        let piece = Piece { slot: 0, digest: [0; 32], bytes };
        Message::Did { token, done: Done::Read(piece) }
    }

    fn sent(out: &mut Outputs<ObjectStore>) -> Vec<u64> {
        let token = |output| match output {
            Output::Send { message: Message::Did { token, .. }, link: Link::Bulk, .. } => token,
            other => panic!("{other:?}"),
        };
        out.drain().map(token).collect()
    }

    #[test]
    fn a_peer_that_takes_nothing_costs_a_bounded_memory_and_gets_what_waits_in_order() {
        let (mut post, mut out) = (Post::default(), Outputs::default());
        (0..100).for_each(|token| post.send(PEER, piece(token), &mut out));
        let first = sent(&mut out);
        assert_eq!(first, (0..first.len() as u64).collect::<Vec<_>>());
        assert!(first.len() <= 8, "more than a window: {}", first.len());
        let mut all = first;
        for _ in 0..20 {
            post.writable(PEER, Link::Bulk, &mut out);
            all.extend(sent(&mut out));
        }
        assert!(all.len() <= 20, "it kept more than two windows: {}", all.len());
        assert_eq!(all, (0..all.len() as u64).collect::<Vec<_>>());
        // A reset is a new beginning.
        (0..100).for_each(|token| post.send(PEER, piece(token), &mut out));
        post.reset(PEER);
        out.drain().for_each(drop);
        post.send(PEER, piece(7), &mut out);
        assert_eq!(sent(&mut out), [7]);
    }
}
