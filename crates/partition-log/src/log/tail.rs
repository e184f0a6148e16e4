//! The newest batches, in memory: for readers that are at the end, and for followers.
//!
//! The law: from the first of them on they are all there. Whatever is not written yet is among them.

use std::collections::VecDeque;

use journal::Place;

use log_protocol::batch::Batch;
use log_protocol::words::Offset;

/// Batches without a hole, up to the end of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// Each with the place where it lies, or will lie as soon as there is one.
    batches: VecDeque<(Batch, Option<Place>)>,
    bytes: usize,
}

impl Tail {
    pub(super) fn push(&mut self, batch: Batch, at: Option<Place>) {
        self.bytes += batch.length() as usize;
        self.batches.push_back((batch, at));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where the first of them lies.
    pub(super) fn first_place(&self) -> Option<Place> {
        self.batches.front()?.1
    }

    /// From the one on that has this offset; nothing where the disk has it.
    pub(super) fn from(&self, offset: Offset) -> Option<impl Iterator<Item = &Batch>> {
        self.batches.front().filter(|(first, _)| first.base_offset() <= offset)?;
        let before = self.batches.partition_point(|(batch, _)| batch.next_offset() <= offset);
        Some(self.batches.range(before..).map(|(batch, _)| batch))
    }

    /// Where the batch lies that begins with this offset.
    pub(super) fn place_of(&self, offset: Offset) -> Option<Place> {
        let place = self.batches.binary_search_by_key(&offset, |(batch, _)| batch.base_offset());
        self.batches[place.ok()?].1
    }

    /// Where the batch begins that has this offset, as far as it is known.
    pub(super) fn begin_of(&self, offset: Offset) -> Offset {
        let has_it = |batch: &&Batch| batch.base_offset() < offset;
        self.from(offset)
            .and_then(|mut batches| batches.next())
            .filter(has_it)
            .map_or(offset, Batch::base_offset)
    }

    /// The places of those that had none.
    pub(super) fn put(&mut self, mut write: impl FnMut(&Batch) -> Place) {
        let none = self.batches.iter_mut().filter(|(_, at)| at.is_none());
        none.for_each(|(batch, at)| *at = Some(write(batch)));
    }

    /// The log ends at this offset.
    pub(super) fn cut(&mut self, to: Offset) {
        while let Some((batch, _)) = self.batches.pop_back_if(|(batch, _)| batch.next_offset() > to)
        {
            self.bytes -= batch.length() as usize;
        }
    }

    /// Lets go of about so many bytes of those that end at this offset or before; how many it were.
    pub(super) fn evict(&mut self, bytes: usize, written: Offset) -> usize {
        let before = self.bytes;
        while before - self.bytes < bytes
            && let Some((batch, _)) =
                self.batches.pop_front_if(|(batch, _)| batch.next_offset() <= written)
        {
            self.bytes -= batch.length() as usize;
        }
        before - self.bytes
    }
}
