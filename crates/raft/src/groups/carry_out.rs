//! What comes of an input: records for the journal, messages for other nodes, events for the owner.
//!
//! The law: a message that rests on what a group has promised leaves only when the journal has it.

use machine::{Embeds, Now, Outputs};

use super::Groups;
use crate::effects::{Effects, Event};
use crate::group::Group;
use crate::journal::Held;
use crate::member::ANY_DISK;
use crate::rpc::{Entry, Envelope, GroupId, Index};

impl Groups {
    /// Calls a group, and carries out what it wants done.
    pub(super) fn call<R>(
        &mut self,
        id: GroupId,
        now: &mut Now<'_>,
        act: impl FnOnce(&mut Group, &mut Now<'_>, &mut Effects) -> R,
    ) -> Option<R> {
        let mut fx = std::mem::take(&mut self.fx);
        let group = self.groups.get_mut(id.0 as usize)?;
        let result = act(group, now, &mut fx);
        self.carry_out(id, &mut fx, now);
        self.fx = fx;
        Some(result)
    }

    pub(super) fn carry_out(&mut self, id: GroupId, fx: &mut Effects, now: &mut Now<'_>) {
        if self.touched.last() != Some(&id) {
            self.touched.push(id);
        }
        let group = &self.groups[id.0 as usize];
        let mark = Held::Persisted(id, group.term(), group.log().last_index());
        let writes = fx.writes();
        self.journal.record_changes(group, fx);
        self.events.extend(fx.events.drain(..).map(|event| (id, event)));
        self.outbox.extend(fx.sends.drain(..).map(|(to, rpc)| (to, id, rpc)));
        for (to, rpc) in fx.held.drain(..) {
            if let Some(free) = self.journal.hold(Held::Send(to, id, rpc)) {
                self.release(free, now);
            }
        }
        if writes && let Some(free) = self.journal.hold(mark) {
            self.release(free, now);
        }
    }

    /// What this held back is durable.
    pub(super) fn release(&mut self, free: Held, now: &mut Now<'_>) {
        match free {
            Held::Send(to, group, rpc) => self.outbox.push((to, group, rpc)),
            Held::Persisted(group, term, index) => {
                self.call(group, now, |group, now, fx| group.persisted((term, index), now, fx));
            }
        }
    }

    /// Sends the messages that gathered during an input, gives the disk its next write, and sets the timer.
    pub fn flush<P: Embeds<Groups>>(&mut self, now: &mut Now<'_>, out: &mut Outputs<P>) {
        let mut due = self.armed;
        for id in std::mem::take(&mut self.touched) {
            self.call(id, now, |group, _, fx| group.replicate(fx));
            let next = self.groups[id.0 as usize].due();
            due = Some(due.map_or(next, |due| due.min(next)));
        }
        self.touched.clear();
        if self.armed.is_none() {
            due = self.groups.iter().map(Group::due).min();
        }
        if due != self.armed
            && let Some(at) = due
        {
            self.armed = due;
            out.set_timer(P::timer(()), at.since(now.time));
        }
        self.journal.write_next(&self.groups, out);
        self.post(out);
    }

    /// One envelope for each node, with everything for it in order.
    fn post<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        while let Some(&(member, ..)) = self.outbox.first() {
            let for_it = self.outbox.extract_if(.., |(to, ..)| *to == member);
            let rpcs = for_it.map(|(_, group, rpc)| (group, rpc)).collect();
            let to = Some(member.disk).filter(|disk| *disk != ANY_DISK);
            out.send(member.node, P::message(Envelope { from: self.disk, to, rpcs }));
        }
    }

    /// What happened, in order.
    pub fn next_event(&mut self) -> Option<(GroupId, Event)> {
        self.events.pop_front().or_else(|| {
            let readable = |&id: &GroupId| Some((id, self.groups[id.0 as usize].next_readable()?));
            self.touched.iter().find_map(readable)
        })
    }

    /// The next entry to be applied, in order, each once after a boot; nothing as long as there are
    /// events.
    pub fn next_committed(&mut self, group: GroupId) -> Option<(Index, Entry)> {
        if !self.events.is_empty() {
            return None;
        }
        self.groups.get_mut(group.0 as usize)?.next_committed()
    }
}
