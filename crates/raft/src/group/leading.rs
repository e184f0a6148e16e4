//! The leader's part of replication: its own log first, then batches to every follower.
//!
//! A heartbeat carries the index and term before the next batch, so that a lost batch is noticed by the
//! follower's own consistency check.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Link, NodeId, Now, Time, Window};

use super::membership::TargetMembers;
use super::progress::{Progress, Stage};
use super::reads::{Reads, Transfer};
use super::{Group, NotLeader, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{AppendEntries, Entry, Index, Payload, Rpc, Term};

/// What a leader knows (figure 2: volatile state on leaders).
#[derive(Clone, Debug)]
pub struct Leadership {
    me: Member,
    pub(super) followers: BTreeMap<Member, Progress>,
    /// The paper's matchIndex of the leader itself: what is on its own disk.
    durable: Index,
    pub(super) reads: Reads,
    pub(super) target: TargetMembers,
    pub(super) transfer: Option<Transfer>,
    heartbeat_due: Time,
    quorum_due: Time,
    /// What was said to be committed last.
    told: Index,
    /// Followers may be owed entries.
    pub(super) unsent: bool,
}

impl Leadership {
    pub(super) fn new(
        me: Member,
        members: &BTreeSet<Member>,
        last_index: Index,
        now: Time,
    ) -> Leadership {
        let mut leadership = Leadership {
            me,
            followers: BTreeMap::new(),
            durable: 0,
            reads: Reads::default(),
            target: TargetMembers::new(me),
            transfer: None,
            heartbeat_due: now,
            quorum_due: now,
            told: 0,
            unsent: true,
        };
        leadership.know(members, last_index, now);
        leadership
    }

    /// These are the members from now on.
    pub(super) fn know(&mut self, members: &BTreeSet<Member>, last_index: Index, now: Time) {
        self.followers.retain(|member, _| members.contains(member));
        for &member in members.iter().filter(|member| **member != self.me) {
            let (next, stage) = (last_index + 1, Stage::Probe { asked: false });
            let progress = Progress { next, matched: 0, stage, round: 0, heard: now };
            self.followers.entry(member).or_insert(progress);
        }
    }

    pub(super) fn persisted(&mut self, last_index: Index) {
        self.durable = self.durable.max(last_index);
    }

    /// What this member has for certain.
    pub(super) fn matched(&self, member: Member) -> Index {
        if member == self.me {
            return self.durable;
        }
        self.followers.get(&member).map_or(0, |progress| progress.matched)
    }

    /// Has this member answered within so long?
    pub(super) fn hears(&self, member: Member, within: Duration, now: Time) -> bool {
        let heard = self.followers.get(&member).map(|progress| progress.heard);
        member == self.me || heard.is_some_and(|heard| now.since(heard) <= within)
    }

    pub(super) fn follower(&mut self, member: Member) -> Option<&mut Progress> {
        self.followers.get_mut(&member)
    }

    /// The newest round that this member answered.
    pub(super) fn answered(&self, member: Member) -> u64 {
        if member == self.me {
            return self.reads.round();
        }
        self.followers.get(&member).map_or(0, |progress| progress.round)
    }

    pub(super) fn due(&self) -> Time {
        self.heartbeat_due
    }

    /// Have all members everything up to here, and know that it is committed? Nobody waits for anything else.
    pub(super) fn is_level(&self, last: Index) -> bool {
        let committed = self.told;
        // Who has answered the last question has answered all of them.
        let level =
            |progress: &Progress| progress.matched == last && progress.round == self.reads.round();
        committed == last
            && self.durable >= last
            && self.transfer.is_none()
            && self.reads.is_empty()
            && self.followers.values().all(level)
    }

    /// It rested. What it has not heard meanwhile nobody was asked for.
    pub(super) fn wake(&mut self, now: Time, heartbeat: Duration, timeout: Duration) {
        self.followers.values_mut().for_each(|progress| progress.heard = now);
        (self.heartbeat_due, self.quorum_due) = (next_heartbeat(now, heartbeat), now + timeout);
    }

    pub(super) fn lost_reads(self) -> impl Iterator<Item = u64> {
        self.reads.into_tokens()
    }
}

/// At the same moments for all groups of a node, so that they share messages.
fn next_heartbeat(now: Time, heartbeat: Duration) -> Time {
    let interval = machine::nanos(heartbeat);
    Time((now.0 / interval + 1) * interval)
}

impl Leadership {
    /// The stream to a node broke. It is asked again with the next heartbeat: one that is down would
    /// break the next stream at once, and the one after it.
    pub(super) fn link_reset(&mut self, peer: NodeId) {
        for (_, progress) in self.followers.iter_mut().filter(|(member, _)| member.node == peer) {
            progress.probe();
            progress.stage = Stage::Probe { asked: true };
        }
    }
}

impl Group {
    /// Takes a command into the log (figure 2, leaders). It is safe when it comes out of
    /// [`Group::next_committed`] in this term.
    pub(crate) fn propose(
        &mut self,
        command: bytes::Bytes,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Result<(Term, Index), NotLeader> {
        self.asked(now, fx);
        let Role::Leader(leadership) = &self.role else { return Err(self.not_leader()) };
        if leadership.transfer.is_some() {
            return Err(NotLeader { leader: None });
        }
        let index = self.append(Entry { term: self.term, payload: Payload::Command(command) }, fx);
        Ok((self.term, index))
    }

    /// Appends to the leader's own log.
    pub(super) fn append(&mut self, entry: Entry, fx: &mut Effects) -> Index {
        self.log.append(entry);
        let index = self.log.last_index();
        fx.append_from(index);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.unsent = true;
        }
        index
    }

    pub(super) fn tick_leader(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        self.check_quorum(now, fx);
        self.check_transfer(now);
        let heartbeat = self.tuning.heartbeat;
        let Role::Leader(leadership) = &mut self.role else { return };
        if now.time >= leadership.heartbeat_due {
            leadership.heartbeat_due = next_heartbeat(now.time, heartbeat);
            if !self.rest(now, fx) {
                self.broadcast(now, fx);
                self.advance_change(now, fx);
            }
        }
    }

    /// A leader that does not hear from a majority steps down (section 6.2 of the thesis).
    fn check_quorum(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let timeout = self.tuning.election_timeout;
        let Role::Leader(leadership) = &mut self.role else { return };
        if now.time < leadership.quorum_due || !Mechanism::CheckQuorum.on(self.switches) {
            return;
        }
        leadership.quorum_due = now.time + timeout / 2;
        let hears = |member: Member| leadership.hears(member, timeout, now.time);
        if !self.log.configuration().is_quorum(hears) {
            fx.note("quorum-lost");
            self.follow(self.term, None, now, fx);
        }
    }

    /// Asks every follower: a heartbeat, and the beginning of a new round.
    pub(super) fn broadcast(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let patience = 2 * self.tuning.election_timeout;
        let Role::Leader(leadership) = &mut self.role else { return };
        leadership.reads.begin_round(now.time);
        let round = leadership.reads.round();
        leadership.told = self.commit_index;
        for (&member, progress) in &mut leadership.followers {
            match &mut progress.stage {
                // The heartbeat is the question.
                Stage::Probe { asked } => *asked = true,
                // It answers when its disk has the piece. Should it have lost it, it is asked again.
                Stage::Snapshot(sending) => {
                    sending.asked = sending.asked.filter(|asked| now.time < *asked + patience);
                }
                Stage::Pipeline { .. } => {}
            }
            let known = self.log.term_at(progress.next - 1).map(|term| (progress.next - 1, term));
            // Where even that was compacted away it is only told that there is a leader.
            let (prev_index, prev_term) = known.unwrap_or_default();
            let append = AppendEntries {
                term: self.term,
                round,
                prev_index,
                prev_term,
                entries: Vec::new(),
                leader_commit: self.commit_index,
            };
            fx.send(member, Rpc::AppendEntries(append));
        }
        leadership.unsent = true;
    }

    /// Sends every follower what it may be sent, as long as there is room on the way to it.
    pub(crate) fn replicate(&mut self, window: &Window, now: &Now<'_>, fx: &mut Effects) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if !std::mem::take(&mut leadership.unsent) {
            return;
        }
        let (last, tuning) = (self.log.last_index(), &self.tuning);
        let (term, round) = (self.term, leadership.reads.round());
        for (&member, progress) in &mut leadership.followers {
            let link = match &progress.stage {
                Stage::Snapshot(_) => Link::Bulk,
                _ => Link::Stream,
            };
            // It is tried again when there is.
            if !window.has_room(member.node, link) {
                leadership.unsent = true;
                continue;
            }
            while progress.may_send(last, tuning.max_batch, tuning.max_in_flight) {
                let next = progress.next;
                let prev_term = self.log.term_at(next - 1);
                let Some(prev_term) =
                    prev_term.filter(|_| !matches!(progress.stage, Stage::Snapshot(_)))
                else {
                    let newest = || self.log.snapshot().sendable(self.rotten);
                    progress.send_snapshot(member, newest, now.time, fx);
                    continue;
                };
                let entries = self.log.entries_from(next, tuning.max_batch, tuning.max_batch_bytes);
                match &mut progress.stage {
                    Stage::Probe { asked } => *asked = true,
                    Stage::Pipeline { in_flight } => {
                        progress.next += entries.len() as u64;
                        in_flight.push_back(progress.next - 1);
                    }
                    Stage::Snapshot(_) => {}
                }
                let (prev_index, leader_commit) = (next - 1, self.commit_index);
                let append =
                    AppendEntries { term, round, prev_index, prev_term, entries, leader_commit };
                fx.send(member, Rpc::AppendEntries(append));
            }
        }
    }

    /// The voter that can lead soonest in the place of this leader.
    pub(super) fn successor(&self, now: &Now<'_>) -> Option<Member> {
        let Role::Leader(leadership) = &self.role else { return None };
        let voters = self.log.configuration().voters.iter().copied();
        let others = voters.filter(|voter| *voter != self.me);
        let hears = |voter| leadership.hears(voter, self.tuning.election_timeout, now.time);
        others.max_by_key(|voter| (hears(*voter), leadership.matched(*voter)))
    }
}
