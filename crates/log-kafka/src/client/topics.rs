//! Topics: made, listed, described, deleted.

use std::collections::BTreeMap;
use std::fmt;

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
};
use serde::Serialize;

use super::{Client, ClientError, PATIENCE, SOON, text, topic};
use replicated_log::error::ErrorCode;

/// What a broker waits for its controllers; less than this client waits for the broker.
const TIMEOUT: i32 = SOON.as_millis() as i32;
const _: () = assert!(SOON.as_millis() < PATIENCE.as_millis());

/// A topic that is to be made. What is not said is the broker's default.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// What it is called.
    pub name: String,
    /// How many.
    pub partitions: Option<u32>,
    /// Of each partition.
    pub replication_factor: Option<u16>,
    /// By name.
    pub settings: Vec<(String, String)>,
}

/// A topic that was made or deleted.
#[derive(Clone, Debug, Serialize)]
pub struct TopicChange {
    topic: String,
    /// Of one that was made.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Size {
    partitions: u32,
    replication_factor: u32,
}

/// All topics.
#[derive(Clone, Debug, Serialize)]
pub struct TopicList {
    topics: Vec<TopicSummary>,
}

#[derive(Clone, Debug, Serialize)]
struct TopicSummary {
    topic: String,
    is_internal: bool,
    #[serde(flatten)]
    size: Size,
    under_replicated: usize,
    offline: usize,
}

/// Some topics, in full.
#[derive(Clone, Debug, Serialize)]
pub struct TopicDescriptions {
    topics: Vec<TopicDescription>,
}

#[derive(Clone, Debug, Serialize)]
struct TopicDescription {
    topic: String,
    settings: BTreeMap<String, String>,
    partitions: Vec<PartitionDescription>,
}

#[derive(Clone, Debug, Serialize)]
struct PartitionDescription {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    offline: Vec<i32>,
}

impl Client {
    /// Makes a topic.
    ///
    /// # Errors
    /// If it was not made, or nobody knows.
    pub fn create_topic(&mut self, new: &NewTopic) -> Result<TopicChange, ClientError> {
        let name = &new.name;
        let setting = |(name, value): &(String, String)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        let count = |count: Option<u32>| count.map_or(-1, u32::cast_signed);
        let wanted = CreatableTopic::default()
            .with_name(topic(name))
            .with_num_partitions(count(new.partitions))
            .with_replication_factor(new.replication_factor.map_or(-1, u16::cast_signed))
            .with_configs(new.settings.iter().map(setting).collect());
        let request =
            CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(TIMEOUT);
        self.soon(|client| {
            let made = client.ask(&request)?.topics.pop().ok_or_else(nothing_said)?;
            if made.error_code != 0 {
                let said = made.error_message.as_deref();
                return Err(ClientError::of(made.error_code, said, &format!("topic {name}")));
            }
            let size = Size {
                partitions: made.num_partitions.unsigned_abs(),
                replication_factor: made.replication_factor.unsigned_abs().into(),
            };
            Ok(TopicChange { topic: name.clone(), size: Some(size) })
        })
    }

    /// Deletes a topic, with what is in it.
    ///
    /// # Errors
    /// If it was not deleted, or nobody knows.
    pub fn delete_topic(&mut self, name: &str) -> Result<TopicChange, ClientError> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![topic(name)])
            .with_timeout_ms(TIMEOUT);
        self.soon(|client| {
            let gone = client.ask(&request)?.responses.pop().ok_or_else(nothing_said)?;
            match ErrorCode::of(gone.error_code) {
                _ if gone.error_code == 0 => Ok(TopicChange { topic: name.to_owned(), size: None }),
                Some(ErrorCode::UnknownTopicOrPartition) => Err(ClientError::no_topic(name)),
                _ => {
                    let said = gone.error_message.as_deref();
                    Err(ClientError::of(gone.error_code, said, &format!("topic {name}")))
                }
            }
        })
    }

    /// All topics, by name.
    ///
    /// # Errors
    /// If nobody answers.
    pub fn list_topics(&mut self) -> Result<TopicList, ClientError> {
        let topics = self.metadata(None)?.topics;
        let mut topics: Vec<_> = topics.iter().map(summary).collect();
        topics.sort_by(|one, other| one.topic.cmp(&other.topic));
        Ok(TopicList { topics })
    }

    /// These topics, in this order.
    ///
    /// # Errors
    /// If one of them is not there, or nobody answers.
    pub fn describe_topics(&mut self, names: &[String]) -> Result<TopicDescriptions, ClientError> {
        let mut topics = Vec::new();
        for name in names {
            let (_, found) = self.topic(name)?;
            let settings = self.settings(name)?;
            let mut partitions: Vec<_> = found.partitions.iter().map(description).collect();
            partitions.sort_by_key(|known| known.partition);
            topics.push(TopicDescription { topic: name.clone(), settings, partitions });
        }
        Ok(TopicDescriptions { topics })
    }

    fn settings(&mut self, name: &str) -> Result<BTreeMap<String, String>, ClientError> {
        const TOPIC: i8 = 2;
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(name))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let found = self.ask(&request)?.results.pop().ok_or_else(nothing_said)?;
        if found.error_code != 0 {
            let said = found.error_message.as_deref();
            return Err(ClientError::of(found.error_code, said, &format!("topic {name}")));
        }
        let known = found
            .configs
            .into_iter()
            .map(|config| (config.name.to_string(), config.value.unwrap_or_default().to_string()));
        Ok(known.collect())
    }
}

fn nothing_said() -> ClientError {
    ClientError::senseless("it says nothing of the topic")
}

fn summary(known: &MetadataResponseTopic) -> TopicSummary {
    let parts = &known.partitions;
    let name = known.name.as_ref().map(|name| name.to_string());
    let is_short =
        |part: &&MetadataResponsePartition| part.isr_nodes.len() < part.replica_nodes.len();
    let factor = parts.iter().map(|part| part.replica_nodes.len()).max().unwrap_or(0);
    TopicSummary {
        topic: name.unwrap_or_default(),
        is_internal: known.is_internal,
        size: Size { partitions: parts.len() as u32, replication_factor: factor as u32 },
        under_replicated: parts.iter().filter(is_short).count(),
        offline: parts.iter().filter(|part| part.leader_id.0 < 0).count(),
    }
}

fn description(known: &MetadataResponsePartition) -> PartitionDescription {
    let ids = |nodes: &[BrokerId]| nodes.iter().map(|node| node.0).collect();
    PartitionDescription {
        partition: known.partition_index,
        leader: Some(known.leader_id.0).filter(|id| *id >= 0),
        leader_epoch: known.leader_epoch,
        replicas: ids(&known.replica_nodes),
        isr: ids(&known.isr_nodes),
        offline: ids(&known.offline_replicas),
    }
}

// For people.

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { partitions, replication_factor } = self;
        let plural = |count: u32| if count == 1 { "" } else { "s" };
        let (parts, replicas) = (plural(*partitions), plural(*replication_factor));
        write!(f, "{partitions} partition{parts}, {replication_factor} replica{replicas} each")
    }
}

impl fmt::Display for TopicChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            Some(size) => writeln!(f, "{}: {size}", self.topic),
            None => writeln!(f, "{}: deleted", self.topic),
        }
    }
}

impl fmt::Display for TopicList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may be long: it stands last.
        writeln!(f, "PARTITIONS  REPLICAS  UNDER-REPLICATED  OFFLINE  TOPIC")?;
        for known in &self.topics {
            let TopicSummary { topic, size, under_replicated, offline, .. } = known;
            let Size { partitions, replication_factor } = size;
            writeln!(
                f,
                "{partitions:>10}  {replication_factor:>8}  {under_replicated:>16}  {offline:>7}  {topic}"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for TopicDescriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, known) in self.topics.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{known}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TopicDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.topic)?;
        for (name, value) in &self.settings {
            writeln!(f, "  {name} = {value}")?;
        }
        let list = |ids: &[i32]| {
            let ids: Vec<_> = ids.iter().map(i32::to_string).collect();
            ids.join(",")
        };
        let lists = self.partitions.iter().map(|part| list(&part.replicas).len());
        let width = lists.max().unwrap_or(0).max("REPLICAS".len());
        writeln!(f, "PARTITION  LEADER  EPOCH  {:width$}  IN SYNC", "REPLICAS")?;
        for part in &self.partitions {
            let leader = part.leader.map_or_else(|| "none".to_owned(), |id| id.to_string());
            let (epoch, replicas) = (part.leader_epoch, list(&part.replicas));
            writeln!(
                f,
                "{:>9}  {leader:>6}  {epoch:>5}  {replicas:width$}  {}",
                part.partition,
                list(&part.isr)
            )?;
        }
        Ok(())
    }
}
