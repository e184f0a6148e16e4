//! Rest: a group that has nothing to do costs nothing.
//!
//! A leader lets its group rest after an election timeout without anything new, if every member has all of its
//! log and knows that it is committed: then nobody misses anything, and heartbeats would say nothing. It says
//! so to the others, who rest too. One heartbeat of its node stands for all groups that rest under it
//! (`groups/beats.rs`); when that fails, they wake.
//!
//! Whatever comes for a group wakes it: a command, a read, a message. A follower that wakes tells its leader,
//! who wakes the others with a heartbeat. Rest is about time and promises nothing: whoever rests votes and
//! believes as if it were awake.

use machine::{NodeId, Now};

use super::{Group, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{Index, Rpc, Term};

/// Whom a group that rests waits for, or who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resting {
    /// This node leads it: these have nobody else to hear from.
    Leads(Vec<NodeId>),
    /// The leader is there.
    Follows(NodeId),
}

impl Group {
    /// Does it rest?
    pub fn is_resting(&self) -> bool {
        self.rests
    }

    /// How, if it does.
    pub(crate) fn resting(&self) -> Option<Resting> {
        match &self.role {
            _ if !self.rests => None,
            Role::Leader(leadership) => {
                let nodes = leadership.followers.keys().map(|member| member.node);
                Some(Resting::Leads(nodes.collect()))
            }
            _ => self.leader().map(Resting::Follows),
        }
    }

    /// A leader lets its group rest, if nobody lacks anything.
    pub(super) fn rest(&mut self, now: &Now<'_>, fx: &mut Effects) -> bool {
        let last = self.log.last_index();
        let quiet = now.time.since(self.active) >= self.tuning.election_timeout;
        let Role::Leader(leadership) = &self.role else { return false };
        let changing = self.log.configuration().is_joint();
        if !self.tuning.rests || !quiet || changing || !leadership.is_level(last) {
            return false;
        }
        for member in leadership.followers.keys() {
            fx.send(*member, Rpc::Rest { term: self.term, index: last });
        }
        self.rests = true;
        fx.note("rested");
        true
    }

    /// The leader lets the group rest, which has nothing after this place.
    pub(super) fn on_rest(&mut self, from: Member, term: Term, index: Index, fx: &mut Effects) {
        let follows = term == self.term && self.leader == Some(from);
        let level = self.log.last_index() == index && self.commit_index == index;
        if follows && level && matches!(self.role, Role::Follower) {
            self.rests = true;
        } else {
            fx.send(from, Rpc::Wake);
        }
    }

    /// The owner asked something of it.
    pub(super) fn asked(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        if self.leads() || Mechanism::WakeOnSilence.on(self.switches) {
            self.wake(None, now, fx);
        }
    }

    /// Something came for this group. A follower that was not woken by its leader tells it; for a while it
    /// helps nobody to depose it.
    pub(crate) fn wake(&mut self, by: Option<Member>, now: &mut Now<'_>, fx: &mut Effects) {
        self.active = now.time;
        if self.rests {
            self.heard = Some(now.time);
            self.wake_alone(by, now, fx);
        }
    }

    /// Nothing is heard of the leader's node any more.
    pub(crate) fn miss(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        self.active = now.time;
        if self.rests {
            self.wake_alone(None, now, fx);
        }
    }

    fn wake_alone(&mut self, by: Option<Member>, now: &mut Now<'_>, fx: &mut Effects) {
        self.rests = false;
        fx.note("woke");
        let (heartbeat, timeout) = (self.tuning.heartbeat, self.tuning.election_timeout);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.wake(now.time, heartbeat, timeout);
            return self.broadcast(now, fx);
        }
        self.wait_for_leader(now);
        if let Some(leader) = self.leader.filter(|leader| by != Some(*leader)) {
            fx.send(leader, Rpc::Wake);
        }
    }
}
