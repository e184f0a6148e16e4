//! When it is time for a snapshot.

use bytes::Bytes;

use crate::rpc::Entry;

/// What an entry costs in a log besides its command, in bytes.
const AROUND: u64 = 32;

/// What the log has grown by since the last snapshot. A snapshot is due when that is so many bytes, or as
/// much as the last one is long, so that snapshots never cost more than what they replace.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    least: u64,
    grown: u64,
    snapshot: u64,
}

impl Growth {
    /// Of an empty log.
    pub fn new(least: u64) -> Growth {
        Growth { least, grown: 0, snapshot: 0 }
    }

    /// This entry was applied.
    pub fn add(&mut self, entry: &Entry) {
        self.grown += AROUND + entry.payload.len() as u64;
    }

    /// Is it time?
    pub fn is_due(&self) -> bool {
        self.grown >= self.least.max(self.snapshot)
    }

    /// This is the newest snapshot.
    pub fn restart(&mut self, snapshot: &Bytes) {
        (self.grown, self.snapshot) = (0, snapshot.len() as u64);
    }
}
