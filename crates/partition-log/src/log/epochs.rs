//! Where each leader epoch begins (KIP-101).
//!
//! The law: epochs and offsets rise together, and so a follower that knows the epoch of its last record can be told how
//! far its log is the leader's.

use log_protocol::batch::Batch;
use log_protocol::words::{LeaderEpoch, Offset};

/// Epochs with the offsets of their first records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Epochs(Vec<(LeaderEpoch, Offset)>);

impl Epochs {
    pub(super) fn note(&mut self, batch: &Batch) {
        self.begin(batch.leader_epoch(), batch.base_offset());
    }

    /// Records from this offset on are of this epoch, unless that is no news.
    pub(super) fn begin(&mut self, epoch: LeaderEpoch, from: Offset) {
        if self.last().is_none_or(|last| last < epoch) {
            self.0.push((epoch, from));
        }
    }

    pub(super) fn last(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// The largest that is not above this one, and where it ends in a log that ends there.
    pub(super) fn end_of(&self, epoch: LeaderEpoch, end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let above = self.0.partition_point(|(other, _)| *other <= epoch);
        let (found, _) = self.0[..above].last()?;
        Some((*found, self.0.get(above).map_or(end, |(_, from)| *from)))
    }

    /// Those that records from this offset on have, each with the first of these.
    pub(super) fn from(&self, offset: Offset) -> impl Iterator<Item = (LeaderEpoch, Offset)> {
        let first = self.0.partition_point(|(_, from)| *from <= offset).saturating_sub(1);
        self.0[first..].iter().map(move |(epoch, from)| (*epoch, (*from).max(offset)))
    }

    /// The log ends at this offset.
    pub(super) fn cut(&mut self, to: Offset) {
        self.0.truncate(self.0.partition_point(|(_, from)| *from < to));
    }

    /// The log begins at this offset.
    pub(super) fn raise_start(&mut self, to: Offset) {
        self.0 = self.from(to).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, from) in [(2, 0), (2, 3), (5, 7), (6, 9)] {
            epochs.begin(epoch, from);
        }
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let ends = |epoch| epochs().end_of(epoch, 12);
        assert_eq!([ends(1), ends(2), ends(4)], [None, Some((2, 7)), Some((2, 7))]);
        assert_eq!([ends(5), ends(6), ends(9)], [Some((5, 9)), Some((6, 12)), Some((6, 12))]);
    }

    #[test]
    fn what_is_cut_off_takes_its_epochs_along_at_both_ends() {
        let mut cut = epochs();
        cut.cut(9);
        assert_eq!(cut.end_of(6, 9), Some((5, 9)));
        cut.raise_start(4);
        assert_eq!(cut.0, [(2, 4), (5, 7)]);
        cut.raise_start(7);
        assert_eq!((cut.end_of(4, 9), cut.end_of(5, 9)), (None, Some((5, 9))));
    }
}
