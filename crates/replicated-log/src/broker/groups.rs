//! Groups of consumers: the coordinator in this broker, which appends to its partitions and reads them as a client
//! does.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{NodeId, Now, Outputs};

use super::{Broker, Deadline, answer};
use crate::ask::{Acks, Answer, Ask};
use crate::batch::Batch;
use crate::error::ErrorCode;
use crate::message::{ReplicatedLog, Timer};
use crate::replica::Loading;
use crate::words::{Name, OFFSETS_TOPIC, Offset, TopicPartition};
use consumer_groups::{GroupEvent, partition_of};

/// What the coordinator appends is acknowledged by then, or may have happened.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the coordinator waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupWork {
    /// By request: the ticket of what is appended.
    appends: BTreeMap<u64, u64>,
    /// By partition: the ticket of what is to be read, and from where.
    reads: BTreeMap<TopicPartition, (u64, Offset)>,
}

impl Broker {
    pub(super) fn is_own_topic(&self, partition: TopicPartition) -> bool {
        self.view.names.get(OFFSETS_TOPIC) == Some(&partition.topic)
    }

    /// The partition of our topic that has this number, if the topic is there.
    fn own_partition(&self, partition: u32) -> Option<TopicPartition> {
        let topic = *self.view.names.get(OFFSETS_TOPIC)?;
        Some(TopicPartition { topic, partition })
    }

    /// A partition is led here from now on, or not any more.
    pub(super) fn leads(
        &mut self,
        partition: TopicPartition,
        leads: bool,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if !self.is_own_topic(partition) {
            return;
        }
        self.group_work.reads.remove(&partition);
        let epoch = self.replicas.get(&partition).map(|replica| replica.leader_epoch());
        match epoch.filter(|_| leads) {
            Some(epoch) => self.coordinator.lead(partition.partition, epoch),
            None => self.coordinator.resign(partition.partition),
        }
        self.coordinate(now, out);
    }

    /// Something is asked about groups.
    pub(super) fn ask_coordinator(
        &mut self,
        (client, token): (NodeId, u64),
        ask: &Ask,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let view = &self.view;
        let has = |topic: &Name, partition| {
            let topic = view.names.get(topic).copied();
            let place = topic.map(|topic| TopicPartition { topic, partition });
            place.is_some_and(|place| view.partition(place).is_some())
        };
        self.coordinator.ask(now.time, (client, token), ask, has);
        self.coordinate(now, out);
    }

    /// A topic went, or went while another coordinated: what groups have committed of it goes too.
    pub(super) fn forget_topics(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        let names = &self.view.names;
        self.coordinator.forget_topics(|topic| names.contains_key(topic));
        self.coordinate(now, out);
    }

    pub(super) fn group_time_passed(
        &mut self,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.coordinator.time_passed(now.time);
        self.coordinate(now, out);
    }

    /// Does what the coordinator wants done.
    fn coordinate(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        while let Some(event) = self.coordinator.next_event() {
            match event {
                GroupEvent::Answer { client, token, answer: said } => {
                    answer(client, token, said, out)
                }
                GroupEvent::Wake { at } => out.set_timer(Timer::Group, at.since(now.time)),
                GroupEvent::Append { partition, ticket, batch } => {
                    self.append_for_groups(partition, ticket, &batch, now, out);
                }
                GroupEvent::Read { partition, ticket, from } => {
                    if let Some(partition) = self.own_partition(partition) {
                        self.group_work.reads.insert(partition, (ticket, from));
                        self.read_for_groups(partition, now, out);
                    }
                }
                GroupEvent::RaiseStart { partition, to } => {
                    if let Some(partition) = self.own_partition(partition) {
                        self.with(partition, now, out, |replica, _| replica.log.raise_start(to));
                    }
                }
            }
        }
    }

    fn append_for_groups(
        &mut self,
        partition: u32,
        ticket: u64,
        batch: &Batch,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let request = self.next_request();
        let appended = self.own_partition(partition).and_then(|partition| {
            self.with(partition, now, out, |replica, turn| {
                replica.produce((request, 0), batch, Acks::All, turn)
            })
        });
        match appended.unwrap_or(Err(ErrorCode::NotLeaderOrFollower)) {
            Err(error) => self.coordinator.appended(now.time, ticket, Err(error)),
            Ok(()) => {
                self.group_work.appends.insert(request, ticket);
                self.deadlines.insert((now.time + PATIENCE, Deadline::Append(request)));
            }
        }
    }

    /// What the coordinator appended is kept, or is not, or may not be. False where it is not the coordinator's.
    pub(super) fn appended_for_groups(
        &mut self,
        request: u64,
        outcome: Result<Offset, ErrorCode>,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) -> bool {
        let Some(ticket) = self.group_work.appends.remove(&request) else { return false };
        self.coordinator.appended(now.time, ticket, outcome);
        self.coordinate(now, out);
        true
    }

    /// Goes on reading a partition of ours, if that can be: once consumers may read all that was there when it began to
    /// be led here.
    pub(super) fn read_for_groups(
        &mut self,
        partition: TopicPartition,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let Some((ticket, from)) = self.group_work.reads.get(&partition).copied() else { return };
        let load = |replica: &mut crate::replica::Replica,
                    turn: &mut crate::replica::Turn<'_, '_>| {
            replica.load(ticket, from, turn)
        };
        match self.with(partition, now, out, load) {
            Some(Loading::Batches(batches)) => self.loaded(partition, ticket, &batches, now, out),
            Some(Loading::Waits) | None => {}
            Some(Loading::Later) => drop(self.group_work.reads.remove(&partition)),
        }
    }

    pub(super) fn loaded(
        &mut self,
        partition: TopicPartition,
        ticket: u64,
        batches: &[Batch],
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.group_work.reads.remove(&partition);
        self.coordinator.loaded(now.time, ticket, batches);
        match batches.is_empty() {
            true => self.forget_topics(now, out),
            false => self.coordinate(now, out),
        }
    }

    /// Who coordinates these groups.
    pub(super) fn find_coordinator(
        &mut self,
        (client, token): (NodeId, u64),
        groups: Vec<Name>,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if !self.view.names.contains_key(OFFSETS_TOPIC) {
            self.create_by_itself(OFFSETS_TOPIC.into(), now, out);
        }
        let found = groups.into_iter().map(|group| {
            let partition = partition_of(&group, self.config.tuning.offsets_partitions);
            let decided = self.own_partition(partition).and_then(|own| self.view.partition(own));
            let leader = decided.and_then(|decided| decided.leader);
            let outcome = match leader {
                _ if group.is_empty() => Err(ErrorCode::InvalidGroupId),
                None => Err(ErrorCode::CoordinatorNotAvailable),
                Some(leader) => Ok(self.address_of(leader)),
            };
            (group, outcome)
        });
        let found = found.collect();
        answer(client, token, Answer::Coordinators(found), out);
    }
}
