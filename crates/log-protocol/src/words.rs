//! How things are called: topics, partitions, offsets and epochs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a topic, of a group, of a member.
pub type Name = Arc<str>;

/// The place of a record in its partition, from 0. Offsets have no holes.
pub type Offset = u64;

/// Of a partition: it rises with each leader, and with each boot of one (KIP-101, KIP-320).
pub type LeaderEpoch = u32;

/// Of a broker: it rises with each registration (KIP-903). It is the index of that in the controllers' log.
pub type BrokerEpoch = u64;

/// Of the clock of the clients' wall, in milliseconds since 1970: what record batches carry.
pub type Timestamp = i64;

/// The topic in which coordinators keep what groups have committed.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The identity of a topic. One that is deleted and made anew has another. It is never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicId(pub u128);

/// As diagrams write it: `t7`. The first 64 bits are the cluster's, the others count.
impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0 as u64)
    }
}

/// A partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The number of the partition in it, from 0.
    pub partition: u32,
}

/// As diagrams write it: `t7-0`.
impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}-{}", self.topic, self.partition)
    }
}

/// What a client calls a topic: newer ones of Kafka's protocol by its id, older ones by its name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicRef {
    /// By its name.
    Name(Name),
    /// By its identity.
    Id(TopicId),
}

impl fmt::Debug for TopicRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicRef::Name(name) => f.write_str(name),
            TopicRef::Id(id) => id.fmt(f),
        }
    }
}
