//! Groups of consumers, and the offsets that they commit.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupRequest, SyncGroupResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{
    Beside, Head, NO_TRANSACTIONS, broker, by_name, code, endpoint, epoch, epoch_code, millis,
    name, text, topic_name, unique,
};
use replicated_log::ask::{
    Ask, BrokerAddress, Commit, CommitPart, CommittedAnswer, CommittedAsk, CommittedOffset,
    GroupDescription, JoinGroup, JoinRefused, Joined, Leaver, Member, Outcome, SyncGroup,
};
use replicated_log::error::ErrorCode;
use replicated_log::words::{Name, TopicRef};

/// # Errors
/// If it is for transactions, which are not here.
pub(super) fn find_coordinator(
    asked: FindCoordinatorRequest,
) -> Result<Ask, Box<FindCoordinatorResponse>> {
    const GROUP: i8 = 0;
    match asked.key_type {
        GROUP => Ok(Ask::FindCoordinator(vec![name(&asked.key)])),
        _ => {
            let refused = vec![(name(&asked.key), Err(NO_TRANSACTIONS))];
            let why = text("this server has no transactions: leave transactional.id unset");
            Err(Box::new(coordinator(refused).with_error_message(Some(why))))
        }
    }
}

pub(super) fn coordinator(
    found: Vec<(Name, Result<BrokerAddress, ErrorCode>)>,
) -> FindCoordinatorResponse {
    let found = found.into_iter().next().map_or(Err(ErrorCode::UnknownServerError), |(_, it)| it);
    let answer = FindCoordinatorResponse::default().with_error_code(code(&found));
    let (host, port) = endpoint(found.as_ref().ok().and_then(|found| found.address));
    answer.with_node_id(broker(found.ok().map(|found| found.id))).with_host(host).with_port(port)
}

pub(super) fn join(asked: JoinGroupRequest, version: i16, client: Name) -> Ask {
    // Before version 1 a member has as long to join again as to be heard of.
    let rebalance = if version < 1 { asked.session_timeout_ms } else { asked.rebalance_timeout_ms };
    let protocols = asked.protocols.iter();
    Ask::JoinGroup(JoinGroup {
        group: name(&asked.group_id),
        member: name(&asked.member_id),
        instance: asked.group_instance_id.as_ref().map(name),
        client,
        host: Name::default(),
        session_timeout: millis(asked.session_timeout_ms),
        rebalance_timeout: millis(rebalance),
        protocol_type: name(&asked.protocol_type),
        protocols: protocols.map(|it| (name(&it.name), own(&it.metadata))).collect(),
        knows_member_ids: version >= 4,
    })
}

/// A copy: a group keeps it, and would keep the frame that it came in.
fn own(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn joined(joined: Result<Joined, JoinRefused>, version: i16) -> JoinGroupResponse {
    let answer = JoinGroupResponse::default();
    // Newer clients are told of no protocol where there is none, older ones of one without a name.
    let none = (version < 7).then(StrBytes::new);
    match joined {
        Err(refused) => answer
            .with_error_code(refused.error.code())
            .with_generation_id(-1)
            .with_protocol_name(none)
            .with_member_id(text(&refused.member)),
        Ok(joined) => {
            let members = joined.members.into_iter().map(|(id, instance, metadata)| {
                JoinGroupResponseMember::default()
                    .with_member_id(text(&id))
                    .with_group_instance_id(instance.as_deref().map(text))
                    .with_metadata(metadata)
            });
            answer
                .with_generation_id(joined.generation)
                .with_protocol_type(Some(text(&joined.protocol_type)))
                .with_protocol_name(Some(text(&joined.protocol)))
                .with_leader(text(&joined.leader))
                .with_member_id(text(&joined.member))
                .with_members(members.collect())
        }
    }
}

fn member(group: &GroupId, generation: i32, id: &StrBytes, instance: Option<&StrBytes>) -> Member {
    Member { group: name(group), generation, member: name(id), instance: instance.map(name) }
}

pub(super) fn sync(asked: SyncGroupRequest) -> Ask {
    let instance = asked.group_instance_id.as_ref();
    let assignments = asked.assignments.iter();
    Ask::SyncGroup(SyncGroup {
        member: member(&asked.group_id, asked.generation_id, &asked.member_id, instance),
        assignments: assignments.map(|it| (name(&it.member_id), own(&it.assignment))).collect(),
        protocol_type: asked.protocol_type.as_ref().map(name),
        protocol: asked.protocol_name.as_ref().map(name),
    })
}

pub(super) fn synced(assignment: Result<Bytes, ErrorCode>) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_error_code(code(&assignment))
        .with_assignment(assignment.unwrap_or_default())
}

pub(super) fn heartbeat(asked: HeartbeatRequest) -> Ask {
    let instance = asked.group_instance_id.as_ref();
    Ask::Heartbeat(member(&asked.group_id, asked.generation_id, &asked.member_id, instance))
}

pub(super) fn beat(beat: Result<(), ErrorCode>) -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(code(&beat))
}

pub(super) fn leave(asked: LeaveGroupRequest, version: i16) -> Ask {
    let members = match version {
        ..=2 => vec![Leaver { member: name(&asked.member_id), instance: None }],
        _ => asked
            .members
            .iter()
            .map(|it| Leaver {
                member: name(&it.member_id),
                instance: it.group_instance_id.as_ref().map(name),
            })
            .collect(),
    };
    Ask::LeaveGroup { group: name(&asked.group_id), members }
}

pub(super) fn left(
    left: Result<Vec<(Leaver, Outcome)>, ErrorCode>,
    version: i16,
) -> LeaveGroupResponse {
    let error = code(&left);
    let left = left.unwrap_or_default();
    if version < 3 {
        // There is one, and the answer is what became of it.
        let of_one = left.first().map_or(0, |(_, outcome)| code(outcome));
        return LeaveGroupResponse::default().with_error_code(if error == 0 {
            of_one
        } else {
            error
        });
    }
    let members = left.iter().map(|(leaver, outcome)| {
        MemberResponse::default()
            .with_member_id(text(&leaver.member))
            .with_group_instance_id(leaver.instance.as_deref().map(text))
            .with_error_code(code(outcome))
    });
    LeaveGroupResponse::default().with_error_code(error).with_members(members.collect())
}

pub(super) fn commit(asked: OffsetCommitRequest) -> Ask {
    let generation = asked.generation_id_or_member_epoch;
    let instance = asked.group_instance_id.as_ref();
    let topics = asked.topics.iter().map(|topic| {
        let parts = topic.partitions.iter().map(|part| CommitPart {
            partition: part.partition_index.cast_unsigned(),
            offset: part.committed_offset.cast_unsigned(),
            leader_epoch: epoch(part.committed_leader_epoch),
            text: part.committed_metadata.as_ref().map(name),
        });
        (by_name(&topic.name), parts.collect())
    });
    Ask::Commit(Commit {
        member: member(&asked.group_id, generation, &asked.member_id, instance),
        topics: topics.collect(),
    })
}

pub(super) fn taken(topics: Vec<(TopicRef, Vec<(u32, Outcome)>)>) -> OffsetCommitResponse {
    let topics = topics.iter().map(|(topic, parts)| {
        let parts = parts.iter().map(|(partition, outcome)| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.cast_signed())
                .with_error_code(code(outcome))
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(parts.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

pub(super) fn committed(asked: OffsetFetchRequest, version: i16, beside: &mut Beside) -> Ask {
    if version < 8 {
        let topics = asked.topics.as_ref();
        let topics = topics
            .map(|topics| each_once(topics.iter().map(|it| (&it.name, &it.partition_indexes[..]))));
        if version < 2 {
            *beside = Beside::Partitions(topics.clone().unwrap_or_default());
        }
        return Ask::Committed(vec![CommittedAsk { group: name(&asked.group_id), topics }]);
    }
    let groups = asked.groups.iter().map(|group| {
        let topics = group
            .topics
            .as_ref()
            .map(|topics| each_once(topics.iter().map(|it| (&it.name, &it.partition_indexes[..]))));
        (name(&group.group_id), topics)
    });
    let groups: BTreeMap<_, _> = groups.collect();
    Ask::Committed(
        groups.into_iter().map(|(group, topics)| CommittedAsk { group, topics }).collect(),
    )
}

/// What is committed can be long, and a few bytes could ask for it again and again.
fn each_once<'a>(
    topics: impl Iterator<Item = (&'a TopicName, &'a [i32])>,
) -> Vec<(TopicRef, Vec<u32>)> {
    let mut once = BTreeMap::<_, BTreeSet<_>>::new();
    for (topic, partitions) in topics {
        let partitions = partitions.iter().map(|index| index.cast_unsigned());
        once.entry(by_name(topic)).or_default().extend(partitions);
    }
    once.into_iter().map(|(topic, partitions)| (topic, partitions.into_iter().collect())).collect()
}

pub(super) fn offsets(mut found: Vec<CommittedAnswer>, head: &Head) -> OffsetFetchResponse {
    if head.version >= 8 {
        let groups = found.iter().map(|group| {
            let topics = group.outcome.iter().flatten().map(|(topic, parts)| {
                OffsetFetchResponseTopics::default()
                    .with_name(topic_name(topic))
                    .with_partitions(parts.iter().map(newer_offset).collect())
            });
            OffsetFetchResponseGroup::default()
                .with_group_id(GroupId(text(&group.group)))
                .with_topics(topics.collect())
                .with_error_code(code(&group.outcome))
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let outcome = found.pop().map_or(Err(ErrorCode::UnknownServerError), |group| group.outcome);
    let error = code(&outcome);
    let topics = match (outcome, &head.beside) {
        (Ok(topics), _) => topics,
        // The oldest version has no place for an error but beside each partition.
        (Err(_), Beside::Partitions(asked)) => {
            let none = |partition: &u32| CommittedOffset { partition: *partition, found: None };
            let topic = |(topic, parts): &(TopicRef, Vec<u32>)| {
                (topic.clone(), parts.iter().map(none).collect())
            };
            asked.iter().map(topic).collect()
        }
        (Err(_), _) => Vec::new(),
    };
    let topics = topics.iter().map(|(topic, parts)| {
        let parts = parts.iter().map(|part| older_offset(part).with_error_code(error));
        OffsetFetchResponseTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(parts.collect())
    });
    OffsetFetchResponse::default().with_error_code(error).with_topics(topics.collect())
}

fn newer_offset(part: &CommittedOffset) -> OffsetFetchResponsePartitions {
    let (offset, epoch, text) = committed_offset(part);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(part.partition.cast_signed())
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_metadata(Some(text))
}

fn older_offset(part: &CommittedOffset) -> OffsetFetchResponsePartition {
    let (offset, epoch, text) = committed_offset(part);
    OffsetFetchResponsePartition::default()
        .with_partition_index(part.partition.cast_signed())
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_metadata(Some(text))
}

/// -1 and no text where there is none.
fn committed_offset(part: &CommittedOffset) -> (i64, i32, StrBytes) {
    match &part.found {
        Some((offset, epoch, it)) => {
            (offset.cast_signed(), epoch_code(*epoch), it.as_deref().map(text).unwrap_or_default())
        }
        None => (-1, -1, StrBytes::new()),
    }
}

/// Read, delete, describe.
const ON_GROUP: [u8; 3] = [3, 6, 8];

pub(super) fn describe(asked: DescribeGroupsRequest, beside: &mut Beside) -> Ask {
    beside.asks_for_operations(asked.include_authorized_operations);
    Ask::DescribeGroups(unique(asked.groups.iter().map(|group| name(group))))
}

pub(super) fn described(
    found: Vec<(Name, Result<GroupDescription, ErrorCode>)>,
    beside: &Beside,
) -> DescribeGroupsResponse {
    let groups = found.into_iter().map(|(group, found)| {
        let answer = DescribedGroup::default()
            .with_group_id(GroupId(text(&group)))
            .with_error_code(code(&found));
        let Ok(found) = found else { return answer };
        let members = found.members.into_iter().map(|member| {
            DescribedGroupMember::default()
                .with_member_id(text(&member.member))
                .with_group_instance_id(member.instance.as_deref().map(text))
                .with_client_id(text(&member.client))
                .with_client_host(text(&member.host))
                .with_member_metadata(member.metadata)
                .with_member_assignment(member.assignment)
        });
        answer
            .with_group_state(StrBytes::from_static_str(found.state))
            .with_protocol_type(text(&found.protocol_type))
            .with_protocol_data(text(&found.protocol))
            .with_members(members.collect())
            .with_authorized_operations(beside.operations(&ON_GROUP))
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(super) fn list(asked: ListGroupsRequest, beside: &mut Beside) -> Ask {
    if !asked.states_filter.is_empty() {
        *beside = Beside::States(asked.states_filter.iter().map(name).collect());
    }
    Ask::ListGroups
}

pub(super) fn listed(
    list: Result<Vec<(Name, Name, &'static str)>, ErrorCode>,
    beside: &Beside,
) -> ListGroupsResponse {
    let error = code(&list);
    let wanted = |state: &str| match beside {
        Beside::States(states) => states.iter().any(|wanted| wanted.eq_ignore_ascii_case(state)),
        _ => true,
    };
    let groups = list.into_iter().flatten().filter(|(_, _, state)| wanted(state));
    let groups = groups.map(|(group, protocol_type, state)| {
        ListedGroup::default()
            .with_group_id(GroupId(text(&group)))
            .with_protocol_type(text(&protocol_type))
            .with_group_state(StrBytes::from_static_str(state))
    });
    ListGroupsResponse::default().with_error_code(error).with_groups(groups.collect())
}
