//! What clients ask and are answered, whatever version of Kafka's protocol they speak.
//!
//! The law: batches in it were checked ([`Batch`]), also those that a simulated client sends.

mod weight;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use machine::NodeId;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::error::ErrorCode;
use crate::words::{LeaderEpoch, Name, Offset, Timestamp, TopicId, TopicRef};

/// What a client asks a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are what Kafka's protocol calls them")]
pub enum Ask {
    /// Who leads what.
    Metadata(MetadataAsk),
    /// Append batches.
    Produce(Produce),
    /// Read batches, and wait for them where there are none.
    Fetch(Fetch),
    /// Offsets by time.
    ListOffsets(Vec<OffsetAsk>),
    /// Where leader epochs end.
    EpochEnds(Vec<EpochAsk>),
    /// Who coordinates these groups.
    FindCoordinator(Vec<Name>),
    /// Take part in a group.
    JoinGroup(JoinGroup),
    /// Learn, or as the leader of the group tell, who has what.
    SyncGroup(SyncGroup),
    /// Go on taking part.
    Heartbeat(Member),
    /// Take part no longer.
    LeaveGroup { group: Name, members: Vec<Leaver> },
    /// Remember how far a group has read.
    Commit(Commit),
    /// How far groups have read; of all partitions where none are named.
    Committed(Vec<CommittedAsk>),
    /// Groups, in full.
    DescribeGroups(Vec<Name>),
    /// The groups that this broker coordinates.
    ListGroups,
    /// Make topics.
    CreateTopics { topics: Vec<NewTopic>, timeout: Duration, only_check: bool },
    /// Delete topics.
    DeleteTopics { topics: Vec<TopicRef>, timeout: Duration },
    /// Add partitions to topics.
    CreatePartitions { topics: Vec<(Name, u32)>, timeout: Duration, only_check: bool },
    /// These brokers are to keep partitions of a topic, in the place of those that do.
    Reassign { topic: TopicRef, replicas: Vec<(u32, Vec<NodeId>)>, timeout: Duration },
    /// Be given the identity of a producer, for sequence numbers.
    InitProducerId,
    /// The settings of topics.
    DescribeConfigs(Vec<Name>),
}

/// What is answered, in the order in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Who leads what.
    Metadata(Metadata),
    /// What became of the batches.
    Produced(Vec<Produced>),
    /// What was read.
    Fetched(Vec<Fetched>),
    /// Offsets, with their times and leader epochs.
    Offsets(Vec<OffsetAnswer>),
    /// Where leader epochs end.
    EpochEnds(Vec<EpochEnd>),
    /// Who coordinates each, and where it is.
    Coordinators(Vec<(Name, Result<BrokerAddress, ErrorCode>)>),
    /// A part in a group.
    Joined(Result<Joined, JoinRefused>),
    /// What this member has.
    Synced(Result<Bytes, ErrorCode>),
    /// To a heartbeat.
    Beat(Result<(), ErrorCode>),
    /// Who left.
    Left(Result<Vec<(Leaver, Outcome)>, ErrorCode>),
    /// What was remembered.
    Committed(Vec<(TopicRef, Vec<(u32, Outcome)>)>),
    /// How far groups have read.
    Offset(Vec<CommittedAnswer>),
    /// Groups, in full.
    Groups(Vec<(Name, Result<GroupDescription, ErrorCode>)>),
    /// The groups that this broker coordinates: name, protocol type, state.
    GroupList(Result<Vec<(Name, Name, &'static str)>, ErrorCode>),
    /// What became of topics that were to be made, deleted or made larger, or of each partition that was to move.
    Topics(Vec<TopicDone>),
    /// The identity of a producer; its epoch is 0.
    ProducerId(Result<u64, ErrorCode>),
    /// The settings of topics.
    Configs(Vec<(Name, Result<Settings, ErrorCode>)>),
}

/// It was done, or why not.
pub type Outcome = Result<(), ErrorCode>;

/// How many must have a batch before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acks {
    /// Nobody: there is no answer.
    None,
    /// The leader.
    Leader,
    /// All in-sync replicas.
    All,
}

#[expect(missing_docs, reason = "the fields are what Kafka's protocol calls them")]
mod asks {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct MetadataAsk {
        /// All where there are none.
        pub topics: Option<Vec<TopicRef>>,
        /// Make those that are not there.
        pub creates: bool,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Produce {
        pub acks: Acks,
        /// After so long an answer is given in any case.
        pub timeout: Duration,
        pub batches: Vec<ProducePart>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct ProducePart {
        pub topic: TopicRef,
        pub partition: u32,
        /// Or why it is none.
        pub batch: Result<Batch, ErrorCode>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Produced {
        pub topic: TopicRef,
        pub partition: u32,
        /// The offset of the first record of the batch, and where the log starts.
        pub outcome: Result<(Offset, Offset), ErrorCode>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Fetch {
        pub max_wait: Duration,
        pub min_bytes: u32,
        pub max_bytes: u32,
        /// Where the consumer is (KIP-392).
        pub rack: Option<Name>,
        pub parts: Vec<FetchPart>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct FetchPart {
        pub topic: TopicRef,
        pub partition: u32,
        /// As the consumer knows it.
        pub leader_epoch: Option<LeaderEpoch>,
        pub offset: Offset,
        pub max_bytes: u32,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Fetched {
        pub topic: TopicRef,
        pub partition: u32,
        pub outcome: Result<Records, ErrorCode>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Records {
        pub high_watermark: Offset,
        pub log_start: Offset,
        /// Read there instead.
        pub preferred_replica: Option<NodeId>,
        /// Whole; the first may begin before the offset that was asked for.
        pub batches: Vec<Batch>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct OffsetAsk {
        pub topic: TopicRef,
        pub partition: u32,
        pub leader_epoch: Option<LeaderEpoch>,
        pub when: When,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum When {
        /// The first offset that is there.
        Earliest,
        /// The end, as far as consumers may read.
        Latest,
        /// The first record that is not older.
        At(Timestamp),
        /// The newest record by its time.
        MaxTimestamp,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct OffsetAnswer {
        pub topic: TopicRef,
        pub partition: u32,
        pub outcome: Result<OffsetFound, ErrorCode>,
    }

    /// Nothing where no record is as new as was asked for.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OffsetFound {
        pub offset: Option<Offset>,
        pub timestamp: Option<Timestamp>,
        pub leader_epoch: Option<LeaderEpoch>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct EpochAsk {
        pub topic: TopicRef,
        pub partition: u32,
        /// As the consumer knows the leader's.
        pub current: Option<LeaderEpoch>,
        pub epoch: LeaderEpoch,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct EpochEnd {
        pub topic: TopicRef,
        pub partition: u32,
        /// The largest epoch that is not above the one asked for, and where it ends; nothing where there is none.
        pub outcome: Result<Option<(LeaderEpoch, Offset)>, ErrorCode>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Metadata {
        /// Those that are alive.
        pub brokers: Vec<BrokerAddress>,
        /// The broker that answers where nobody leads the controllers.
        pub controller: Option<NodeId>,
        pub cluster: Name,
        pub topics: Vec<TopicMetadata>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct BrokerAddress {
        pub id: NodeId,
        /// Where clients reach it; simulated brokers have none.
        pub address: Option<SocketAddr>,
        pub rack: Option<Name>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct TopicMetadata {
        /// As it was asked for.
        pub topic: TopicRef,
        pub outcome: Result<TopicShape, ErrorCode>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct TopicShape {
        pub id: TopicId,
        pub name: Name,
        /// The system's own.
        pub is_internal: bool,
        pub partitions: Vec<PartitionMetadata>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct PartitionMetadata {
        pub leader: Option<NodeId>,
        pub leader_epoch: LeaderEpoch,
        pub replicas: Vec<NodeId>,
        pub isr: Vec<NodeId>,
        pub offline: Vec<NodeId>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct JoinGroup {
        pub group: Name,
        /// Empty for who is new.
        pub member: Name,
        /// Of a static member (KIP-345).
        pub instance: Option<Name>,
        /// What it calls itself, which its id begins with.
        pub client: Name,
        /// Where it comes from, for people.
        pub host: Name,
        pub session_timeout: Duration,
        pub rebalance_timeout: Duration,
        pub protocol_type: Name,
        /// The assignors that it supports, the one that it likes most first, each with what it tells the leader.
        pub protocols: Vec<(Name, Bytes)>,
        /// It can join again with the id that it is given (KIP-394).
        pub knows_member_ids: bool,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Joined {
        pub generation: i32,
        pub protocol_type: Name,
        pub protocol: Name,
        pub leader: Name,
        pub member: Name,
        /// For the leader: id, instance and what it told.
        pub members: Vec<(Name, Option<Name>, Bytes)>,
        /// The leader is to leave the assignment as it is (a static member that came back).
        pub skips_assignment: bool,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct JoinRefused {
        pub error: ErrorCode,
        /// With [`ErrorCode::MemberIdRequired`], the id to join with.
        pub member: Name,
    }

    /// A member as it knows itself.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Member {
        pub group: Name,
        pub generation: i32,
        pub member: Name,
        pub instance: Option<Name>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct SyncGroup {
        pub member: Member,
        /// From the leader: who has what.
        pub assignments: Vec<(Name, Bytes)>,
        /// As the member knows them; older versions do not say.
        pub protocol_type: Option<Name>,
        pub protocol: Option<Name>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Leaver {
        pub member: Name,
        pub instance: Option<Name>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct Commit {
        /// Generation -1 and no id for who takes part in no group.
        pub member: Member,
        pub topics: Vec<(TopicRef, Vec<CommitPart>)>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct CommitPart {
        pub partition: u32,
        pub offset: Offset,
        pub leader_epoch: Option<LeaderEpoch>,
        /// Whatever the client wants to remember with it.
        pub text: Option<Name>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct CommittedAsk {
        pub group: Name,
        /// All where there are none.
        pub topics: Option<Vec<(TopicRef, Vec<u32>)>>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct CommittedAnswer {
        pub group: Name,
        pub outcome: Result<Vec<(TopicRef, Vec<CommittedOffset>)>, ErrorCode>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct CommittedOffset {
        pub partition: u32,
        /// Nothing where the group has committed none.
        pub found: Option<(Offset, Option<LeaderEpoch>, Option<Name>)>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct GroupDescription {
        pub state: &'static str,
        pub protocol_type: Name,
        pub protocol: Name,
        pub members: Vec<MemberDescription>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct MemberDescription {
        pub member: Name,
        pub instance: Option<Name>,
        pub client: Name,
        pub host: Name,
        pub metadata: Bytes,
        pub assignment: Bytes,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct NewTopic {
        pub name: Name,
        /// The broker's default where there is none.
        pub partitions: Option<u32>,
        /// The broker's default where there is none.
        pub replication_factor: Option<u32>,
        /// In the place of both: the replicas of each partition.
        pub assignment: Vec<Vec<NodeId>>,
        /// By name, as the client gives them.
        pub settings: Vec<(Name, Option<Name>)>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct TopicDone {
        pub topic: TopicRef,
        /// Its id, partitions and replication factor; of one that was only checked the id is none.
        pub outcome: Result<(Option<TopicId>, u32, u32), (ErrorCode, Name)>,
    }

    /// Of a topic.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Settings {
        /// `min.insync.replicas`.
        pub min_insync_replicas: u32,
        /// `retention.bytes` of each partition; nothing for no limit.
        pub retention_bytes: Option<u64>,
        /// `segment.bytes`.
        pub segment_bytes: u32,
        /// `max.message.bytes` of a batch.
        pub max_message_bytes: u32,
    }
}

pub use asks::*;
