//! Commands: topics come, grow, move and go, and producers get identities.
//!
//! The law: what a command comes to is known when it is proposed, for it is computed against all that was proposed
//! before it. A refusal changes nothing.

use machine::{NodeId, Switches};

use super::elect::Rules;
use super::place::place;
use super::reassign;
use crate::ask::{NewTopic, Settings};
use crate::cluster::{Cluster, Partition, Topic};
use crate::entry::Entry;
use crate::error::ErrorCode;
use crate::message::{Changed, Command};
use crate::tuning::Tuning;
use crate::words::{Name, OFFSETS_TOPIC, TopicId, TopicPartition};

/// Partitions of a topic, at most.
const MOST_PARTITIONS: u32 = 10_000;
/// What a broker does, or what is done to it, may change all partitions in one entry, which has room for 4,096 of three
/// replicas.
const ROOM: usize = 256 << 10;
/// Identities that a broker gets at a time.
const PRODUCERS: u64 = 1_000;

type Refused = (ErrorCode, Name);

/// What is to be proposed, if anything is, and what it comes to.
pub(crate) type Planned = Result<(Option<Entry>, Changed), Refused>;

/// Plans a command. A cluster has as many brokers as controllers at the least, also while some have not registered yet:
/// else whoever asks early would get topics of one replica.
///
/// # Errors
/// Why not, for people.
pub(crate) fn plan(
    cluster: &Cluster,
    command: &Command,
    (tuning, controllers): (&Tuning, usize),
    switches: Switches,
) -> Planned {
    let brokers = cluster.brokers.len().max(controllers);
    let planner = Planner { cluster, brokers, tuning, switches };
    match command {
        Command::CreateTopic { topic, only_check } => planner.create(topic, *only_check),
        Command::DeleteTopic(id) => {
            planner.topic(*id)?;
            Ok((Some(Entry::Drop(*id)), Changed::Done))
        }
        Command::CreatePartitions { topic, count, only_check } => {
            planner.grow(*topic, *count, *only_check)
        }
        Command::Reassign { partition, replicas } => planner.reassign(*partition, replicas),
        Command::ProducerIds => {
            let first = cluster.next_producer;
            let next = first + PRODUCERS;
            Ok((Some(Entry::ProducerIds { next }), Changed::ProducerIds(first)))
        }
    }
}

fn refuse<T>(error: ErrorCode, why: impl Into<Name>) -> Result<T, Refused> {
    Err((error, why.into()))
}

struct Planner<'a> {
    cluster: &'a Cluster,
    brokers: usize,
    tuning: &'a Tuning,
    switches: Switches,
}

impl Planner<'_> {
    fn topic(&self, id: TopicId) -> Result<&Topic, Refused> {
        let topic = self.cluster.topics.get(&id);
        topic.ok_or_else(|| (ErrorCode::UnknownTopicId, "there is no topic of this id".into()))
    }

    fn create(&self, new: &NewTopic, only_check: bool) -> Planned {
        let name = &new.name;
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=249).contains(&name.len())
            || !name.bytes().all(is_fit)
            || [".", ".."].contains(&&**name)
        {
            return refuse(
                ErrorCode::InvalidTopic,
                "a name has 1 to 249 of a-z, A-Z, 0-9, '.', '_', '-'",
            );
        }
        if self.cluster.names.contains_key(name) {
            return refuse(ErrorCode::TopicAlreadyExists, "a topic of this name is there already");
        }
        let replicas = match &new.assignment[..] {
            [] => self.placed(new)?,
            assignment => self.assigned(assignment)?,
        };
        let factor = replicas[0].len() as u32;
        let settings = self.settings(&new.settings, factor)?;
        let partitions: Vec<_> =
            replicas.into_iter().map(|replicas| self.first(replicas, settings)).collect();
        self.has_room(&partitions)?;
        let count = partitions.len() as u32;
        if only_check {
            return Ok((None, Changed::Topic(None, count, factor)));
        }
        let made = u128::from(self.cluster.topics_made) + 1;
        let id = TopicId(u128::from(self.cluster.id) << 64 | made);
        let entry = Entry::Topic { id, name: name.clone(), settings, partitions };
        Ok((Some(entry), Changed::Topic(Some(id), count, factor)))
    }

    fn placed(&self, new: &NewTopic) -> Result<Vec<Vec<NodeId>>, Refused> {
        let default = match &*new.name {
            OFFSETS_TOPIC => self.tuning.offsets_partitions,
            _ => self.tuning.partitions,
        };
        let count = new.partitions.unwrap_or(default);
        if !(1..=MOST_PARTITIONS).contains(&count) {
            return refuse(ErrorCode::InvalidPartitions, "a topic has 1 to 10,000 partitions");
        }
        let default = self.tuning.replication_factor.min(self.brokers as u32);
        let factor = new.replication_factor.unwrap_or(default);
        self.place(0..count, factor)
    }

    fn place(
        &self,
        numbers: std::ops::Range<u32>,
        factor: u32,
    ) -> Result<Vec<Vec<NodeId>>, Refused> {
        let made = self.cluster.topics_made as usize;
        let each =
            numbers.map(|number| place(self.cluster, made + number as usize, factor as usize));
        each.collect::<Option<_>>().ok_or_else(|| {
            let why =
                "a partition has a replica at least, there are as many brokers, and one lives";
            (ErrorCode::InvalidReplicationFactor, why.into())
        })
    }

    fn assigned(&self, assignment: &[Vec<NodeId>]) -> Result<Vec<Vec<NodeId>>, Refused> {
        assignment.iter().try_for_each(|replicas| self.can_be(replicas))?;
        if assignment.iter().any(|replicas| replicas.len() != assignment[0].len()) {
            return refuse(ErrorCode::InvalidReplicaAssignment, "not all have as many replicas");
        }
        Ok(assignment.to_vec())
    }

    /// Are these brokers, each once?
    fn can_be(&self, replicas: &[NodeId]) -> Result<(), Refused> {
        let mut distinct = replicas.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let known = replicas.iter().all(|node| self.cluster.brokers.contains_key(node));
        match known && !replicas.is_empty() && distinct.len() == replicas.len() {
            true => Ok(()),
            false => {
                let why =
                    "replicas are brokers that have registered, each named once, and one at least";
                refuse(ErrorCode::InvalidReplicaAssignment, why)
            }
        }
    }

    /// A partition with nothing in it: whoever lives is in sync.
    fn first(&self, replicas: Vec<NodeId>, settings: Settings) -> Partition {
        let lives = |node| self.cluster.may_lead(node);
        let isr = replicas.iter().copied().filter(|node| lives(*node)).collect();
        let mut partition = Partition { replicas, isr, version: 1, ..Partition::default() };
        self.rules(settings).settle(&mut partition);
        partition
    }

    fn rules(&self, settings: Settings) -> Rules<impl Fn(NodeId) -> bool> {
        let min = settings.min_insync_replicas;
        Rules { lives: |node| self.cluster.may_lead(node), min, switches: self.switches }
    }

    /// So that an entry has room for all partitions that there are.
    fn has_room(&self, more: &[Partition]) -> Result<(), Refused> {
        let there = self.cluster.partitions().map(|(.., partition)| partition);
        let room: usize =
            there.chain(more).map(|partition| 40 + 8 * partition.replicas.len()).sum();
        match room <= ROOM {
            true => Ok(()),
            false => refuse(
                ErrorCode::InvalidPartitions,
                "the cluster has no room for so many partitions",
            ),
        }
    }

    fn grow(&self, id: TopicId, count: u32, only_check: bool) -> Planned {
        let topic = self.topic(id)?;
        let there = topic.partitions.len() as u32;
        if !(there + 1..=MOST_PARTITIONS).contains(&count) {
            return refuse(ErrorCode::InvalidPartitions, "a topic grows, up to 10,000 partitions");
        }
        let factor = topic.partitions.first().map_or(1, |first| first.replicas.len() as u32);
        let replicas = self.place(there..count, factor)?;
        let partitions: Vec<_> =
            replicas.into_iter().map(|replicas| self.first(replicas, topic.settings)).collect();
        self.has_room(&partitions)?;
        let places = (there..).map(|partition| TopicPartition { topic: id, partition });
        let entry = Entry::Partitions(places.zip(partitions).collect());
        Ok(((!only_check).then_some(entry), Changed::Topic(Some(id), count, factor)))
    }

    fn reassign(&self, place: TopicPartition, replicas: &[NodeId]) -> Planned {
        let settings = self.topic(place.topic)?.settings;
        let Some(partition) = self.cluster.partition(place) else {
            return refuse(ErrorCode::UnknownTopicOrPartition, "the topic has no such partition");
        };
        self.can_be(replicas)?;
        if replicas.len() < settings.min_insync_replicas as usize {
            let why = "fewer replicas than must be in sync (min.insync.replicas)";
            return refuse(ErrorCode::InvalidReplicationFactor, why);
        }
        let mut next = partition.clone();
        reassign::begin(&mut next, replicas);
        self.rules(settings).settle(&mut next);
        self.has_room(std::slice::from_ref(&next))?;
        next.version += 1;
        Ok((Some(Entry::Partitions(vec![(place, next)])), Changed::Done))
    }

    /// The settings of a new topic, which has so many replicas of each partition.
    fn settings(&self, given: &[(Name, Option<Name>)], factor: u32) -> Result<Settings, Refused> {
        let mut settings = self.tuning.settings;
        settings.min_insync_replicas = settings.min_insync_replicas.clamp(1, factor);
        for (name, value) in given {
            let Some(value) = value else { continue };
            let number = |least, most| match value.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number),
                _ => refuse(
                    ErrorCode::InvalidConfig,
                    format!("{name} is {least} to {most}, and not {value}"),
                ),
            };
            match &**name {
                "min.insync.replicas" => {
                    settings.min_insync_replicas = number(1, factor.into())? as u32;
                }
                "retention.bytes" if &**value == "-1" => settings.retention_bytes = None,
                "retention.bytes" => settings.retention_bytes = Some(number(0, i64::MAX as u64)?),
                "segment.bytes" => settings.segment_bytes = number(1 << 10, 1 << 30)? as u32,
                "max.message.bytes" => settings.max_message_bytes = number(1, 1 << 20)? as u32,
                // Nothing else is done.
                "cleanup.policy" if &**value == "delete" => {}
                _ => {
                    let why = format!("a topic cannot have {name} = {value} here");
                    return refuse(ErrorCode::InvalidConfig, why);
                }
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PARTITION, cluster_of_three, nodes};
    use super::*;
    use raft::LONGEST_COMMAND;

    fn new(name: &str) -> NewTopic {
        NewTopic {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            assignment: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn with(name: &str, value: &str) -> NewTopic {
        NewTopic { settings: vec![(name.into(), Some(value.into()))], ..new("t") }
    }

    fn cluster() -> Cluster {
        let (replicas, isr) = (nodes("123"), nodes("123"));
        let leader = Some(NodeId(1));
        cluster_of_three(Partition {
            replicas,
            isr,
            leader,
            leader_epoch: 1,
            ..Partition::default()
        })
    }

    fn planned(cluster: &Cluster, command: &Command) -> Planned {
        plan(cluster, command, (&Tuning::default(), 1), Switches::ALL_ON)
    }

    fn create(cluster: &Cluster, topic: NewTopic) -> Planned {
        planned(cluster, &Command::CreateTopic { topic, only_check: false })
    }

    #[track_caller]
    fn made(outcome: Planned) -> (TopicId, Settings, Vec<Partition>) {
        match outcome {
            Ok((
                Some(Entry::Topic { id, settings, partitions, .. }),
                Changed::Topic(Some(told), count, factor),
            )) => {
                assert_eq!((told, count as usize), (id, partitions.len()));
                assert!(
                    partitions.iter().all(|partition| partition.replicas.len() == factor as usize)
                );
                (id, settings, partitions)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_topic_is_made_with_what_is_given_and_otherwise_the_defaults() {
        let cluster = cluster();
        let (id, settings, partitions) = made(create(&cluster, new("t")));
        assert_eq!(id, TopicId(7 << 64 | 2), "the second of cluster 7");
        assert_eq!(settings, Tuning::default().settings);
        assert_eq!(partitions.len(), 1);
        let Partition { isr, leader, leader_epoch, .. } = &partitions[0];
        assert_eq!((isr.len(), leader, leader_epoch), (3, &Some(partitions[0].replicas[0]), &1));
        let (_, _, partitions) = made(create(&cluster, new(OFFSETS_TOPIC)));
        assert_eq!(partitions.len(), 8);
        let one = NewTopic { partitions: Some(4), replication_factor: Some(1), ..new("t") };
        let (_, of_one, partitions) = made(create(&cluster, one));
        assert_eq!(
            (partitions.len(), of_one.min_insync_replicas),
            (4, 1),
            "no more than there are"
        );
        let assignment = vec![nodes("31"), nodes("12")];
        let (_, _, partitions) = made(create(&cluster, NewTopic { assignment, ..new("t") }));
        assert_eq!(partitions[0].replicas, nodes("31"));
        for (name, value, expected) in [
            ("min.insync.replicas", "3", Settings { min_insync_replicas: 3, ..settings }),
            ("retention.bytes", "5", Settings { retention_bytes: Some(5), ..settings }),
            ("retention.bytes", "-1", settings),
            ("segment.bytes", "4096", Settings { segment_bytes: 4096, ..settings }),
            ("max.message.bytes", "9", Settings { max_message_bytes: 9, ..settings }),
            ("cleanup.policy", "delete", settings),
        ] {
            let (_, found, _) = made(create(&cluster, with(name, value)));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn who_does_not_live_is_not_in_sync_with_a_new_topic() {
        let mut cluster = cluster();
        cluster.apply(9, &Entry::Fence { id: NodeId(2), changes: Vec::new() });
        let (_, _, partitions) = made(create(&cluster, new("t")));
        assert_eq!(partitions[0].replicas.last(), Some(&NodeId(2)));
        assert!(!partitions[0].isr.contains(&NodeId(2)) && partitions[0].isr.len() == 2);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let cluster = cluster();
        let long = "x".repeat(250);
        let assign = |lists: &[&str]| {
            let assignment = lists.iter().map(|list| nodes(list)).collect();
            NewTopic { assignment, ..new("t") }
        };
        for (topic, error) in [
            (new(""), ErrorCode::InvalidTopic),
            (new(".."), ErrorCode::InvalidTopic),
            (new("a/b"), ErrorCode::InvalidTopic),
            (new(&long), ErrorCode::InvalidTopic),
            (new("there"), ErrorCode::TopicAlreadyExists),
            (NewTopic { partitions: Some(0), ..new("t") }, ErrorCode::InvalidPartitions),
            (NewTopic { partitions: Some(10_001), ..new("t") }, ErrorCode::InvalidPartitions),
            (NewTopic { partitions: Some(5_000), ..new("t") }, ErrorCode::InvalidPartitions),
            (
                NewTopic { replication_factor: Some(4), ..new("t") },
                ErrorCode::InvalidReplicationFactor,
            ),
            (
                NewTopic { replication_factor: Some(0), ..new("t") },
                ErrorCode::InvalidReplicationFactor,
            ),
            (assign(&["12", "3"]), ErrorCode::InvalidReplicaAssignment),
            (assign(&["11"]), ErrorCode::InvalidReplicaAssignment),
            (assign(&["14"]), ErrorCode::InvalidReplicaAssignment),
            (assign(&[""]), ErrorCode::InvalidReplicaAssignment),
            (with("min.insync.replicas", "4"), ErrorCode::InvalidConfig),
            (with("min.insync.replicas", "0"), ErrorCode::InvalidConfig),
            (with("segment.bytes", "many"), ErrorCode::InvalidConfig),
            (with("cleanup.policy", "compact"), ErrorCode::InvalidConfig),
            (with("retention.ms", "1"), ErrorCode::InvalidConfig),
        ] {
            let outcome = create(&cluster, topic.clone());
            assert_eq!(outcome.map_err(|(error, _)| error), Err(error), "{topic:?}");
        }
        let checked = Command::CreateTopic { topic: new("t"), only_check: true };
        assert_eq!(planned(&cluster, &checked), Ok((None, Changed::Topic(None, 1, 3))));
    }

    #[test]
    fn brokers_that_have_not_registered_yet_are_waited_for() {
        let mut early = cluster();
        early.brokers.retain(|id, _| *id == NodeId(1));
        let command = Command::CreateTopic { topic: new("t"), only_check: false };
        let of = |controllers| {
            let planned =
                plan(&early, &command, (&Tuning::default(), controllers), Switches::ALL_ON);
            planned.map(|(_, changed)| changed).map_err(|(error, _)| error)
        };
        assert_eq!(of(3), Err(ErrorCode::InvalidReplicationFactor));
        assert_eq!(of(1), Ok(Changed::Topic(Some(TopicId(7 << 64 | 2)), 1, 1)));
    }

    #[test]
    fn topics_grow_move_and_go() {
        let mut cluster = cluster();
        let topic = PARTITION.topic;
        let grow = |count| Command::CreatePartitions { topic, count, only_check: false };
        let error = |outcome: Planned| outcome.map(drop).map_err(|(error, _)| error);
        assert_eq!(error(planned(&cluster, &grow(1))), Err(ErrorCode::InvalidPartitions));
        let (entry, changed) = planned(&cluster, &grow(3)).unwrap();
        assert_eq!(changed, Changed::Topic(Some(topic), 3, 3));
        cluster.apply(9, &entry.unwrap());
        assert_eq!(cluster.topics[&topic].partitions.len(), 3);

        let reassign =
            |partition, replicas: &str| Command::Reassign { partition, replicas: nodes(replicas) };
        let nowhere = TopicPartition { partition: 3, ..PARTITION };
        for (command, why) in [
            (reassign(nowhere, "123"), ErrorCode::UnknownTopicOrPartition),
            (reassign(PARTITION, "12344"), ErrorCode::InvalidReplicaAssignment),
            (reassign(PARTITION, "1"), ErrorCode::InvalidReplicationFactor),
            (Command::DeleteTopic(TopicId(5)), ErrorCode::UnknownTopicId),
        ] {
            assert_eq!(error(planned(&cluster, &command)), Err(why), "{command:?}");
        }
        let (entry, _) = planned(&cluster, &reassign(PARTITION, "32")).unwrap();
        cluster.apply(10, &entry.unwrap());
        let moved = cluster.partition(PARTITION).unwrap();
        assert_eq!(
            (&moved.replicas, moved.leader, moved.leader_epoch),
            (&nodes("32"), Some(NodeId(3)), 2)
        );
        let (entry, _) = planned(&cluster, &Command::DeleteTopic(topic)).unwrap();
        cluster.apply(11, &entry.unwrap());
        assert!(cluster.topics.is_empty());
    }

    #[test]
    fn identities_of_producers_are_given_once() {
        let mut cluster = cluster();
        for first in [0, 1_000, 2_000] {
            let (entry, changed) = planned(&cluster, &Command::ProducerIds).unwrap();
            assert_eq!(changed, Changed::ProducerIds(first));
            cluster.apply(9, &entry.unwrap());
        }
    }

    /// As full as it may be, with all that a partition can have, and old.
    #[test]
    fn what_happens_to_a_broker_that_has_all_partitions_is_an_entry() {
        let full = Partition {
            replicas: nodes("123"),
            isr: nodes("123"),
            leader: Some(NodeId(1)),
            leader_epoch: 1 << 20,
            version: 1 << 27,
            ..Partition::default()
        };
        let count = ROOM / (40 + 8 * 3);
        assert_eq!(count, 4_096);
        let mut cluster = cluster_of_three(full.clone());
        cluster.topics.values_mut().for_each(|topic| topic.partitions = vec![full.clone(); count]);
        let fenced = super::super::brokers::fence(&cluster, NodeId(1), Switches::ALL_ON).unwrap();
        assert!(fenced.encode().len() <= LONGEST_COMMAND);
        assert!(cluster.encode().len() < machine::LONGEST as usize);
        let outcome = create(&cluster, new("t")).map_err(|(error, _)| error);
        assert_eq!(outcome, Err(ErrorCode::InvalidPartitions));
    }
}
