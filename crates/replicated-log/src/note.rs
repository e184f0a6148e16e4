//! What goes into the history, and what a plan has clients do.

use machine::{DiskId, NodeId};
use serde::{Deserialize, Serialize};

use crate::ask::Acks;
use crate::cluster::Partition;
use crate::words::{LeaderEpoch, Name, Offset, TopicPartition};

/// What goes into the history. Its `Debug` form is the sentence that diagrams show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// A broker has read its disk, and is about to register.
    Boots {
        /// Its disk.
        disk: DiskId,
        /// It lost nothing that counted: it stopped in good order, or syncs before it counts.
        clean: bool,
    },
    /// A broker begins to lead a partition.
    Leads {
        /// Which.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Where its log ends.
        end: Offset,
    },
    /// A replica must not be counted on: its disk does not give what it should.
    Damaged {
        /// Of which partition.
        partition: TopicPartition,
        /// The sentence that the operator reads.
        why: Name,
    },
    /// A leader's watermark rose.
    Watermark {
        /// Of which partition.
        partition: TopicPartition,
        /// Up to there.
        to: Offset,
    },
    /// A replica cut its log.
    Cut {
        /// Of which partition.
        partition: TopicPartition,
        /// It ends there now.
        to: Offset,
    },
    /// A fetch of a client waits at this broker for something to read.
    FetchWaits {
        /// Whose.
        client: NodeId,
        /// Of the request.
        token: u64,
        /// Where it wants to read.
        at: Vec<(TopicPartition, Offset)>,
    },
    /// It waits no longer: it was answered, or its client's link was reset.
    FetchAnswered {
        /// Whose.
        client: NodeId,
        /// Of the request.
        token: u64,
    },
    /// The controllers' leader has carried out a committed entry: a partition is so from now on.
    Partition {
        /// Which.
        partition: TopicPartition,
        /// How it is.
        is: Box<Partition>,
    },

    /// A producer has a batch to send.
    Sends {
        /// Its number, the same in what follows.
        operation: u64,
        /// The number of the partition.
        partition: u32,
        /// The id of its first record; those of the others follow it.
        first: u64,
        /// How many records there are.
        records: u32,
        /// Who must have it.
        acks: Acks,
    },
    /// A batch was acknowledged.
    Acked {
        /// Of the batch.
        operation: u64,
        /// Where.
        partition: TopicPartition,
        /// Of its first record.
        offset: Offset,
    },
    /// A producer asks no more for a batch: nobody answers, or nobody can. It may be there, or come to be.
    NotAcked {
        /// Of the batch.
        operation: u64,
    },
    /// A consumer has read records.
    Saw {
        /// Of which partition.
        partition: TopicPartition,
        /// At which broker.
        at: NodeId,
        /// Of the first of them.
        offset: Offset,
        /// Their ids, in the order of their offsets.
        ids: Vec<u64>,
    },
    /// The auditor has read all that this broker shows of a partition.
    Audited {
        /// Which.
        partition: TopicPartition,
        /// The broker.
        at: NodeId,
        /// It leads the partition, as metadata say.
        leads: bool,
        /// Where its log starts.
        start: Offset,
        /// Its watermark.
        end: Offset,
    },
    /// A member of the group knows what it has.
    Owns {
        /// Of the group.
        generation: i32,
        /// Numbers of partitions.
        partitions: Vec<u32>,
    },
    /// A member commits how far it has read.
    Commits {
        /// Its number, the same in what follows.
        operation: u64,
        /// As the member knows it.
        generation: i32,
    },
    /// What was committed is remembered.
    Committed {
        /// Of the commit.
        operation: u64,
    },
    /// It is not.
    NotCommitted {
        /// Of the commit.
        operation: u64,
    },
    /// Nobody knows whether it is.
    CommitLost {
        /// Of the commit.
        operation: u64,
    },
    /// Something that a sweep must not be without.
    Sometimes(&'static str),
}

/// Something to do for a client: an operation of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// Send a batch of new records.
    Produce {
        /// To which partition.
        partition: u32,
        /// How many.
        records: u32,
        /// Who must have it before it is acknowledged. An idempotent producer waits for all in any case.
        acks: Acks,
    },
    /// Take part in the group, if this member does not.
    Come,
    /// Take part in it no longer.
    Leave,
    /// These replicas are to keep a partition, in the place of those that do.
    Reassign {
        /// Which.
        partition: u32,
        /// The one that leads by preference first.
        replicas: Vec<NodeId>,
    },
}
