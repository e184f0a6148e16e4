//! The click log, a part that the instance embeds.
//!
//! # The law
//!
//! A redirect does not wait for its click. The click gets a number, and stays in memory until a timer
//! fires or a batch is full. Then the batch is written and synced, and its clicks are *acknowledged*.
//! Only acknowledged clicks are sent to the tally, in order, at least once. A file is deleted when the
//! tally has counted all clicks in it. So counted <= logged <= served, and every acknowledged click is
//! counted in the end.
//!
//! A log belongs to one boot: its id is drawn when the instance starts, and its numbers begin at 0. So
//! nothing is ever appended to a torn file, and a number that was sent never names another click. Files
//! of earlier boots are sent as they are, as far as they can be read.
//!
//! Memory is bounded. While the tally is away, clicks wait on the disk and are read back in order. While
//! the disk is full, they wait in memory; when that is full too, they are dropped, and the drops counted.
//! Redirects go on.

mod outbox;
pub(crate) mod record;
mod segments;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use journal::{Bound, JournalOp, JournalTimer};
use machine::{DiskId, DiskResult, FileName, NodeId, Now, Outputs, Time};
use rand::Rng;
use resilience::Backoff;

use super::click::Click;
use crate::LinkId;
use crate::message::{Note, Shortener, Timer};
use outbox::Outbox;
use record::BatchBuilder;
use segments::{Placed, Segments};

pub use record::{Batch, Clicks, LoggedClick};

/// The settings of a click log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClickTuning {
    /// A batch is written when its first click is this old.
    pub flush_after: Duration,
    /// Or when this many clicks wait. No batch has more, or more than [`ClickTuning::MAX_BATCH`].
    pub batch: usize,
    /// When this many clicks wait for the disk, further clicks are dropped.
    pub waiting: usize,
    /// A file that is longer than this gets no further batch.
    pub segment: u64,
    /// How many batches may be sent and not counted yet.
    pub in_flight: usize,
    /// How many batches are kept in memory, with those; others wait on the disk.
    pub in_memory: usize,
    /// How long to wait for the tally before batches are sent again. A backoff is added after each
    /// timeout.
    pub patience: Duration,
    /// The backoff.
    pub backoff: Backoff,
}

impl ClickTuning {
    /// The most clicks in a batch, which must fit into one read. At fewer than 200,000 clicks a second,
    /// [`ClickTuning::flush_after`] comes first.
    pub const MAX_BATCH: usize = 4_096;
}

impl Default for ClickTuning {
    fn default() -> Self {
        ClickTuning {
            flush_after: Duration::from_millis(20),
            batch: Self::MAX_BATCH,
            waiting: 1 << 16,
            segment: 4 << 20,
            in_flight: 4,
            in_memory: 16,
            patience: Duration::from_millis(500),
            backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) },
        }
    }
}

/// For so long a log that is to stop waits for the tally.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// The click log of an instance.
#[derive(Clone, Debug)]
pub struct ClickLog {
    tuning: ClickTuning,
    log: u64,
    /// The number of the next click.
    next: u64,
    /// Clicks that are not being written yet, in batches. The last batch has room.
    waiting: VecDeque<BatchBuilder>,
    flush_due: Option<Time>,
    dropped: u64,
    segments: Segments,
    outbox: Outbox,
    armed: Option<Time>,
    /// To stop, it waits for what is on its way to the disk, and until then for the tally.
    stops: Option<Time>,
}

impl ClickLog {
    /// A log whose clicks are counted by this tally.
    pub fn new(tally: NodeId, tuning: ClickTuning) -> ClickLog {
        ClickLog {
            tuning,
            log: 0,
            next: 0,
            waiting: VecDeque::new(),
            flush_due: None,
            dropped: 0,
            segments: Segments::new(tuning.segment),
            outbox: Outbox::new(tally, tuning),
            armed: None,
            stops: None,
        }
    }

    /// The files with which the disk of an instance begins.
    pub fn first_files() -> Vec<(FileName, Bytes)> {
        vec![Bound::first_file()]
    }

    /// At boot: begins a new log, and compares the files of older ones with what was there.
    pub fn start(&mut self, disk: DiskId, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.log = now.random.next_u64();
        self.segments.start(disk, out);
    }

    /// A clean stop: what waits is written, and the tally has some time to count it, since the next boot may be far
    /// off. Then [`machine::Output::Stopped`].
    pub fn stop(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.stops = Some(now.time + STOP_PATIENCE);
        self.flush_due = Some(now.time);
        self.go_on(now, out);
    }

    /// Logs the click of a redirect. Returns its number; none if it was dropped, because too many wait
    /// for the disk.
    pub fn clicked(
        &mut self,
        click: Click,
        incarnation: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) -> Option<u64> {
        if self.waiting() as u64 + self.segments.unsynced() >= self.tuning.waiting as u64 {
            self.dropped += 1;
            out.note(Note::Dropped { key: click.key });
            return None;
        }
        let number = self.next;
        self.next += 1;
        let most = self.tuning.batch.min(ClickTuning::MAX_BATCH);
        match self.waiting.back_mut().filter(|batch| batch.len() < most) {
            Some(batch) => batch.push(&click, incarnation),
            None => self.waiting.push_back(BatchBuilder::of(&click, incarnation)),
        }
        let link = LinkId { key: click.key, incarnation };
        out.note(Note::Clicked { log: self.log, number, link });
        // Only the first and the last click of a batch need anything done.
        if self.flush_due.is_none() || self.waiting() >= self.tuning.batch {
            self.flush_due.get_or_insert(now.time + self.tuning.flush_after);
            self.go_on(now, out);
        }
        Some(number)
    }

    /// The tally says that all clicks of this log below this number are counted.
    pub fn counted(
        &mut self,
        log: u64,
        below: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        self.outbox.counted(log, below, now);
        self.go_on(now, out);
    }

    /// [`Timer::Clicks`] fired.
    pub fn timer(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.armed = None;
        self.outbox.tick(now, out);
        self.go_on(now, out);
    }

    /// The stream to and from this node was reset.
    pub fn reset(&mut self, peer: NodeId, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.outbox.reset(peer, now);
        self.go_on(now, out);
    }

    /// A disk operation of its journal ended: clicks may be durable.
    pub fn ended(
        &mut self,
        op: JournalOp,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match self.segments.ended(op, result, out) {
            Ok(durable) => {
                durable.into_iter().for_each(|placed| self.synced(placed, out));
                self.go_on(now, out);
            }
            Err(why) => out.halt(format!("the click log cannot be kept: {why}")),
        }
    }

    /// A timer of its journal fired.
    pub fn journal_timer(&mut self, timer: JournalTimer, out: &mut Outputs<Shortener>) {
        self.segments.timer(timer, out);
    }

    /// Batches were read back.
    pub fn read(&mut self, result: DiskResult, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        let batches = match self.segments.read(result) {
            Ok(batches) => batches,
            Err(error) => return out.halt(format!("the click log cannot be read: {error}")),
        };
        for Placed { batch, place } in batches {
            if batch.log == self.log {
                out.note(Note::Sometimes("clicks-read-back"));
            } else {
                // The boot before may not have noted it, but it is durable.
                out.note(Note::Logged { log: batch.log, below: batch.end() });
            }
            self.outbox.push(batch, place.file);
        }
        self.go_on(now, out);
    }

    /// The id of the log, and the number below which all its clicks are acknowledged: durable.
    pub fn acknowledged(&self) -> (u64, u64) {
        (self.log, self.next - self.waiting() as u64 - self.segments.unsynced())
    }

    /// How many clicks were dropped since the boot.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Was its disk read? Until then clicks wait in memory.
    pub fn is_ready(&self) -> bool {
        self.segments.is_ready()
    }

    /// Are all clicks counted?
    pub fn is_drained(&self) -> bool {
        let acknowledged = self.acknowledged() == (self.log, self.next);
        acknowledged && self.outbox.is_empty() && self.segments.is_caught_up()
    }

    fn synced(&mut self, Placed { batch, place }: Placed, out: &mut Outputs<Shortener>) {
        out.note(Note::Logged { log: batch.log, below: batch.end() });
        // Otherwise older batches wait on the disk. This one is read back after them.
        if self.segments.is_caught_up() && self.outbox.has_room() {
            self.outbox.push(batch, place.file);
        } else {
            self.segments.leave_on_disk(place);
        }
    }

    /// Does what can be done now, and sets the timer for the rest.
    fn go_on(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.flush(now.time, out);
        self.outbox.send(now, out);
        if self.outbox.needs_more() {
            self.segments.read_on(out);
        }
        self.segments.trim(self.outbox.oldest_file(), out);
        let flush_due = self.flush_due.filter(|_| self.segments.is_ready());
        // What is over by then waits for the disk, and no longer for the clock.
        let stops = self.stops.filter(|until| *until > now.time);
        let next = [flush_due, self.outbox.due(), stops].into_iter().flatten().min();
        if let Some(at) = next
            && self.armed != next
        {
            self.armed = next;
            out.set_timer(Timer::Clicks, at.since(now.time));
        }
        let is_over = |until| self.is_drained() || now.time >= until;
        if self.stops.is_some_and(is_over) && self.segments.settle(out) {
            self.stops = None;
            out.stopped();
        }
    }

    /// Appends the batches that are full, or all of them where it is time to.
    fn flush(&mut self, now: Time, out: &mut Outputs<Shortener>) {
        if !self.segments.is_ready() {
            return;
        }
        let due = self.flush_due.is_some_and(|due| due <= now);
        while due || self.waiting() >= self.tuning.batch {
            let first = self.next - self.waiting() as u64;
            let Some(batch) = self.waiting.pop_front() else { break };
            self.segments.write(Batch { log: self.log, first, clicks: batch.clicks() });
        }
        if self.waiting.is_empty() {
            self.flush_due = None;
        }
        self.segments.go_on(out);
    }

    fn waiting(&self) -> usize {
        self.waiting.iter().map(BatchBuilder::len).sum()
    }
}
