//! The groups that this broker coordinates: those of the partitions of `__consumer_offsets` that it leads.
//!
//! The caller's duties, in the order of a partition's life:
//!
//! 1. `lead` when this broker leads it, and `resign` when it does not any more.
//! 2. `Read` is answered by `loaded`, with batches from there on as far as the log reached when this broker began to
//!    lead, once the high watermark is there; with none at the end.
//! 3. `Append` is a produce with acks=all: `appended` says where, once the high watermark has passed it, or why not.
//!    Those of a partition are appended in this order, and told of in this order.
//! 4. `RaiseStart` may be carried out at leisure. `Wake` sets the one timer, at whose end `time_passed` is called.
//!
//! The law: nothing is answered of a group before all is known that was kept of it, and what is answered is kept.

mod partition;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use machine::{NodeId, Time};

use crate::group::{Committed, Group, Offsets, Turn, Waiter, weight_of};
use log_protocol::ask::{
    Answer, Ask, Commit, CommitPart, CommittedAnswer, CommittedAsk, GroupDescription, JoinGroup,
    JoinRefused, SyncGroup,
};
use log_protocol::batch::Batch;
use log_protocol::error::ErrorCode;
use log_protocol::words::{LeaderEpoch, Name, Offset, TopicRef};
use partition::{Entry, Partitions};

/// Sessions that a member may have.
const SESSIONS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(1_800);

/// Bytes of the members of all groups, at most: a member is there for its session, whatever it sends.
const MOST_BYTES: usize = 64 << 20;

/// Times and sizes of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTuning {
    /// A new group waits so long for more members.
    pub first_rebalance: Duration,
    /// Partitions of `__consumer_offsets`.
    pub partitions: u32,
    /// A snapshot of a partition's state is written after so many bytes.
    pub snapshot_bytes: u64,
    /// Who commits an offset must be of the generation that it names. A mechanism of the owner.
    pub fences_generations: bool,
}

/// What the broker is to do.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the parts of an event are what its sentence names")]
pub enum GroupEvent {
    /// Answer this client.
    Answer { client: NodeId, token: u64, answer: Answer },
    /// Append this, with acks=all.
    Append { partition: u32, ticket: u64, batch: Batch },
    /// Read from there on.
    Read { partition: u32, ticket: u64, from: Offset },
    /// What lies before is there again behind it.
    RaiseStart { partition: u32, to: Offset },
    /// Call `time_passed` then, and no longer when it was said before.
    Wake { at: Time },
}

/// The coordinator of groups, as a part of a broker.
#[derive(Clone, Debug)]
pub struct Coordinator {
    tuning: GroupTuning,
    partitions: Partitions,
    /// When time passes next for each group that it does for.
    due: BTreeSet<(Time, Name)>,
    /// The timer is set to this.
    wakes: Option<Time>,
    /// Bytes of members, as far as their groups were counted.
    weight: usize,
    events: VecDeque<GroupEvent>,
}

/// The partition of the internal topic that has a group, as Kafka has it: by Java's hash of its name.
pub fn partition_of(group: &str, partitions: u32) -> u32 {
    let next = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(unit.into());
    let hash = group.encode_utf16().fold(0, next);
    hash.checked_abs().unwrap_or(0).cast_unsigned() % partitions.max(1)
}

impl Coordinator {
    /// One that coordinates nothing yet.
    pub fn new(tuning: GroupTuning) -> Coordinator {
        Coordinator {
            tuning,
            partitions: Partitions::new(tuning.partitions, tuning.snapshot_bytes),
            due: BTreeSet::new(),
            wakes: None,
            weight: 0,
            events: VecDeque::new(),
        }
    }

    /// This broker leads this partition of `__consumer_offsets`.
    pub fn lead(&mut self, partition: u32, leader_epoch: LeaderEpoch) {
        if !self.partitions.leads(partition, leader_epoch) {
            self.resign(partition);
            self.partitions.lead(partition, leader_epoch, &mut self.events);
        }
    }

    /// This broker leads it no longer.
    pub fn resign(&mut self, partition: u32) {
        for mut group in self.partitions.resign(partition, &mut self.events) {
            self.weight -= group.counted;
            let mut turn = self.turn(Time::default());
            group.resign(&mut turn);
            self.answer_all(turn.answers);
        }
        let partitions = self.tuning.partitions;
        self.due.retain(|(_, group)| partition_of(group, partitions) != partition);
    }

    /// What was asked for with `Read`; nothing where there is no more.
    pub fn loaded(&mut self, now: Time, ticket: u64, batches: &[Batch]) {
        for group in self.partitions.loaded(now, ticket, batches, &mut self.events) {
            self.enter(now, &group, |_, _| ()).unwrap_or_default();
        }
        self.settle();
    }

    /// What was to be appended is kept, and begins there; or it is not, or may not be.
    pub fn appended(&mut self, now: Time, ticket: u64, outcome: Result<Offset, ErrorCode>) {
        let Some(entry) = self.partitions.appended(ticket, outcome, &mut self.events) else {
            return;
        };
        let outcome = outcome.map(|_| ()).map_err(for_clients);
        match entry {
            Entry::Generation(generation) => {
                let group = generation.group.clone();
                let told =
                    self.enter(now, &group, |group, turn| group.stored(generation, outcome, turn));
                told.unwrap_or_default();
            }
            Entry::Offsets(offsets, from, mut parts) => {
                parts
                    .iter_mut()
                    .flat_map(|(_, parts)| parts)
                    .for_each(|(_, part)| *part = part.and(outcome));
                let group = offsets.group.clone();
                let kept = outcome
                    .and_then(|()| self.enter(now, &group, |group, _| group.remember(offsets)));
                kept.unwrap_or_default();
                if let Some(from) = from {
                    self.answer(from, Answer::Committed(parts));
                }
            }
        }
        self.settle();
    }

    /// The time that `Wake` said is there.
    pub fn time_passed(&mut self, now: Time) {
        self.wakes = None;
        while let Some((at, group)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.remove(&(at, group.clone()));
            let passed = self.enter(now, &group, |group, turn| group.time_passed(turn));
            passed.unwrap_or_default();
        }
        self.settle();
    }

    /// How far each group has read: group, topic, partition, offset.
    pub fn offsets(&self) -> impl Iterator<Item = (Name, Name, u32, Offset)> + '_ {
        self.partitions.all().flat_map(Group::offsets)
    }

    /// Offsets of topics that are not there any more are forgotten.
    pub fn forget_topics(&mut self, is_there: impl Fn(&Name) -> bool) {
        let gone = self.partitions.all().filter_map(|group| group.without(&is_there));
        for offsets in gone.collect::<Vec<_>>() {
            let entry = Entry::Offsets(offsets, None, Vec::new());
            self.partitions.append(entry, &mut self.events);
        }
        self.settle();
    }

    /// What is to be done next.
    pub fn next_event(&mut self) -> Option<GroupEvent> {
        self.events.pop_front()
    }

    /// A question about groups, in a cluster that has these partitions. What is none is not answered.
    pub fn ask(
        &mut self,
        now: Time,
        (client, token): (NodeId, u64),
        ask: &Ask,
        has: impl Fn(&Name, u32) -> bool,
    ) {
        let from = Waiter { client, token };
        match ask {
            Ask::JoinGroup(join) => self.join(now, from, join),
            Ask::SyncGroup(sync) => self.sync(now, from, sync),
            Ask::Heartbeat(who) => {
                let beat = self.enter(now, &who.group, |group, turn| group.heartbeat(who, turn));
                self.answer(from, Answer::Beat(beat.flatten()));
            }
            Ask::LeaveGroup { group, members } => {
                let left = self.enter(now, group, |group, turn| group.leave(members, turn));
                self.answer(from, Answer::Left(left));
            }
            Ask::Commit(commit) => self.commit(now, from, commit, has),
            Ask::Committed(asked) => {
                let found = asked.iter().map(|asked| self.committed(asked)).collect();
                self.answer(from, Answer::Offset(found));
            }
            Ask::DescribeGroups(groups) => {
                let found = groups.iter().map(|group| (group.clone(), self.describe(group)));
                let found = found.collect();
                self.answer(from, Answer::Groups(found));
            }
            Ask::ListGroups => {
                let list = self.partitions.list();
                self.answer(from, Answer::GroupList(list));
            }
            _ => {}
        }
        self.settle();
    }

    fn join(&mut self, now: Time, from: Waiter, join: &JoinGroup) {
        let fresh = self.partitions.member_id(&join.group, &join.client);
        let held = |group: &Group| group.weight_of(&join.member);
        let joined = match fresh {
            _ if !SESSIONS.contains(&join.session_timeout) => Err(ErrorCode::InvalidSessionTimeout),
            _ if !self.has_room(&join.group, weight_of(&join.protocols), held) => {
                Err(ErrorCode::GroupMaxSizeReached)
            }
            Err(error) => Err(error),
            Ok(fresh) => {
                self.enter(now, &join.group, |group, turn| group.join(join, from, fresh, turn))
            }
        };
        if let Err(error) = joined {
            let refused = JoinRefused { error, member: join.member.clone() };
            self.answer(from, Answer::Joined(Err(refused)));
        }
    }

    fn sync(&mut self, now: Time, from: Waiter, sync: &SyncGroup) {
        let name = &sync.member.group;
        let comes = sync.assignments.iter().map(|(_, assignment)| assignment.len()).sum();
        let synced = match self.has_room(name, comes, Group::weight_of_assignments) {
            false => Err(ErrorCode::GroupMaxSizeReached),
            true => self.enter(now, name, |group, turn| group.sync(sync, from, turn)).flatten(),
        };
        if let Err(error) = synced {
            self.answer(from, Answer::Synced(Err(error)));
        }
    }

    /// May so much come in the place of what the group has of it? What does not grow always may.
    fn has_room(&self, name: &Name, comes: usize, held: impl Fn(&Group) -> usize) -> bool {
        let group = self.partitions.group(name).ok().flatten();
        let grows = comes.saturating_sub(group.map_or(0, held));
        grows == 0 || self.weight + grows <= MOST_BYTES
    }

    fn commit(
        &mut self,
        now: Time,
        from: Waiter,
        commit: &Commit,
        has: impl Fn(&Name, u32) -> bool,
    ) {
        let name = &commit.member.group;
        let fences = self.tuning.fences_generations;
        let may = self.enter(now, name, |group, turn| match fences {
            true => group.may_commit(&commit.member, turn),
            false => Ok(()),
        });
        let may = may.flatten();
        let mut offsets = Offsets { group: name.clone(), topics: Vec::new() };
        let answers = commit.topics.iter().map(|(topic, parts)| {
            let of = |part: &CommitPart| match topic {
                TopicRef::Name(name) if has(name, part.partition) => Committed::of(part),
                TopicRef::Name(_) => Err(ErrorCode::UnknownTopicOrPartition),
                TopicRef::Id(_) => Err(ErrorCode::UnknownTopicId),
            };
            let kept: Vec<_> = parts.iter().map(|part| (part.partition, of(part))).collect();
            let outcome = |kept: &Result<Committed, ErrorCode>| {
                may.and(kept.as_ref().map(|_| ()).map_err(|error| *error))
            };
            let answers = kept.iter().map(|(partition, kept)| (*partition, outcome(kept)));
            let answers = (topic.clone(), answers.collect::<Vec<_>>());
            if let TopicRef::Name(topic) = topic {
                let kept = kept.into_iter().filter_map(|(it, kept)| Some((it, kept.ok()?)));
                offsets.topics.push((topic.clone(), kept.collect()));
            }
            answers
        });
        let answers: Vec<_> = answers.collect();
        offsets.topics.retain(|(_, parts)| !parts.is_empty());
        if may.is_err() || offsets.topics.is_empty() {
            return self.answer(from, Answer::Committed(answers));
        }
        self.partitions.append(Entry::Offsets(offsets, Some(from), answers), &mut self.events);
    }

    fn committed(&self, asked: &CommittedAsk) -> CommittedAnswer {
        let found = self.partitions.group(&asked.group);
        let known = |group: Option<&Group>| match group {
            Some(group) => group.committed(asked.topics.as_deref()),
            None => Group::new(asked.group.clone()).committed(asked.topics.as_deref()),
        };
        CommittedAnswer { group: asked.group.clone(), outcome: found.map(known) }
    }

    fn describe(&self, name: &Name) -> Result<GroupDescription, ErrorCode> {
        let none = || GroupDescription {
            state: "Dead",
            protocol_type: Name::default(),
            protocol: Name::default(),
            members: Vec::new(),
        };
        self.partitions.group(name).map(|group| group.map_or_else(none, Group::describe))
    }

    /// Does something with a group, which is made where it is not there, and what comes of it.
    fn enter<R>(
        &mut self,
        now: Time,
        name: &Name,
        then: impl FnOnce(&mut Group, &mut Turn) -> R,
    ) -> Result<R, ErrorCode> {
        let mut turn = self.turn(now);
        let groups = self.partitions.groups(name)?;
        let group = groups.entry(name.clone()).or_insert_with(|| Group::new(name.clone()));
        let before = group.due();
        let result = then(group, &mut turn);
        let after = group.due();
        let weight = group.weight();
        self.weight -= std::mem::replace(&mut group.counted, weight);
        self.weight += weight;
        if group.is_void() {
            groups.remove(name);
        }
        if let Some(before) = before {
            self.due.remove(&(before, name.clone()));
        }
        self.due.extend(after.map(|after| (after, name.clone())));
        self.answer_all(turn.answers);
        for generation in turn.stores {
            self.partitions.append(Entry::Generation(generation), &mut self.events);
        }
        Ok(result)
    }

    fn turn(&self, now: Time) -> Turn {
        let first_rebalance = self.tuning.first_rebalance;
        Turn { now, first_rebalance, answers: Vec::new(), stores: Vec::new() }
    }

    fn answer(&mut self, Waiter { client, token }: Waiter, answer: Answer) {
        self.events.push_back(GroupEvent::Answer { client, token, answer });
    }

    fn answer_all(&mut self, answers: Vec<(Waiter, Answer)>) {
        answers.into_iter().for_each(|(to, answer)| self.answer(to, answer));
    }

    /// After all else: takes a snapshot where one is due, and sets the timer.
    fn settle(&mut self) {
        self.partitions.settle(&mut self.events);
        let earliest = self.due.first().map(|(at, _)| *at);
        if let Some(at) = earliest.filter(|_| earliest != self.wakes) {
            self.events.push_back(GroupEvent::Wake { at });
        }
        self.wakes = earliest;
    }
}

/// Why something of a group was not kept, in words that its members understand.
fn for_clients(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::RequestTimedOut
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::UnknownTopicOrPartition => ErrorCode::CoordinatorNotAvailable,
        _ => ErrorCode::UnknownServerError,
    }
}
