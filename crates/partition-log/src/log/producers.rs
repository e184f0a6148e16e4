//! What was appended for idempotent producers (KIP-98): of each the last five batches, which are as many as it may have
//! in flight.
//!
//! The law: a sequence number is appended once. What is known follows from the batches, so whoever has them can lead. A
//! cut of no more than was in flight leaves it known what is next.

use std::collections::{BTreeMap, VecDeque};

use log_protocol::batch::{Batch, Producer};
use log_protocol::words::Offset;

/// Batches that are known of each producer.
const KNOWN: usize = 5;
/// Producers that are known. Of more, the one goes that has been silent for longest.
const MOST: usize = 1_000;
/// Sequence numbers go round.
const ROUND: u32 = 1 << 31;

/// What a leader makes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// It is the producer's next, or of one that is not known.
    New,
    /// It was appended before, at this offset.
    Duplicate(Offset),
    /// Batches before it are missing; or it was appended so long ago that its offset is not known.
    OutOfOrder,
    /// Of an epoch of its producer that is over.
    Fenced,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Producers(pub(super) BTreeMap<u64, Known>);

/// What is known of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) epoch: u16,
    /// The sequence number that is next.
    pub(super) next: u32,
    /// Behind the last of them.
    pub(super) end: Offset,
    /// Oldest first.
    pub(super) batches: VecDeque<Appended>,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) base: Offset,
    pub(super) epoch: u16,
    pub(super) first_sequence: u32,
    pub(super) records: u32,
}

impl Producers {
    pub(super) fn judge(&self, batch: &Batch) -> Sequence {
        let Some(Producer { id, epoch, first_sequence }) = batch.producer() else {
            return Sequence::New;
        };
        let Some(known) = self.0.get(&id) else { return Sequence::New };
        let is_it = |old: &&Appended| {
            (old.epoch, old.first_sequence, old.records) == (epoch, first_sequence, batch.records())
        };
        if epoch < known.epoch {
            Sequence::Fenced
        } else if let Some(old) = known.batches.iter().rfind(is_it) {
            Sequence::Duplicate(old.base)
        } else {
            let next = if epoch == known.epoch { known.next } else { 0 };
            if first_sequence == next { Sequence::New } else { Sequence::OutOfOrder }
        }
    }

    pub(super) fn note(&mut self, batch: &Batch) {
        let Some(Producer { id, epoch, first_sequence }) = batch.producer() else { return };
        let (base, records, end) = (batch.base_offset(), batch.records(), batch.next_offset());
        if self.0.len() >= MOST && !self.0.contains_key(&id) {
            let silent = self.0.iter().min_by_key(|(_, known)| known.end).map(|(id, _)| *id);
            silent.and_then(|id| self.0.remove(&id));
        }
        let known = self.0.entry(id).or_insert_with(|| Known {
            epoch,
            next: 0,
            end,
            batches: VecDeque::with_capacity(KNOWN),
        });
        if known.batches.len() == KNOWN {
            known.batches.pop_front();
        }
        known.batches.push_back(Appended { base, epoch, first_sequence, records });
        (known.epoch, known.end) = (epoch, end);
        known.next = (first_sequence + records) % ROUND;
    }

    /// The log ends at this offset: what goes is next again.
    pub(super) fn cut(&mut self, to: Offset) {
        for known in self.0.values_mut() {
            while let Some(gone) = known.batches.pop_back_if(|batch| batch.base >= to) {
                (known.epoch, known.next) = (gone.epoch, gone.first_sequence);
                known.end = gone.base;
            }
            if let Some(last) = known.batches.back() {
                (known.epoch, known.next) =
                    (last.epoch, (last.first_sequence + last.records) % ROUND);
                known.end = last.base + u64::from(last.records);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_protocol::batch::Record;

    fn batch(at: Offset, epoch: u16, first_sequence: u32, records: usize) -> Batch {
        let producer = Producer { id: 7, epoch, first_sequence };
        Batch::of(&vec![Record::default(); records], 0, Some(producer)).stamped(at, 1)
    }

    /// Batches of two records, the first at this sequence number, at every second offset.
    fn appended(epoch: u16, first: u32, count: u32) -> Producers {
        let mut producers = Producers::default();
        for number in 0..count {
            let sequence = (first + 2 * number) % ROUND;
            producers.note(&batch(u64::from(2 * number), epoch, sequence, 2));
        }
        producers
    }

    #[test]
    fn a_batch_is_new_once_and_the_last_five_are_known() {
        let producers = appended(1, 0, 7);
        let judge = |epoch, sequence, records| producers.judge(&batch(0, epoch, sequence, records));
        assert_eq!(judge(1, 14, 3), Sequence::New);
        for number in 2..7 {
            let known = Sequence::Duplicate(u64::from(2 * number));
            assert_eq!(judge(1, 2 * number, 2), known, "batch {number}");
        }
        for (sequence, records) in [(2, 2), (12, 1), (15, 1), (13, 1), (0, 2)] {
            assert_eq!(judge(1, sequence, records), Sequence::OutOfOrder, "{sequence}");
        }
        assert_eq!(
            [judge(0, 14, 1), judge(2, 14, 1), judge(2, 0, 1)],
            [Sequence::Fenced, Sequence::OutOfOrder, Sequence::New,]
        );
        assert_eq!(
            Producers::default().judge(&batch(0, 0, 99, 1)),
            Sequence::New,
            "it is not known"
        );
    }

    #[test]
    fn sequence_numbers_go_round() {
        let producers = appended(0, ROUND - 3, 2);
        assert_eq!(producers.judge(&batch(0, 0, 1, 1)), Sequence::New);
        assert_eq!(producers.judge(&batch(0, 0, ROUND - 1, 2)), Sequence::Duplicate(2));
    }

    #[test]
    fn what_is_cut_off_is_next_again_also_where_nothing_is_left() {
        for left in 0..=7 {
            let mut producers = appended(1, 0, 7);
            producers.cut(2 * left);
            let next = batch(0, 1, 2 * left as u32, 4);
            assert_eq!(
                producers.judge(&next),
                if left < 2 { Sequence::OutOfOrder } else { Sequence::New }
            );
            let last = producers.judge(&batch(0, 1, (2 * left as u32).saturating_sub(2), 2));
            assert_eq!(
                last == Sequence::Duplicate((2 * left).saturating_sub(2)),
                left > 2,
                "{left}"
            );
        }
    }

    #[test]
    fn of_too_many_the_one_goes_that_was_silent_for_longest() {
        let of = |id: u64, at| {
            let producer = Producer { id, epoch: 0, first_sequence: 0 };
            Batch::of(&[Record::default()], 0, Some(producer)).stamped(at, 1)
        };
        let mut producers = Producers::default();
        (0..=MOST as u64).for_each(|id| producers.note(&of(id, MOST as u64 - id)));
        assert_eq!(producers.0.len(), MOST);
        let known = |id| producers.judge(&of(id, 0)) != Sequence::New;
        assert!(
            known(0) && known(MOST as u64) && !known(MOST as u64 - 1),
            "it has the lowest offset"
        );
    }
}
