//! Groups of consumers: listed and described, with how far behind they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    BrokerId, ConsumerProtocolAssignment, DescribeGroupsRequest, FindCoordinatorRequest, GroupId,
    ListGroupsRequest, ListOffsetsRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Decodable;
use serde::Serialize;

use super::{Client, ClientError, address, address_of, text, topic};
use crate::wire::answer_length;
use replicated_log::error::ErrorCode;

/// A partition, by the name of its topic.
pub(super) type Place = (String, i32);

/// All groups.
#[derive(Clone, Debug, Serialize)]
pub struct GroupList {
    groups: Vec<GroupSummary>,
}

#[derive(Clone, Debug, Serialize)]
struct GroupSummary {
    group: String,
    state: String,
    coordinator: i32,
}

/// A group, in full.
#[derive(Clone, Debug, Serialize)]
pub struct GroupDescription {
    group: String,
    state: String,
    /// What divides the partitions among its members; nothing while nobody does.
    assignor: Option<String>,
    coordinator: i32,
    members: Vec<MemberDescription>,
    partitions: Vec<PartitionOfGroup>,
}

#[derive(Clone, Debug, Serialize)]
struct MemberDescription {
    member: String,
    instance: Option<String>,
    client: String,
    host: String,
}

#[derive(Clone, Debug, Serialize)]
struct PartitionOfGroup {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    /// The id of the member that has it.
    member: Option<String>,
}

/// Who coordinates a group: its number, and where it is.
pub(super) struct Coordinator {
    id: i32,
    pub(super) at: String,
}

impl Client {
    /// All groups, by name.
    ///
    /// # Errors
    /// If not every broker that is alive answers.
    pub fn list_groups(&mut self) -> Result<GroupList, ClientError> {
        let brokers = self.metadata(Some(&[]))?.brokers;
        let mut groups = Vec::new();
        for broker in brokers {
            let (id, at) = (broker.node_id.0, address(&broker.host, broker.port));
            let listed = self.soon(|client| {
                let answer = client.ask_at(&at, &ListGroupsRequest::default())?;
                match answer.error_code {
                    0 => Ok(answer.groups),
                    code => Err(ClientError::of(code, None, &format!("broker {id}"))),
                }
            })?;
            groups.extend(listed.into_iter().map(|known| GroupSummary {
                group: known.group_id.to_string(),
                state: known.group_state.to_string(),
                coordinator: id,
            }));
        }
        groups.sort_by(|one, other| one.group.cmp(&other.group));
        Ok(GroupList { groups })
    }

    /// A group, its members, and how far behind it is.
    ///
    /// # Errors
    /// If there is no such group, or nobody answers.
    pub fn describe_group(&mut self, group: &str) -> Result<GroupDescription, ClientError> {
        self.soon(|client| client.described(group))
    }

    fn described(&mut self, group: &str) -> Result<GroupDescription, ClientError> {
        let coordinator = self.coordinator(group)?;
        let known = self.group(group, &coordinator)?;
        let committed = self.committed(group, &coordinator)?;
        if &*known.group_state == "Dead" && committed.is_empty() {
            return Err(ClientError::Refused(format!(
                "there is no group {group}; infralab replicated-log groups list shows those that there are"
            )));
        }
        let mut owners = BTreeMap::new();
        for member in &known.members {
            let own = assigned(&member.member_assignment);
            owners.extend(own.into_iter().map(|place| (place, member.member_id.to_string())));
        }
        let places: BTreeSet<Place> = committed.keys().chain(owners.keys()).cloned().collect();
        let ends = self.offsets_at(&places, LATEST)?;
        let partitions = places.into_iter().map(|place| {
            let committed = committed.get(&place).copied();
            let end = ends.get(&place).and_then(|end| end.ok().flatten());
            let lag = end.zip(committed).map(|(end, committed)| (end - committed).max(0));
            let member = owners.get(&place).cloned();
            let (topic, partition) = place;
            PartitionOfGroup { topic, partition, committed, end, lag, member }
        });
        Ok(GroupDescription {
            group: group.to_owned(),
            state: known.group_state.to_string(),
            assignor: (!known.protocol_data.is_empty()).then(|| known.protocol_data.to_string()),
            coordinator: coordinator.id,
            members: known.members.iter().map(described_member).collect(),
            partitions: partitions.collect(),
        })
    }

    /// # Errors
    /// Early where there is none yet: the first group of a cluster makes the topic that keeps them.
    pub(super) fn coordinator(&mut self, group: &str) -> Result<Coordinator, ClientError> {
        let found = self.ask(&FindCoordinatorRequest::default().with_key(text(group)))?;
        match found.error_code {
            0 => {
                let at = address(&found.host, found.port);
                Ok(Coordinator { id: found.node_id.0, at })
            }
            code => Err(ClientError::of(code, None, &format!("group {group}"))),
        }
    }

    pub(super) fn group(
        &mut self,
        group: &str,
        coordinator: &Coordinator,
    ) -> Result<DescribedGroup, ClientError> {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(group))]);
        let found = self.ask_at(&coordinator.at, &request)?.groups.pop();
        let found = found.ok_or_else(|| ClientError::senseless("it says nothing of the group"))?;
        match found.error_code {
            0 => Ok(found),
            code => Err(ClientError::of(code, None, &format!("group {group}"))),
        }
    }

    /// How far a group has read, of all that it committed.
    pub(super) fn committed(
        &mut self,
        group: &str,
        coordinator: &Coordinator,
    ) -> Result<BTreeMap<Place, i64>, ClientError> {
        let request =
            OffsetFetchRequest::default().with_group_id(GroupId(text(group))).with_topics(None);
        let found = self.ask_at(&coordinator.at, &request)?;
        if found.error_code != 0 {
            return Err(ClientError::of(found.error_code, None, &format!("group {group}")));
        }
        let parts = found.topics.into_iter().flat_map(|topic| {
            let name = topic.name.to_string();
            let known = topic.partitions.into_iter().filter(|part| part.committed_offset >= 0);
            known.map(move |part| ((name.clone(), part.partition_index), part.committed_offset))
        });
        Ok(parts.collect())
    }

    /// The offsets of these partitions at a time, as their leaders know them; or the code that says why not.
    pub(super) fn offsets_at(
        &mut self,
        places: &BTreeSet<Place>,
        when: i64,
    ) -> Result<BTreeMap<Place, Result<Option<i64>, i16>>, ClientError> {
        let unknown =
            |place: &Place| (place.clone(), Err(ErrorCode::UnknownTopicOrPartition.code()));
        let mut found: BTreeMap<_, _> = places.iter().map(unknown).collect();
        let names: BTreeSet<_> = places.iter().map(|(name, _)| name.clone()).collect();
        let metadata = self.metadata(Some(&names.into_iter().collect::<Vec<_>>()))?;
        let mut by_leader = BTreeMap::<String, BTreeMap<String, Vec<i32>>>::new();
        for known in metadata.topics.iter().filter(|topic| topic.error_code == 0) {
            let name = known.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
            for part in &known.partitions {
                let place = (name.clone(), part.partition_index);
                let Some(outcome) = found.get_mut(&place) else { continue };
                match address_of(&metadata, part.leader_id.0) {
                    None => *outcome = Err(ErrorCode::LeaderNotAvailable.code()),
                    Some(at) => {
                        let topics = by_leader.entry(at).or_default();
                        topics.entry(name.clone()).or_default().push(place.1);
                    }
                }
            }
        }
        for (at, topics) in by_leader {
            let answer = self.ask_at(&at, &offsets_asked(&topics, when))?;
            for topic in answer.topics {
                let name = topic.name.to_string();
                for part in topic.partitions {
                    let outcome = match part.error_code {
                        0 => Ok(Some(part.offset).filter(|offset| *offset >= 0)),
                        code => Err(code),
                    };
                    found
                        .entry((name.clone(), part.partition_index))
                        .and_modify(|it| *it = outcome);
                }
            }
        }
        Ok(found)
    }
}

/// As times that are asked for.
pub(super) const LATEST: i64 = -1;
pub(super) const EARLIEST: i64 = -2;

fn offsets_asked(topics: &BTreeMap<String, Vec<i32>>, when: i64) -> ListOffsetsRequest {
    let topics = topics.iter().map(|(name, parts)| {
        let parts = parts.iter().map(|part| {
            ListOffsetsPartition::default().with_partition_index(*part).with_timestamp(when)
        });
        ListOffsetsTopic::default().with_name(topic(name)).with_partitions(parts.collect())
    });
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics.collect())
}

fn described_member(known: &DescribedGroupMember) -> MemberDescription {
    MemberDescription {
        member: known.member_id.to_string(),
        instance: known.group_instance_id.as_ref().map(|id| id.to_string()),
        client: known.client_id.to_string(),
        host: known.client_host.to_string(),
    }
}

/// What a member has. Members write it themselves: what makes no sense is nothing.
fn assigned(bytes: &Bytes) -> Vec<Place> {
    const LAYOUT: &str = "(s [4]) b";
    let Some((version, _)) = bytes.split_first_chunk() else { return Vec::new() };
    let version = i16::from_be_bytes(*version).min(3);
    let mut body = bytes.slice(2..);
    if version < 0 || answer_length(LAYOUT, version, false, &body).is_none() {
        return Vec::new();
    }
    let Ok(known) = ConsumerProtocolAssignment::decode(&mut body, version) else {
        return Vec::new();
    };
    let places = known.assigned_partitions.into_iter().flat_map(|of| {
        let name = of.topic.to_string();
        of.partitions.into_iter().map(move |part| (name.clone(), part))
    });
    places.collect()
}

// For people.

impl fmt::Display for GroupList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may be long: it stands last.
        writeln!(f, "{:19}  COORDINATOR  GROUP", "STATE")?;
        for GroupSummary { group, state, coordinator } in &self.groups {
            writeln!(f, "{state:19}  {coordinator:>11}  {group}")?;
        }
        Ok(())
    }
}

impl fmt::Display for GroupDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GroupDescription { group, state, coordinator, members, partitions, .. } = self;
        let assignor = self.assignor.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        writeln!(f, "{group}\n  {state}{assignor}, coordinated by {coordinator}")?;
        if !members.is_empty() {
            let widths = members.iter().map(|member| member.host.len());
            let width = widths.max().unwrap_or(0).max("HOST".len());
            writeln!(f, "MEMBER  {:width$}  CLIENT", "HOST")?;
            for (number, member) in (1..).zip(members) {
                let MemberDescription { client, host, instance, .. } = member;
                let instance = instance.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
                writeln!(f, "{number:>6}  {host:width$}  {client}{instance}")?;
            }
        }
        if !partitions.is_empty() {
            writeln!(f, "MEMBER  PARTITION   COMMITTED         END         LAG  TOPIC")?;
        }
        for part in partitions {
            let place = members.iter().position(|it| Some(&it.member) == part.member.as_ref());
            let place = place.map_or_else(|| "-".to_owned(), |place| (place + 1).to_string());
            let PartitionOfGroup { topic, partition, committed, end, lag, .. } = part;
            let [committed, end, lag] = [committed, end, lag].map(|number| or_dash(*number));
            writeln!(
                f,
                "{place:>6}  {partition:>9}  {committed:>10}  {end:>10}  {lag:>10}  {topic}"
            )?;
        }
        Ok(())
    }
}

pub(super) fn or_dash(number: Option<i64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
