//! The group has news: an entry is committed, and applied; what waited for it is answered.

use machine::{Now, Outputs};
use raft::{Entry, Event, Group, Index, NotApplied, Payload};

use super::{GROUP, PendingRead, PendingWrite, Replica, respond};
use crate::message::{Answer, KeyValue, Note, Refusal};
use crate::store::Effect;

impl Replica {
    /// Takes all events and committed entries that there are, in order.
    pub(super) fn catch_up(&mut self, now: &mut Now<'_>, out: &mut Outputs<KeyValue>) {
        loop {
            if let Some((_, event)) = self.groups.next_event() {
                self.event(event, out);
            } else if let Some((_, index, entry)) = self.groups.next_committed() {
                self.apply(index, &entry, out);
            } else if !self.groups.is_taking(GROUP) && self.growth.is_due(now.random) {
                self.growth.frozen();
                let freezes = self.groups.freeze(GROUP, self.applied, now);
                self.frozen = freezes.then(|| self.store.freeze());
            } else {
                break;
            }
        }
    }

    fn give_piece(&mut self) {
        let Some(frozen) = &mut self.frozen else { return };
        let (piece, last) = frozen.piece();
        self.groups.piece(GROUP, piece, last);
        if last {
            self.growth.taken(frozen.length());
            self.frozen = None;
        }
    }

    fn take_piece(&mut self, first: bool, piece: &[u8]) {
        let begun = match self.thawing.take() {
            Some(thawing) if !first => thawing,
            _ => Ok(self.store.thaw()),
        };
        // What a leader sends may be of no use: nobody knows before it is whole.
        self.thawing = Some(begun.and_then(|mut thawing| thawing.add(piece).map(|()| thawing)));
    }

    /// The pieces are the store from now on.
    fn restored(&mut self, index: Index, out: &mut Outputs<KeyValue>) {
        self.frozen = None;
        let Some(thawed) = self.thawing.take() else { return };
        self.growth.frozen();
        let restored = thawed.and_then(|thawed| {
            self.growth.taken(thawed.length());
            self.store.restore(thawed)
        });
        match restored {
            Ok(()) => self.applied = index,
            Err(rotten) => out.halt(rotten.to_string()),
        }
    }

    fn event(&mut self, event: Event, out: &mut Outputs<KeyValue>) {
        match event {
            Event::Leads { .. } => {}
            Event::Follows { .. } => {
                for PendingWrite { client, token, .. } in self.writes.drain(..) {
                    respond(client, token, Answer::Lost, out);
                }
            }
            Event::Readable { token, .. } => {
                if let Some(PendingRead { client, token, ask }) = self.reads.remove(&token)
                    && let Some(answer) = self.look_up(&ask)
                {
                    respond(client, token, answer, out);
                }
            }
            Event::ReadLost { token } => {
                if let Some(PendingRead { client, token, .. }) = self.reads.remove(&token) {
                    let leader = self.group().and_then(Group::leader);
                    respond(client, token, Answer::NotLeader { leader }, out);
                }
            }
            Event::PieceWanted => self.give_piece(),
            Event::Piece { first, bytes } => self.take_piece(first, &bytes),
            Event::Restored { index } => self.restored(index, out),
            Event::SnapshotWanted => self.growth.want(),
            Event::Noted(what) => out.note(Note::Sometimes(what)),
        }
    }

    fn apply(&mut self, index: Index, entry: &Entry, out: &mut Outputs<KeyValue>) {
        self.applied = index;
        self.growth.add(entry);
        let mut outcome = Err(NotApplied::Stale);
        if let Payload::Command(bytes) = &entry.payload {
            let before = self.store.repeats();
            outcome = self.store.apply(bytes);
            if self.store.repeats() > before {
                out.note(Note::Sometimes("repeated-command"));
            }
        }
        let due = |write: &mut PendingWrite| write.at.1 <= index;
        while let Some(PendingWrite { at, client, token, is_cas }) = self.writes.pop_front_if(due) {
            let answer = match outcome {
                // Another entry took its place.
                _ if at != (entry.term, index) => Answer::Lost,
                Ok(Effect::Done) if is_cas => Answer::Swapped(true),
                Ok(Effect::Done) => Answer::Done,
                Ok(Effect::Unmatched) => Answer::Swapped(false),
                Ok(Effect::Refused) => Answer::Refused(Refusal::TooLarge),
                Err(NotApplied::Reused) => Answer::Refused(Refusal::Reused),
                Err(NotApplied::Stale) => Answer::Lost,
            };
            respond(client, token, answer, out);
        }
    }
}
