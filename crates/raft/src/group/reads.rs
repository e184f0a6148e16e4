//! Linearizable reads without a log entry, and handing leadership over.
//!
//! Read-index: a leader answers once a majority has confirmed, in a round that began after the read
//! came, that it still leads (section 6.4 of the thesis). Lease: it answers by itself as long as those
//! who confirmed the last round cannot have elected another. A transfer lets them, so it ends the lease.

use std::collections::VecDeque;

use machine::{NodeId, Now, Time};

use super::{Group, NotLeader, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{Index, Rpc};

/// How a leader makes sure that a read is not stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// It asks a majority. No clock is trusted.
    Index,
    /// It answers at once while its lease lasts, which rests on the bound of clock drift.
    Lease,
}

/// The reads of a leader, and the rounds in which it asked its followers.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    round: u64,
    /// When each round began that nobody, or too few, have answered yet.
    began: VecDeque<(u64, Time)>,
    /// For the next round.
    waiting: Vec<u64>,
    /// In the round under way: of which number, and what the answers must contain.
    asked: Vec<(u64, u64, Index)>,
    /// The beginning of the last round that a majority answered.
    lease_from: Option<Time>,
    lease_ended: bool,
}

/// Why leadership stays where it is. Nothing was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRefused {
    /// Only a leader can.
    NotLeader(NotLeader),
    /// It leads already.
    Nothing,
    /// Whoever has no vote cannot lead.
    NoVote,
}

/// Leadership is being handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    to: Member,
    told: bool,
    until: Time,
}

impl Reads {
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    pub(super) fn begin_round(&mut self, now: Time) {
        self.round += 1;
        self.began.push_back((self.round, now));
        if self.began.len() > 64 {
            self.began.pop_front();
        }
    }

    /// A majority has answered this round.
    fn answered(&mut self, round: u64) {
        while let Some((_, began)) = self.began.pop_front_if(|(number, _)| *number <= round) {
            self.lease_from = self.lease_from.max(Some(began));
        }
    }

    /// Does none wait?
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.asked.is_empty()
    }

    pub(super) fn into_tokens(self) -> impl Iterator<Item = u64> {
        self.waiting.into_iter().chain(self.asked.into_iter().map(|(token, ..)| token))
    }
}

impl Group {
    /// Reads: the answer is [`crate::Event::Readable`] or [`crate::Event::ReadLost`].
    pub(crate) fn read(
        &mut self,
        how: Consistency,
        token: u64,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Result<(), NotLeader> {
        self.asked(now, fx);
        let fresh = self.has_committed_in_term();
        let lease = match Mechanism::LeaseMargin.on(self.switches) {
            true => self.tuning.lease(),
            false => self.tuning.election_timeout,
        };
        let Role::Leader(leadership) = &mut self.role else { return Err(self.not_leader()) };
        let reads = &mut leadership.reads;
        let leased = fresh
            && !reads.lease_ended
            && reads.lease_from.is_some_and(|from| now.time.since(from) < lease);
        if how == Consistency::Lease && leased {
            fx.note("lease-read");
            self.confirmed.push((token, self.commit_index));
        } else if !Mechanism::ReadIndex.on(self.switches) {
            self.confirmed.push((token, self.commit_index));
        } else {
            reads.waiting.push(token);
            self.ask_for_reads(now, fx);
        }
        Ok(())
    }

    /// A leader knows what is committed only when an entry of its own term is (section 8).
    pub(super) fn has_committed_in_term(&self) -> bool {
        self.log.term_at(self.commit_index) == Some(self.term)
    }

    /// Begins a round for the reads that wait, one round at a time.
    pub(super) fn ask_for_reads(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let (fresh, index) = (self.has_committed_in_term(), self.commit_index);
        let Role::Leader(leadership) = &mut self.role else { return };
        let reads = &mut leadership.reads;
        if !fresh || reads.waiting.is_empty() || !reads.asked.is_empty() {
            return;
        }
        let round = reads.round + 1;
        reads.asked.extend(reads.waiting.drain(..).map(|token| (token, round, index)));
        self.broadcast(now, fx);
        self.confirm_reads(now, fx);
    }

    /// What is the newest round that a majority answered?
    pub(super) fn confirm_reads(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let round = self.log.configuration().reached(|member| leadership.answered(member));
        leadership.reads.answered(round);
        let done = leadership.reads.asked.extract_if(.., |(_, number, _)| *number <= round);
        self.confirmed.extend(done.map(|(token, _, index)| (token, index)));
        if leadership.reads.asked.is_empty() && !leadership.reads.waiting.is_empty() {
            self.ask_for_reads(now, fx);
        }
    }

    /// Lets another member lead, or whichever can soonest: it campaigns as soon as it has the whole log.
    pub(crate) fn transfer(
        &mut self,
        to: Option<NodeId>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Result<(), TransferRefused> {
        self.asked(now, fx);
        let margin = Mechanism::LeaseMargin.on(self.switches);
        let mut voters = self.log.configuration().voters.iter();
        let to = match to {
            Some(node) => voters.find(|voter| voter.node == node).copied(),
            None => self.successor(now),
        };
        let (timeout, me, refused) = (self.tuning.election_timeout, self.me, self.not_leader());
        let Role::Leader(leadership) = &mut self.role else {
            return Err(TransferRefused::NotLeader(refused));
        };
        let to = to.ok_or(TransferRefused::NoVote)?;
        if to == me {
            return Err(TransferRefused::Nothing);
        }
        leadership.transfer = Some(Transfer { to, told: false, until: now.time + timeout });
        leadership.reads.lease_ended = margin;
        self.hand_over(fx);
        Ok(())
    }

    /// Tells the successor when it has everything.
    pub(super) fn hand_over(&mut self, fx: &mut Effects) {
        let last = self.log.last_index();
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some(mut transfer) = leadership.transfer else { return };
        if !transfer.told && leadership.matched(transfer.to) == last {
            transfer.told = true;
            leadership.transfer = Some(transfer);
            fx.send(transfer.to, Rpc::TimeoutNow { term: self.term });
            fx.note("transferred");
        }
    }

    /// A successor that does not come is not waited for.
    pub(super) fn check_transfer(&mut self, now: &mut Now<'_>) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if leadership.transfer.is_some_and(|transfer| now.time >= transfer.until) {
            leadership.transfer = None;
        }
    }
}
