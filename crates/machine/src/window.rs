//! How much may be on its way on one lane.

use std::collections::BTreeMap;

use crate::protocol::{Link, NodeId};

/// What may be outstanding on one lane of a pair in one direction, in bytes by weight.
pub const WINDOW: u32 = 8 << 20;
/// The receiver's driver gives credit for so much at a time.
pub const CREDIT: u32 = WINDOW / 4;
/// The heaviest message of a stream or in bulk, in bytes.
pub const LONGEST: u32 = 4 << 20;
/// What a message counts for in a window at least, in bytes: to keep one takes memory, also where it says nothing.
pub const LIGHTEST: u32 = 64;
/// The heaviest datagram, in bytes: what every path of the internet carries in one piece.
pub const DATAGRAM: u32 = 1_200;

/// What a machine has sent and its peers have not taken, lane by lane: the count that the driver keeps too,
/// for a machine that sends much.
///
/// Both count a message for its weight, and for [`LIGHTEST`] at least.
///
/// The law: who sends only while there is room is never reset for the amount. There is room up to half of the
/// window, and no message is heavier than the other half. Where there is none, the peer has something to take,
/// so [`Input::Writable`](crate::Input::Writable) or a reset will come.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// By lane; those on which nothing is outstanding may be missing.
    outstanding: BTreeMap<(NodeId, Link), u32>,
}

impl Window {
    /// A message of this weight was sent.
    pub fn sent(&mut self, peer: NodeId, link: Link, weight: u32) {
        let outstanding = self.outstanding.entry((peer, link)).or_default();
        *outstanding = outstanding.saturating_add(weight.max(LIGHTEST));
    }

    /// May more be sent?
    pub fn has_room(&self, peer: NodeId, link: Link) -> bool {
        self.outstanding.get(&(peer, link)).is_none_or(|outstanding| *outstanding <= WINDOW / 2)
    }

    /// The machine was told [`Input::Writable`](crate::Input::Writable): the peer took more of it.
    pub fn writable(&mut self, peer: NodeId, link: Link) {
        if let Some(outstanding) = self.outstanding.get_mut(&(peer, link)) {
            *outstanding = outstanding.saturating_sub(CREDIT);
        }
    }

    /// The machine was told [`Input::LinkReset`](crate::Input::LinkReset): nothing is outstanding.
    pub fn reset(&mut self, peer: NodeId) {
        for link in [Link::Stream, Link::Bulk] {
            self.outstanding.remove(&(peer, link));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PEER: NodeId = NodeId(1);

    proptest! {
        /// However slowly the peer takes it, who asks for room never has more than a window outstanding, and is
        /// never left waiting for a peer that has taken everything.
        #[test]
        fn room_is_never_too_much_and_never_gone_for_good(
            messages in prop::collection::vec((0..=LONGEST, any::<bool>()), 1..60),
        ) {
            let mut window = Window::default();
            let (mut sent, mut taken, mut credits) = (0_u64, 0_u64, 0_u64);
            let mut give = |window: &mut Window, taken: u64| while (credits + 1) * u64::from(CREDIT) <= taken {
                credits += 1;
                window.writable(PEER, Link::Bulk);
            };
            for (weight, takes) in messages {
                if !window.has_room(PEER, Link::Bulk) {
                    taken = sent;
                    give(&mut window, taken);
                }
                prop_assert!(window.has_room(PEER, Link::Bulk), "all is taken");
                window.sent(PEER, Link::Bulk, weight);
                let weight = weight.max(LIGHTEST);
                sent += u64::from(weight);
                prop_assert!(sent - taken <= u64::from(WINDOW));
                if takes {
                    taken += u64::from(weight).min(sent - taken);
                    give(&mut window, taken);
                }
                prop_assert!(window.has_room(PEER, Link::Stream), "another lane");
            }
        }
    }

    #[test]
    fn a_reset_empties_both_lanes_of_that_peer_only() {
        let mut window = Window::default();
        let full = |window: &mut Window, peer| {
            for link in [Link::Stream, Link::Bulk] {
                window.sent(NodeId(peer), link, WINDOW);
            }
        };
        full(&mut window, 1);
        full(&mut window, 2);
        window.reset(PEER);
        let room = |peer, link| window.has_room(NodeId(peer), link);
        assert!(room(1, Link::Stream) && room(1, Link::Bulk));
        assert!(!room(2, Link::Stream) && !room(2, Link::Bulk));
    }
}
