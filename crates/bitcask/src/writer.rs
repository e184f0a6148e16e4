//! Writing: batches that wait together leave in one write and share its sync (group commit).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use machine::{DiskCommand, DiskError, DiskResult, Embeds, Outputs};

use crate::entry::{self, Entry};
use crate::frame::{self, At};
use crate::index::KeyHash;
use crate::log::Log;
use crate::segment::{Known, segment_name};
use crate::{Event, Store, StoreOp};

/// Puts (`Some`) and removes (`None`).
pub(crate) type Batch = Vec<(Bytes, Option<Bytes>)>;

/// What waits for the disk, and what is on its way there.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    /// A segment is sealed when it is so long.
    segment: u32,
    /// Sync before anything is said to be durable: the mechanism `flush-before-ack`.
    syncs: bool,
    waiting: VecDeque<(Batch, u64)>,
    flight: Option<WriteInFlight>,
    /// The newest segment as it was read at boot, until it is put in place as a whole.
    unrestored: Option<Bytes>,
    restoring: bool,
}

/// A write whose disk operations have not all ended.
#[derive(Clone, Debug)]
struct WriteInFlight {
    /// The length of the segment afterwards.
    length: u32,
    tickets: Vec<u64>,
    known: Vec<Known>,
    /// The frames: where each begins, and its first number.
    frames: Vec<(u32, u64)>,
    /// The number of the next entry afterwards.
    next: u64,
    full: bool,
}

/// The bytes of a batch as a frame; `None` where that is more than any may have.
pub(crate) fn length(batch: &Batch) -> Option<usize> {
    let bytes = |(key, value): &(Bytes, Option<Bytes>)| {
        entry::OVERHEAD + key.len() + value.as_ref().map_or(0, Bytes::len)
    };
    let length = frame::OVERHEAD + batch.iter().map(bytes).sum::<usize>();
    let short = batch.iter().all(|(key, _)| key.len() <= usize::from(u16::MAX));
    (short && length <= frame::LONGEST).then_some(length)
}

impl Writer {
    pub(crate) fn new(segment: u32, syncs: bool) -> Writer {
        let (waiting, flight, unrestored) = (VecDeque::new(), None, None);
        Writer { segment, syncs, waiting, flight, unrestored, restoring: false }
    }

    pub(crate) fn push(&mut self, batch: Batch, ticket: u64) {
        self.waiting.push_back((batch, ticket));
    }

    /// The newest segment must be rewritten like this before anything is appended to it: a crash may have
    /// left its end in part, or a failed sync may have left it in the page cache only.
    pub(crate) fn restore_newest<P: Embeds<Store>>(
        &mut self,
        content: Bytes,
        log: &Log,
        out: &mut Outputs<P>,
    ) {
        let file = segment_name(log.newest.header.number);
        out.disk(
            DiskCommand::Replace { file, parts: content.clone().into() },
            P::op(StoreOp::NewestRestored),
        );
        (self.unrestored, self.restoring) = (Some(content), true);
    }

    /// It is in its place.
    pub(crate) fn newest_restored(&mut self, log: &mut Log) {
        if let Some(content) = self.unrestored.take() {
            log.newest.length = content.len() as u32;
        }
        self.restoring = false;
    }

    /// There was no space for it. It is tried again with the next batch.
    pub(crate) fn refuse(&mut self, events: &mut VecDeque<Event>) {
        self.restoring = false;
        events.extend(self.waiting.drain(..).map(|(_, ticket)| Event::Full(ticket)));
    }

    /// May the newest segment be sealed now?
    pub(crate) fn is_idle(&self) -> bool {
        self.flight.is_none() && self.unrestored.is_none()
    }

    /// Is it time to?
    pub(crate) fn is_due(&self, log: &Log) -> bool {
        let header = &log.newest.header;
        let skips = header.next != header.number + 1;
        self.is_idle() && !self.waiting.is_empty() && (log.newest.length >= self.segment || skips)
    }

    /// Gives the disk its next work.
    pub(crate) fn write_next<P: Embeds<Store>>(&mut self, log: &Log, out: &mut Outputs<P>) {
        if self.flight.is_some() || self.waiting.is_empty() || self.restoring {
            return;
        }
        if let Some(content) = self.unrestored.clone() {
            return self.restore_newest(content, log, out);
        }
        let (bytes, flight) = self.joined(log);
        self.flight = Some(flight);
        let file = segment_name(log.newest.header.number);
        let write = DiskCommand::Write {
            file: file.clone(),
            offset: log.newest.length.into(),
            parts: bytes.into(),
        };
        out.disk(write, P::op(StoreOp::Written));
        if self.syncs {
            out.disk(DiskCommand::Sync { file, data_only: false }, P::op(StoreOp::Synced));
        }
    }

    /// As many of the waiting batches as one write may have.
    fn joined(&mut self, log: &Log) -> (Bytes, WriteInFlight) {
        let segment = log.newest.header.number;
        let base = log.newest.length;
        let synced = if self.syncs { base } else { 0 };
        let mut bytes = BytesMut::with_capacity(4096);
        if base == 0 {
            bytes.extend_from_slice(&log.newest.header.bytes());
        }
        let (tickets, known, frames) = (Vec::new(), Vec::new(), Vec::new());
        let mut flight =
            WriteInFlight { length: 0, tickets, known, frames, next: log.next, full: false };
        while let Some((batch, _)) = self.waiting.front() {
            let length = length(batch).unwrap_or_default();
            if !flight.tickets.is_empty() && bytes.len() + length > frame::LONGEST {
                break;
            }
            let Some((batch, ticket)) = self.waiting.pop_front() else { break };
            bytes.reserve(length);
            flight.tickets.push(ticket);
            let at = At { segment, offset: base + bytes.len() as u32 };
            flight.frames.push((at.offset, flight.next));
            let opened = frame::open(&mut bytes, at, synced, flight.next);
            for (number, (key, value)) in batch.iter().enumerate() {
                let offset = base + bytes.len() as u32;
                let entry = Entry { number: number as u32, key, value: value.as_deref() };
                entry.put(&mut bytes);
                let (length, removed) = (entry.length() as u32, value.is_none());
                flight.known.push(Known { key: KeyHash::of(key), offset, length, removed });
            }
            opened.close(&mut bytes);
            flight.next += batch.len() as u64;
        }
        flight.length = base + bytes.len() as u32;
        (bytes.freeze(), flight)
    }

    /// A write, or its sync, ended.
    ///
    /// # Errors
    /// If the device failed: nobody knows what is on it.
    pub(crate) fn ended(
        &mut self,
        op: &StoreOp,
        result: DiskResult,
        log: &mut Log,
        events: &mut VecDeque<Event>,
    ) -> Result<(), DiskError> {
        let Some(flight) = &mut self.flight else { return Ok(()) };
        match result {
            Err(DiskError::Full) => flight.full = true,
            // The sync of a file for which there was no space.
            Err(DiskError::NotFound) if flight.full => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        // The sync of what was not written ends well; it is its answer that ends the attempt.
        if *op == StoreOp::Written && self.syncs {
            return Ok(());
        }
        let Some(flight) = self.flight.take() else { return Ok(()) };
        if flight.full {
            events.extend(flight.tickets.into_iter().map(Event::Full));
            return Ok(());
        }
        for (offset, first) in flight.frames {
            log.newest.mark(offset, first);
        }
        for known in &flight.known {
            log.apply(*known);
        }
        log.known.extend(flight.known);
        (log.newest.length, log.next) = (flight.length, flight.next);
        events.extend(flight.tickets.into_iter().map(Event::Durable));
        Ok(())
    }
}
