//! The files of the click log: `clicks-N`, written one after the other, deleted from the oldest on.
//!
//! The law: nothing is handed out that is not durable, and a file is deleted only when its owner says that
//! everything before it is counted. Nothing is read at boot; older files are read when their turn comes to
//! be sent. A file ends where no batch can be read: a crash tore it, or it rotted.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, Now, Outputs, Time};

use super::record::{Batch, batch_bytes, get_batch};
use super::{ClickOp, op};
use crate::message::Shortener;

/// At least the longest batch.
pub(super) const READ: u64 = 4 << 20;
/// A full disk is tried again after so long.
const RETRY: Duration = Duration::from_millis(200);

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: u64,
    offset: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Segments {
    limit: u64,
    /// Those on the disk, oldest first. The last is being written to, once this boot has written.
    files: VecDeque<u64>,
    /// Where the next batch goes.
    end: Place,
    /// On its way to the disk, and when to try again if there was no space.
    writing: Option<(Batch, Bytes)>,
    retry: Option<Time>,
    /// From here on batches are on the disk and not in memory; none where all are in memory.
    behind: Option<Place>,
    reading: bool,
    listed: bool,
}

fn name(file: u64) -> FileName {
    format!("clicks-{file}").into()
}

impl Segments {
    pub(super) fn new(limit: u64) -> Segments {
        Segments {
            limit,
            files: VecDeque::new(),
            end: Place { file: 0, offset: 0 },
            writing: None,
            retry: None,
            behind: None,
            reading: false,
            listed: false,
        }
    }

    /// 1. At boot: which files are there?
    pub(super) fn start(&mut self, out: &mut Outputs<Shortener>) {
        out.disk(DiskCommand::List, op(ClickOp::Listed));
    }

    /// 2. The last of them may hold what was written and not synced. It must not be sent, and called
    ///    acknowledged, before it is durable.
    pub(super) fn listed(
        &mut self,
        result: DiskResult,
        out: &mut Outputs<Shortener>,
    ) -> Result<(), DiskError> {
        let DiskAnswer::Names(names) = result? else { return Err(DiskError::Failed) };
        let number = |name: &String| name.strip_prefix("clicks-")?.parse::<u64>().ok();
        let mut files: Vec<u64> = names.iter().filter_map(number).collect();
        files.sort_unstable();
        self.files = files.into();
        let Some(&last) = self.files.back() else {
            self.listed = true;
            return Ok(());
        };
        self.end = Place { file: last + 1, offset: 0 };
        out.disk(DiskCommand::Sync { file: name(last) }, op(ClickOp::Settled));
        Ok(())
    }

    /// 3. Then they are read from the first on, and new batches go into a new file.
    pub(super) fn settled(&mut self, result: DiskResult) -> Result<(), DiskError> {
        match result {
            Ok(_) | Err(DiskError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.behind = self.files.front().map(|&file| Place { file, offset: 0 });
        self.listed = true;
        Ok(())
    }

    /// May a batch be written?
    pub(super) fn is_idle(&self) -> bool {
        self.listed && self.writing.is_none()
    }

    /// Writes a batch behind the last.
    pub(super) fn write(&mut self, batch: Batch, out: &mut Outputs<Shortener>) {
        if self.end.offset > self.limit {
            self.end = Place { file: self.end.file + 1, offset: 0 };
        }
        let bytes = batch_bytes(&batch);
        self.writing = Some((batch, bytes));
        self.write_again(out);
    }

    fn write_again(&mut self, out: &mut Outputs<Shortener>) {
        let Some((_, bytes)) = &self.writing else { return };
        let Place { file, offset } = self.end;
        let command = DiskCommand::Write { file: name(file), offset, bytes: bytes.clone() };
        out.disk(command, op(ClickOp::Written));
    }

    /// It was written, or finds no space for now.
    pub(super) fn written(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) -> Result<(), DiskError> {
        match result {
            Ok(_) => out.disk(DiskCommand::Sync { file: name(self.end.file) }, op(ClickOp::Synced)),
            Err(DiskError::Full) => self.retry = Some(now.time + RETRY),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// It is durable: the batch, and where it is.
    pub(super) fn synced(&mut self, result: DiskResult) -> Result<(Batch, Place), DiskError> {
        result?;
        let (batch, bytes) = self.writing.take().ok_or(DiskError::Failed)?;
        let place = self.end;
        if place.offset == 0 {
            self.files.push_back(place.file);
        }
        self.end.offset += bytes.len() as u64;
        Ok((batch, place))
    }

    /// Clicks on their way to the disk.
    pub(super) fn unsynced(&self) -> u64 {
        self.writing.as_ref().map_or(0, |(batch, _)| batch.clicks.len())
    }

    /// When to try again what found no space.
    pub(super) fn due(&self) -> Option<Time> {
        self.retry
    }

    pub(super) fn tick(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        if self.retry.is_some_and(|retry| retry <= now.time) {
            self.retry = None;
            self.write_again(out);
        }
    }

    /// Is nothing on the disk that is not in memory too, or counted?
    pub(super) fn is_caught_up(&self) -> bool {
        self.listed && self.behind.is_none()
    }

    /// This batch, and what comes after it, is to be read back.
    pub(super) fn leave(&mut self, place: Place) {
        self.behind.get_or_insert(place);
    }

    /// Reads what comes next, if it is not in memory.
    pub(super) fn read_on(&mut self, out: &mut Outputs<Shortener>) {
        let Some(Place { file, offset }) = self.behind.filter(|_| !self.reading) else { return };
        self.reading = true;
        // What is being written behind the end is not durable yet.
        let durable = if file == self.end.file { self.end.offset - offset } else { READ };
        let length = durable.min(READ);
        out.disk(DiskCommand::Read { file: name(file), offset, length }, op(ClickOp::Read));
    }

    /// What was read, in order.
    pub(super) fn read(&mut self, result: DiskResult) -> Result<Vec<(Batch, Place)>, DiskError> {
        self.reading = false;
        let mut bytes = match result {
            Ok(DiskAnswer::Bytes(bytes)) => bytes,
            Err(DiskError::NotFound) => Bytes::new(),
            Ok(_) => return Err(DiskError::Failed),
            Err(error) => return Err(error),
        };
        let Some(mut place) = self.behind else { return Ok(Vec::new()) };
        let mut batches = Vec::new();
        let total = bytes.len();
        while let Some(batch) = get_batch(&mut bytes) {
            batches.push((batch, place));
        }
        place.offset += (total - bytes.len()) as u64;
        let is_over =
            batches.is_empty() || (place.file == self.end.file && place.offset >= self.end.offset);
        self.behind = if is_over { self.after(place.file) } else { Some(place) };
        Ok(batches)
    }

    /// The beginning of the next file.
    fn after(&self, file: u64) -> Option<Place> {
        let next = self.files.iter().find(|&&next| next > file)?;
        Some(Place { file: *next, offset: 0 })
    }

    /// Deletes what is older than the oldest file that is still of use: the given one, the one that is
    /// read, or the one that is written.
    pub(super) fn trim(&mut self, in_memory: Option<u64>, out: &mut Outputs<Shortener>) {
        let read = self.behind.map(|place| place.file);
        let oldest = [in_memory, read, Some(self.end.file)].into_iter().flatten().min();
        while self.listed
            && let Some(&file) = self.files.front()
            && Some(file) < oldest
        {
            self.files.pop_front();
            out.disk(DiskCommand::Delete { file: name(file) }, op(ClickOp::Deleted));
        }
    }
}
