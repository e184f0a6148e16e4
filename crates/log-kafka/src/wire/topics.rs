//! The cluster and its topics: Metadata, DescribeCluster, DescribeConfigs, and topics made, deleted and made larger.

use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeClusterRequest,
    DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse, MetadataRequest,
    MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use machine::NodeId;
use uuid::Uuid;

use super::{
    Beside, Head, broker, by_name, code, endpoint, epoch_code, millis, name, text, topic_id,
    topic_name, unique,
};
use replicated_log::ask::{
    Ask, Metadata, MetadataAsk, NewTopic, PartitionMetadata, Settings, TopicDone, TopicMetadata,
};
use replicated_log::error::ErrorCode;
use replicated_log::words::{Name, TopicId, TopicRef};

/// Something whose settings are asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    kind: i8,
    name: Name,
    /// These settings; all where there are none.
    keys: Option<Vec<Name>>,
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Create, alter, describe, act in the cluster, describe and alter settings, write idempotently.
const ON_CLUSTER: [u8; 7] = [5, 7, 8, 9, 10, 11, 12];
/// Read, write, create, delete, alter, describe, describe and alter settings.
const ON_TOPIC: [u8; 8] = [3, 4, 5, 6, 7, 8, 10, 11];

pub(super) fn metadata(asked: MetadataRequest, version: i16, beside: &mut Beside) -> Ask {
    let of_cluster = asked.include_cluster_authorized_operations;
    beside.asks_for_operations(of_cluster || asked.include_topic_authorized_operations);
    let creates = asked.allow_auto_topic_creation;
    // In version 0 an empty list is that of all.
    let topics = asked.topics.filter(|topics| version > 0 || !topics.is_empty());
    let topics = topics.map(|topics| {
        unique(topics.iter().map(|topic| by_name_or_id(topic.name.as_ref(), topic.topic_id)))
    });
    Ask::Metadata(MetadataAsk { topics, creates })
}

fn by_name_or_id(name: Option<&TopicName>, id: Uuid) -> TopicRef {
    name.map_or_else(|| TopicRef::Id(TopicId(id.as_u128())), by_name)
}

pub(super) fn known(metadata: Metadata, head: &Head) -> MetadataResponse {
    let brokers = metadata.brokers.iter().map(|known| {
        let (host, port) = endpoint(known.address);
        MetadataResponseBroker::default()
            .with_node_id(broker(Some(known.id)))
            .with_host(host)
            .with_port(port)
            .with_rack(known.rack.as_deref().map(text))
    });
    // Newer versions tell them with `DescribeCluster`.
    let of_cluster = match head.version {
        ..=10 => head.beside.operations(&ON_CLUSTER),
        _ => i32::MIN,
    };
    let on_topic = head.beside.operations(&ON_TOPIC);
    let topics = metadata
        .topics
        .iter()
        .map(|topic| known_topic(topic, head.version).with_topic_authorized_operations(on_topic));
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(&metadata.cluster)))
        .with_controller_id(broker(metadata.controller))
        .with_topics(topics.collect())
        .with_cluster_authorized_operations(of_cluster)
}

fn known_topic(topic: &TopicMetadata, version: i16) -> MetadataResponseTopic {
    let answer = MetadataResponseTopic::default().with_error_code(code(&topic.outcome));
    match (&topic.outcome, &topic.topic) {
        (Ok(shape), _) => answer
            .with_name(Some(TopicName(text(&shape.name))))
            .with_topic_id(topic_id(shape.id))
            .with_is_internal(shape.is_internal)
            .with_partitions((0..).zip(&shape.partitions).map(known_partition).collect()),
        // Before version 12 a topic has a name in any case.
        (Err(_), TopicRef::Id(id)) => {
            answer.with_name((version < 12).then(TopicName::default)).with_topic_id(topic_id(*id))
        }
        (Err(_), name) => answer.with_name(Some(topic_name(name))),
    }
}

fn known_partition((index, known): (i32, &PartitionMetadata)) -> MetadataResponsePartition {
    let brokers = |nodes: &[NodeId]| nodes.iter().map(|node| broker(Some(*node))).collect();
    let led = known.leader.ok_or(ErrorCode::LeaderNotAvailable);
    MetadataResponsePartition::default()
        .with_error_code(code(&led))
        .with_partition_index(index)
        .with_leader_id(broker(known.leader))
        .with_leader_epoch(epoch_code(Some(known.leader_epoch)))
        .with_replica_nodes(brokers(&known.replicas))
        .with_isr_nodes(brokers(&known.isr))
        .with_offline_replicas(brokers(&known.offline))
}

pub(super) fn describe_cluster(asked: DescribeClusterRequest, beside: &mut Beside) -> Ask {
    beside.asks_for_operations(asked.include_cluster_authorized_operations);
    Ask::Metadata(MetadataAsk { topics: Some(Vec::new()), creates: false })
}

pub(super) fn cluster(metadata: Metadata, beside: &Beside) -> DescribeClusterResponse {
    let brokers = metadata.brokers.iter().map(|known| {
        let (host, port) = endpoint(known.address);
        DescribeClusterBroker::default()
            .with_broker_id(broker(Some(known.id)))
            .with_host(host)
            .with_port(port)
            .with_rack(known.rack.as_deref().map(text))
    });
    DescribeClusterResponse::default()
        .with_cluster_id(text(&metadata.cluster))
        .with_controller_id(broker(metadata.controller))
        .with_brokers(brokers.collect())
        .with_cluster_authorized_operations(beside.operations(&ON_CLUSTER))
}

pub(super) fn create(asked: CreateTopicsRequest) -> Ask {
    let topics = asked.topics.iter().map(new_topic).collect();
    let timeout = millis(asked.timeout_ms);
    Ask::CreateTopics { topics, timeout, only_check: asked.validate_only }
}

fn new_topic(asked: &CreatableTopic) -> NewTopic {
    // -1 is the broker's default, and what else is negative is as wrong as zero.
    let count = |count: i32| (count != -1).then(|| u32::try_from(count).unwrap_or(0));
    let settings = asked.configs.iter().map(|setting| {
        let value = setting.value.as_ref().map(name);
        (name(&setting.name), value)
    });
    let mut assignment: Vec<_> = asked.assignments.iter().collect();
    assignment.sort_by_key(|part| part.partition_index);
    let has_holes = (0..).zip(&assignment).any(|(index, part)| part.partition_index != index);
    let replicas =
        |brokers: &[BrokerId]| brokers.iter().map(|id| NodeId(id.0.cast_unsigned())).collect();
    NewTopic {
        name: Name::from(asked.name.as_str()),
        partitions: count(asked.num_partitions),
        replication_factor: count(asked.replication_factor.into()),
        // A partition without replicas is refused, as one that is left out should be.
        assignment: match has_holes {
            true => vec![Vec::new()],
            false => assignment.iter().map(|part| replicas(&part.broker_ids)).collect(),
        },
        settings: settings.collect(),
    }
}

pub(super) fn created(done: Vec<TopicDone>) -> CreateTopicsResponse {
    let topics = done.iter().map(|done| {
        let answer = CreatableTopicResult::default().with_name(topic_name(&done.topic));
        match &done.outcome {
            Ok((id, partitions, replicas)) => answer
                .with_topic_id(id.map_or(Uuid::nil(), topic_id))
                .with_num_partitions(partitions.cast_signed())
                .with_replication_factor(*replicas as i16),
            Err((error, why)) => {
                answer.with_error_code(error.code()).with_error_message(Some(text(why)))
            }
        }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

pub(super) fn delete(asked: DeleteTopicsRequest) -> Ask {
    // Newer versions have the one list, older ones the other.
    let states =
        asked.topics.iter().map(|topic| by_name_or_id(topic.name.as_ref(), topic.topic_id));
    let topics = unique(states.chain(asked.topic_names.iter().map(by_name)));
    Ask::DeleteTopics { topics, timeout: millis(asked.timeout_ms) }
}

pub(super) fn deleted(done: Vec<TopicDone>) -> DeleteTopicsResponse {
    let topics = done.iter().map(|done| {
        let (name, asked_id) = match &done.topic {
            TopicRef::Id(id) => (None, Some(*id)),
            name => (Some(topic_name(name)), None),
        };
        let answer = DeletableTopicResult::default().with_name(name);
        let id = |id: Option<TopicId>| id.map_or(Uuid::nil(), topic_id);
        match &done.outcome {
            Ok((known, ..)) => answer.with_topic_id(id(known.or(asked_id))),
            Err((error, why)) => answer
                .with_topic_id(id(asked_id))
                .with_error_code(error.code())
                .with_error_message(Some(text(why))),
        }
    });
    DeleteTopicsResponse::default().with_responses(topics.collect())
}

/// # Errors
/// If it names the replicas of the new partitions, which the controller places by itself.
pub(super) fn create_partitions(
    asked: CreatePartitionsRequest,
) -> Result<Ask, CreatePartitionsResponse> {
    let topics = asked.topics.iter();
    if topics.clone().any(|topic| topic.assignments.is_some()) {
        let why = "replicas of new partitions cannot be named; nothing was changed";
        let refused = (ErrorCode::InvalidReplicaAssignment, Name::from(why));
        let topics = topics.map(|topic| by_name(&topic.name));
        let done = topics.map(|topic| TopicDone { topic, outcome: Err(refused.clone()) });
        return Err(grown(done.collect()));
    }
    let grow = topics.map(|topic| {
        let count = u32::try_from(topic.count).unwrap_or(0);
        (Name::from(topic.name.as_str()), count)
    });
    Ok(Ask::CreatePartitions {
        topics: grow.collect(),
        timeout: millis(asked.timeout_ms),
        only_check: asked.validate_only,
    })
}

pub(super) fn grown(done: Vec<TopicDone>) -> CreatePartitionsResponse {
    let topics = done.iter().map(|done| {
        let answer = CreatePartitionsTopicResult::default().with_name(topic_name(&done.topic));
        match &done.outcome {
            Ok(_) => answer,
            Err((error, why)) => {
                answer.with_error_code(error.code()).with_error_message(Some(text(why)))
            }
        }
    });
    CreatePartitionsResponse::default().with_results(topics.collect())
}

pub(super) fn describe_configs(asked: DescribeConfigsRequest, beside: &mut Beside) -> Ask {
    let resources = asked.resources.iter().map(|asked| Resource {
        kind: asked.resource_type,
        name: name(&asked.resource_name),
        keys: asked.configuration_keys.as_ref().map(|keys| keys.iter().map(name).collect()),
    });
    let resources = unique(resources);
    let topics = resources.iter().filter(|resource| resource.kind == TOPIC);
    let ask = Ask::DescribeConfigs(unique(topics.map(|topic| topic.name.clone())));
    *beside = Beside::Resources(resources);
    ask
}

pub(super) fn configs(
    found: &[(Name, Result<Settings, ErrorCode>)],
    beside: &Beside,
) -> DescribeConfigsResponse {
    let Beside::Resources(resources) = beside else { return DescribeConfigsResponse::default() };
    let results = resources.iter().map(|resource| {
        let found = || found.iter().find(|(name, _)| *name == resource.name);
        let settings = match resource.kind {
            TOPIC => found().map_or(Err(ErrorCode::UnknownServerError), |(_, found)| *found),
            // A broker has none that can be asked for.
            BROKER => return result(resource),
            _ => Err(ErrorCode::InvalidRequest),
        };
        let wanted = |name: &str| match &resource.keys {
            Some(keys) => keys.iter().any(|key| **key == *name),
            None => true,
        };
        let configs = settings.map_or(Vec::new(), configs_of);
        let wanted = configs.into_iter().filter(|config| wanted(&config.name));
        result(resource).with_error_code(code(&settings)).with_configs(wanted.collect())
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn result(resource: &Resource) -> DescribeConfigsResult {
    DescribeConfigsResult::default()
        .with_resource_type(resource.kind)
        .with_resource_name(text(&resource.name))
}

fn configs_of(settings: Settings) -> Vec<DescribeConfigsResourceResult> {
    const OF_THE_TOPIC: i8 = 1;
    let text = |number: u64| StrBytes::from_string(number.to_string());
    let none = StrBytes::from_static_str("-1");
    let all = [
        ("cleanup.policy", StrBytes::from_static_str("delete")),
        ("max.message.bytes", text(settings.max_message_bytes.into())),
        ("min.insync.replicas", text(settings.min_insync_replicas.into())),
        ("retention.bytes", settings.retention_bytes.map_or(none.clone(), text)),
        // There is none by time.
        ("retention.ms", none),
        ("segment.bytes", text(settings.segment_bytes.into())),
    ];
    let config = |(name, value)| {
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(value))
            .with_config_source(OF_THE_TOPIC)
    };
    all.into_iter().map(config).collect()
}
