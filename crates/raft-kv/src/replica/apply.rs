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
            } else if let Some((index, entry)) = self.groups.next_committed(GROUP) {
                self.apply(index, &entry, out);
            } else {
                break;
            }
        }
        if self.growth.is_due() {
            let state = self.store.snapshot();
            self.growth.restart(&state);
            self.groups.compact(GROUP, self.applied, state, now);
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
            Event::Restored { index, state } => match self.store.restore(&state) {
                Ok(()) => {
                    self.applied = index;
                    self.growth.restart(&state);
                }
                Err(rotten) => out.halt(rotten.to_string()),
            },
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
