//! The groups that this node is a member of: their logs, and the catalogs that these lead to.
//!
//! # The law
//!
//! A change is answered when its entry is applied, and only if it is the entry that was proposed for it. A question is
//! answered by a member that knows that it leads, and has applied all that was committed before it was asked.
//!
//! An entry is handed to a log once. A member that does not lead proposes nothing and says so; of whatever else goes
//! wrong, nobody says that it did not happen.

mod snapshots;

use std::collections::{BTreeMap, VecDeque};

use bitcask::StoreOp;
use bytes::{Bytes, BytesMut};
use machine::{DiskId, DiskResult, FileName, Link, NodeId, Now, Outputs, Switches, Time};
use raft::{
    Consistency, Envelope, Event, Group, GroupId, Groups, GroupsOp, GroupsTimer, Index, NotLeader,
    Payload, Term,
};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::catalog::{Catalog, Frozen};
use crate::cluster::Cluster;
use crate::entry::Entry;
use crate::error::Refusal;
use crate::mechanism::Mechanism;
use crate::message::{Message, Note, ObjectStore, Outcome, Timer};
use crate::rows::{Purpose, Rows};
use crate::tuning::Tuning;
use crate::words::{GroupNumber, Name, PutId};

/// The groups of a node.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    tuning: Tuning,
    switches: Switches,
    groups: Groups,
    rows: Rows,
    /// The rows were read.
    is_ready: bool,
    members: BTreeMap<GroupId, Member>,
    /// Questions that wait for leave, or for a body.
    questions: BTreeMap<u64, Question>,
    numbers: u64,
    /// How far each group was applied when the rows were last written out.
    syncing: Vec<(GroupId, Index)>,
    /// A checkpoint is due.
    armed: bool,
    /// For other parts of this node.
    pub(crate) outbox: VecDeque<(NodeId, Message)>,
}

/// One of them.
#[derive(Clone, Debug, Default)]
struct Member {
    catalog: Catalog,
    /// When it was seen first that its epoch began; none before it was.
    epoch_seen: Option<Time>,
    applied: Index,
    /// Proposals, in the order of the log.
    pending: VecDeque<Pending>,
    /// The catalog as it was when a snapshot began, as long as that is given.
    frozen: Option<Frozen>,
    /// What has come of a snapshot.
    incoming: BytesMut,
    thawed: Vec<(Bytes, Bytes)>,
}

/// A proposal that waits for its entry.
#[derive(Clone, Copy, Debug)]
struct Pending {
    at: (Term, Index),
    gateway: NodeId,
    token: u64,
}

/// A question that waits.
#[derive(Clone, Debug)]
struct Question {
    gateway: NodeId,
    token: u64,
    group: GroupId,
    user: Name,
    ask: Box<Ask>,
    /// What was found, when only its bytes are missing, and which these are.
    found: Option<(Answer, PutId)>,
}

impl Metadata {
    pub(crate) fn new(
        id: NodeId,
        cluster: &Cluster,
        tuning: Tuning,
        switches: Switches,
    ) -> Metadata {
        let raft = raft::Tuning {
            election_timeout: tuning.election_timeout,
            heartbeat: tuning.election_timeout / 5,
            keep_entries: tuning.keep_entries,
            ..raft::Tuning::default()
        };
        let persists = Mechanism::FlushBeforeAck.on(switches);
        let raft_switches = match persists {
            true => Switches::ALL_ON,
            false => raft::Mechanism::PersistBeforeReply.off(),
        };
        let mut groups = Groups::new(id, raft, raft_switches);
        let mut members = BTreeMap::new();
        for group in cluster.ranges.groups() {
            let founders = cluster.members(group);
            if founders.contains(&id) {
                let group = GroupId(group.into());
                groups.will_found(group, founders);
                let catalog = Catalog::new(&tuning, switches);
                members.insert(group, Member { catalog, ..Member::default() });
            }
        }
        Metadata {
            tuning,
            switches,
            groups,
            rows: Rows::new(Switches::ALL_ON),
            is_ready: false,
            members,
            questions: BTreeMap::new(),
            numbers: 0,
            syncing: Vec::new(),
            armed: false,
            outbox: VecDeque::new(),
        }
    }

    pub(crate) fn first_files() -> Vec<(FileName, Bytes)> {
        [Groups::first_files(), Rows::first_files()].concat()
    }

    pub(crate) fn start(&mut self, disk: DiskId, out: &mut Outputs<ObjectStore>) {
        out.set_timer(Timer::Epoch, self.tuning.epoch / 4);
        self.groups.start(disk, out);
        self.rows.start(disk);
    }

    pub(crate) fn envelope(&mut self, from: NodeId, envelope: Envelope, now: &mut Now<'_>) {
        self.groups.message(from, envelope, now);
    }

    pub(crate) fn raft_timer(
        &mut self,
        timer: GroupsTimer,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        self.groups.timer(timer, now, out);
    }

    pub(crate) fn rows_timer(&mut self, timer: journal::JournalTimer) {
        self.rows.timer(timer);
    }

    pub(crate) fn rows_disk(&mut self, op: StoreOp, result: DiskResult) {
        self.rows.ended(op, result);
    }

    pub(crate) fn raft_disk(
        &mut self,
        op: GroupsOp,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        self.groups.disk(op, result, now, out);
    }

    /// The peer may have booted: its tokens are another's then.
    pub(crate) fn link_reset(&mut self, peer: NodeId, now: &mut Now<'_>) {
        self.groups.link_reset(peer, now);
        for member in self.members.values_mut() {
            member.pending.retain(|pending| pending.gateway != peer);
        }
        self.questions.retain(|_, question| question.gateway != peer);
    }

    pub(crate) fn writable(&mut self, peer: NodeId, link: Link) {
        self.groups.writable(peer, link);
    }

    /// It is time to sync the rows.
    pub(crate) fn checkpoint(&mut self) {
        self.armed = false;
        if self.rows.sync() {
            self.syncing = self.members.iter().map(|(id, it)| (*id, it.applied)).collect();
        }
    }

    /// Ends the epochs of the groups that this node leads, where they have lasted long enough. A member counts from when it
    /// saw an epoch begin, which is no sooner than it began.
    pub(crate) fn end_epochs(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        out.set_timer(Timer::Epoch, self.tuning.epoch / 4);
        for (id, member) in self.members.iter_mut().filter(|_| self.is_ready) {
            let since = *member.epoch_seen.get_or_insert(now.time);
            if now.time.since(since) >= self.tuning.epoch {
                let (at, ask) = (now.wall.0 / 1_000_000, Ask::Advance(member.catalog.epoch()));
                let entry = Entry { user: "".into(), at, put: None, ask };
                // Who does not lead is refused, and whoever does says it too.
                let _ = self.groups.propose(*id, entry.bytes(), now);
            }
        }
    }

    /// A gateway has an entry for a log.
    pub(crate) fn propose(
        &mut self,
        gateway: NodeId,
        (token, group): (u64, GroupNumber),
        entry: &Entry,
        now: &mut Now<'_>,
    ) {
        let id = GroupId(group.into());
        let waiting = self.members.values().map(|member| member.pending.len()).sum::<usize>();
        let proposed = match self.members.get_mut(&id) {
            Some(_) if waiting >= self.tuning.most_waiting => {
                let busy = Answer::Refused(Refusal::SlowDown);
                return self.reply(gateway, token, Outcome::Answered(Box::new(busy)));
            }
            Some(_) if self.is_ready => self.groups.propose(id, entry.bytes(), now),
            _ => Err(NotLeader { leader: None }),
        };
        match (proposed, self.members.get_mut(&id)) {
            (Ok(at), Some(member)) => member.pending.push_back(Pending { at, gateway, token }),
            (Err(NotLeader { leader }), _) => {
                self.reply(gateway, token, Outcome::NotLeader { leader });
            }
            (Ok(_), None) => {}
        }
    }

    /// A gateway asks a catalog.
    pub(crate) fn query(
        &mut self,
        gateway: NodeId,
        (token, group): (u64, GroupNumber),
        (user, ask): (Name, Box<Ask>),
        now: &mut Now<'_>,
    ) {
        let group = GroupId(group.into());
        self.numbers += 1;
        let number = self.numbers;
        let read = match self.members.contains_key(&group) && self.is_ready {
            true if self.questions.len() >= self.tuning.most_waiting => {
                let busy = Answer::Refused(Refusal::SlowDown);
                return self.reply(gateway, token, Outcome::Answered(Box::new(busy)));
            }
            true if !Mechanism::MetadataConsensus.on(self.switches) => Ok(true),
            true => {
                // What is deleted for an answer rests on no clock.
                let lease = !matches!(*ask, Ask::Dead(_));
                let how = if lease { Consistency::Lease } else { Consistency::Index };
                self.groups.read(group, how, number, now).map(|()| false)
            }
            false => Err(NotLeader { leader: None }),
        };
        match read {
            Err(NotLeader { leader }) => self.reply(gateway, token, Outcome::NotLeader { leader }),
            Ok(at_once) => {
                let question = Question { gateway, token, group, user, ask, found: None };
                self.questions.insert(number, question);
                if at_once {
                    self.look_up(number);
                }
            }
        }
    }

    fn reply(&mut self, gateway: NodeId, token: u64, outcome: Outcome) {
        self.outbox.push_back((gateway, Message::Outcome { token, outcome }));
    }

    fn answer(&mut self, number: u64, answer: Answer) {
        if let Some(Question { gateway, token, .. }) = self.questions.remove(&number) {
            self.reply(gateway, token, Outcome::Answered(Box::new(answer)));
        }
    }

    /// The catalog may be asked.
    fn look_up(&mut self, number: u64) {
        let Some(question) = self.questions.get_mut(&number) else { return };
        let Some(member) = self.members.get(&question.group) else { return };
        let (answer, wanted) = match &*question.ask {
            // The row said what is to be read: whose it is was asked when the row was.
            Ask::Read { extent, .. } => (Answer::Whole(Bytes::new()), Some(extent.put)),
            ask => {
                let answer = member.catalog.answer(&question.user, ask);
                let wanted = body_of(ask, &answer);
                (answer, wanted)
            }
        };
        let Some(put) = wanted else { return self.answer(number, answer) };
        let before = question.found.replace((answer, put));
        if before.is_some_and(|(_, before)| before == put) {
            return self.answer(number, Answer::Refused(Refusal::Unreadable));
        }
        if let Some(body) = self.rows.read(put, Purpose::Answer(number)) {
            self.body_read(number, Ok(Some(body)));
        }
    }

    /// The bytes that an answer lacked were read.
    fn body_read(&mut self, number: u64, body: Result<Option<Bytes>, ()>) {
        let Some(question) = self.questions.get(&number) else { return };
        let answer = match (question.found.clone(), body) {
            (Some((Answer::Found(mut found), _)), Ok(Some(bytes))) => {
                found.body = Some(bytes);
                Answer::Found(found)
            }
            (Some((Answer::Whole(_), _)), Ok(Some(bytes))) => Answer::Whole(bytes),
            // It was replaced since the row was found: what is there now?
            (Some((Answer::Found(_), _)), Ok(None)) => return self.look_up(number),
            _ => Answer::Refused(Refusal::Unreadable),
        };
        self.answer(number, answer);
    }

    /// Takes all that happened, in order, and ends the input.
    pub(crate) fn catch_up(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        loop {
            if let Some(told) = self.rows.next() {
                self.told(told, now, out);
            } else if !self.is_ready {
                break;
            } else if let Some((group, event)) = self.groups.next_event() {
                self.event(group, event, now, out);
            } else if let Some((group, index, entry)) = self.groups.next_committed() {
                if let Payload::Command(bytes) = entry.payload {
                    self.apply(group, (entry.term, index), bytes, out);
                } else {
                    self.passed(group, index);
                }
            } else {
                break;
            }
        }
        self.rows.hand_on(out);
    }

    /// After [`Metadata::catch_up`], and before the next input.
    pub(crate) fn flush(&mut self, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        self.groups.flush(now, out);
    }

    fn event(
        &mut self,
        group: GroupId,
        event: Event,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        match event {
            Event::Leads { .. } => out.note(Note::Sometimes("leads")),
            Event::Follows { .. } => {
                let pending =
                    self.members.get_mut(&group).map(|member| std::mem::take(&mut member.pending));
                for Pending { gateway, token, .. } in pending.into_iter().flatten() {
                    let maybe = Answer::Refused(Refusal::MayHaveHappened);
                    self.reply(gateway, token, Outcome::Answered(Box::new(maybe)));
                }
            }
            Event::Readable { token, .. } => self.look_up(token),
            Event::ReadLost { token } => {
                if let Some(Question { gateway, token, group, .. }) = self.questions.remove(&token)
                {
                    let leader = self.groups.group(group).and_then(Group::leader);
                    self.reply(gateway, token, Outcome::NotLeader { leader });
                }
            }
            Event::PieceWanted => self.give_piece(group),
            Event::Piece { first, bytes } => self.take_piece(group, first, &bytes),
            Event::Restored { index } => self.restored(group, index, out),
            Event::SnapshotWanted => self.freeze(group, now),
            Event::Noted(what) => out.note(Note::Sometimes(what)),
        }
    }

    /// An entry that changes no catalog.
    fn passed(&mut self, group: GroupId, index: Index) {
        if let Some(member) = self.members.get_mut(&group) {
            member.applied = member.applied.max(index);
        }
    }

    fn apply(
        &mut self,
        group: GroupId,
        (term, index): (Term, Index),
        bytes: Bytes,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some(member) = self.members.get_mut(&group) else { return };
        // A boot goes on where the rows say, which may be further than what the log was cut to.
        if index <= member.applied {
            return;
        }
        member.applied = index;
        let entry = match Entry::parse(bytes) {
            Ok(entry) => entry,
            Err(why) => return out.halt(format!("an entry of the log is none: {why}")),
        };
        let epoch = member.catalog.epoch();
        let (answer, pairs) = member.catalog.apply(group.0 as GroupNumber, index, entry);
        if member.catalog.epoch() != epoch {
            member.epoch_seen = None;
        }
        self.rows.write(pairs);
        if !self.armed {
            self.armed = true;
            out.set_timer(Timer::Checkpoint, self.tuning.checkpoint);
        }
        let due = |pending: &mut Pending| pending.at.1 <= index;
        while let Some(Pending { at, gateway, token }) =
            self.members.get_mut(&group).and_then(|member| member.pending.pop_front_if(due))
        {
            let answer = match at == (term, index) {
                true => answer.clone(),
                // Another entry took its place.
                false => Answer::Refused(Refusal::MayHaveHappened),
            };
            self.reply(gateway, token, Outcome::Answered(Box::new(answer)));
        }
    }

    /// The node is to stop.
    pub(crate) fn stop(&mut self, now: &mut Now<'_>) {
        self.groups.stop(now);
    }

    /// After that: may it?
    pub(crate) fn may_stop(&mut self, now: &Now<'_>, out: &mut Outputs<ObjectStore>) -> bool {
        let settled = self.groups.may_stop(now) && self.rows.settle();
        self.rows.hand_on(out);
        settled
    }

    pub(crate) fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        self.groups.roles(see);
    }

    /// The groups of this node, and how many versions each has.
    pub(crate) fn all(&self) -> impl Iterator<Item = (GroupId, Option<&Group>, usize)> {
        self.members.iter().map(|(id, it)| (*id, self.groups.group(*id), it.catalog.rows()))
    }

    /// The rows were read.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }
}

/// The put whose bytes are to come with an answer.
fn body_of(ask: &Ask, answer: &Answer) -> Option<PutId> {
    match (ask, answer) {
        (Ask::Get { body: true, .. }, Answer::Found(found)) => {
            match &found.row.content.as_ref()?.extents[..] {
                [extent] if extent.kept == crate::row::Kept::Whole => Some(extent.put),
                _ => None,
            }
        }
        _ => None,
    }
}
