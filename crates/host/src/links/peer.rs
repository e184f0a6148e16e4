//! What is kept of one other node: what waits to be sent to it, and which connection carries it.
//!
//! The law: at most [`MOST_QUEUED`] bytes wait. A datagram that does not fit is dropped; a message
//! of a stream that does not fit breaks the stream. What is sent on a broken stream goes nowhere,
//! until the machine was told of the reset.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use machine::{Link, NodeId};
use tokio::sync::Notify;

/// What a slow peer may leave unread, in bytes.
pub(super) const MOST_QUEUED: usize = 4 << 20;
/// While so much waits, no more is read from the peer: who does not take answers asks no more.
const BACKPRESSURE_AT: usize = MOST_QUEUED / 2;
/// Written at once.
const BATCH: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Known before it called, so it stays known.
    pub(super) listed: bool,
    /// Where we dial it, if it is not the one who dials.
    pub(super) dialled_at: Option<SocketAddr>,
    state: Mutex<State>,
    /// There is something to write, or the stream is broken.
    pub(super) wake: Notify,
    /// What waits has become less.
    room: Notify,
    /// Held by the connection that carries this peer: there is one at a time.
    pub(super) carried: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// Which process of the peer is connected, and by which claim.
    up: Option<(u64, u64)>,
    claims: u64,
    /// Something was sent or came since the last reset.
    used: bool,
    broken: bool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It waits, or went into a broken stream.
    Queued,
    /// It was dropped, as datagrams may be.
    Dropped,
    /// The stream broke under it.
    Broke,
}

impl Peer {
    /// One on the list.
    pub(super) fn listed(id: NodeId, dialled_at: Option<SocketAddr>) -> Peer {
        Peer { listed: true, dialled_at, ..Peer::unlisted(id) }
    }

    /// One that called.
    pub(super) fn unlisted(id: NodeId) -> Peer {
        Peer {
            id,
            listed: false,
            dialled_at: None,
            state: Mutex::default(),
            wake: Notify::new(),
            room: Notify::new(),
            carried: Default::default(),
        }
    }

    /// Queues a frame. Where we dial, a stream waits for the connection.
    pub(super) fn send(&self, frame: Bytes, link: Link) -> Sent {
        let dials = self.dialled_at.is_some();
        let mut state = self.state();
        if state.broken {
            return Sent::Queued;
        }
        let fits = state.bytes + frame.len() <= MOST_QUEUED;
        let goes = state.up.is_some() || (dials && link != Link::Datagram);
        match (fits && goes, link) {
            (true, _) => {
                state.used |= link != Link::Datagram;
                state.bytes += frame.len();
                state.queue.push_back(frame);
                self.wake.notify_one();
                Sent::Queued
            }
            (false, Link::Datagram) => Sent::Dropped,
            (false, Link::Stream | Link::Bulk) => {
                state.broken = true;
                state.used = true;
                self.wake.notify_one();
                Sent::Broke
            }
        }
    }

    /// Takes what can be written at once, joined; nothing where the stream is broken.
    pub(super) fn take_batch(&self) -> Option<Bytes> {
        let mut state = self.state();
        if state.broken {
            return None;
        }
        let mut batch = match state.queue.pop_front() {
            Some(frame) if frame.len() >= BATCH || state.queue.is_empty() => {
                state.bytes -= frame.len();
                return Some(frame);
            }
            Some(frame) => BytesMut::from(frame),
            None => return Some(Bytes::new()),
        };
        while let Some(frame) = state.queue.pop_front_if(|next| batch.len() + next.len() <= BATCH) {
            batch.extend_from_slice(&frame);
        }
        state.bytes -= batch.len();
        Some(batch.freeze())
    }

    /// A batch was written.
    pub(super) fn written(&self) {
        self.room.notify_one();
    }

    /// Ends when not too much waits for the peer.
    pub(super) async fn room(&self) {
        while self.state().bytes > BACKPRESSURE_AT {
            self.room.notified().await;
        }
    }

    /// Something came from the peer.
    pub(super) fn came(&self) {
        self.state().used = true;
    }

    /// This process of the peer is connected. Another connection of the same one is over: it is
    /// asked to end. None where another process has the number.
    pub(super) fn claim(&self, boot: u64) -> Option<u64> {
        let mut state = self.state();
        match state.up {
            Some((other, _)) if other != boot => return None,
            Some(_) => {
                state.broken = true;
                self.wake.notify_one();
            }
            None => {}
        }
        state.claims += 1;
        state.up = Some((boot, state.claims));
        Some(state.claims)
    }

    /// The connection of this claim is over.
    pub(super) fn release(&self, claim: u64) {
        let mut state = self.state();
        if state.up.is_some_and(|(_, current)| current == claim) {
            state.up = None;
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state().broken
    }

    pub(super) fn is_up(&self) -> bool {
        self.state().up.is_some()
    }

    /// Is there anything whose loss the machine must be told of?
    pub(super) fn has_lost(&self) -> bool {
        let state = self.state();
        state.used || state.broken
    }

    /// The machine is being told of a reset: from here on a new stream begins.
    pub(super) fn begin_anew(&self) {
        let mut state = self.state();
        state.queue.clear();
        (state.bytes, state.used, state.broken) = (0, false, false);
        self.room.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize) -> Bytes {
        vec![7; length].into()
    }

    fn connected() -> Peer {
        let peer = Peer::listed(NodeId(1), None);
        peer.claim(1).unwrap();
        peer
    }

    #[test]
    fn no_more_waits_than_may() {
        let peer = connected();
        for _ in 0..4 {
            assert_eq!(peer.send(frame(MOST_QUEUED / 4), Link::Stream), Sent::Queued);
        }
        assert_eq!(peer.send(frame(1), Link::Datagram), Sent::Dropped);
        assert!(peer.take_batch().is_some(), "a datagram breaks nothing");
        assert_eq!(peer.send(frame(MOST_QUEUED / 2), Link::Stream), Sent::Broke);
        assert_eq!(peer.send(frame(1), Link::Stream), Sent::Queued);
        assert_eq!(peer.take_batch(), None, "nothing arrives behind a gap");
        peer.begin_anew();
        assert_eq!(peer.take_batch(), Some(Bytes::new()));
    }

    #[test]
    fn small_frames_leave_together_and_in_order() {
        let peer = connected();
        for n in 0..100_u8 {
            peer.send(vec![n; 1000].into(), Link::Stream);
        }
        let mut sent = Vec::new();
        let mut batches = 0;
        while let Some(batch) = peer.take_batch().filter(|batch| !batch.is_empty()) {
            assert!(batch.len() <= BATCH);
            sent.extend_from_slice(&batch);
            batches += 1;
        }
        assert_eq!(batches, 2);
        assert!(sent.is_sorted() && sent.len() == 100_000);
    }

    #[test]
    fn a_stream_waits_for_a_connection_only_where_one_is_sought() {
        let sought = Peer::listed(NodeId(1), Some(([127, 0, 0, 1], 9).into()));
        assert_eq!(sought.send(frame(1), Link::Stream), Sent::Queued);
        assert_eq!(sought.send(frame(1), Link::Datagram), Sent::Dropped);
        let gone = Peer::listed(NodeId(2), None);
        assert_eq!(gone.send(frame(1), Link::Stream), Sent::Broke);
    }

    #[test]
    fn a_number_has_one_process_at_a_time() {
        let peer = connected();
        assert_eq!(peer.claim(2), None, "another process has it");
        let again = peer.claim(1).unwrap();
        assert_eq!(peer.take_batch(), None, "the connection before is asked to end");
        peer.release(again - 1);
        assert!(peer.is_up(), "its end is not the end of the new one");
        peer.release(again);
        assert!(peer.claim(2).is_some());
    }
}
