//! One member of one group: the state of the paper's figure 2, and who handles which message.
//!
//! The law of Raft (section 5.4): a leader of a later term holds every entry that was committed in an
//! earlier one. It rests on two majorities having a member in common, on that member remembering what
//! it promised (the journal), and on the rules in the files of this folder.

mod leading;
mod progress;

mod following;

mod commit;

mod election;
mod membership;
mod reads;
mod rest;
mod snapshots;
#[cfg(test)]
mod stale;

use std::sync::Arc;

use machine::{NodeId, Now, Switches, Time};

use crate::effects::{Effects, Event};
use crate::log::{Log, Snapshot};
use crate::mechanism::Mechanism;
use crate::member::{Configuration, Member};
use crate::rpc::{GroupId, Index, Rpc, Term};
use crate::tuning::Tuning;

pub use election::Votes;
pub use leading::Leadership;
pub use membership::{ChangeRefused, KnownDisks};
pub use reads::{Consistency, TransferRefused};
pub(crate) use rest::Resting;

/// One member's part of a group.
#[derive(Clone, Debug)]
pub struct Group {
    pub(crate) id: GroupId,
    me: Member,
    founders: Arc<[NodeId]>,
    tuning: Tuning,
    switches: Switches,

    // Persistent state (figure 2).
    term: Term,
    voted_for: Option<Member>,
    log: Log,

    // Volatile state.
    role: Role,
    leader: Option<Member>,
    /// The newest term that began because a leader handed over.
    handed_over: Term,
    commit_index: Index,
    /// Handed out to be applied, up to here: the paper's lastApplied.
    applied_index: Index,
    /// When the leader was heard last, by this member's clock.
    heard: Option<Time>,
    /// Before its boot it may have heard one.
    booted: Time,
    election_due: Time,
    /// When the node looks after it next.
    pub(crate) scheduled: Option<Time>,
    /// It has nothing to do, and neither does any other member.
    rests: bool,
    /// Since when.
    active: Time,
    /// The snapshot that the owner's frozen state is to be.
    taking: Option<Snapshot>,
    /// The file of a snapshot of which not every piece could be read as it was written.
    rotten: Option<u64>,
    /// The snapshot that a leader is sending.
    incoming: Option<Box<snapshots::Incoming>>,
    /// Who the members are since which index, as another one said.
    told: Option<(Index, Arc<Configuration>)>,
    /// The members of whom the owner knows where they are.
    met: Arc<Configuration>,
    /// Reads that may be answered once so much was applied.
    confirmed: Vec<(u64, Index)>,
}

/// What a member is at the moment.
#[derive(Clone, Debug)]
pub enum Role {
    /// Its disk is empty: it has no vote and asks who the others are.
    Blank(KnownDisks),
    /// It takes what the leader sends.
    Follower,
    /// It asks whether it would win.
    PreCandidate(Votes),
    /// It asks for votes.
    Candidate(Votes),
    /// It replicates its log.
    Leader(Box<Leadership>),
}

/// Only a leader can do this; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLeader {
    /// Ask there, where it is known.
    pub leader: Option<NodeId>,
}

/// What a member's disk remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) term: Term,
    pub(crate) voted_for: Option<Member>,
    pub(crate) log: Log,
}

impl Group {
    /// A member that has just booted, with what its disk remembers: nothing, if it is empty.
    pub(crate) fn new(
        (id, me): (GroupId, Member),
        founders: Arc<[NodeId]>,
        (tuning, switches): (Tuning, Switches),
        remembered: Option<Remembered>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Group {
        let blank = remembered.is_none();
        let Remembered { term, voted_for, log } = remembered.unwrap_or_default();
        let snapshot_index = log.snapshot().last_index;
        let has_state = log.snapshot().file.is_some();
        let mut group = Group {
            id,
            me,
            founders,
            tuning,
            switches,
            term,
            voted_for,
            commit_index: snapshot_index,
            applied_index: snapshot_index,
            log,
            role: Role::Follower,
            leader: None,
            handed_over: 0,
            heard: None,
            booted: now.time,
            election_due: now.time,
            scheduled: None,
            rests: false,
            active: now.time,
            taking: None,
            rotten: None,
            incoming: None,
            told: None,
            met: Arc::default(),
            confirmed: Vec::new(),
        };
        if has_state {
            fx.events.push(Event::Restored { index: snapshot_index });
        }
        group.wait_for_leader(now);
        if blank {
            group.start_blank(now, fx);
        }
        group
    }

    /// Handles a message of another member.
    pub(crate) fn on_message(
        &mut self,
        from: Member,
        rpc: Rpc,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        if let Role::Blank(_) = self.role
            && !self.is_for_blank(&rpc)
        {
            return;
        }
        if let Rpc::Rest { term, index } = rpc {
            return self.on_rest(from, term, index, fx);
        }
        if self.rests {
            self.wake(Some(from), now, fx);
        }
        match rpc {
            Rpc::RequestVote(request) => self.on_request_vote(from, request, now, fx),
            Rpc::Vote { term, pre, granted } => self.on_vote(from, term, pre, granted, now, fx),
            Rpc::AppendEntries(append) => self.on_append_entries(from, append, now, fx),
            Rpc::Appended { term, round, outcome } => {
                if self.is_current_term(term, now, fx) {
                    self.on_appended(from, round, outcome, now, fx);
                }
            }
            Rpc::InstallSnapshot(part) => self.on_install_snapshot(from, part, now, fx),
            Rpc::SnapshotTaken { term, round, last_index, next } => {
                if self.is_current_term(term, now, fx) {
                    self.on_snapshot_taken(from, round, last_index, next, now, fx);
                }
            }
            Rpc::TimeoutNow { term } => {
                if term == self.term && self.is_voter() {
                    self.campaign(true, now, fx);
                }
            }
            Rpc::Hello => self.on_hello(from, now, fx),
            Rpc::Founders(founders) => self.on_founders(&founders, now, fx),
            Rpc::Members { index, members } => self.on_members((index, members), now, fx),
            Rpc::Lost { term, index, last_term } => self.on_lost(term, (index, last_term), now, fx),
            Rpc::Rest { .. } | Rpc::Wake | Rpc::Beat { .. } => {}
        }
    }

    /// Does what is due by now.
    pub(crate) fn tick(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        match &self.role {
            Role::Leader(_) => self.tick_leader(now, fx),
            _ if now.time < self.election_due => {}
            Role::Blank(_) => {
                self.say_hello(fx);
                self.election_due = now.time + self.tuning.heartbeat;
            }
            _ if !self.may_campaign() => {
                self.leader = None;
                self.wait_for_leader(now);
                if Mechanism::HelloAgain.on(self.switches) {
                    self.say_hello(fx);
                }
            }
            _ if Mechanism::PreVote.on(self.switches) => self.ask_for_pre_votes(now, fx),
            _ => self.campaign(false, now, fx),
        }
    }

    /// When [`Group::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Time> {
        match &self.role {
            _ if self.rests => None,
            Role::Leader(leadership) => Some(leadership.due()),
            _ => Some(self.election_due),
        }
    }

    /// The stream to a node broke: what was on its way may be lost.
    pub(crate) fn link_reset(&mut self, peer: NodeId) {
        if let Role::Leader(leadership) = &mut self.role {
            leadership.link_reset(peer);
        }
    }

    /// A read of which everything that it must see was applied.
    pub(crate) fn next_readable(&mut self) -> Option<Event> {
        let at = self.confirmed.iter().position(|(_, index)| *index <= self.applied_index)?;
        let (token, index) = self.confirmed.swap_remove(at);
        Some(Event::Readable { token, index })
    }

    /// Rules for all servers (figure 2): a later term makes a follower. Is the message of the current term?
    fn is_current_term(&mut self, term: Term, now: &mut Now<'_>, fx: &mut Effects) -> bool {
        if term > self.term {
            self.follow(term, None, now, fx);
        }
        term == self.term
    }

    /// Becomes a follower, in this term or a later one.
    fn follow(&mut self, term: Term, leader: Option<Member>, now: &mut Now<'_>, fx: &mut Effects) {
        if term > self.term {
            (self.term, self.voted_for) = (term, None);
            fx.state = true;
        } else if let (Role::Follower, true) = (&self.role, leader == self.leader) {
            return;
        }
        if let Role::Leader(leadership) = std::mem::replace(&mut self.role, Role::Follower) {
            fx.note("stepped-down");
            fx.events.extend(leadership.lost_reads().map(|token| Event::ReadLost { token }));
            self.wait_for_leader(now);
        }
        self.leader = leader;
        fx.events.push(Event::Follows { term, leader: leader.map(|leader| leader.node) });
    }

    fn not_leader(&self) -> NotLeader {
        NotLeader { leader: self.leader.map(|leader| leader.node) }
    }

    /// A voter may. So may one whom the end of a change leaves out, as long as it does not know that end to be
    /// committed: the others may need its log, since nobody else may have it (section 4.2.2 of the thesis).
    /// Its own vote then counts for nothing.
    fn may_campaign(&self) -> bool {
        let newest = self.log.configured_at();
        let told = self.told.as_ref().map_or(0, |(index, _)| *index);
        let before = self.log.configuration_at(newest.saturating_sub(1));
        self.is_voter() || newest > self.commit_index.max(told) && before.votes(self.me)
    }
}

/// What can be seen of a member.
impl Group {
    /// Who it is.
    pub fn member(&self) -> Member {
        self.me
    }

    /// The newest term that it knows.
    pub fn term(&self) -> Term {
        self.term
    }

    /// To whom it gave its vote of this term.
    pub fn voted_for(&self) -> Option<Member> {
        self.voted_for
    }

    /// What it is.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Does it lead, as far as it knows?
    pub fn leads(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Does it have its leader, or is it about to, because the one before handed over?
    pub fn was_handed_over(&self) -> bool {
        self.term > 0 && self.handed_over == self.term
    }

    /// Who leads, as far as it knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader.map(|leader| leader.node)
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Entries up to here are committed, as far as it knows.
    pub fn commit_index(&self) -> Index {
        self.commit_index
    }

    /// Entries up to here were handed out to be applied.
    pub fn applied_index(&self) -> Index {
        self.applied_index
    }

    /// Is the owner's state, as it was frozen, on its way to a file?
    pub fn is_taking(&self) -> bool {
        self.taking.is_some()
    }

    /// The name of its role, for people, and for faults that aim at one.
    pub fn role_name(&self) -> &'static str {
        match &self.role {
            Role::Blank(_) => "blank",
            Role::PreCandidate(_) | Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
            Role::Follower if self.is_voter() => "follower",
            Role::Follower if self.is_removed() => "removed",
            Role::Follower => "learner",
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::{DiskId, Generation, Random, Wall};
    use rand::SeedableRng;

    use super::*;

    pub(super) fn member(node: u32) -> Member {
        Member { node: NodeId(node), disk: DiskId(1) }
    }

    /// A member that remembers a term and nothing else, so long after its boot that it protects nobody.
    pub(super) fn follower_in(term: Term, test: impl FnOnce(&mut Group, &mut Now<'_>)) {
        let mut random = Random::seed_from_u64(1);
        let generation = Generation::default();
        let mut now = Now { time: Time(0), wall: Wall(0), generation, random: &mut random };
        let remembered = Some(Remembered { term, ..Remembered::default() });
        let (who, how) = ((GroupId(0), member(0)), (Tuning::default(), Switches::ALL_ON));
        let fx = &mut Effects::default();
        let mut group = Group::new(who, Arc::default(), how, remembered, &mut now, fx);
        now.time = Time(0) + 2 * Tuning::default().election_timeout;
        test(&mut group, &mut now);
    }
}
