//! The segments of a log, and the index into them: of each file some places, their offsets, and the largest timestamp
//! before each.
//!
//! The law: what the index says is so. What it does not say is read: whoever looks for an offset begins at the last
//! place that is not behind it, and passes over less than [`super::LogLimits::index_bytes`] and a batch.

use std::collections::VecDeque;

use super::frame;
use log_protocol::batch::Batch;
use log_protocol::words::{Offset, Timestamp};

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) file: u64,
    /// The offset of its first record.
    pub(super) base: Offset,
    /// The offset behind its last.
    pub(super) end: Offset,
    /// How many bytes it has.
    pub(super) length: u64,
    /// No record in it is newer. After a cut it may be that none is as new.
    pub(super) largest: Timestamp,
    /// In order, and none at the beginning of the file.
    pub(super) marks: Vec<Mark>,
}

/// A batch begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: Offset,
    pub(super) position: u64,
    /// The largest timestamp in the segment before it.
    pub(super) largest: Timestamp,
}

impl Segment {
    fn first(&self) -> Mark {
        Mark { offset: self.base, position: 0, largest: Timestamp::MIN }
    }

    /// The last mark of those of which this is so; it is so of all before.
    fn last_mark(&self, so: impl Fn(&Mark) -> bool) -> Mark {
        let count = self.marks.partition_point(so);
        count.checked_sub(1).map_or_else(|| self.first(), |last| self.marks[last])
    }

    /// From where this offset is found.
    pub(super) fn before(&self, offset: Offset) -> Mark {
        self.last_mark(|mark| mark.offset <= offset)
    }

    /// From where the first record is found that is not older than this.
    pub(super) fn before_time(&self, time: Timestamp) -> Mark {
        self.last_mark(|mark| mark.largest < time)
    }
}

/// All of them, one after the other; none is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments(VecDeque<Segment>);

impl Segments {
    /// A file begins with this offset.
    pub(super) fn begin(&mut self, file: u64, base: Offset) {
        let (end, largest) = (base, Timestamp::MIN);
        self.0.push_back(Segment { file, base, end, length: 0, largest, marks: Vec::new() });
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.0.push_back(segment);
    }

    /// A batch lies there in the last file.
    pub(super) fn note(&mut self, batch: &Batch, position: u64, index_bytes: u32) {
        let Some(segment) = self.0.back_mut() else { return };
        let marked = segment.marks.last().map_or(0, |mark| mark.position);
        if position - marked >= u64::from(index_bytes).max(1) {
            let (offset, largest) = (batch.base_offset(), segment.largest);
            segment.marks.push(Mark { offset, position, largest });
        }
        segment.end = batch.next_offset();
        segment.length = position + frame::length(batch);
        segment.largest = segment.largest.max(batch.max_timestamp());
    }

    pub(super) fn first(&self) -> Option<&Segment> {
        self.0.front()
    }

    pub(super) fn last(&self) -> Option<&Segment> {
        self.0.back()
    }

    /// The one that has this offset.
    pub(super) fn with(&self, offset: Offset) -> Option<&Segment> {
        let after = self.0.partition_point(|segment| segment.base <= offset);
        self.0.get(after.checked_sub(1)?).filter(|segment| offset < segment.end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter()
    }

    pub(super) fn pop_first(&mut self) -> Option<Segment> {
        self.0.pop_front()
    }

    /// The log ends at this offset. Those that went; how long the last one is now is to be said by [`Segments::cut_at`].
    pub(super) fn cut(&mut self, to: Offset) -> Vec<u64> {
        let left = self.0.partition_point(|segment| segment.base < to);
        let gone = self.0.split_off(left).into_iter().map(|segment| segment.file).collect();
        if let Some(last) = self.0.back_mut() {
            last.end = last.end.min(to);
            last.marks.truncate(last.marks.partition_point(|mark| mark.offset < to));
        }
        gone
    }

    /// The last one ends at this place.
    pub(super) fn cut_at(&mut self, position: u64) {
        self.0.iter_mut().next_back().into_iter().for_each(|last| last.length = position);
    }
}
