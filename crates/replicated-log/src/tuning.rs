//! Every time and size. A scenario changes nothing but what stands here, and the settings of topics.

use std::time::Duration;

pub use partition_log::Flush;

use crate::ask::Settings;

/// Times and sizes of a cluster. All nodes of it must agree on the times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// When a replica counts what it has.
    pub flush: Flush,
    /// A broker tells the controllers so often that it is alive.
    pub heartbeat: Duration,
    /// After so long without a heartbeat a broker is fenced. It stops to acknowledge before that.
    pub session: Duration,
    /// A follower that was not at its leader's end for so long is taken out of the ISR.
    pub lag: Duration,
    /// Bytes of batches a message to a follower, about. It syncs once for each: the longer they are, the less a slow disk
    /// costs.
    pub replica_fetch_bytes: u32,
    /// A replica that is added fetches so many bytes a second from each leader.
    pub reassignment_bytes: u64,
    /// Of all batches that are kept in memory for reading, at most.
    pub tail_cache_bytes: usize,
    /// The offset index has an entry for about so many bytes.
    pub index_bytes: u32,
    /// What a broker remembers of itself is written so often.
    pub checkpoint: Duration,
    /// Retention is looked at so often, and whether leaders are where they should be.
    pub upkeep: Duration,
    /// A new group waits so long for more members.
    pub first_rebalance: Duration,
    /// Partitions of `__consumer_offsets`.
    pub offsets_partitions: u32,
    /// A snapshot of a coordinator's state is written after so many bytes.
    pub offsets_snapshot_bytes: u64,
    /// Of topics that say nothing else.
    pub partitions: u32,
    /// Of topics that say nothing else, if there are so many brokers.
    pub replication_factor: u32,
    /// Of topics that say nothing else.
    pub settings: Settings,
    /// A topic is made when somebody asks for it.
    pub creates_topics: bool,
    /// Requests that wait in a broker, at most.
    pub most_waiting: usize,
    /// Election timeout of the controllers.
    pub election_timeout: Duration,
}

const MS: fn(u64) -> Duration = Duration::from_millis;

impl Default for Tuning {
    /// For links of up to 10 ms. Kafka's session is 9 s, and its lag limit 30 s.
    fn default() -> Tuning {
        Tuning {
            flush: Flush::Always,
            heartbeat: MS(100),
            session: MS(500),
            lag: MS(1_000),
            replica_fetch_bytes: 3 << 20,
            reassignment_bytes: 20 << 20,
            tail_cache_bytes: 64 << 20,
            index_bytes: 4 << 10,
            checkpoint: MS(5_000),
            upkeep: MS(1_000),
            first_rebalance: MS(500),
            offsets_partitions: 8,
            offsets_snapshot_bytes: 8 << 20,
            partitions: 1,
            replication_factor: 3,
            settings: Settings {
                min_insync_replicas: 2,
                retention_bytes: None,
                segment_bytes: 64 << 20,
                max_message_bytes: 1 << 20,
            },
            creates_topics: true,
            most_waiting: 4_096,
            election_timeout: MS(150),
        }
    }
}
