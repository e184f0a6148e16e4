//! One group of consumers, by the classic protocol: who is in it, and who has what.
//!
//! ```text
//!            join                     all have joined,             the leader said who has what,
//!   Empty ---------> Preparing ----- or had the time to -----> Completing ----- and it is durable -----> Stable
//!     ^               |   ^                                        |                                       |
//!     |   nobody left |   +---------- somebody came, went, was silent, or wants something else ------------+
//!     +---------------+
//! ```
//!
//! The law: a generation has one assignment, and nobody learns his part of it before it is durable. So generations
//! rise across failovers too: of one that a new coordinator does not know, nobody ever had anything.

mod join;
mod offsets;
mod record;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use machine::{NodeId, Time};

use log_protocol::ask::{Answer, GroupDescription, Leaver, Member, MemberDescription};
use log_protocol::error::ErrorCode;
use log_protocol::words::Name;
pub(crate) use offsets::Committed;
pub(crate) use record::{Assigned, Generation, GroupRecord, Offsets};

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Waiter {
    pub(crate) client: NodeId,
    pub(crate) token: u64,
}

/// One call on a group: when it is, and what comes of it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) now: Time,
    /// A group that was empty waits so long for more members.
    pub(crate) first_rebalance: Duration,
    pub(crate) answers: Vec<(Waiter, Answer)>,
    /// To be kept; the group is told when it is.
    pub(crate) stores: Vec<Generation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

/// A group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    name: Name,
    phase: Phase,
    generation: i32,
    protocol_type: Name,
    protocol: Name,
    leader: Option<Name>,
    members: BTreeMap<Name, GroupMember>,
    /// Ids that were given to who has not joined with them yet, and until when (KIP-394).
    pending: BTreeMap<Name, Time>,
    /// When the phase ends at the latest.
    deadline: Option<Time>,
    /// It was empty: it waits for more members, and no longer than this.
    first_until: Option<Time>,
    /// The assignment of this generation is on its way to the disks.
    is_storing: bool,
    /// The last generation that is durable.
    stored: Option<Generation>,
    offsets: offsets::OffsetsOfTopics,
    /// So many bytes of its members the coordinator has counted.
    pub(crate) counted: usize,
}

#[derive(Clone, Debug)]
struct GroupMember {
    instance: Option<Name>,
    client: Name,
    host: Name,
    session: Duration,
    rebalance: Duration,
    /// What it can do, the one that it likes most first, each with what it tells the leader.
    protocols: Vec<(Name, Bytes)>,
    assignment: Bytes,
    joins: Option<Waiter>,
    syncs: Option<Waiter>,
    /// It must be heard of before that, unless it waits for an answer.
    silent_at: Time,
}

/// Bytes of a member that says nothing, about.
const LIGHTEST: usize = 256;

/// What a member weighs by what it tells.
pub(crate) fn weight_of(protocols: &[(Name, Bytes)]) -> usize {
    LIGHTEST + protocols.iter().map(|(name, told)| name.len() + told.len()).sum::<usize>()
}

impl GroupMember {
    fn weight(&self) -> usize {
        let names = [Some(&self.client), Some(&self.host), self.instance.as_ref()];
        let names = names.into_iter().flatten().map(|name| name.len());
        weight_of(&self.protocols) + self.assignment.len() + names.sum::<usize>()
    }

    fn waits(&self) -> bool {
        self.joins.is_some() || self.syncs.is_some()
    }

    /// What it tells the leader of this protocol; nothing where it does not know that.
    fn metadata(&self, protocol: &Name) -> Option<&Bytes> {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, metadata)| metadata)
    }
}

impl Group {
    /// One that nobody is in.
    pub(crate) fn new(name: Name) -> Group {
        Group {
            name,
            phase: Phase::Empty,
            generation: 0,
            protocol_type: Name::default(),
            protocol: Name::default(),
            leader: None,
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            deadline: None,
            first_until: None,
            is_storing: false,
            stored: None,
            offsets: BTreeMap::new(),
            counted: 0,
        }
    }

    /// Is there nothing in it that anybody could miss?
    pub(crate) fn is_void(&self) -> bool {
        self.phase == Phase::Empty
            && self.generation == 0
            && self.pending.is_empty()
            && self.offsets.is_empty()
    }

    /// What is durable, as records that make it again.
    pub(crate) fn records(&self) -> impl Iterator<Item = GroupRecord> + '_ {
        let generation = self.stored.iter().cloned().map(GroupRecord::Generation);
        generation.chain(self.offset_records().map(GroupRecord::Offsets))
    }

    /// Takes what is durable, in the order in which it became so.
    pub(crate) fn replay(&mut self, record: GroupRecord) {
        match record {
            GroupRecord::Generation(generation) => self.stored = Some(generation),
            GroupRecord::Offsets(offsets) => self.remember(offsets),
        }
    }

    /// All was replayed: its members have a session from now on.
    pub(crate) fn wake(&mut self, now: Time) {
        let Some(stored) = self.stored.clone() else { return };
        self.generation = stored.number;
        if stored.members.is_empty() {
            return;
        }
        self.phase = Phase::Stable;
        let protocol = &stored.protocol;
        let members = stored.members.iter().map(|it| {
            let member = GroupMember {
                instance: it.instance.clone(),
                client: it.client.clone(),
                host: it.host.clone(),
                session: it.session,
                rebalance: it.rebalance,
                protocols: vec![(protocol.clone(), it.metadata.clone())],
                assignment: it.assignment.clone(),
                joins: None,
                syncs: None,
                silent_at: now + it.session,
            };
            (it.member.clone(), member)
        });
        self.members = members.collect();
        self.protocol_type = stored.protocol_type;
        self.protocol = stored.protocol;
        self.leader = Some(stored.leader);
    }

    /// # Errors
    /// If it is no member of this generation, or should join again.
    pub(crate) fn heartbeat(&mut self, who: &Member, turn: &Turn) -> Result<(), ErrorCode> {
        self.admits(who)?;
        self.hear(&who.member, turn.now);
        match self.phase {
            Phase::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// What became of each that leaves.
    pub(crate) fn leave(
        &mut self,
        leavers: &[Leaver],
        turn: &mut Turn,
    ) -> Vec<(Leaver, Result<(), ErrorCode>)> {
        let before = self.members.len();
        let all = leavers.iter().map(|leaver| (leaver.clone(), self.let_go(leaver, turn)));
        let all = all.collect();
        if self.members.len() < before {
            self.changed(turn)
        } else {
            self.try_complete(turn)
        }
        all
    }

    fn let_go(&mut self, leaver: &Leaver, turn: &mut Turn) -> Result<(), ErrorCode> {
        if self.pending.remove(&leaver.member).is_some() {
            return Ok(());
        }
        let id = match &leaver.instance {
            // An administrator may know an instance by nothing else.
            Some(instance) if leaver.member.is_empty() => {
                self.holder(instance).ok_or(ErrorCode::UnknownMemberId)?.clone()
            }
            instance => {
                self.knows(&leaver.member, instance.as_ref())?;
                leaver.member.clone()
            }
        };
        self.remove(&id, turn);
        Ok(())
    }

    /// Bytes of its members in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let members = self.members.iter().map(|(id, member)| id.len() + member.weight());
        members.chain(self.pending.keys().map(|id| LIGHTEST + id.len())).sum()
    }

    /// Of what it weighs: what this member tells.
    pub(crate) fn weight_of(&self, member: &Name) -> usize {
        self.members.get(member).map_or(0, |member| weight_of(&member.protocols))
    }

    /// Of what it weighs: who has what.
    pub(crate) fn weight_of_assignments(&self) -> usize {
        self.members.values().map(|member| member.assignment.len()).sum()
    }

    /// When time passes for it next.
    pub(crate) fn due(&self) -> Option<Time> {
        let silent = self.members.values().filter(|member| !member.waits());
        let members = silent.map(|member| member.silent_at);
        members.chain(self.pending.values().copied()).chain(self.deadline).min()
    }

    /// Members that were silent go, and a phase that lasted too long ends.
    pub(crate) fn time_passed(&mut self, turn: &mut Turn) {
        let now = turn.now;
        self.pending.retain(|_, until| *until > now);
        self.remove_all(turn, |member| !member.waits() && member.silent_at <= now);
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            match self.phase {
                Phase::PreparingRebalance => self.complete(turn),
                _ => {
                    self.deadline = None;
                    self.remove_all(turn, |member| member.syncs.is_none());
                }
            }
        }
        self.try_complete(turn);
    }

    fn remove_all(&mut self, turn: &mut Turn, goes: impl Fn(&GroupMember) -> bool) {
        let gone = self.members.iter().filter(|(_, member)| goes(member)).map(|(id, _)| id.clone());
        let gone: Vec<_> = gone.collect();
        gone.iter().for_each(|id| self.remove(id, turn));
        if !gone.is_empty() {
            self.changed(turn);
        }
    }

    fn remove(&mut self, id: &Name, turn: &mut Turn) {
        if let Some(mut member) = self.members.remove(id) {
            member.refuse(ErrorCode::UnknownMemberId, id, turn);
        }
    }

    /// This broker coordinates the group no longer.
    pub(crate) fn resign(&mut self, turn: &mut Turn) {
        for (id, member) in &mut self.members {
            member.refuse(ErrorCode::NotCoordinator, id, turn);
        }
    }

    /// The member of this instance.
    fn holder(&self, instance: &Name) -> Option<&Name> {
        let mut members = self.members.iter();
        members.find(|(_, member)| member.instance.as_ref() == Some(instance)).map(|(id, _)| id)
    }

    fn knows(&self, id: &Name, instance: Option<&Name>) -> Result<(), ErrorCode> {
        let holder = instance.map(|instance| self.holder(instance));
        match holder {
            Some(Some(holder)) if holder != id => Err(ErrorCode::FencedInstanceId),
            Some(None) => Err(ErrorCode::UnknownMemberId),
            _ if self.members.contains_key(id) => Ok(()),
            _ => Err(ErrorCode::UnknownMemberId),
        }
    }

    /// Is it a member of this generation?
    fn admits(&self, who: &Member) -> Result<(), ErrorCode> {
        self.knows(&who.member, who.instance.as_ref())?;
        if who.generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    fn hear(&mut self, id: &Name, now: Time) {
        if let Some(member) = self.members.get_mut(id) {
            member.silent_at = now + member.session;
        }
    }

    /// For people.
    pub(crate) fn describe(&self) -> GroupDescription {
        let is_stable = self.phase == Phase::Stable;
        let members = self.members.iter().map(|(id, member)| {
            let metadata = member.metadata(&self.protocol).filter(|_| is_stable);
            MemberDescription {
                member: id.clone(),
                instance: member.instance.clone(),
                client: member.client.clone(),
                host: member.host.clone(),
                metadata: metadata.cloned().unwrap_or_default(),
                assignment: member.assignment.clone(),
            }
        });
        GroupDescription {
            state: self.state(),
            protocol_type: self.protocol_type.clone(),
            protocol: if is_stable { self.protocol.clone() } else { Name::default() },
            members: members.collect(),
        }
    }

    /// As Kafka calls it. A group that is not there is called `Dead`.
    pub(crate) fn state(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::PreparingRebalance => "PreparingRebalance",
            Phase::CompletingRebalance => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }

    pub(crate) fn protocol_type(&self) -> &Name {
        &self.protocol_type
    }
}
