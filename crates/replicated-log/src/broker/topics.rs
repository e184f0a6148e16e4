//! What clients are told of topics and brokers, and what they want changed, which the controllers are asked for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{NodeId, Now, Outputs, Time};

use super::{Broker, Deadline, answer};
use crate::ask::{
    Answer, Metadata, MetadataAsk, NewTopic, PartitionMetadata, TopicDone, TopicMetadata,
    TopicShape,
};
use crate::error::ErrorCode;
use crate::message::{Changed, Command, Message, ReplicatedLog};
use crate::words::{Name, OFFSETS_TOPIC, TopicId, TopicPartition, TopicRef};

/// What a topic's name may have: letters, digits, and these.
const PUNCTUATION: &[u8] = b"._-";
const LONGEST_NAME: usize = 249;
/// For what nobody gave a time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Topics that one request makes by asking for them. Clients ask again for those that are not there yet.
const MOST_MADE: usize = 64;
/// Identities of producers that are asked for at a time.
const PRODUCER_IDS: u64 = 1_000;

/// What the controllers were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Commands {
    /// By token: the request of a client, and which part of it.
    asked: BTreeMap<u64, (u64, usize)>,
    pending: BTreeMap<u64, PendingCommand>,
    /// Identities for producers, and who waits for one.
    producer_ids: std::ops::Range<u64>,
    waiting: VecDeque<(NodeId, u64)>,
    /// A token, while more identities are asked for.
    asked_ids: Option<u64>,
}

#[derive(Clone, Debug)]
struct PendingCommand {
    /// Nobody, where the broker itself wants it.
    client: Option<(NodeId, u64)>,
    answers: Vec<TopicDone>,
    open: usize,
    deadline: Time,
}

impl Commands {
    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.waiting.len()
    }
}

impl Broker {
    pub(super) fn metadata(
        &mut self,
        (client, token): (NodeId, u64),
        ask: MetadataAsk,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let topics = match ask.topics {
            None => self.view.names.keys().cloned().map(TopicRef::Name).collect(),
            Some(topics) => topics,
        };
        let creates = ask.creates && self.config.tuning.creates_topics;
        let mut makes = if self.is_overloaded() { 0 } else { MOST_MADE };
        let topics = topics.into_iter().map(|topic| {
            let outcome = self.topic_shape(&topic);
            let outcome = outcome.map_err(|error| match &topic {
                TopicRef::Name(name) if !is_valid(name) => ErrorCode::InvalidTopic,
                TopicRef::Name(name) if creates => {
                    if makes > 0 {
                        makes -= 1;
                        self.create_by_itself(name.clone(), now, out);
                    }
                    ErrorCode::LeaderNotAvailable
                }
                _ => error,
            });
            TopicMetadata { topic, outcome }
        });
        let topics = topics.collect();
        let alive = self.view.brokers.keys().filter(|broker| self.view.is_alive(**broker));
        let brokers = alive.map(|broker| self.address_of(*broker)).collect();
        // Whatever is to be changed, this broker passes on.
        let (controller, cluster) = (Some(self.id), self.cluster_name());
        let metadata = Metadata { brokers, controller, cluster, topics };
        answer(client, token, Answer::Metadata(metadata), out);
    }

    fn cluster_name(&self) -> Name {
        format!("infralab-{:016x}", self.view.id).into()
    }

    fn topic_shape(&self, topic: &TopicRef) -> Result<TopicShape, ErrorCode> {
        let id = self.topic_id(topic)?;
        let topic = self.view.topics.get(&id).ok_or(ErrorCode::UnknownTopicId)?;
        let partitions = topic.partitions.iter().map(|partition| PartitionMetadata {
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            offline: partition
                .replicas
                .iter()
                .copied()
                .filter(|replica| !self.view.is_alive(*replica))
                .collect(),
        });
        Ok(TopicShape {
            id,
            name: topic.name.clone(),
            is_internal: &*topic.name == OFFSETS_TOPIC,
            partitions: partitions.collect(),
        })
    }

    fn topic_id(&self, topic: &TopicRef) -> Result<TopicId, ErrorCode> {
        match topic {
            TopicRef::Id(id) => Ok(*id),
            TopicRef::Name(name) => {
                let known = self.view.names.get(name);
                known.copied().ok_or(ErrorCode::UnknownTopicOrPartition)
            }
        }
    }

    /// A topic that somebody asked for, or this system needs.
    pub(super) fn create_by_itself(
        &mut self,
        name: Name,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let asked_already = self.commands.pending.values().any(|pending| {
            let same = |done: &TopicDone| done.topic == TopicRef::Name(name.clone());
            pending.client.is_none() && pending.answers.iter().any(same)
        });
        if asked_already {
            return;
        }
        let partitions = (&*name == OFFSETS_TOPIC).then_some(self.config.tuning.offsets_partitions);
        let topic = NewTopic {
            name: name.clone(),
            partitions,
            replication_factor: None,
            assignment: Vec::new(),
            settings: Vec::new(),
        };
        let command = Command::CreateTopic { topic, only_check: false };
        self.command(None, vec![(TopicRef::Name(name), Ok(command))], PATIENCE, now, out);
    }

    pub(super) fn create_topics(
        &mut self,
        client: (NodeId, u64),
        (topics, timeout, only_check): (Vec<NewTopic>, Duration, bool),
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let commands = topics.into_iter().map(|topic| {
            let name = TopicRef::Name(topic.name.clone());
            let valid = is_valid(&topic.name) && &*topic.name != OFFSETS_TOPIC;
            let command = Command::CreateTopic { topic, only_check };
            (name, if valid { Ok(command) } else { Err(ErrorCode::InvalidTopic) })
        });
        self.command(Some(client), commands.collect(), timeout, now, out);
    }

    pub(super) fn delete_topics(
        &mut self,
        client: (NodeId, u64),
        (topics, timeout): (Vec<TopicRef>, Duration),
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let commands = topics.into_iter().map(|topic| {
            let id = self.topic_id(&topic);
            let id = id.and_then(|id| match self.view.topics.get(&id) {
                None => Err(ErrorCode::UnknownTopicId),
                Some(topic) if &*topic.name == OFFSETS_TOPIC => Err(ErrorCode::InvalidTopic),
                Some(_) => Ok(id),
            });
            (topic, id.map(Command::DeleteTopic))
        });
        let commands = commands.collect();
        self.command(Some(client), commands, timeout, now, out);
    }

    pub(super) fn create_partitions(
        &mut self,
        client: (NodeId, u64),
        (topics, timeout, only_check): (Vec<(Name, u32)>, Duration, bool),
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let commands = topics.into_iter().map(|(name, count)| {
            let topic = TopicRef::Name(name);
            let id = self.topic_id(&topic);
            (topic, id.map(|topic| Command::CreatePartitions { topic, count, only_check }))
        });
        let commands = commands.collect();
        self.command(Some(client), commands, timeout, now, out);
    }

    pub(super) fn reassign(
        &mut self,
        client: (NodeId, u64),
        (topic, replicas, timeout): (TopicRef, Vec<(u32, Vec<NodeId>)>, Duration),
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let id = self.topic_id(&topic);
        let commands = replicas.into_iter().map(|(partition, replicas)| {
            let partition = id.map(|topic| TopicPartition { topic, partition });
            (topic.clone(), partition.map(|partition| Command::Reassign { partition, replicas }))
        });
        let commands = commands.collect();
        self.command(Some(client), commands, timeout, now, out);
    }

    /// Asks the controllers' leader, if anybody knows who that is.
    fn command(
        &mut self,
        client: Option<(NodeId, u64)>,
        commands: Vec<(TopicRef, Result<Command, ErrorCode>)>,
        timeout: Duration,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let request = self.next_request();
        let (mut answers, mut open) = (Vec::with_capacity(commands.len()), 0);
        for (part, (topic, command)) in commands.into_iter().enumerate() {
            let outcome = match (command, self.session.controller) {
                (Err(error), _) => Err((error, "".into())),
                (Ok(_), None) => Err((ErrorCode::NotController, "no controller leads".into())),
                (Ok(command), Some(controller)) => {
                    let token = self.next_request();
                    self.commands.asked.insert(token, (request, part));
                    out.send(controller, Message::Command { token, command });
                    open += 1;
                    let why = "no controller has answered in time";
                    Err((ErrorCode::RequestTimedOut, why.into()))
                }
            };
            answers.push(TopicDone { topic, outcome });
        }
        let deadline = now.time + timeout.min(super::LONGEST_WAIT);
        let pending = PendingCommand { client, answers, open, deadline };
        self.commands.pending.insert(request, pending);
        self.deadlines.insert((deadline, Deadline::Command(request)));
        self.finish_command(request, false, out);
    }

    /// A controller answers.
    pub(super) fn commanded(
        &mut self,
        token: u64,
        outcome: Result<Changed, (ErrorCode, Name)>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if self.commands.asked_ids == Some(token) {
            return self.more_producer_ids(outcome, out);
        }
        let Some((request, part)) = self.commands.asked.remove(&token) else { return };
        let Some(pending) = self.commands.pending.get_mut(&request) else { return };
        pending.open -= 1;
        if let Some(answer) = pending.answers.get_mut(part) {
            answer.outcome = outcome.map(|changed| match changed {
                Changed::Topic(id, partitions, replicas) => (id, partitions, replicas),
                Changed::Done | Changed::ProducerIds(_) => (None, 0, 0),
            });
        }
        self.finish_command(request, false, out);
    }

    /// Answers if nothing is open, or nobody waits any longer: then it may happen yet.
    pub(super) fn finish_command(
        &mut self,
        request: u64,
        is_late: bool,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let is_done =
            self.commands.pending.get(&request).is_some_and(|one| one.open == 0 || is_late);
        if !is_done {
            return;
        }
        let Some(done) = self.commands.pending.remove(&request) else { return };
        self.deadlines.remove(&(done.deadline, Deadline::Command(request)));
        self.commands.asked.retain(|_, (other, _)| *other != request);
        if let Some((client, token)) = done.client {
            answer(client, token, Answer::Topics(done.answers), out);
        }
    }

    pub(super) fn init_producer_id(
        &mut self,
        client: (NodeId, u64),
        now: &Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if let Some(id) = self.commands.producer_ids.next() {
            return answer(client.0, client.1, Answer::ProducerId(Ok(id)), out);
        }
        let Some(controller) = self.session.controller else {
            let refused = Answer::ProducerId(Err(ErrorCode::CoordinatorNotAvailable));
            return answer(client.0, client.1, refused, out);
        };
        self.commands.waiting.push_back(client);
        if self.commands.asked_ids.is_none() {
            let token = self.next_request();
            self.commands.asked_ids = Some(token);
            self.deadlines.insert((now.time + PATIENCE, Deadline::ProducerIds(token)));
            out.send(controller, Message::Command { token, command: Command::ProducerIds });
        }
    }

    /// Nobody has answered.
    pub(super) fn producer_ids_are_late(&mut self, token: u64, out: &mut Outputs<ReplicatedLog>) {
        if self.commands.asked_ids == Some(token) {
            self.more_producer_ids(Err((ErrorCode::CoordinatorNotAvailable, "".into())), out);
        }
    }

    fn more_producer_ids(
        &mut self,
        outcome: Result<Changed, (ErrorCode, Name)>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.commands.asked_ids = None;
        if let Ok(Changed::ProducerIds(first)) = outcome {
            self.commands.producer_ids = first..first + PRODUCER_IDS;
        }
        for (client, token) in std::mem::take(&mut self.commands.waiting) {
            let id = self.commands.producer_ids.next();
            let id = id.ok_or(ErrorCode::CoordinatorNotAvailable);
            answer(client, token, Answer::ProducerId(id), out);
        }
    }

    pub(super) fn describe_configs(
        &self,
        (client, token): (NodeId, u64),
        topics: Vec<Name>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        let configs = topics.into_iter().map(|name| {
            let id = self.view.names.get(&name);
            let topic = id.and_then(|id| self.view.topics.get(id));
            let settings = topic.map(|topic| topic.settings);
            (name, settings.ok_or(ErrorCode::UnknownTopicOrPartition))
        });
        answer(client, token, Answer::Configs(configs.collect()), out);
    }

    pub(super) fn forget_commands(&mut self, client: NodeId) {
        self.commands.waiting.retain(|(other, _)| *other != client);
        for pending in self.commands.pending.values_mut() {
            pending.client.take_if(|(other, _)| *other == client);
        }
    }
}

/// Can a topic be called so?
fn is_valid(name: &str) -> bool {
    let may = |byte: &u8| byte.is_ascii_alphanumeric() || PUNCTUATION.contains(byte);
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name != "."
        && name != ".."
        && name.as_bytes().iter().all(may)
}

#[cfg(test)]
mod tests {
    use machine::{Generation, Output, Random, Switches, Wall};
    use rand::SeedableRng;

    use super::*;
    use crate::broker::BrokerConfig;
    use crate::tuning::Tuning;

    /// A request of two megabytes names as many topics as its bounds let through.
    #[test]
    fn one_request_makes_only_so_many_topics() {
        let tuning = Tuning::default();
        let controllers = vec![NodeId(1)];
        let config = BrokerConfig { controllers, rack: None, addresses: None, tuning };
        let mut broker = Broker::new(NodeId(101), config, Switches::ALL_ON);
        broker.session.controller = Some(NodeId(1));
        let names: Vec<_> = (0..1 << 16).map(|n| TopicRef::Name(format!("t{n}").into())).collect();
        let mut random = Random::seed_from_u64(0);
        let (time, wall, generation) = (Time(0), Wall(0), Generation(0));
        for round in 1..=2 {
            let mut now = Now { time, wall, generation, random: &mut random };
            let mut out = Outputs::default();
            let ask = MetadataAsk { topics: Some(names.clone()), creates: true };
            broker.metadata((NodeId(1 << 31), round), ask, &mut now, &mut out);
            let (mut asked, mut told) = (0, 0);
            for output in out.drain() {
                match output {
                    Output::Send { message: Message::Command { .. }, .. } => asked += 1,
                    Output::Send { message: Message::Answer { answer, .. }, .. } => {
                        let Answer::Metadata(metadata) = *answer else { panic!() };
                        let early = Err(ErrorCode::LeaderNotAvailable);
                        told += metadata.topics.iter().filter(|it| it.outcome == early).count();
                    }
                    _ => {}
                }
            }
            // What is being made is not asked for twice.
            assert_eq!((asked, told), (if round == 1 { MOST_MADE } else { 0 }, names.len()));
        }
    }
}
