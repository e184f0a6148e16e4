//! The files of the click log: `clicks-N`, written one after the other, deleted from the oldest on.
//!
//! The law: only durable batches are handed out, and a file is deleted only when all its clicks are
//! counted. Nothing is read at boot; older files are read when it is their turn to be sent. A file ends
//! at the first batch that cannot be read, because a crash tore it or the disk corrupted it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, Now, Outputs, Time};

use super::record::{Batch, batch_bytes, get_batch};
use super::{ClickOp, op};
use crate::message::Shortener;

/// Bytes of one read: at least the longest batch.
pub(super) const READ: u64 = 4 << 20;
/// How long to wait after the disk was full.
const RETRY: Duration = Duration::from_millis(200);

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchPosition {
    pub(super) file: u64,
    offset: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Segments {
    limit: u64,
    /// The files on the disk, oldest first. The last one gets new batches, once this boot has written
    /// one.
    files: VecDeque<u64>,
    /// Where the next batch goes.
    end: BatchPosition,
    /// The batch that is being written, and when to try again if the disk was full.
    writing: Option<(Batch, Bytes)>,
    retry: Option<Time>,
    /// From here on, batches are on the disk and not in memory; none if all are in memory.
    unread_from: Option<BatchPosition>,
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
            end: BatchPosition { file: 0, offset: 0 },
            writing: None,
            retry: None,
            unread_from: None,
            reading: false,
            listed: false,
        }
    }

    /// 1. At boot: lists the files.
    pub(super) fn start(&mut self, out: &mut Outputs<Shortener>) {
        out.disk(DiskCommand::List { prefix: "".into() }, op(ClickOp::Listed));
    }

    /// 2. Syncs the last file, which may end with a batch that was never synced. It must not be sent
    ///    before it is durable.
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
        self.end = BatchPosition { file: last + 1, offset: 0 };
        out.disk(
            DiskCommand::Sync { file: name(last), data_only: false },
            op(ClickOp::SyncedAtBoot),
        );
        Ok(())
    }

    /// 3. Now the files can be read from the first on. New batches go into a new file.
    pub(super) fn synced_at_boot(&mut self, result: DiskResult) -> Result<(), DiskError> {
        match result {
            Ok(_) | Err(DiskError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.unread_from = self.files.front().map(|&file| BatchPosition { file, offset: 0 });
        self.listed = true;
        Ok(())
    }

    /// May a batch be written?
    pub(super) fn is_idle(&self) -> bool {
        self.listed && self.writing.is_none()
    }

    /// Appends a batch.
    pub(super) fn write(&mut self, batch: Batch, out: &mut Outputs<Shortener>) {
        if self.end.offset > self.limit {
            self.end = BatchPosition { file: self.end.file + 1, offset: 0 };
        }
        let bytes = batch_bytes(&batch);
        self.writing = Some((batch, bytes));
        self.write_again(out);
    }

    fn write_again(&mut self, out: &mut Outputs<Shortener>) {
        let Some((_, bytes)) = &self.writing else { return };
        let BatchPosition { file, offset } = self.end;
        let command = DiskCommand::Write { file: name(file), offset, parts: bytes.clone().into() };
        out.disk(command, op(ClickOp::Written));
    }

    /// The batch was written, or the disk is full.
    pub(super) fn written(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) -> Result<(), DiskError> {
        match result {
            Ok(_) => out.disk(
                DiskCommand::Sync { file: name(self.end.file), data_only: false },
                op(ClickOp::Synced),
            ),
            Err(DiskError::Full) => self.retry = Some(now.time + RETRY),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The batch is durable. Returns it, and where it is.
    pub(super) fn synced(
        &mut self,
        result: DiskResult,
    ) -> Result<(Batch, BatchPosition), DiskError> {
        result?;
        let (batch, bytes) = self.writing.take().ok_or(DiskError::Failed)?;
        let place = self.end;
        if place.offset == 0 {
            self.files.push_back(place.file);
        }
        self.end.offset += bytes.len() as u64;
        Ok((batch, place))
    }

    /// The number of clicks that are being written.
    pub(super) fn unsynced(&self) -> u64 {
        self.writing.as_ref().map_or(0, |(batch, _)| batch.clicks.len())
    }

    /// When to try again after the disk was full.
    pub(super) fn due(&self) -> Option<Time> {
        self.retry
    }

    pub(super) fn tick(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        if self.retry.is_some_and(|retry| retry <= now.time) {
            self.retry = None;
            self.write_again(out);
        }
    }

    /// Is every batch on the disk also in memory, or counted?
    pub(super) fn is_caught_up(&self) -> bool {
        self.listed && self.unread_from.is_none()
    }

    /// This batch, and all after it, are to be read back later.
    pub(super) fn leave_on_disk(&mut self, place: BatchPosition) {
        self.unread_from.get_or_insert(place);
    }

    /// Reads the next batches, if they are not in memory.
    pub(super) fn read_on(&mut self, out: &mut Outputs<Shortener>) {
        let Some(BatchPosition { file, offset }) = self.unread_from.filter(|_| !self.reading)
        else {
            return;
        };
        self.reading = true;
        // Beyond the end, a batch may be written and not durable yet.
        let durable = if file == self.end.file { self.end.offset - offset } else { READ };
        let length = durable.min(READ);
        out.disk(DiskCommand::Read { file: name(file), offset, length }, op(ClickOp::Read));
    }

    /// The batches that were read, in order.
    pub(super) fn read(
        &mut self,
        result: DiskResult,
    ) -> Result<Vec<(Batch, BatchPosition)>, DiskError> {
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
            batches.push((batch, place));
        }
        place.offset += (total - bytes.len()) as u64;
        let is_over =
            batches.is_empty() || (place.file == self.end.file && place.offset >= self.end.offset);
        self.unread_from = if is_over { self.after(place.file) } else { Some(place) };
        Ok(batches)
    }

    /// The beginning of the next file.
    fn after(&self, file: u64) -> Option<BatchPosition> {
        let next = self.files.iter().find(|&&next| next > file)?;
        Some(BatchPosition { file: *next, offset: 0 })
    }

    /// Deletes all files older than those in use: the oldest in memory, the one that is read, and the one
    /// that is written.
    pub(super) fn trim(&mut self, in_memory: Option<u64>, out: &mut Outputs<Shortener>) {
        let read = self.unread_from.map(|place| place.file);
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
