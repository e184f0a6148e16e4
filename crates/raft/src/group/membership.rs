//! Who belongs to the group: founding it, changing it (section 6), and taking a node back whose disk
//! was lost.
//!
//! A node with an empty disk cannot know whether it is new or has lost its votes. So it has no
//! vote: it says hello, with the identity of its disk. If all founders' disks are empty, the one with
//! the lowest number founds the group. If the group is there, its leader takes the node in as a new
//! member, in the place of the one with the lost disk.
//!
//! Any other node without a vote says hello too, and again until it has one: it may have been heard by
//! a leader whose entries were lost, or not be wanted any more. Which change a leader makes of what
//! it knows is in `reconfiguration.rs`; here is when it makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use machine::{DiskId, NodeId, Now};

use super::{Group, NotLeader, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::{ANY_DISK, Address, Configuration, MOST_MEMBERS, Member};
use crate::reconfiguration::Wanted;
use crate::rpc::{Entry, Index, Payload, Rpc};

/// Those who said hello.
pub type KnownDisks = BTreeMap<NodeId, DiskId>;

/// Why members do not change. Nothing was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefused {
    /// Only a leader can.
    NotLeader(NotLeader),
    /// They are the voters already, and nobody else is a member.
    Nothing,
    /// This node has not said hello yet, and nobody says where it is: it is to be started.
    Unknown(NodeId),
    /// Somebody must vote.
    Nobody,
}

/// What is wanted of the members, as far as their leader knows.
#[derive(Clone, Debug)]
pub(super) struct TargetMembers {
    /// Who is to vote, where somebody asked. It takes the place of what was asked before.
    nodes: Option<BTreeSet<NodeId>>,
    /// The disk with which each node spoke last.
    present: BTreeMap<NodeId, DiskId>,
    /// Where somebody said that nodes are.
    addresses: BTreeMap<NodeId, Address>,
}

impl TargetMembers {
    pub(super) fn new(me: Member) -> TargetMembers {
        let present = BTreeMap::from([(me.node, me.disk)]);
        TargetMembers { nodes: None, present, addresses: BTreeMap::new() }
    }

    /// This member spoke.
    pub(super) fn hear(&mut self, from: Member) {
        if self.present.len() < MOST_MEMBERS || self.present.contains_key(&from.node) {
            self.present.insert(from.node, from.disk);
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        let TargetMembers { nodes, present, addresses } = self;
        Wanted { nodes: nodes.as_ref(), present, addresses }
    }
}

impl Group {
    /// Makes these nodes the voters, through joint consensus. One that nobody knows yet is met at its address,
    /// and taken in when it says hello.
    pub(crate) fn change(
        &mut self,
        nodes: &BTreeSet<NodeId>,
        addresses: &BTreeMap<NodeId, Address>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> Result<(), ChangeRefused> {
        self.asked(now, fx);
        let not_leader = self.not_leader();
        let (configuration, settled) = (Arc::clone(self.log.configuration()), self.is_settled());
        let Role::Leader(leadership) = &mut self.role else {
            return Err(ChangeRefused::NotLeader(not_leader));
        };
        if nodes.is_empty() {
            return Err(ChangeRefused::Nobody);
        }
        let wanted = Wanted { nodes: Some(nodes), present: &leadership.target.present, addresses };
        match wanted.voters(&configuration) {
            Err(node) if !addresses.contains_key(&node) => {
                return Err(ChangeRefused::Unknown(node));
            }
            Ok(voters) if settled && configuration.is_done(&voters, addresses) => {
                return Err(ChangeRefused::Nothing);
            }
            _ => {}
        }
        // What was said of a node that is not asked for any more is not said.
        leadership.target.nodes = Some(nodes.clone());
        leadership.target.addresses = addresses.clone();
        fx.meets.extend(addresses.iter().map(|(&node, address)| (node, address.nodes)));
        self.advance_change(now, fx);
        Ok(())
    }

    /// Takes the next step towards the members that are wanted, if the last one is committed, and if
    /// this leader knows what is.
    pub(super) fn advance_change(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        if !self.is_settled() || !self.has_committed_in_term() {
            return;
        }
        let Role::Leader(leadership) = &self.role else { return };
        let configuration = self.log.configuration();
        let since = self.log.configured_at();
        let ahead = (self.tuning.max_batch * self.tuning.max_in_flight) as Index;
        let has_log = |member: Member| {
            let matched = leadership.matched(member);
            let is_close = matched >= since && matched + ahead >= self.commit_index;
            is_close && leadership.hears(member, self.tuning.election_timeout, now.time)
        };
        let Some(next) = configuration.next(leadership.target.wanted(), has_log) else {
            if !configuration.votes(self.me) {
                self.retire(now, fx);
            }
            return;
        };
        if configuration.is_joint() {
            fx.note("joint-committed");
        }
        let adopts = |lost: &Member| {
            next.voters.iter().any(|voter| voter.node == lost.node && voter.disk != lost.disk)
        };
        if next.is_joint() && next.outgoing.iter().any(adopts) {
            fx.note("member-adopted");
        }
        let careful = Mechanism::JointConsensus.on(self.switches);
        self.configure(if careful { next } else { next.final_one() }, now, fx);
    }

    /// Is the newest configuration committed?
    pub(super) fn is_settled(&self) -> bool {
        self.log.configured_at() <= self.commit_index
    }

    /// A configuration is in force as soon as it is in the log.
    fn configure(&mut self, configuration: Configuration, now: &mut Now<'_>, fx: &mut Effects) {
        self.active = now.time;
        let members = configuration.members();
        let payload = Payload::Configuration(Arc::new(configuration));
        let last = self.append(Entry { term: self.term, payload }, fx);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.know(&members, last - 1, now.time);
        }
    }

    /// A leader that is no member any more makes room for one who is.
    fn retire(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        if let Some(successor) = self.successor(now) {
            fx.send(successor, Rpc::TimeoutNow { term: self.term });
        }
        self.follow(self.term, None, now, fx);
    }
}

/// What a member knows of who the members are.
impl Group {
    /// The newest configuration that it knows of. Where others have taken it out, its own log may end
    /// before that, and does not say so.
    pub fn membership(&self) -> &Arc<Configuration> {
        match &self.told {
            Some((index, told)) if *index > self.log.configured_at() => told,
            _ => self.log.configuration(),
        }
    }

    /// Where those members are who joined later, when that is news to this boot.
    pub(crate) fn meet_members(&mut self, meets: &mut Vec<(NodeId, SocketAddr)>) {
        let membership = Arc::clone(self.membership());
        if Arc::ptr_eq(&self.met, &membership) {
            return;
        }
        let others = membership.addresses.iter().filter(|(node, _)| **node != self.me.node);
        meets.extend(others.map(|(&node, address)| (node, address.nodes)));
        self.met = membership;
    }

    /// Does it vote, as far as it knows?
    pub fn is_voter(&self) -> bool {
        self.log.configuration().votes(self.me) && self.membership().votes(self.me)
    }

    /// Does nobody count on this node, neither with this disk nor with another?
    pub fn is_outside(&self) -> bool {
        let membership = self.membership();
        self.leader.is_none()
            && !membership.voters.is_empty()
            && membership.member_at(self.me.node).is_none()
    }

    /// Was it a member, and taken out?
    pub fn is_removed(&self) -> bool {
        self.is_outside() && !self.log.configuration().voters.is_empty()
    }

    /// A node that is no member asks, or one that is in the place of a member: who are the members?
    pub(super) fn tell_members(&self, from: Member, fx: &mut Effects) {
        let told = self.told.as_ref().filter(|(index, _)| *index > self.log.configured_at());
        let own = (self.log.configured_at(), self.log.configuration());
        let own = Some(own).filter(|(index, _)| *index > 0 && self.is_settled());
        let newest = told.map(|(index, told)| (*index, told)).or(own);
        if let Some((index, configuration)) = newest
            && !configuration.members().contains(&from)
        {
            fx.send(from, Rpc::Members { index, members: Arc::clone(configuration) });
        }
    }

    /// These are the members since this index; that is committed.
    pub(super) fn on_members(
        &mut self,
        (index, members): (Index, Arc<Configuration>),
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        if self.told.as_ref().is_some_and(|(known, _)| *known >= index) {
            return;
        }
        self.told = Some((index, members));
        if let (Role::PreCandidate(_) | Role::Candidate(_), false) = (&self.role, self.is_voter()) {
            self.follow(self.term, None, now, fx);
        }
    }
}

impl Group {
    /// The disk is empty.
    pub(super) fn start_blank(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        if Mechanism::DiskIdentity.on(self.switches) {
            self.role = Role::Blank(KnownDisks::from([(self.me.node, self.me.disk)]));
            self.say_hello(fx);
            self.election_due = now.time + self.tuning.heartbeat;
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

    /// Asks all of whom it knows who the members are, and who this node is to them.
    pub(super) fn say_hello(&self, fx: &mut Effects) {
        let members = self.membership().members().into_iter().map(|member| member.node);
        let known: BTreeSet<NodeId> = self.founders.iter().copied().chain(members).collect();
        for node in known.into_iter().filter(|node| *node != self.me.node) {
            fx.send(Member { node, disk: ANY_DISK }, Rpc::Hello);
        }
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
        self.tell_members(from, fx);
        if let Role::Leader(leadership) = &mut self.role {
            leadership.target.hear(from);
            self.advance_change(now, fx);
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
        // It may have heard of a later term before it hears of the first.
        (self.role, self.term) = (Role::Follower, self.term.max(1));
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
            Rpc::Hello | Rpc::Founders(_) | Rpc::Members { .. } => true,
            Rpc::AppendEntries(_) | Rpc::InstallSnapshot(_) => {
                self.role = Role::Follower;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::tests::{follower_in, member};

    fn founders() -> Arc<Configuration> {
        Arc::new(Configuration::of([0, 1, 2].map(member)))
    }

    /// A vote that was given in a later term would be given again.
    #[test]
    fn to_hear_of_the_founders_late_lowers_no_term() {
        follower_in(5, |group, now| {
            group.on_message(member(1), Rpc::Founders(founders()), now, &mut Effects::default());
            assert_eq!((group.term(), group.log().last_index()), (5, 1));
            assert_eq!(group.log().last_term(), 1, "the entry is the same everywhere");
        });
    }

    #[test]
    fn what_was_told_holds_until_the_own_log_is_newer() {
        follower_in(5, |group, now| {
            let mut fx = Effects::default();
            group.on_message(member(1), Rpc::Founders(founders()), now, &mut fx);
            let mut hear = |group: &mut Group, index, nodes: &[u32]| {
                let members = Arc::new(Configuration::of(nodes.iter().map(|node| member(*node))));
                group.on_message(member(1), Rpc::Members { index, members }, now, &mut fx);
                (group.is_voter(), group.is_outside())
            };
            assert_eq!(hear(group, 1, &[1, 2]), (true, false), "its log says so itself");
            assert_eq!(hear(group, 7, &[1, 2]), (false, true));
            assert_eq!(hear(group, 5, &[0, 1, 2]), (false, true), "that is an older word");
            assert_eq!(hear(group, 9, &[0, 1, 2]), (true, false));
            // A log that goes on to there is believed again.
            assert_eq!(hear(group, 11, &[1, 2]), (false, true));
            let payload = Payload::Configuration(founders());
            (2..13).for_each(|_| group.log.append(Entry { term: 5, payload: payload.clone() }));
            assert!(group.is_voter());
        });
    }

    #[test]
    fn who_joined_is_met_where_the_newest_members_say_once_a_boot() {
        follower_in(5, |group, now| {
            let met = |group: &mut Group| {
                let mut meets = Vec::new();
                group.meet_members(&mut meets);
                meets.into_iter().map(|(node, at)| (node.0, at.port())).collect::<Vec<_>>()
            };
            let at = |nodes: &[u32], port| {
                let place = ([127, 0, 0, 1], port).into();
                let address =
                    |node: &u32| (NodeId(*node), Address { nodes: place, clients: place });
                let addresses = nodes.iter().map(address).collect();
                Arc::new(Configuration { addresses, ..(*founders()).clone() })
            };
            assert_eq!(met(group), []);
            group.log.append(Entry { term: 5, payload: Payload::Configuration(at(&[0, 1, 7], 8)) });
            assert_eq!(met(group), [(1, 8), (7, 8)], "all but itself");
            assert_eq!(met(group), []);
            let told = Rpc::Members { index: 9, members: at(&[7], 9) };
            group.on_message(member(1), told, now, &mut Effects::default());
            assert_eq!(met(group), [(7, 9)], "it moved");
        });
    }

    #[test]
    fn whoever_is_no_member_is_told_who_is_once_that_is_committed() {
        follower_in(5, |group, now| {
            let mut hello = |group: &mut Group, node| {
                let mut fx = Effects::default();
                group.on_message(member(node), Rpc::Hello, now, &mut fx);
                fx.sends
            };
            assert_eq!(hello(group, 9), [], "it knows nobody");
            group.log.append(Entry { term: 1, payload: Payload::Configuration(founders()) });
            assert_eq!(hello(group, 9), [], "it may be taken back");
            group.commit_index = 1;
            let told = Rpc::Members { index: 1, members: founders() };
            assert_eq!(hello(group, 9), [(member(9), told.clone())]);
            assert_eq!(hello(group, 1), []);
            // As it is to a candidate.
            let mut fx = Effects::default();
            group.tell_members(member(8), &mut fx);
            assert_eq!(fx.sends, [(member(8), told)]);
        });
    }
}
