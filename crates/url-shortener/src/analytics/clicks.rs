//! The click log of an instance: a part that it embeds.
//!
//! # The law
//!
//! A redirect does not wait for its click. The click gets a number and stays in memory until a timer or
//! a size lets a batch be written and synced; from then on it is *acknowledged*. Only acknowledged clicks
//! are sent to the tally, in order, at least once, and files are deleted when the tally has counted all
//! that is in them. So counted <= logged <= served, and what is acknowledged is counted in the end.
//!
//! A log belongs to one boot: its id is drawn when the instance starts, and its numbers begin at 0. So
//! nobody ever writes behind what a crash may have left in part, and a number that was sent is never given
//! to another click. Files of earlier boots are sent as they are, up to where they can be read.
//!
//! Memory is bounded. While the tally is away clicks wait on the disk, and are read back in order; while
//! the disk is full they wait in memory, and then are dropped, and the drops counted. Redirects go on.

mod outbox;
mod record;
mod segments;

use std::collections::VecDeque;
use std::time::Duration;

use machine::{DiskError, DiskResult, NodeId, Now, Outputs, Time};
use rand::Rng;
use resilience::Backoff;

use crate::LinkId;
use crate::message::{Click, Note, Op, Shortener, Timer};
use outbox::Outbox;
use record::Gathering;
use segments::Segments;

pub use record::{Batch, Clicks, LoggedClick};

/// What to do when a disk operation of the click log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClickOp {
    /// At boot: the names of the files are known.
    Listed,
    /// At boot: what the last boot wrote last is durable, if it was there at all.
    Settled,
    /// A batch was written.
    Written,
    /// And is durable.
    Synced,
    /// Batches that could not be kept in memory were read back.
    Read,
    /// A file was deleted of which everything is counted.
    Deleted,
}

/// How a click log goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClickTuning {
    /// A click is on its way to the disk after so long.
    pub flush_after: Duration,
    /// Or when so many wait. No batch has more, nor more than [`ClickTuning::MOST`].
    pub batch: usize,
    /// When so many wait for the disk, further ones are dropped.
    pub waiting: usize,
    /// A file that is longer is not written to.
    pub segment: u64,
    /// So many batches may be on their way to the tally and back.
    pub in_flight: usize,
    /// Further ones wait in memory up to this number in all, and then on the disk.
    pub in_memory: usize,
    /// The tally has so long to count; then, and after each further time-out, a wait is added.
    pub patience: Duration,
    /// How long.
    pub backoff: Backoff,
}

impl ClickTuning {
    /// More clicks than these are no batch: one must fit into what is read at once. So many come within
    /// [`ClickTuning::flush_after`] where 200,000 come in a second, so that time alone decides.
    pub const MOST: usize = 4_096;
}

impl Default for ClickTuning {
    fn default() -> Self {
        ClickTuning {
            flush_after: Duration::from_millis(20),
            batch: Self::MOST,
            waiting: 1 << 16,
            segment: 4 << 20,
            in_flight: 4,
            in_memory: 16,
            patience: Duration::from_millis(500),
            backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) },
        }
    }
}

/// The click log of an instance.
#[derive(Clone, Debug)]
pub struct ClickLog {
    tuning: ClickTuning,
    log: u64,
    /// The number of the next click.
    next: u64,
    /// Those not on their way to the disk yet, in batches of which the last has room.
    waiting: VecDeque<Gathering>,
    flush_due: Option<Time>,
    dropped: u64,
    segments: Segments,
    outbox: Outbox,
    armed: Option<Time>,
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
        }
    }

    /// The node booted: a new log begins, and what older ones left on the disk is looked up.
    pub fn start(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.log = now.random.next_u64();
        self.segments.start(out);
    }

    /// A redirect left. The number of its click; none if it was dropped, since too many wait for a disk
    /// that is full.
    pub fn clicked(
        &mut self,
        click: Click,
        incarnation: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) -> Option<u64> {
        if self.waiting() >= self.tuning.waiting {
            self.dropped += 1;
            out.note(Note::Dropped { key: click.key });
            return None;
        }
        let number = self.next;
        self.next += 1;
        let most = self.tuning.batch.min(ClickTuning::MOST);
        match self.waiting.back_mut().filter(|batch| batch.len() < most) {
            Some(batch) => batch.push(&click, incarnation),
            None => self.waiting.push_back(Gathering::of(&click, incarnation)),
        }
        let link = LinkId { key: click.key, incarnation };
        out.note(Note::Clicked { log: self.log, number, link });
        // The first of a batch sets its time, the last ends it; what is in between only joins.
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
        self.segments.tick(now, out);
        self.go_on(now, out);
    }

    /// The stream to and from this node was reset.
    pub fn reset(&mut self, peer: NodeId, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        self.outbox.reset(peer, now);
        self.go_on(now, out);
    }

    /// A disk operation of the log ended.
    pub fn ended(
        &mut self,
        op: ClickOp,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        let ended = match op {
            ClickOp::Listed => self.segments.listed(result, out),
            ClickOp::Settled => self.segments.settled(result),
            ClickOp::Written => self.segments.written(result, now, out),
            ClickOp::Synced => self.synced(result, out),
            ClickOp::Read => self.read(result, out),
            ClickOp::Deleted => Ok(()),
        };
        match ended {
            Ok(()) => self.go_on(now, out),
            Err(error) => out.halt(format!("the click log cannot be kept: {error}")),
        }
    }

    /// The id of the log, and the number below which all its clicks are acknowledged: durable.
    pub fn acknowledged(&self) -> (u64, u64) {
        (self.log, self.next - self.waiting() as u64 - self.segments.unsynced())
    }

    /// How many clicks were dropped since the boot.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Is everything counted that was clicked?
    pub fn is_drained(&self) -> bool {
        let acknowledged = self.acknowledged() == (self.log, self.next);
        acknowledged && self.outbox.is_empty() && self.segments.is_caught_up()
    }

    fn synced(
        &mut self,
        result: DiskResult,
        out: &mut Outputs<Shortener>,
    ) -> Result<(), DiskError> {
        let (batch, place) = self.segments.synced(result)?;
        out.note(Note::Logged { log: batch.log, below: batch.end() });
        // Otherwise what is older waits on the disk, and so must this: it is read back in its turn.
        if self.segments.is_caught_up() && self.outbox.has_room() {
            self.outbox.push(batch, place.file);
        } else {
            self.segments.leave(place);
        }
        Ok(())
    }

    fn read(&mut self, result: DiskResult, out: &mut Outputs<Shortener>) -> Result<(), DiskError> {
        for (batch, place) in self.segments.read(result)? {
            if batch.log == self.log {
                out.note(Note::Sometimes("clicks-read-back"));
            } else {
                // Whether the last boot knew it or not: it is durable.
                out.note(Note::Logged { log: batch.log, below: batch.end() });
            }
            self.outbox.push(batch, place.file);
        }
        Ok(())
    }

    /// Does whatever can be done now, and sets the timer for the rest.
    fn go_on(&mut self, now: &mut Now<'_>, out: &mut Outputs<Shortener>) {
        let due = self.flush_due.is_some_and(|due| due <= now.time);
        if self.segments.is_idle() && (due || self.waiting() >= self.tuning.batch) {
            self.flush(out);
        }
        self.outbox.send(now, out);
        if self.outbox.is_hungry() {
            self.segments.read_on(out);
        }
        self.segments.trim(self.outbox.oldest_file(), out);
        let flush_due = self.flush_due.filter(|_| self.segments.is_idle());
        let next = [flush_due, self.segments.due(), self.outbox.due()].into_iter().flatten().min();
        if let Some(at) = next
            && self.armed != next
        {
            self.armed = next;
            out.set_timer(Timer::Clicks, at.since(now.time));
        }
    }

    fn flush(&mut self, out: &mut Outputs<Shortener>) {
        let first = self.next - self.waiting() as u64;
        if let Some(clicks) = self.waiting.pop_front().map(Gathering::clicks) {
            self.segments.write(Batch { log: self.log, first, clicks }, out);
        }
        if self.waiting.is_empty() {
            self.flush_due = None;
        }
    }

    fn waiting(&self) -> usize {
        self.waiting.iter().map(Gathering::len).sum()
    }
}

fn op(op: ClickOp) -> Op {
    Op::Clicks(op)
}
