//! What goes: the end that another leader overrules, the oldest segments, all of it.
//!
//! The law: newest first where the end is cut, oldest first where it expires, so that what is left has no hole whenever
//! the power goes. Each cut has a number, which the disk's work carries: a sync that was on its way when something was cut
//! says nothing of what was appended in its place.
//!
//! The end is cut where a batch begins. Where none in memory and no mark says where that is, it is looked for on the disk;
//! what is appended meanwhile is kept in memory and written behind the cut.

use journal::Place;
use machine::Outputs;

use super::producers::Producers;
use super::read::{Reading, Want, Whom};
use super::{Held, HoldsLogs, Log, LogEvent, State, WAY_OUT, prefix};
use log_protocol::batch::Batch;
use log_protocol::words::Offset;

/// A cut whose place is looked for.
#[derive(Clone, Debug)]
pub(super) struct Seek {
    to: Offset,
    /// From there on, up to this offset in the file.
    at: Place,
    readable: u64,
    /// The number of the read, as soon as the disk is asked.
    pub(super) read: Option<u64>,
}

impl Log {
    /// Takes away what has this offset or a later one: the log ends there at once. [`LogEvent::Truncated`] follows when
    /// that is durable; what is left is synced then.
    pub fn truncate(&mut self, to: Offset) {
        // Of a batch there is all or nothing.
        let to = self.tail.begin_of(to);
        if to <= self.start {
            return self.restart_at(to);
        }
        if to >= self.end {
            // An earlier cut that is still looked for will tell.
            if self.seek.is_none() {
                self.hold_cut();
            }
            return;
        }
        let (place, seek) = (self.place_of(to), self.seek_for(to));
        self.forget(to);
        if self.seek.as_ref().is_some_and(|earlier| earlier.to <= to) {
            // Of what follows the earlier cut nothing is written yet.
            return;
        }
        self.seek = None;
        if let Some(place) = place {
            return self.cut_files(place);
        }
        self.seek = seek;
        if let Some(seek) = &self.seek {
            // What is behind that may never have been written.
            self.segments.cut_at(seek.readable);
        }
    }

    /// Takes away everything; the log begins again at this offset, empty. [`LogEvent::Truncated`] follows when that is
    /// durable. The boot is over, well or not.
    pub fn restart_at(&mut self, offset: Offset) {
        let files = self.files.files().keys().copied();
        let first = files.chain(self.segments.first().map(|segment| segment.file)).min();
        self.forget(0);
        self.producers = Producers::default();
        (self.start, self.synced, self.written, self.end) = (offset, offset, offset, offset);
        self.seek = None;
        match (&self.state, first) {
            (State::Damaged, _) => self.gives_up = true,
            (_, Some(file)) => self.cut_files(Place { file, offset: 0 }),
            (_, None) => self.hold_cut(),
        }
    }

    /// Takes away whole segments of records before this offset; the last one stays. All stay while a cut is not durable:
    /// else what was to be cut could be all that is left.
    pub fn raise_start(&mut self, to: Offset) {
        if self.cutting {
            return;
        }
        let mut gone = Vec::new();
        // With a file the appender is done when a later one is there, which is a later segment's.
        let newest = self.files.files().keys().next_back().copied().unwrap_or(0);
        while self.segments.first().is_some_and(|first| first.end <= to && first.file < newest)
            && let Some(segment) = self.segments.pop_first()
        {
            gone.push(segment.file);
        }
        let Some(first) = self.segments.first().filter(|_| !gone.is_empty()) else { return };
        self.start = first.base;
        self.synced = self.synced.max(self.start);
        self.epochs.raise_start(self.start);
        self.tail.evict(usize::MAX, self.start);
        self.sidecars.drop(&gone);
        self.files.delete(gone);
    }

    /// Takes away the oldest segments, if the others are as long as is to be retained, and never what consumers may not
    /// have read yet.
    pub fn retain(&mut self, high_watermark: Offset) {
        let Some(most) = self.limits.retention_bytes else { return };
        let (mut to, mut bytes) =
            (self.start, self.segments.iter().map(|segment| segment.length).sum::<u64>());
        for segment in self.segments.iter() {
            bytes -= segment.length;
            if bytes < most || segment.end > high_watermark {
                break;
            }
            to = segment.end;
        }
        self.raise_start(to);
    }

    /// Takes away everything, for good: [`LogEvent::Deleted`] follows.
    pub fn delete(&mut self) {
        self.deletes = true;
        if matches!(self.state, State::Open | State::Damaged) {
            self.restart_at(self.end);
        }
    }

    pub(super) fn is_deleted(&mut self) {
        let open = matches!(self.state, State::Open);
        if self.deletes && open && self.is_idle() && self.files.files().is_empty() {
            self.state = State::Gone;
            self.events.push_back(LogEvent::Deleted);
        }
    }

    /// In memory the log ends there.
    fn forget(&mut self, to: Offset) {
        (self.cuts, self.cutting) = (self.cuts + 1, true);
        self.end = to;
        (self.written, self.synced) = (self.written.min(to), self.synced.min(to));
        self.tail.cut(to);
        self.epochs.cut(to);
        self.producers.cut(to);
        let gone = self.segments.cut(to);
        self.sidecars.drop(&gone);
    }

    /// Where the batch lies that begins with this offset, if that is known; at the end of a file rather than at the
    /// beginning of the next.
    fn place_of(&self, offset: Offset) -> Option<Place> {
        let before = self.segments.with(offset - 1)?;
        if before.end == offset {
            return Some(Place { file: before.file, offset: before.length });
        }
        let mark = before.before(offset);
        let marked = Place { file: before.file, offset: mark.position };
        self.tail.place_of(offset).or((mark.offset == offset).then_some(marked))
    }

    fn seek_for(&self, to: Offset) -> Option<Seek> {
        let segment = self.segments.with(to)?;
        let at = Place { file: segment.file, offset: segment.before(to).position };
        Some(Seek { to, at, readable: self.readable(segment), read: None })
    }

    /// The disk is asked for the place of a cut.
    pub(super) fn look_for_cut<P: HoldsLogs>(&mut self, out: &mut Outputs<P>) {
        let Some(Seek { to, at, readable, read: None }) = self.seek else { return };
        let want = Want {
            from: to,
            below: Offset::MAX,
            max_bytes: self.limits.index_bytes,
            whom: Whom::Cut,
        };
        let length = 2 * u64::from(self.limits.index_bytes);
        let read =
            self.ask_from(at, length, Reading { want, cuts: self.cuts, at, length, readable }, out);
        self.seek = Some(Seek { to, at, readable, read: Some(read) });
    }

    /// It is the place of this batch.
    pub(super) fn cut_found(&mut self, found: Option<(Place, Batch)>) {
        let Some(to) = self.seek.as_ref().map(|seek| seek.to) else { return };
        match found.filter(|(_, batch)| batch.base_offset() == to) {
            Some((at, _)) => {
                self.seek = None;
                self.cut_files(at);
            }
            None => {
                let prefix = prefix(self.number);
                let why = format!("{prefix}-* has no batch at {to}, to be cut there: {WAY_OUT}");
                self.events.push_back(LogEvent::Damaged(why));
            }
        }
    }

    /// The files end there; what was appended behind that and has no place yet follows.
    pub(super) fn cut_files(&mut self, at: Place) {
        // A read that was asked for while the place was looked for may find less than was there.
        (self.cuts, self.cutting) = (self.cuts + 1, true);
        self.segments.cut_at(at.offset);
        let end = self.segments.last().map_or(self.start, |last| last.end);
        self.files.truncate(at, Held::Cut { cuts: self.cuts, end });
        let mut tail = std::mem::take(&mut self.tail);
        tail.put(|batch| self.write(batch));
        self.tail = tail;
    }

    /// Nothing is left to be cut, but an earlier cut may not be durable yet.
    fn hold_cut(&mut self) {
        let held = Held::Cut { cuts: self.cuts, end: self.end };
        if let Some(held) = self.files.hold(held) {
            self.landed(held, true);
        }
    }

    /// It is durable that the log ended there.
    pub(super) fn is_cut(&mut self, end: Offset) {
        (self.written, self.synced) = (self.written.max(end), self.synced.max(end));
        self.cutting = false;
        self.drop_empty();
        self.events.push_back(LogEvent::Truncated);
    }

    /// A cut of everything leaves an empty file.
    pub(super) fn drop_empty(&mut self) {
        let empty = self.files.files().iter().filter(|(_, length)| **length == 0);
        let empty: Vec<u64> = empty.map(|(file, _)| *file).collect();
        self.files.delete(empty);
    }
}
