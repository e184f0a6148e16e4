//! The log of one partition on one broker, as its owner sees it.
//!
//! # The law
//!
//! start <= synced <= written <= end, and offsets have no holes. What a replica counts ([`Log::counted_end`]) is on its
//! disk, and stays there until the owner cuts it off.
//!
//! On disk it is files of batches (`log/frame.rs`), each a segment: `p<number>-<n>`, by the shared appender of the
//! broker's disk, which numbers them and never uses a number twice. In memory are the newest batches (`log/tail.rs`),
//! and of each segment about 24 bytes for every [`LogLimits::index_bytes`] of it (`log/segment.rs`).
//!
//! 1. A boot reads the active segment, and of those before it what they left beside them (`log/recover.rs`).
//! 2. A batch is stamped, kept in memory and handed to the appender (`log/append.rs`).
//! 3. Readers get it from memory, or from the disk, behind nobody's sync (`log/read.rs`, `log/find.rs`).
//! 4. What another leader overrules is cut off, and what is old goes (`log/cut.rs`).
//!
//! An owner hands on what it is told of, calls [`Log::go_on`] after every input and every call, and takes the events.

mod append;
mod cut;
mod epochs;
mod event;
mod facts;
mod find;
mod frame;
mod producers;
mod read;
mod recover;
mod segment;
mod sidecars;
mod tail;

use std::collections::{BTreeMap, VecDeque};

use journal::{Appender, Bound, Event, Step};
use machine::{DiskResult, Outputs, Switches};

use crate::batch::Batch;
use crate::mechanism::Mechanism;
use crate::message::ReplicatedLog;
use crate::tuning::Flush;
use crate::words::{LeaderEpoch, Offset};

use cut::Seek;
use epochs::Epochs;
use find::Finding;
use frame::Frames;
use producers::Producers;
use read::Reading;
use recover::Recovery;
use segment::Segments;
use sidecars::Sidecars;
use tail::Tail;

pub(crate) use event::LogEvent;
pub use event::LogOp;
pub(crate) use producers::Sequence;
pub(crate) use read::{Damaged, Read};

/// Sizes of a log, and when it counts what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogLimits {
    /// A segment that would be longer is followed by the next.
    pub(crate) segment_bytes: u32,
    /// Of about so many bytes of a segment one place is known in memory.
    pub(crate) index_bytes: u32,
    /// The oldest segments go where all together are longer.
    pub(crate) retention_bytes: Option<u64>,
    /// When a batch counts.
    pub(crate) flush: Flush,
}

/// What the appender holds until it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The log goes on to this offset.
    End { cuts: u64, end: Offset },
    /// Files were cut, and it ends there.
    Cut { cuts: u64, end: Offset },
}

#[derive(Clone, Debug)]
enum State {
    Booting(Recovery),
    Open,
    /// Only [`Log::restart_at`] and [`Log::delete`] have a meaning.
    Damaged,
    Gone,
}

/// A log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    number: u32,
    limits: LogLimits,
    switches: Switches,
    files: Appender<Frames, Held>,
    state: State,
    start: Offset,
    synced: Offset,
    written: Offset,
    end: Offset,
    segments: Segments,
    tail: Tail,
    epochs: Epochs,
    producers: Producers,
    /// How often something was cut off. What was asked of the disk before proves nothing any more.
    cuts: u64,
    /// The last cut is not durable yet.
    cutting: bool,
    /// A cut whose place must be looked for.
    seek: Option<Seek>,
    reads: BTreeMap<u64, Reading>,
    next_read: u64,
    sidecars: Sidecars,
    /// What is there is to be given up.
    gives_up: bool,
    deletes: bool,
    events: VecDeque<LogEvent>,
}

impl Log {
    /// The log of this number, which no other log of this disk ever had. [`Log::go_on`] begins its boot.
    pub(crate) fn new(number: u32, limits: LogLimits, switches: Switches) -> Log {
        let syncs = Mechanism::FlushBeforeAck.on(switches);
        let files = Appender::new(Frames { log: number }, (number, prefix(number)), syncs);
        let heeds_rot = Mechanism::RotIsNotTail.on(switches);
        Log {
            number,
            limits,
            switches,
            files: if heeds_rot { files } else { files.taking_rot_for_a_tail() },
            state: State::Booting(Recovery::default()),
            start: 0,
            synced: 0,
            written: 0,
            end: 0,
            segments: Segments::default(),
            tail: Tail::default(),
            epochs: Epochs::default(),
            producers: Producers::default(),
            cuts: 0,
            cutting: false,
            seek: None,
            reads: BTreeMap::new(),
            next_read: 0,
            sidecars: Sidecars::default(),
            gives_up: false,
            deletes: false,
            events: VecDeque::new(),
        }
    }

    /// Gives the disk its next work, and hears what became of it.
    pub(crate) fn go_on(&mut self, bound: &mut Bound, out: &mut Outputs<ReplicatedLog>) {
        loop {
            if std::mem::take(&mut self.gives_up) {
                self.files.give_up(bound);
            }
            self.files.go_on(bound, out);
            let mut quiet = true;
            while let Some(event) = self.files.next_event() {
                self.told(event, bound, out);
                quiet = false;
            }
            if quiet {
                break;
            }
        }
        self.look_for_cut(out);
        self.put_facts(out);
        self.is_deleted();
    }

    /// A disk operation of the appender ended.
    pub(crate) fn journal_ended(
        &mut self,
        step: Step,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        self.files.ended(step, result, bound, out);
        self.go_on(bound, out);
    }

    /// A disk operation of the log's own ended.
    pub(crate) fn ended(
        &mut self,
        op: LogOp,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match op {
            LogOp::Read(number) => self.has_read(number, result, out),
            LogOp::Facts(file) => self.facts_read(file, result, out),
            // Facts can be lost.
            LogOp::Sidecar => self.sidecars.ended(),
        }
        self.go_on(bound, out);
    }

    /// [`journal::JournalTimer::Retry`] of this log fired.
    pub(crate) fn timer(&mut self, out: &mut Outputs<ReplicatedLog>) {
        self.files.timer(out);
    }

    /// The next thing that happened.
    pub(crate) fn next_event(&mut self) -> Option<LogEvent> {
        self.events.pop_front()
    }

    /// The offset of the first record that is there.
    pub(crate) fn start_offset(&self) -> Offset {
        self.start
    }

    /// The offset of the next record.
    pub(crate) fn end_offset(&self) -> Offset {
        self.end
    }

    /// All before it is written.
    #[cfg(test)]
    pub(crate) fn written_end(&self) -> Offset {
        self.written
    }

    /// All before it is synced.
    pub(crate) fn synced_end(&self) -> Offset {
        self.synced
    }

    /// All before it counts as kept by this replica.
    pub(crate) fn counted_end(&self) -> Offset {
        match self.limits.flush {
            Flush::Always => self.synced,
            Flush::Os => self.written,
        }
    }

    /// Of the last record.
    pub(crate) fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.last()
    }

    /// The largest epoch that is not above this one, and where it ends.
    pub(crate) fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_of(epoch, self.end)
    }

    /// What the sequence number of this batch says.
    pub(crate) fn sequence(&self, batch: &Batch) -> Sequence {
        self.producers.judge(batch)
    }

    /// How many bytes of batches are in memory.
    pub(crate) fn cache_bytes(&self) -> usize {
        self.tail.bytes()
    }

    /// Lets go of the oldest batches in memory, about so many bytes of them, as far as they are written; how many it
    /// were.
    pub(crate) fn evict(&mut self, bytes: usize) -> usize {
        self.tail.evict(bytes, self.written)
    }

    /// Does what was appended wait for space on the disk?
    pub(crate) fn is_full(&self) -> bool {
        self.files.is_full()
    }

    /// Is nothing waiting for the disk?
    pub(crate) fn is_idle(&self) -> bool {
        self.files.is_idle() && self.seek.is_none() && self.sidecars.is_idle()
    }

    fn told(&mut self, event: Event<Held>, bound: &mut Bound, out: &mut Outputs<ReplicatedLog>) {
        match event {
            Event::Found(files) => self.found(files, out),
            Event::Frame(at, frame) => self.recovered(at, frame),
            Event::Cut { at, bytes } => self.torn(at, bytes),
            Event::Ready => self.ready(bound),
            Event::Durable(held) => held.into_iter().for_each(|held| self.landed(held, true)),
            Event::Written(held) => held.into_iter().for_each(|held| self.landed(held, false)),
            Event::Full => self.events.push_back(LogEvent::Full),
            Event::Damaged(why) => self.damaged(why),
            Event::Broken(why) => self.events.push_back(LogEvent::Broken(why)),
            Event::End(_) | Event::Replaced(_) | Event::NotReplaced(_) => {}
        }
    }

    /// What the appender held has left.
    fn landed(&mut self, held: Held, synced: bool) {
        match held {
            Held::End { cuts, end } if cuts == self.cuts => self.reached(end, synced),
            Held::Cut { cuts, end } if cuts == self.cuts => self.is_cut(end),
            // Something was cut since. When that is durable, all that is left is synced.
            Held::End { .. } | Held::Cut { .. } => {}
        }
    }

    /// Of those that are there. With those before it the appender is done: they were synced before it was begun.
    fn newest_file(&self) -> u64 {
        self.files.files().keys().next_back().copied().unwrap_or(0)
    }

    fn reached(&mut self, end: Offset, synced: bool) {
        self.written = self.written.max(end);
        if synced {
            self.synced = self.synced.max(end);
        }
        if self.events.back() != Some(&LogEvent::Ends) {
            self.events.push_back(LogEvent::Ends);
        }
    }

    fn damaged(&mut self, why: String) {
        self.state = State::Damaged;
        self.events.push_back(LogEvent::Damaged(why));
        if self.deletes {
            self.restart_at(self.end);
        }
    }
}

/// What becomes of a log that is damaged.
const WAY_OUT: &str = "this replica does not count until another one has given back what it lost";

/// What the names of the files of this log begin with.
fn prefix(number: u32) -> String {
    format!("p{number}")
}

#[cfg(test)]
mod tests;
