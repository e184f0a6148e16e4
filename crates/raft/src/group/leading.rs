//! The leader's part of replication: batches on their way to every follower, and the commit rule.
//!
//! A follower is probed, one message at a time, until it is known where its log agrees; from then on
//! batches follow each other without waiting (pipelining). A heartbeat carries the place before the
//! next batch, so that a lost batch is noticed by the follower's own check.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use machine::{NodeId, Now, Time};

use super::membership::TargetMembers;
use super::reads::{Reads, Transfer};
use super::snapshots::Sending;
use super::{Group, NotLeader, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{AppendEntries, Appended, Entry, Index, Payload, Rpc, Term};

/// What a leader knows (figure 2: volatile state on leaders).
#[derive(Clone, Debug)]
pub struct Leadership {
    me: Member,
    followers: BTreeMap<Member, Progress>,
    /// The paper's matchIndex of the leader itself: what is on its own disk.
    durable: Index,
    pub(super) reads: Reads,
    pub(super) target: TargetMembers,
    pub(super) transfer: Option<Transfer>,
    heartbeat_due: Time,
    quorum_due: Time,
    /// Followers may be owed entries.
    pub(super) unsent: bool,
}

/// How far a follower is.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The paper's nextIndex and matchIndex.
    pub(super) next: Index,
    pub(super) matched: Index,
    pub(super) stage: Stage,
    /// The newest round that it answered, and when.
    pub(super) round: u64,
    pub(super) heard: Time,
}

/// How it is sent to.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Where does its log agree? One question at a time.
    Probe { asked: bool },
    /// The last entries of the batches on their way.
    Pipeline { in_flight: VecDeque<Index> },
    /// It is so far behind that it gets a snapshot first.
    Snapshot(Sending),
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

    pub(super) fn lost_reads(self) -> impl Iterator<Item = u64> {
        self.reads.into_tokens()
    }
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

impl Progress {
    /// The stream to it broke: what was on its way may be lost.
    pub(super) fn probe(&mut self) {
        self.next = self.matched + 1;
        self.stage = Stage::Probe { asked: false };
    }

    fn may_send(&self, last_index: Index, max_batch: usize, max_in_flight: usize) -> bool {
        let owed = (last_index + 1).saturating_sub(self.next);
        match &self.stage {
            Stage::Probe { asked } => !asked,
            // The first leaves at once; while others are on their way, batches fill up.
            Stage::Pipeline { in_flight } => {
                owed > 0 && in_flight.is_empty()
                    || owed >= max_batch as u64 && in_flight.len() < max_in_flight
            }
            Stage::Snapshot(sending) => !sending.asked,
        }
    }
}

impl Group {
    /// Takes a command into the log (figure 2, leaders). It is safe when it comes out of
    /// [`Group::next_committed`] in this term.
    pub(crate) fn propose(
        &mut self,
        command: bytes::Bytes,
        fx: &mut Effects,
    ) -> Result<(Term, Index), NotLeader> {
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
            // At the same moments for all groups of a node, so that they share messages.
            let interval = machine::nanos(heartbeat);
            leadership.heartbeat_due = Time((now.time.0 / interval + 1) * interval);
            self.broadcast(now, fx);
            self.advance_change(now, fx);
        }
    }

    /// A leader that does not hear from a majority makes room (section 6.2 of the thesis).
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
        let Role::Leader(leadership) = &mut self.role else { return };
        leadership.reads.begin_round(now.time);
        let round = leadership.reads.round();
        for (&member, progress) in &mut leadership.followers {
            match &mut progress.stage {
                // The heartbeat is the question.
                Stage::Probe { asked } => *asked = true,
                Stage::Snapshot(sending) => sending.asked = false,
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

    /// Sends every follower what it may be sent.
    pub(crate) fn replicate(&mut self, fx: &mut Effects) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if !std::mem::take(&mut leadership.unsent) {
            return;
        }
        let (last, tuning) = (self.log.last_index(), &self.tuning);
        let at @ (term, round) = (self.term, leadership.reads.round());
        for (&member, progress) in &mut leadership.followers {
            while progress.may_send(last, tuning.max_batch, tuning.max_in_flight) {
                let next = progress.next;
                let Some(prev_term) = self.log.term_at(next - 1) else {
                    progress.send_snapshot(member, &self.log, tuning.snapshot_chunk, at, fx);
                    continue;
                };
                let entries = self.log.entries_from(next, tuning.max_batch, tuning.max_batch_bytes);
                match &mut progress.stage {
                    Stage::Probe { asked } => *asked = true,
                    Stage::Pipeline { in_flight } => {
                        progress.next += entries.len() as u64;
                        in_flight.push_back(progress.next - 1);
                    }
                    Stage::Snapshot(_) => {
                        progress.send_snapshot(member, &self.log, tuning.snapshot_chunk, at, fx);
                        continue;
                    }
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

    pub(super) fn on_appended(
        &mut self,
        from: Member,
        round: u64,
        outcome: Appended,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let last = self.log.last_index();
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some(progress) = leadership.followers.get_mut(&from) else { return };
        (progress.round, progress.heard) = (progress.round.max(round), now.time);
        leadership.target.hear(from);
        match outcome {
            Appended::Matches(index) if index <= last => progress.matches(index),
            Appended::Matches(_) => return,
            Appended::Conflicts(hint) => progress.conflicts(hint),
        }
        leadership.unsent = true;
        self.advance_commit_index(now, fx);
        if self.log.configuration().learners.contains(&from) {
            self.advance_change(now, fx);
        }
        self.confirm_reads(now, fx);
        self.hand_over(fx);
    }

    /// If there is an entry that a majority has, and it is of this term, then it is committed, and with
    /// it all before it (figure 2, leaders; why only of this term: section 5.4.2 and figure 8).
    pub(super) fn advance_commit_index(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let Role::Leader(leadership) = &self.role else { return };
        let index = self.log.configuration().reached(|member| leadership.matched(member));
        let of_this_term = self.log.term_at(index) == Some(self.term)
            || !Mechanism::CommitOnlyCurrentTerm.on(self.switches);
        if index > self.commit_index && of_this_term {
            let before = self.commit_index;
            self.commit_index = index;
            // The newest configuration, or that of the leader before, is committed only now.
            if before < self.log.configured_at() || self.log.term_at(before) != Some(self.term) {
                self.advance_change(now, fx);
            }
            self.ask_for_reads(now, fx);
        }
    }
}

impl Progress {
    /// Its log does not agree there; at this place it may. Where that is no news it is not asked again
    /// before the next heartbeat: if each answer were a question, they would never end.
    fn conflicts(&mut self, hint: Index) {
        let next = self.next.min(hint + 1).max(self.matched + 1);
        if next < self.next && !matches!(self.stage, Stage::Snapshot(_)) {
            self.next = next;
            self.stage = Stage::Probe { asked: false };
        }
    }

    /// Its log is the leader's up to here.
    fn matches(&mut self, index: Index) {
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched + 1);
        match &mut self.stage {
            Stage::Probe { .. } => self.stage = Stage::Pipeline { in_flight: VecDeque::new() },
            Stage::Pipeline { in_flight } => {
                while in_flight.front().is_some_and(|last| *last <= self.matched) {
                    in_flight.pop_front();
                }
            }
            // A heartbeat says nothing about the snapshot that is on its way.
            Stage::Snapshot(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_that_is_no_news_is_no_reason_to_ask_again() {
        let stage = Stage::Pipeline { in_flight: VecDeque::new() };
        let mut progress = Progress { next: 9, matched: 3, stage, round: 0, heard: Time(0) };
        let asks = |progress: &Progress| matches!(progress.stage, Stage::Probe { asked: false });
        progress.conflicts(6);
        assert!(asks(&progress) && progress.next == 7);
        progress.stage = Stage::Probe { asked: true };
        progress.conflicts(6);
        assert!(!asks(&progress), "the answer to a question before the last");
        progress.conflicts(1);
        assert!(asks(&progress) && progress.next == 4, "it had more than that");
        progress.stage = Stage::Probe { asked: true };
        progress.conflicts(0);
        assert!(!asks(&progress), "it has lost what it had");
    }
}
