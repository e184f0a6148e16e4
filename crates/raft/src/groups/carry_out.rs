//! What comes of an input: records for the journal, messages for other nodes, events for the owner.
//!
//! The law: a message that rests on what a group has promised leaves only when the journal has it.

use journal::Event as Told;
use machine::{Embeds, Link, Now, Output, Outputs};

use super::Groups;
use crate::effects::{Effects, Event};
use crate::group::Group;
use crate::journal::Held;
use crate::mechanism::Mechanism;
use crate::member::ANY_DISK;
use crate::rpc::{Entry, Envelope, GroupId, Index, Rpc};
use crate::words::{GroupsTimer, Owner};

/// What gathers for followers is sent when it is more than so many bytes, so that no message grows with the
/// number of groups.
const ENVELOPE: u64 = 256 << 10;

impl Groups {
    /// Calls a group, and carries out what it wants done; none of a node whose disk has lost something.
    pub(super) fn call<R>(
        &mut self,
        id: GroupId,
        now: &mut Now<'_>,
        act: impl FnOnce(&mut Group, &mut Now<'_>, &mut Effects) -> R,
    ) -> Option<R> {
        let group = self.groups.get_mut(&id).filter(|_| self.lost.is_none())?;
        let mut fx = std::mem::take(&mut self.fx);
        let result = act(group, now, &mut fx);
        self.carry_out(id, &mut fx, now);
        self.fx = fx;
        Some(result)
    }

    pub(super) fn carry_out(&mut self, id: GroupId, fx: &mut Effects, now: &mut Now<'_>) {
        let Some(group) = self.groups.get(&id) else { return };
        self.touched.insert(id);
        self.news.insert(id);
        let mark = Held::Persisted(id, group.term(), group.log().last_index());
        let mark = Some(mark).filter(|_| fx.writes());
        self.journal.record_changes(group, fx);
        self.events.extend(fx.events.drain(..).map(|event| (id, event)));
        self.meets.append(&mut fx.meets);
        if let Some(lost) = fx.lost.take() {
            self.has_lost(id, lost);
        }
        for (to, rpc) in fx.sends.drain(..) {
            self.owed += rpc.cost();
            self.outbox.push((to, id, rpc));
        }
        let sends = fx.held.drain(..).map(|(to, rpc)| Held::Send(to, id, rpc));
        for held in sends.chain(mark) {
            if let Some(free) = self.journal.hold(held) {
                self.release(free, now);
            }
        }
        for work in fx.files.drain(..) {
            self.file_work(id, work);
        }
    }

    /// What the disk had to say.
    pub(super) fn hear_journal<P: Owner>(
        &mut self,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        while let Some(told) = self.journal.next_event() {
            match told {
                Told::Found(segments) => self.journal.read(segments, out),
                Told::Frame(at, frame) => self.replay_frame(at, frame)?,
                Told::Cut { .. } => self.recovery.cut = true,
                Told::Ready => self.replayed(out)?,
                Told::Durable(held) => {
                    let mut held = held.into_iter().flatten().peekable();
                    while let Some(free) = held.next() {
                        // The later mark says all that the earlier one would.
                        if !held.peek().is_some_and(|next| next.says_all_of(&free)) {
                            self.release(free, now);
                        }
                    }
                }
                Told::Broken(why) | Told::Damaged(why) => return Err(why),
                Told::End(_) | Told::Written(_) | Told::Full => {}
                Told::Replaced(_) | Told::NotReplaced(_) => {}
            }
        }
        Ok(())
    }

    /// What this held back is durable.
    fn release(&mut self, free: Held, now: &mut Now<'_>) {
        match free {
            Held::Send(to, group, rpc) => self.outbox.push((to, group, rpc)),
            Held::Persisted(group, term, index) => {
                self.call(group, now, |group, now, fx| group.persisted((term, index), now, fx));
            }
            Held::Replaced(group, number) => self.files.replaced(group, number),
            Held::Outdated(first) => self.journal.delete_before(first),
        }
    }

    /// Sends the messages that gathered during an input, gives the disk its next write, and sets the timer.
    pub fn flush<P: Owner>(&mut self, now: &mut Now<'_>, out: &mut Outputs<P>) {
        if self.lost.is_some() {
            return self.end(out);
        }
        // Before anything is sent to them.
        for id in &self.touched {
            if let Some(group) = self.groups.get_mut(id) {
                group.meet_members(&mut self.meets);
            }
        }
        self.meets.drain(..).for_each(|(node, address)| out.meet(node, address));
        for id in std::mem::take(&mut self.touched) {
            let window = std::mem::take(&mut self.window);
            self.call(id, now, |group, now, fx| group.replicate(&window, now, fx));
            self.window = window;
            if self.owed > ENVELOPE {
                self.post(out);
            }
            self.schedule(id);
            let resting = self.groups.get(&id).and_then(Group::resting);
            self.beats.set(id, resting, self.tuning.heartbeat, now.time);
        }
        self.touched.clear();
        let in_pieces = Mechanism::SnapshotInPieces.on(self.switches);
        if in_pieces || !self.files.is_writing() {
            self.journal.append(&self.groups);
        }
        self.journal.go_on(out);
        if self.has_handed_over(now) {
            self.journal.settle(out);
        }
        let groups = &self.groups;
        let sends = |id, number| groups.get(&id).is_some_and(|group| group.sends(number));
        self.files.delete_replaced(sends);
        self.files.write_next(self.journal.is_busy(), now, out);
        self.read_pieces(out);
        self.post(out);
        let retry = self.files.is_stalled().then(|| now.time + self.tuning.heartbeat);
        let first = self.due.first().map(|(at, _)| *at);
        let rest = self.beats.due();
        let due = first.into_iter().chain(self.files.due()).chain(retry).chain(rest).min();
        if let Some(at) = due.filter(|at| self.armed.is_none_or(|armed| *at < armed)) {
            self.armed = due;
            out.set_timer(<P as Embeds<Groups>>::timer(GroupsTimer::Due), at.since(now.time));
        }
    }

    /// Remembers when a group has something to do.
    fn schedule(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let next = group.due();
        let before = std::mem::replace(&mut group.scheduled, next);
        if let Some(at) = before {
            self.due.remove(&(at, id));
        }
        self.due.extend(group.scheduled.map(|at| (at, id)));
    }

    /// One envelope for each node and lane, with everything for it in order.
    fn post<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        self.owed = 0;
        let lane = |rpc: &Rpc| match rpc {
            Rpc::InstallSnapshot(_) => Link::Bulk,
            _ => Link::Stream,
        };
        while let Some((member, _, rpc)) = self.outbox.first() {
            let (member, link) = (*member, lane(rpc));
            let for_it =
                self.outbox.extract_if(.., |(to, _, rpc)| *to == member && lane(rpc) == link);
            let rpcs: Vec<_> = for_it.map(|(_, group, rpc)| (group, rpc)).collect();
            let to = Some(member.disk).filter(|disk| *disk != ANY_DISK);
            if rpcs.iter().any(|(_, rpc)| !matches!(rpc, Rpc::Beat { .. })) {
                self.beats.spoke(member.node);
            }
            let message = P::message(Envelope { from: self.disk, to, rpcs });
            self.window.sent(member.node, link, P::weight(&message));
            out.push(Output::Send { to: member.node, message, link });
        }
    }

    /// What happened, in order.
    pub fn next_event(&mut self) -> Option<(GroupId, Event)> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some(&id) = self.news.first() {
            let group = self.groups.get_mut(&id);
            if let Some(group) = group {
                if let Some(event) = group.next_readable() {
                    return Some((id, event));
                }
                if group.has_committed() {
                    break;
                }
            }
            self.news.pop_first();
        }
        None
    }

    /// The next entry to be applied, of each group in order, each once after a boot; nothing as long as there
    /// are events.
    pub fn next_committed(&mut self) -> Option<(GroupId, Index, Entry)> {
        if !self.events.is_empty() {
            return None;
        }
        let groups = &mut self.groups;
        self.news.iter().find_map(|id| {
            let (index, entry) = groups.get_mut(id)?.next_committed()?;
            Some((*id, index, entry))
        })
    }
}
