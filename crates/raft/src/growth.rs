//! When it is time for a snapshot.

use machine::Random;
use rand::RngExt;

use crate::rpc::Entry;

/// What the log has grown by since the last snapshot. A snapshot is due when that is so many bytes, or as
/// much as the last one is long, so that snapshots never cost more than what they replace.
///
/// Each member draws anew, for each snapshot, by up to a quarter how much less or more it waits for: or
/// all of a group would compact at the same entry, and nobody would answer meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    least: u64,
    grown: u64,
    snapshot: u64,
    /// In a hundred of what is due; none before the first that is asked for.
    drawn: Option<u64>,
    wanted: bool,
}

impl Growth {
    /// Of an empty log.
    pub fn new(least: u64) -> Growth {
        Growth { least, grown: 0, snapshot: 0, drawn: None, wanted: false }
    }

    /// This entry was applied.
    pub fn add(&mut self, entry: &Entry) {
        self.grown += entry.cost();
    }

    /// Is it time?
    pub fn is_due(&mut self, random: &mut Random) -> bool {
        let drawn = *self.drawn.get_or_insert_with(|| random.random_range(75..=125));
        self.wanted || self.grown >= self.least.max(self.snapshot).saturating_mul(drawn) / 100
    }

    /// Somebody needs one ([`Event::SnapshotWanted`](crate::Event::SnapshotWanted)).
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// The state was frozen: what comes now is after that snapshot.
    pub fn frozen(&mut self) {
        (self.grown, self.drawn, self.wanted) = (0, None, false);
    }

    /// The newest snapshot is so long, in bytes.
    pub fn taken(&mut self, length: u64) {
        self.snapshot = length;
    }
}
