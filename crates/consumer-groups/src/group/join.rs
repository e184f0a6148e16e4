//! How a generation comes about: members join, the leader says who has what, and all learn it.

use std::time::Duration;

use bytes::Bytes;
use machine::Time;

use super::{Assigned, Generation, Group, GroupMember, Phase, Turn, Waiter};
use log_protocol::ask::{Answer, JoinGroup, JoinRefused, Joined, SyncGroup};
use log_protocol::error::ErrorCode;
use log_protocol::words::Name;

/// Members of a group, with those to come.
const MOST_MEMBERS: usize = 5_000;

impl GroupMember {
    fn new(join: &JoinGroup, from: Waiter, now: Time) -> GroupMember {
        GroupMember {
            instance: join.instance.clone(),
            client: join.client.clone(),
            host: join.host.clone(),
            session: join.session_timeout,
            // Time passes in any case.
            rebalance: join.rebalance_timeout.max(Duration::from_millis(1)),
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            joins: Some(from),
            syncs: None,
            silent_at: now + join.session_timeout,
        }
    }

    /// Joins again, with what it wants now. Of two calls that wait the earlier one is to be made again.
    fn join(&mut self, join: &JoinGroup, from: Waiter, id: &Name, turn: &mut Turn) {
        self.refuse(ErrorCode::RebalanceInProgress, id, turn);
        let assignment = std::mem::take(&mut self.assignment);
        *self = GroupMember { assignment, ..GroupMember::new(join, from, turn.now) };
    }

    /// Whatever it waits for, this is its answer.
    pub(super) fn refuse(&mut self, error: ErrorCode, id: &Name, turn: &mut Turn) {
        let joined = || Answer::Joined(Err(JoinRefused { error, member: id.clone() }));
        turn.answers.extend(self.joins.take().map(|waiter| (waiter, joined())));
        let synced = || Answer::Synced(Err(error));
        turn.answers.extend(self.syncs.take().map(|waiter| (waiter, synced())));
    }
}

impl Group {
    /// `fresh` is an id that nobody ever had.
    pub(crate) fn join(&mut self, join: &JoinGroup, from: Waiter, fresh: Name, turn: &mut Turn) {
        if let Err((error, member)) = self.try_join(join, from, fresh, turn) {
            turn.answers.push((from, Answer::Joined(Err(JoinRefused { error, member }))));
        }
    }

    fn try_join(
        &mut self,
        join: &JoinGroup,
        from: Waiter,
        fresh: Name,
        turn: &mut Turn,
    ) -> Result<(), (ErrorCode, Name)> {
        let refused = |error| (error, join.member.clone());
        if !self.supports(join) {
            return Err(refused(ErrorCode::InconsistentGroupProtocol));
        }
        let is_new = join.member.is_empty() || self.pending.contains_key(&join.member);
        if !is_new {
            self.knows(&join.member, join.instance.as_ref()).map_err(refused)?;
            return self.join_again(join, from, turn).map_err(refused);
        }
        let holder = join.instance.as_ref().and_then(|instance| self.holder(instance)).cloned();
        if let Some(holder) = holder {
            self.replace(&holder, fresh, join, from, turn);
            return Ok(());
        }
        if self.members.len() + self.pending.len() >= MOST_MEMBERS {
            return Err(refused(ErrorCode::GroupMaxSizeReached));
        }
        if join.member.is_empty() && join.instance.is_none() && join.knows_member_ids {
            // Whoever does not get this answer leaves no member behind.
            self.pending.insert(fresh.clone(), turn.now + join.session_timeout);
            return Err((ErrorCode::MemberIdRequired, fresh));
        }
        let was_given = self.pending.remove(&join.member).is_some();
        let id = if was_given { join.member.clone() } else { fresh };
        if self.members.is_empty() {
            self.protocol_type = join.protocol_type.clone();
        }
        self.members.insert(id, GroupMember::new(join, from, turn.now));
        if let Some(first_until) = self.first_until {
            self.deadline = Some(first_until.min(turn.now + turn.first_rebalance));
        }
        self.changed(turn);
        Ok(())
    }

    /// Has it something that all members can do?
    fn supports(&self, join: &JoinGroup) -> bool {
        let all_can = |name| self.members.values().all(|member| member.metadata(name).is_some());
        let fits = self.members.is_empty() || self.protocol_type == join.protocol_type;
        fits && !join.protocol_type.is_empty()
            && join.protocols.iter().any(|(name, _)| all_can(name))
    }

    fn join_again(
        &mut self,
        join: &JoinGroup,
        from: Waiter,
        turn: &mut Turn,
    ) -> Result<(), ErrorCode> {
        let id = &join.member;
        let Some(member) = self.members.get_mut(id) else { return Err(ErrorCode::UnknownMemberId) };
        let is_same = member.protocols == join.protocols;
        let has_rejoined = match self.phase {
            // An answer was lost, or a member lost its place and has it still. A leader that joins a stable
            // group again has seen something that asks for another assignment.
            Phase::CompletingRebalance => is_same,
            Phase::Stable => is_same && self.leader.as_ref() != Some(id),
            Phase::Empty | Phase::PreparingRebalance => false,
        };
        if has_rejoined {
            self.hear(id, turn.now);
            turn.answers.push((from, Answer::Joined(Ok(self.joined(id)))));
            return Ok(());
        }
        member.join(join, from, id, turn);
        self.changed(turn);
        Ok(())
    }

    /// A static member came back, and has lost its id.
    fn replace(&mut self, old: &Name, new: Name, join: &JoinGroup, from: Waiter, turn: &mut Turn) {
        let Some(mut member) = self.members.remove(old) else { return };
        member.refuse(ErrorCode::FencedInstanceId, old, turn);
        let is_same = member.protocols == join.protocols;
        member.join(join, from, &new, turn);
        self.members.insert(new.clone(), member);
        if self.leader.as_ref() == Some(old) {
            self.leader = Some(new);
        }
        if self.phase == Phase::Stable && is_same {
            // It has what it had; that must be known to a next coordinator by the new id.
            turn.stores.push(self.generation(|_, member| member.assignment.clone()));
        } else {
            self.changed(turn);
        }
    }

    /// Members came or went, or want something else.
    pub(super) fn changed(&mut self, turn: &mut Turn) {
        match self.phase {
            Phase::PreparingRebalance => self.try_complete(turn),
            _ => self.prepare(turn),
        }
    }

    /// All members join again.
    fn prepare(&mut self, turn: &mut Turn) {
        for member in self.members.values_mut() {
            let Some(waiter) = member.syncs.take() else { continue };
            // It said nothing because it waited.
            member.silent_at = turn.now + member.session;
            let answer = Answer::Synced(Err(ErrorCode::RebalanceInProgress));
            turn.answers.push((waiter, answer));
        }
        let latest = self.latest(turn.now);
        self.first_until = (self.phase == Phase::Empty).then_some(latest);
        let soon = turn.now + turn.first_rebalance;
        self.deadline = Some(if self.first_until.is_some() { latest.min(soon) } else { latest });
        self.phase = Phase::PreparingRebalance;
        self.try_complete(turn);
    }

    /// The slowest member has joined again by then, or it is too late.
    fn latest(&self, now: Time) -> Time {
        now + self.members.values().map(|member| member.rebalance).max().unwrap_or_default()
    }

    /// Ends the joining where there is nobody to wait for.
    pub(super) fn try_complete(&mut self, turn: &mut Turn) {
        let all = self.pending.is_empty() && self.members.values().all(|it| it.joins.is_some());
        let waits_for_more = self.first_until.is_some() && !self.members.is_empty();
        if self.phase == Phase::PreparingRebalance && all && !waits_for_more {
            self.complete(turn);
        }
    }

    /// A generation begins, of those who have joined. A static member has its place until its session is over.
    pub(super) fn complete(&mut self, turn: &mut Turn) {
        self.members.retain(|_, member| member.joins.is_some() || member.instance.is_some());
        let joined = self.members.iter().filter(|(_, member)| member.joins.is_some());
        let joined: Vec<_> = joined.map(|(id, _)| id.clone()).collect();
        self.first_until = None;
        self.deadline = Some(self.latest(turn.now));
        if joined.is_empty() && !self.members.is_empty() {
            return;
        }
        self.generation += 1;
        self.is_storing = false;
        self.protocol = self.most_liked();
        self.leader =
            self.leader.take().filter(|it| joined.contains(it)).or(joined.first().cloned());
        if joined.is_empty() {
            (self.phase, self.deadline) = (Phase::Empty, None);
            turn.stores.push(self.generation(|_, _| Bytes::new()));
            return;
        }
        self.phase = Phase::CompletingRebalance;
        self.members.values_mut().for_each(|member| member.assignment.clear());
        for id in joined {
            self.answer_join(&id, Ok(()), turn);
        }
    }

    /// Of what all members can do, what most of them like most.
    fn most_liked(&self) -> Name {
        let all_can = |name: &Name| self.members.values().all(|it| it.metadata(name).is_some());
        let liked = |member: &GroupMember| {
            let mut names = member.protocols.iter().map(|(name, _)| name);
            names.find(|name| all_can(name)).cloned()
        };
        let votes: Vec<_> = self.members.values().filter_map(liked).collect();
        let count = |name: &&Name| votes.iter().filter(|vote| vote == name).count();
        votes.iter().max_by_key(count).cloned().unwrap_or_default()
    }

    fn answer_join(&mut self, id: &Name, outcome: Result<(), ErrorCode>, turn: &mut Turn) {
        let joins = self.members.get_mut(id).and_then(|member| member.joins.take());
        let Some(waiter) = joins else { return };
        self.hear(id, turn.now);
        let refused = |error| JoinRefused { error, member: Name::default() };
        let answer = outcome.map(|()| self.joined(id)).map_err(refused);
        turn.answers.push((waiter, Answer::Joined(answer)));
    }

    fn joined(&self, id: &Name) -> Joined {
        let leads = self.leader.as_ref() == Some(id);
        // A leader that came back to a stable group has nothing to say: it is told of another, or of none.
        let skips_assignment = leads && self.phase == Phase::Stable;
        let all = self.members.iter().map(|(id, member)| {
            let metadata = member.metadata(&self.protocol).cloned().unwrap_or_default();
            (id.clone(), member.instance.clone(), metadata)
        });
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().filter(|_| !skips_assignment).unwrap_or_default(),
            member: id.clone(),
            members: if leads && !skips_assignment { all.collect() } else { Vec::new() },
            skips_assignment,
        }
    }

    /// # Errors
    /// If it is answered at once, by this.
    pub(crate) fn sync(
        &mut self,
        sync: &SyncGroup,
        from: Waiter,
        turn: &mut Turn,
    ) -> Result<(), ErrorCode> {
        self.admits(&sync.member)?;
        let is_other =
            |known: &Name, said: &Option<Name>| said.as_ref().is_some_and(|it| it != known);
        if is_other(&self.protocol_type, &sync.protocol_type)
            || is_other(&self.protocol, &sync.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let id = &sync.member.member;
        self.hear(id, turn.now);
        let Some(member) = self.members.get_mut(id) else { return Err(ErrorCode::UnknownMemberId) };
        match self.phase {
            Phase::Empty => return Err(ErrorCode::UnknownMemberId),
            Phase::PreparingRebalance => return Err(ErrorCode::RebalanceInProgress),
            Phase::Stable => {
                let assignment = member.assignment.clone();
                turn.answers.push((from, Answer::Synced(Ok(assignment))));
                return Ok(());
            }
            Phase::CompletingRebalance => {}
        }
        let earlier = member.syncs.replace(from);
        let again = Answer::Synced(Err(ErrorCode::RebalanceInProgress));
        turn.answers.extend(earlier.map(|waiter| (waiter, again)));
        if self.leader.as_ref() == Some(id) && !self.is_storing {
            self.is_storing = true;
            turn.stores.push(self.generation(|id, _| {
                let own = sync.assignments.iter().find(|(member, _)| member == id);
                own.map(|(_, assignment)| assignment.clone()).unwrap_or_default()
            }));
        }
        Ok(())
    }

    /// This generation, to be kept.
    fn generation(&self, assignment: impl Fn(&Name, &GroupMember) -> Bytes) -> Generation {
        let members = self.members.iter().map(|(id, member)| Assigned {
            member: id.clone(),
            instance: member.instance.clone(),
            client: member.client.clone(),
            host: member.host.clone(),
            session: member.session,
            rebalance: member.rebalance,
            metadata: member.metadata(&self.protocol).cloned().unwrap_or_default(),
            assignment: assignment(id, member),
        });
        Generation {
            group: self.name.clone(),
            number: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            members: members.collect(),
        }
    }

    /// What it wanted to be kept is, or is not.
    pub(crate) fn stored(
        &mut self,
        generation: Generation,
        outcome: Result<(), ErrorCode>,
        turn: &mut Turn,
    ) {
        let is_this = generation.number == self.generation;
        match self.phase {
            Phase::CompletingRebalance if is_this => self.assigned(&generation, outcome, turn),
            // Static members that came back under another id.
            Phase::Stable if is_this => {
                generation
                    .members
                    .iter()
                    .for_each(|it| self.answer_join(&it.member, outcome, turn));
            }
            _ => {}
        }
        if outcome.is_ok() {
            self.stored = Some(generation);
        }
    }

    fn assigned(
        &mut self,
        generation: &Generation,
        outcome: Result<(), ErrorCode>,
        turn: &mut Turn,
    ) {
        for it in &generation.members {
            let Some(member) = self.members.get_mut(&it.member) else { continue };
            let answer = Answer::Synced(outcome.map(|()| it.assignment.clone()));
            turn.answers.extend(member.syncs.take().map(|waiter| (waiter, answer)));
            member.assignment = it.assignment.clone();
            self.hear(&it.member, turn.now);
        }
        if outcome.is_err() {
            return self.prepare(turn);
        }
        (self.phase, self.deadline) = (Phase::Stable, None);
    }
}
