//! What nodes say to each other.
//!
//! The law: every message between brokers and controllers names the epoch in which it was sent.

use std::net::SocketAddr;

use bytes::Bytes;
use journal::{Journal, JournalOp, JournalTimer};
use machine::{Checkpoint, CheckpointOp, DiskId, Embeds, NodeId, Protocol, Routine};
pub use partition_log::LogOp;
use partition_log::Logs;
use raft::{Envelope, Groups, GroupsOp, GroupsTimer};

use crate::ask::{Answer, Ask, NewTopic};
use crate::batch::Batch;
use crate::entry::Entry;
use crate::error::ErrorCode;
use crate::note::{Note, Operation};
use crate::words::{BrokerEpoch, LeaderEpoch, Name, Offset, TopicId, TopicPartition};

/// The protocol that brokers, controllers and clients share.
#[derive(Clone, Debug)]
pub struct ReplicatedLog;

impl Protocol for ReplicatedLog {
    type Message = Message;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;

    fn routine(message: &Message) -> Routine {
        match message {
            Message::Raft(envelope) => envelope.routine(),
            Message::Heartbeat(_) | Message::Beat(_) => Routine::Always,
            Message::Fetched(fetched)
                if fetched.batches.is_empty() && fetched.diverging.is_none() =>
            {
                Routine::Always
            }
            _ => Routine::Never,
        }
    }

    fn weight(message: &Message) -> u32 {
        message.weight()
    }

    fn answers(message: &Message) -> Option<(u64, bool)> {
        match message {
            Message::Answer { token, .. } => Some((*token, true)),
            _ => None,
        }
    }
}

impl Embeds<Groups> for ReplicatedLog {
    fn message(envelope: Envelope) -> Message {
        Message::Raft(envelope)
    }

    fn timer(timer: GroupsTimer) -> Timer {
        Timer::Raft(timer)
    }

    fn op(op: GroupsOp) -> Op {
        Op::Raft(op)
    }

    fn note(what: &'static str) -> Note {
        Note::Sometimes(what)
    }
}

/// Of a broker: its logs and their bound. Of a controller: that of its group, which takes them too.
impl Embeds<Journal> for ReplicatedLog {
    fn timer(timer: JournalTimer) -> Timer {
        Timer::Journal(timer)
    }

    fn op(op: JournalOp) -> Op {
        Op::Journal(op)
    }
}

/// Of a broker: what its logs read, and the facts that they leave beside their files.
impl Embeds<Logs> for ReplicatedLog {
    fn op((log, op): (u32, LogOp)) -> Op {
        Op::Log { log, op }
    }
}

impl Embeds<Checkpoint<ReplicatedLog>> for ReplicatedLog {
    fn op(op: CheckpointOp) -> Op {
        Op::Checkpoint(op)
    }
}

/// What is sent. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the parts of a message are what its sentence says")]
pub enum Message {
    /// To a client, from a plan.
    Do(Operation),
    /// From a client to a broker. The client picks the token, and knows the answer by it.
    Ask { token: u64, ask: Box<Ask> },
    /// To a client.
    Answer { token: u64, answer: Box<Answer> },

    /// From a broker to all controllers, as long as it is not registered: it booted.
    Register(Registration),
    /// From the controllers' leader: this broker is registered, in this epoch.
    Registered { boot: u64, epoch: BrokerEpoch },
    /// From a broker to all controllers, again and again.
    Heartbeat(Heartbeat),
    /// From the controllers' leader, to a heartbeat.
    Beat(Beat),
    /// From the controllers' leader: what happened to the metadata, by the numbers of the entries.
    Entries { entries: Vec<(u64, Entry)> },
    /// From the controllers' leader, in bulk: the metadata as they are at this index.
    Image { at: u64, state: Bytes },
    /// From the leader of a partition to all controllers: the ISR that it wants. Whether it is taken or not, the
    /// partition has another version then.
    Alter(Alter),
    /// From a broker to the controllers, for a client: change something.
    Command { token: u64, command: Command },
    /// From the controllers' leader.
    Commanded { token: u64, outcome: Result<Changed, (ErrorCode, Name)> },

    /// From a follower to the leader of a partition: what comes from this offset on?
    Fetch(ReplicaFetch),
    /// From the leader, in bulk. Without batches it tells a watermark, and the fetch waits on.
    Fetched(ReplicaFetched),

    /// Between controllers.
    Raft(Envelope),
}

/// A broker that booted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registration {
    /// Of this boot, drawn by the broker: who answers an earlier boot answers nobody.
    pub boot: u64,
    /// Its disk.
    pub disk: DiskId,
    /// It stopped in good order before, or loses nothing when it does not: it syncs before it counts.
    pub clean: bool,
    /// Partitions of which its disk does not have what it had.
    pub damaged: Vec<TopicPartition>,
    /// Partitions whose end it cut off as torn. It may have been synced a moment before, and rotten since.
    pub cut: Vec<TopicPartition>,
    /// Where it is.
    pub rack: Option<Name>,
    /// Where clients reach it, and where nodes do.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

/// A broker that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Heartbeat {
    /// In which it is registered.
    pub epoch: BrokerEpoch,
    /// The broker counts them, so that it knows when the one that was answered was sent.
    pub number: u64,
    /// The metadata that it has carried out.
    pub applied: u64,
    /// It wants to stop: move its leaders.
    pub stopping: bool,
    /// Partitions of which its disk does not have what it had.
    pub damaged: Vec<TopicPartition>,
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Beat {
    /// Of the broker.
    pub epoch: BrokerEpoch,
    /// Of the heartbeat.
    pub number: u64,
    /// It leads nothing, and may stop.
    pub may_stop: bool,
    /// It is registered in this epoch no longer, or never was: register again.
    pub unknown: bool,
}

/// An ISR that a leader wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Alter {
    /// Of which partition.
    pub partition: TopicPartition,
    /// In which it leads.
    pub leader_epoch: LeaderEpoch,
    /// Of the state of the partition that is to be changed.
    pub version: u32,
    /// Who is to be in it, and in which broker epoch each was seen to keep up.
    pub isr: Vec<(NodeId, BrokerEpoch)>,
}

/// A change of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the parts of a command are what its sentence says")]
pub enum Command {
    /// Make a topic; or only check that it could be made.
    CreateTopic { topic: NewTopic, only_check: bool },
    /// Delete a topic.
    DeleteTopic(TopicId),
    /// Give a topic more partitions.
    CreatePartitions { topic: TopicId, count: u32, only_check: bool },
    /// These replicas, instead of those that it has.
    Reassign { partition: TopicPartition, replicas: Vec<NodeId> },
    /// Identities for producers: a range of a thousand.
    ProducerIds,
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// A topic: its id (none where it was only checked), partitions and replication factor.
    Topic(Option<TopicId>, u32, u32),
    /// It was done.
    Done,
    /// The first of a thousand identities.
    ProducerIds(u64),
}

/// A follower asks for what it does not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaFetch {
    /// Of which partition.
    pub partition: TopicPartition,
    /// Of the follower's registration.
    pub broker_epoch: BrokerEpoch,
    /// In which it follows.
    pub leader_epoch: LeaderEpoch,
    /// All before it is synced (with `--flush os`: written) at the follower.
    pub from: Offset,
    /// Of the last record before that; none where there is none.
    pub last_epoch: Option<LeaderEpoch>,
}

/// What the leader has for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaFetched {
    /// Of which partition.
    pub partition: TopicPartition,
    /// In which it is led.
    pub leader_epoch: LeaderEpoch,
    /// The offset that was asked for.
    pub from: Offset,
    /// Where the log starts.
    pub log_start: Offset,
    /// How far consumers may read.
    pub high_watermark: Offset,
    /// The logs part: the leader's largest epoch that is not above the follower's, and where it ends.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// In order, without holes.
    pub batches: Vec<Batch>,
}

/// The names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Of the logs of a broker, or the journal of a controller.
    Journal(JournalTimer),
    /// Of the controllers' group.
    Raft(GroupsTimer),
    /// Of a broker: its next heartbeat, or registration.
    Heartbeat,
    /// Of a broker: something that waits has waited long enough.
    Waiting,
    /// Of a broker: do followers keep up?
    Lag,
    /// Of a broker: its checkpoint is due, and retention.
    Upkeep,
    /// Of a broker: a group has something to do.
    Group,
    /// Of a controller: brokers that were silent.
    Sessions,
    /// Of a client, each for what it wants.
    Client(u8),
}

/// What to do when a disk operation ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the number of a log, and what the log knows")]
pub enum Op {
    /// Of the logs of a broker, or the journal of a controller.
    Journal(JournalOp),
    /// Of the controllers' group.
    Raft(GroupsOp),
    /// Of what a broker remembers of itself.
    Checkpoint(CheckpointOp),
    /// Of the log of this number: reads, sidecars.
    Log { log: u32, op: LogOp },
}
