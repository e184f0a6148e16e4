//! All groups of a node: one journal, one timer, and messages that share envelopes.
//!
//! A machine that embeds groups hands them what is theirs (start, messages, timer, disk, resets), then
//! takes [`Groups::next_event`] and [`Groups::next_committed`] until both are empty, and ends every
//! input with [`Groups::flush`].

mod recovery;

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use machine::{
    DiskAnswer, DiskCommand, DiskId, DiskResult, Embeds, NodeId, Now, Outputs, Protocol, Switches,
    Time,
};

use crate::effects::{Effects, Event};
use crate::group::{ChangeRefused, Consistency, Group, NotLeader, TransferRefused};
use crate::journal::{Held, Journal, JournalOp};
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{Entry, Envelope, GroupId, Index, Rpc, Term};
use crate::tuning::Tuning;
use recovery::Recovery;

/// The groups of a node.
#[derive(Clone, Debug)]
pub struct Groups {
    node: NodeId,
    disk: DiskId,
    founders: Vec<NodeId>,
    count: u32,
    tuning: Tuning,
    switches: Switches,
    /// None before the disk was read.
    groups: Vec<Group>,
    recovery: Recovery,
    journal: Journal,
    outbox: Vec<(Member, GroupId, Rpc)>,
    events: VecDeque<(GroupId, Event)>,
    /// Groups that something happened to in this input.
    touched: Vec<GroupId>,
    armed: Option<Time>,
    /// Kept for its memory.
    fx: Effects,
}

/// A part of the machine that embeds it. What there is to note, [`Event::Noted`] says in its place.
impl Protocol for Groups {
    /// To the groups of another node.
    type Message = Envelope;
    /// They have one.
    type Timer = ();
    type Op = JournalOp;
    /// Something that does not happen all the time.
    type Note = &'static str;
}

impl Groups {
    /// So many groups, founded by the nodes of these numbers (which may or may not include this one).
    pub fn new(
        node: NodeId,
        founders: Vec<NodeId>,
        count: u32,
        tuning: Tuning,
        switches: Switches,
    ) -> Groups {
        let syncs = Mechanism::PersistBeforeReply.on(switches);
        Groups {
            node,
            disk: DiskId::default(),
            founders,
            count,
            tuning,
            switches,
            groups: Vec::new(),
            recovery: Recovery::default(),
            journal: Journal::new(tuning.journal_growth, syncs),
            outbox: Vec::new(),
            events: VecDeque::new(),
            touched: Vec::new(),
            armed: None,
            fx: Effects::default(),
        }
    }

    /// The node booted: its disk is read first.
    pub fn start<P: Embeds<Groups>>(&mut self, disk: DiskId, out: &mut Outputs<P>) {
        let identified = Mechanism::DiskIdentity.on(self.switches);
        self.disk = if identified { disk } else { crate::group::ANY_DISK };
        out.disk(DiskCommand::List, P::op(JournalOp::Listed));
    }

    /// An envelope came. One for another disk than this node's is not opened.
    pub fn message(&mut self, from: NodeId, envelope: Envelope, now: &mut Now<'_>) {
        if envelope.to.is_some_and(|disk| disk != self.disk) {
            return;
        }
        let from = Member { node: from, disk: envelope.from };
        for (group, rpc) in envelope.rpcs {
            self.with(group, now, |group, now, fx| group.hear(from, rpc, now, fx));
        }
    }

    /// The timer fired.
    pub fn timer<P: Embeds<Groups>>(&mut self, now: &mut Now<'_>, out: &mut Outputs<P>) {
        self.armed = None;
        self.journal.retry(out);
        for group in 0..self.groups.len() {
            if self.groups[group].due() <= now.time {
                self.with(GroupId(group as u32), now, Group::tick);
            }
        }
    }

    /// A disk operation ended.
    pub fn disk<P: Embeds<Groups>>(
        &mut self,
        op: JournalOp,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) {
        let done = match op {
            JournalOp::Listed => self.listed(result, out),
            JournalOp::SnapshotRead(group) => match result {
                Ok(DiskAnswer::Bytes(file)) => self.recovery.snapshot(group, file),
                Ok(_) => Err("the disk did not give the snapshot's bytes".into()),
                Err(error) => Err(error.to_string()),
            },
            JournalOp::JournalRead => self.recovered(result, now),
            op => match self.journal.done(op, result) {
                Ok(free) => {
                    free.into_iter().for_each(|held| self.release(held, now));
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            },
        };
        if let Err(why) = done {
            out.halt(format!("this member cannot remember: {why}"));
        }
    }

    /// The stream to and from this node was reset.
    pub fn link_reset(&mut self, peer: NodeId, now: &mut Now<'_>) {
        for group in 0..self.groups.len() as u32 {
            self.with(GroupId(group), now, |group, _, _| group.link_reset(peer));
        }
    }

    /// Takes a command into the log. It is committed when [`Groups::next_committed`] gives back an entry
    /// of this term at this index; an entry of another term there says that it never will be.
    ///
    /// # Errors
    /// If this member does not lead. Nothing was done.
    pub fn propose(
        &mut self,
        group: GroupId,
        command: Bytes,
        now: &mut Now<'_>,
    ) -> Result<(Term, Index), NotLeader> {
        let nobody = Err(NotLeader { leader: None });
        self.with(group, now, |group, _, fx| group.propose(command, fx)).unwrap_or(nobody)
    }

    /// Asks for permission to read: [`Event::Readable`] or [`Event::ReadLost`] is the answer.
    ///
    /// # Errors
    /// If this member does not lead.
    pub fn read(
        &mut self,
        group: GroupId,
        how: Consistency,
        token: u64,
        now: &mut Now<'_>,
    ) -> Result<(), NotLeader> {
        let nobody = Err(NotLeader { leader: None });
        self.with(group, now, |group, now, fx| group.read(how, token, now, fx)).unwrap_or(nobody)
    }

    /// Makes these nodes the voters, in the place of whatever was asked before and is not under way yet.
    /// It is done when an entry with such a configuration, and no other under way, is committed; a leader
    /// that is deposed before may forget it.
    ///
    /// # Errors
    /// Why not; nothing was begun.
    pub fn change(
        &mut self,
        group: GroupId,
        nodes: &BTreeSet<NodeId>,
        now: &mut Now<'_>,
    ) -> Result<(), ChangeRefused> {
        let nobody = Err(ChangeRefused::NotLeader(NotLeader { leader: None }));
        self.with(group, now, |group, now, fx| group.change(nodes, now, fx)).unwrap_or(nobody)
    }

    /// Lets this voter lead, or whichever can soonest, if it comes within an election timeout.
    ///
    /// # Errors
    /// Why not; nothing was begun.
    pub fn transfer(
        &mut self,
        group: GroupId,
        to: Option<NodeId>,
        now: &mut Now<'_>,
    ) -> Result<(), TransferRefused> {
        let nobody = Err(TransferRefused::NotLeader(NotLeader { leader: None }));
        self.with(group, now, |group, now, fx| group.transfer(to, now, fx)).unwrap_or(nobody)
    }

    /// Puts the owner's state in the place of the log up to an index that was handed out.
    pub fn compact(&mut self, group: GroupId, index: Index, state: Bytes, now: &mut Now<'_>) {
        self.with(group, now, |group, _, fx| group.compact(index, state, fx));
    }

    /// A group; `None` before the disk was read, and if there is none of this number.
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(group.0 as usize)
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

    /// Sends what has gathered, writes what must be remembered, and sets the timer.
    pub fn flush<P: Embeds<Groups>>(&mut self, now: &mut Now<'_>, out: &mut Outputs<P>) {
        let mut due = self.armed;
        for id in std::mem::take(&mut self.touched) {
            self.with(id, now, |group, _, fx| group.replicate(fx));
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
            let to = Some(member.disk).filter(|disk| *disk != crate::group::ANY_DISK);
            out.send(member.node, P::message(Envelope { from: self.disk, to, rpcs }));
        }
    }

    /// Has a group do something, and sees to what comes of it.
    fn with<R>(
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

    fn carry_out(&mut self, id: GroupId, fx: &mut Effects, now: &mut Now<'_>) {
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

    /// This need not wait any longer.
    fn release(&mut self, free: Held, now: &mut Now<'_>) {
        match free {
            Held::Send(to, group, rpc) => self.outbox.push((to, group, rpc)),
            Held::Persisted(group, term, index) => {
                self.with(group, now, |group, now, fx| group.persisted((term, index), now, fx));
            }
        }
    }
}
