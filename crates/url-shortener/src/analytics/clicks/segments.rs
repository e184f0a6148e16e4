//! The files of the click log: `clicks-N`, written one after the other, deleted from the oldest on.
//!
//! The law: only durable batches are handed out, and a file is deleted only when all its clicks are
//! counted. At boot the newest file is read to its end, and no file may be missing or shorter than it was
//! ([`journal`]); the others are read when it is their turn to be sent. Such a file ends at the first batch that
//! cannot be read, because the disk corrupted it.

use bytes::Bytes;
use journal::{Appender, Blocks, Bound, Event, JournalOp, JournalTimer, Place, Until};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, Outputs};

use super::record::{Batch, LONGEST, batch_bytes, get_batch};
use crate::message::{Note, Op, Shortener};

/// Bytes of one read: at least the longest batch.
pub(super) const READ: u64 = 4 << 20;
/// The family of its files, on the disk for good, and how their names begin.
const FAMILY: (u32, &str) = (1, "clicks");

/// A batch, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) batch: Batch,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) struct Segments {
    limit: u64,
    bound: Bound,
    log: Appender<Blocks, Placed>,
    /// Clicks that were appended and are not durable yet.
    unsynced: u64,
    /// From here on, batches are on the disk and not in memory; none if all are in memory.
    unread_from: Option<Place>,
    reading: bool,
    is_ready: bool,
}

impl Segments {
    pub(super) fn new(limit: u64) -> Segments {
        Segments {
            limit,
            bound: Bound::new(true),
            log: Appender::new(Blocks { longest: LONGEST }, FAMILY, true),
            unsynced: 0,
            unread_from: None,
            reading: false,
            is_ready: false,
        }
    }

    /// At boot: reads which files there were, and compares.
    pub(super) fn start(&mut self, disk: DiskId, out: &mut Outputs<Shortener>) {
        self.bound.start(disk, out);
    }

    /// A disk operation of the journal ended. The batches that are durable since.
    ///
    /// # Errors
    /// Why the log cannot be kept, as a sentence.
    pub(super) fn ended(
        &mut self,
        op: JournalOp,
        result: DiskResult,
        out: &mut Outputs<Shortener>,
    ) -> Result<Vec<Placed>, String> {
        match op {
            JournalOp::Bound(op) => self.bound.ended(op, result, out)?,
            JournalOp::Log { step, .. } => self.log.ended(step, result, &mut self.bound, out),
        }
        self.log.go_on(&mut self.bound, out);
        let mut durable = Vec::new();
        while let Some(event) = self.log.next_event() {
            match event {
                Event::Found(files) => {
                    files.last().into_iter().for_each(|&newest| self.log.read(newest, out))
                }
                Event::Ready => self.ready(out)?,
                Event::Durable(batches) => durable.extend(batches),
                Event::Cut { .. } => out.note(Note::Cut),
                Event::Broken(why) | Event::Damaged(why) => return Err(why),
                _ => {}
            }
        }
        self.unsynced -= durable.iter().map(|placed| placed.batch.clicks.len()).sum::<u64>();
        Ok(durable)
    }

    /// Now the files can be read from the first on. New batches go into a new file.
    fn ready(&mut self, out: &mut Outputs<Shortener>) -> Result<(), String> {
        self.bound.booted(out)?;
        let first = self.log.files().keys().next();
        self.unread_from = first.map(|&file| Place { file, offset: 0 });
        self.is_ready = true;
        Ok(())
    }

    pub(super) fn timer(&mut self, timer: JournalTimer, out: &mut Outputs<Shortener>) {
        match timer {
            JournalTimer::Bound => self.bound.timer(out),
            JournalTimer::Retry(_) => self.log.timer(out),
        }
    }

    /// Appends a batch.
    pub(super) fn write(&mut self, batch: Batch) {
        if self.log.end().offset > self.limit {
            self.log.roll();
        }
        self.unsynced += batch.clicks.len();
        let place = self.log.end();
        self.log.append(batch_bytes(&batch), Some((Placed { batch, place }, Until::Synced)));
    }

    /// Gives the disk what was appended.
    pub(super) fn go_on(&mut self, out: &mut Outputs<Shortener>) {
        self.log.go_on(&mut self.bound, out);
    }

    /// For a clean stop: makes the bound exact. True when it is, and nothing waits for the disk.
    pub(super) fn settle(&mut self, out: &mut Outputs<Shortener>) -> bool {
        if self.log.is_idle() {
            self.bound.settle(out);
        }
        self.log.is_idle() && self.bound.is_settled()
    }

    /// May a batch be appended?
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The number of clicks that were appended and are not durable yet.
    pub(super) fn unsynced(&self) -> u64 {
        self.unsynced
    }

    /// Is every batch on the disk also in memory, or counted?
    pub(super) fn is_caught_up(&self) -> bool {
        self.is_ready && self.unread_from.is_none()
    }

    /// This batch, and all after it, are to be read back later.
    pub(super) fn leave_on_disk(&mut self, place: Place) {
        self.unread_from.get_or_insert(place);
    }

    /// Reads the next batches, if they are not in memory.
    pub(super) fn read_on(&mut self, out: &mut Outputs<Shortener>) {
        let Some(Place { file, offset }) = self.unread_from.filter(|_| !self.reading) else {
            return;
        };
        self.reading = true;
        let length = (self.durable(file) - offset).min(READ);
        out.disk(DiskCommand::Read { file: self.log.name(file), offset, length }, Op::Clicks);
    }

    /// So much of a file is durable; beyond, a batch may be written.
    fn durable(&self, file: u64) -> u64 {
        let synced = self.log.synced();
        match file == synced.file {
            true => synced.offset,
            false => self.log.files().get(&file).copied().unwrap_or(0),
        }
    }

    /// The batches that were read, in order.
    pub(super) fn read(&mut self, result: DiskResult) -> Result<Vec<Placed>, DiskError> {
        self.reading = false;
        let mut bytes = match result {
            Ok(DiskAnswer::Bytes(bytes)) => bytes,
            Err(DiskError::NotFound) => Bytes::new(),
            Ok(_) => return Err(DiskError::Failed),
            Err(error) => return Err(error),
        };
        let Some(mut place) = self.unread_from else { return Ok(Vec::new()) };
        let mut batches = Vec::new();
        let total = bytes.len();
        while let Some(batch) = get_batch(&mut bytes) {
            batches.push(Placed { batch, place });
        }
        place.offset += (total - bytes.len()) as u64;
        let is_over = batches.is_empty() || place.offset >= self.durable(place.file);
        self.unread_from = if is_over { self.after(place.file) } else { Some(place) };
        Ok(batches)
    }

    /// The beginning of the next file.
    fn after(&self, file: u64) -> Option<Place> {
        let (&file, _) = self.log.files().range(file + 1..).next()?;
        Some(Place { file, offset: 0 })
    }

    /// Deletes all files older than those in use: the oldest in memory, the one that is read, and those
    /// that are written.
    pub(super) fn trim(&mut self, in_memory: Option<u64>, out: &mut Outputs<Shortener>) {
        if !self.is_ready {
            return;
        }
        let read = self.unread_from.map(|place| place.file);
        let written = match self.unsynced {
            0 => self.log.end().file,
            // The first of these may be going behind what is synced.
            _ => self.log.synced().file,
        };
        let used = [in_memory, read].into_iter().flatten().min().unwrap_or(u64::MAX);
        let oldest = used.min(written);
        let counted: Vec<u64> = self.log.files().range(..oldest).map(|(file, _)| *file).collect();
        if !counted.is_empty() {
            self.log.delete(counted);
            self.go_on(out);
        }
    }
}
