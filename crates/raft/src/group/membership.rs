//! Who belongs to the group: founding it, changing it (section 6), and taking a node back whose disk
//! was lost.
//!
//! A node with an empty disk cannot know whether it is new or has lost what it swore. So it has no
//! vote: it says hello, with the identity of its disk. If all founders' disks are empty, the one with
//! the lowest number founds the group. If the group is there, its leader takes the node in as a new
//! member, in the place of the one with the lost disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use machine::{DiskId, NodeId, Now, Time};

use super::{Group, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::{Configuration, Member};
use crate::rpc::{Entry, Payload, Rpc};

/// Those who said hello.
pub type Roll = BTreeMap<NodeId, DiskId>;

/// In whose name a node speaks whose disk is not known.
pub(crate) const ANY_DISK: DiskId = DiskId(0);
/// Strangers that a leader keeps in mind.
const MOST_STRANGERS: usize = 64;
/// A change whose new members have not caught up after so many election timeouts is given up.
const PATIENCE: u32 = 20;

/// A change of members under way: new ones listen first, until they have the log.
#[derive(Clone, Debug)]
pub(super) struct Change {
    voters: BTreeSet<Member>,
    until: Time,
}

/// Why members do not change. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefused {
    /// Only a leader can.
    NotLeader(super::NotLeader),
    /// Another change is under way, or this leader has committed nothing yet: try again.
    NotNow,
    /// They are the voters already.
    Nothing,
    /// This node has not said hello yet: start it with an empty data folder.
    Unknown(NodeId),
    /// Somebody must vote.
    Nobody,
}

impl Group {
    /// Makes these nodes the voters, through joint consensus.
    pub(crate) fn change(
        &mut self,
        nodes: &BTreeSet<NodeId>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Result<(), ChangeRefused> {
        let Role::Leader(leadership) = &self.role else {
            return Err(ChangeRefused::NotLeader(self.not_leader()));
        };
        let identified = Mechanism::DiskIdentity.on(self.switches);
        let member = |&node: &NodeId| {
            let known = self.log.configuration().member_at(node);
            let stranger = || leadership.strangers.get(&node).map(|&disk| Member { node, disk });
            let anyone = || (!identified).then_some(Member { node, disk: ANY_DISK });
            known.or_else(stranger).or_else(anyone).ok_or(ChangeRefused::Unknown(node))
        };
        let voters = nodes.iter().map(member).collect::<Result<BTreeSet<Member>, _>>()?;
        if voters.is_empty() {
            return Err(ChangeRefused::Nobody);
        }
        self.begin_change(voters, now, fx)
    }

    fn begin_change(
        &mut self,
        voters: BTreeSet<Member>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Result<(), ChangeRefused> {
        let configuration = Configuration::clone(self.log.configuration());
        let settled = self.log.configured_at() <= self.commit_index && !configuration.is_joint();
        let fresh = self.has_committed_in_term();
        let Role::Leader(leadership) = &mut self.role else { return Err(ChangeRefused::NotNow) };
        if !settled || !fresh || leadership.change.is_some() {
            return Err(ChangeRefused::NotNow);
        }
        if configuration.voters == voters {
            return Err(ChangeRefused::Nothing);
        }
        let until = now.time + self.tuning.election_timeout * PATIENCE;
        let members = configuration.members();
        let new: BTreeSet<Member> = voters.difference(&members).copied().collect();
        leadership.change = Some(Change { voters, until });
        if !new.is_empty() {
            let learners = configuration.learners.union(&new).copied().collect();
            self.configure(Configuration { learners, ..configuration }, now, fx);
        }
        self.advance_change(now, fx);
        Ok(())
    }

    /// Goes on with a change when what it waits for has happened.
    pub(super) fn advance_change(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if self.log.configured_at() > self.commit_index {
            return;
        }
        let configuration = Configuration::clone(self.log.configuration());
        if configuration.is_joint() {
            fx.note("joint-committed");
            leadership.change = None;
            return self.configure(configuration.final_one(), now, fx);
        }
        if let Some(change) = &leadership.change {
            let commit_index = self.commit_index;
            let ready = |voter: &Member| leadership.matched(*voter) >= commit_index;
            if change.voters == configuration.voters {
                leadership.change = None;
            } else if change.voters.iter().all(ready) {
                let voters = change.voters.clone();
                let joint = Configuration {
                    voters,
                    outgoing: configuration.voters,
                    learners: configuration.learners,
                };
                let careful = Mechanism::JointConsensus.on(self.switches);
                self.configure(if careful { joint } else { joint.final_one() }, now, fx);
            }
        } else if !configuration.votes(self.me) {
            self.retire(now, fx);
        }
    }

    pub(super) fn check_change(&mut self, now: &mut Now<'_>) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if leadership.change.as_ref().is_some_and(|change| now.time >= change.until) {
            leadership.change = None;
        }
    }

    /// A configuration is in force as soon as it is in the log.
    fn configure(&mut self, configuration: Configuration, now: &mut Now<'_>, fx: &mut Effects) {
        let members = configuration.members();
        let payload = Payload::Configuration(Arc::new(configuration));
        let last = self.append(Entry { term: self.term, payload }, fx);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.know(&members, last - 1, now.time);
        }
    }

    /// A leader that is no member any more makes room for one who is.
    fn retire(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let Role::Leader(leadership) = &self.role else { return };
        let voters = self.log.configuration().voters.iter().copied();
        if let Some(heir) = voters.max_by_key(|voter| leadership.matched(*voter)) {
            fx.send(heir, Rpc::TimeoutNow { term: self.term });
        }
        self.follow(self.term, None, now, fx);
    }
}

impl Configuration {
    /// What this joint configuration leads to.
    fn final_one(&self) -> Configuration {
        let learners = self.learners.difference(&self.voters).copied().collect();
        Configuration { voters: self.voters.clone(), outgoing: BTreeSet::new(), learners }
    }
}

impl Group {
    /// The disk is empty.
    pub(super) fn start_blank(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        if Mechanism::DiskIdentity.on(self.switches) {
            self.role = Role::Blank(Roll::from([(self.me.node, self.me.disk)]));
            self.say_hello(now, fx);
            self.found(now, fx);
        } else if self.founders.contains(&self.me.node) {
            let member = |&node| Member { node, disk: ANY_DISK };
            self.on_founders(
                &Arc::new(Configuration::of(self.founders.iter().map(member))),
                now,
                fx,
            );
        }
    }

    pub(super) fn say_hello(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        for &node in self.founders.iter().filter(|node| **node != self.me.node) {
            fx.send(Member { node, disk: ANY_DISK }, Rpc::Hello);
        }
        self.election_due = now.time + self.tuning.heartbeat;
    }

    pub(super) fn on_hello(&mut self, from: Member, now: &mut Now<'_>, fx: &mut Effects) {
        if let Role::Blank(roll) = &mut self.role {
            roll.insert(from.node, from.disk);
            return self.found(now, fx);
        }
        if let Some(Payload::Configuration(founders)) =
            self.log.entry(1).map(|entry| &entry.payload)
            && founders.votes(from)
        {
            fx.send_durable(from, Rpc::Founders(Arc::clone(founders)));
        }
        let configuration = Arc::clone(self.log.configuration());
        let Role::Leader(leadership) = &mut self.role else { return };
        if leadership.strangers.len() < MOST_STRANGERS {
            leadership.strangers.insert(from.node, from.disk);
        }
        let lost = |voter: &&Member| voter.node == from.node && voter.disk != from.disk;
        if let Some(lost) = configuration.voters.iter().find(lost) {
            let mut voters = configuration.voters.clone();
            voters.remove(lost);
            voters.insert(from);
            if self.begin_change(voters, now, fx).is_ok() {
                fx.note("member-adopted");
            }
        }
    }

    /// All founders' disks are empty: then this is the beginning. One of them says so.
    fn found(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let Role::Blank(roll) = &self.role else { return };
        if self.founders.iter().min() != Some(&self.me.node) {
            return;
        }
        let member = |&node| roll.get(&node).map(|&disk| Member { node, disk });
        let Some(members) = self.founders.iter().map(member).collect::<Option<Vec<_>>>() else {
            return;
        };
        let founders = Arc::new(Configuration::of(members));
        for &member in founders.voters.iter().filter(|member| **member != self.me) {
            fx.send_durable(member, Rpc::Founders(Arc::clone(&founders)));
        }
        self.on_founders(&founders, now, fx);
    }

    /// The first entry of every log of the group.
    pub(super) fn on_founders(
        &mut self,
        founders: &Arc<Configuration>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        if self.log.last_index() > 0 || !founders.votes(self.me) {
            return;
        }
        (self.role, self.term) = (Role::Follower, 1);
        fx.state = true;
        let payload = Payload::Configuration(Arc::clone(founders));
        self.append(Entry { term: 1, payload }, fx);
        self.wait_for_leader(now);
        fx.note("founded");
    }

    /// Is this message one that a node with an empty disk may heed? A leader that knows its disk makes
    /// it a follower.
    pub(super) fn is_for_blank(&mut self, rpc: &Rpc) -> bool {
        match rpc {
            Rpc::Hello | Rpc::Founders(_) => true,
            Rpc::AppendEntries(_) | Rpc::InstallSnapshot(_) => {
                self.role = Role::Follower;
                true
            }
            _ => false,
        }
    }
}
