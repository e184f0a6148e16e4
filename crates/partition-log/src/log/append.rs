//! Appending: a batch gets its offset, is kept in memory, and goes to the appender.
//!
//! The law: offsets have no holes, and a file is sealed when the next one begins.

use std::ops::Range;

use journal::{Place, Until};

use super::Flush;
use super::{Held, Log, frame};
use log_protocol::batch::Batch;
use log_protocol::words::{LeaderEpoch, Offset};

/// A batch of another replica does not follow what is here. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The offset that is next.
    pub expected: Offset,
}

impl Log {
    /// Appends a batch as the leader of this epoch; its offsets.
    pub fn lead(&mut self, batch: &Batch, epoch: LeaderEpoch) -> Range<Offset> {
        let batch = batch.stamped(self.end, epoch);
        let offsets = batch.base_offset()..batch.next_offset();
        self.push(batch);
        offsets
    }

    /// Appends a batch of the leader's, which has its stamp already.
    ///
    /// # Errors
    /// If it does not begin where the log ends; it is not appended then.
    pub fn follow(&mut self, batch: &Batch) -> Result<(), Gap> {
        if batch.base_offset() != self.end {
            return Err(Gap { expected: self.end });
        }
        self.push(batch.stamped(batch.base_offset(), batch.leader_epoch()));
        Ok(())
    }

    fn push(&mut self, batch: Batch) {
        // Where a cut is being looked for, what follows it has no place yet.
        let at = self.seek.is_none().then(|| self.write(&batch));
        self.end = batch.next_offset();
        self.epochs.note(&batch);
        self.producers.note(&batch);
        self.tail.push(batch, at);
    }

    /// Hands a batch to the appender; where it will lie.
    pub(super) fn write(&mut self, batch: &Batch) -> Place {
        let end = self.files.end();
        if end.offset + frame::length(batch) > u64::from(self.limits.segment_bytes) {
            self.files.roll();
        }
        let at = self.files.end();
        if at.offset == 0 {
            self.seal(batch.base_offset());
            self.segments.begin(at.file, batch.base_offset());
        }
        let held = Held::End { cuts: self.cuts, end: batch.next_offset() };
        let until = match self.limits.flush {
            Flush::Always => Until::Synced,
            Flush::Os => Until::Written,
        };
        self.files.append(frame::of(self.number, at, batch), Some((held, until)));
        self.segments.note(batch, at.offset, self.limits.index_bytes);
        at
    }

    /// Writes all that is appended to the disk, whatever it counts: [`super::LogEvent::Ends`] follows, if there is more.
    pub fn flush(&mut self) {
        let held = Held::End { cuts: self.cuts, end: self.end };
        if self.seek.is_none()
            && let Some(held) = self.files.hold(held)
        {
            self.landed(held, true);
        }
    }
}
