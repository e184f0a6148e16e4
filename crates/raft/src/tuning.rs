//! Times and sizes of a group.

use std::time::Duration;

/// How patient and how greedy members are. All members of a group must agree on the times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// A follower that hears no leader for between one and two of these campaigns; a member that heard
    /// one within the last of these helps nobody to depose it.
    pub election_timeout: Duration,
    /// A leader sends so often at the least.
    pub heartbeat: Duration,
    /// Entries a message, at most.
    pub max_batch: usize,
    /// And, but for the last of them, bytes.
    pub max_batch_bytes: usize,
    /// Messages with entries on their way to a follower, at most.
    pub max_in_flight: usize,
    /// Bytes of a snapshot a message, at most.
    pub snapshot_chunk: usize,
    /// A segment of the journal has about so many bytes.
    pub journal_growth: u64,
    /// Entries that stay behind a snapshot, for followers that are a little late.
    pub keep_entries: u64,
    /// And no more bytes of them, about.
    pub keep_bytes: u64,
    /// A group that has had nothing to do for an election timeout rests: a node with many of them sends one
    /// heartbeat for all, every ten seconds. A leader that is gone without a word is missed when somebody asks,
    /// or within half a minute.
    pub rests: bool,
}

impl Default for Tuning {
    /// For networks of a few milliseconds.
    fn default() -> Self {
        Tuning {
            election_timeout: Duration::from_millis(300),
            heartbeat: Duration::from_millis(60),
            max_batch: 64,
            max_batch_bytes: 256 << 10,
            max_in_flight: 4,
            snapshot_chunk: 256 << 10,
            journal_growth: 16 << 20,
            keep_entries: 1_000,
            keep_bytes: 8 << 20,
            rests: false,
        }
    }
}

/// No clock drifts by more parts in a million: leases rest on it.
pub const DRIFT_BOUND_PPM: u32 = 20_000;

impl Tuning {
    /// How long a leader may answer reads by itself after it asked a majority, which keeps from voting
    /// for an election timeout after it was asked. On a slow leader's clock and fast voters' this is
    /// over before that.
    pub(crate) fn lease(&self) -> Duration {
        self.election_timeout * (1_000_000 - 2 * DRIFT_BOUND_PPM) / 1_000_000
    }
}
