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
use std::convert::Infallible;

use journal::{Appender, Bound, Event, Journal, Step};
use machine::{DiskResult, Embeds, Outputs, Protocol};

use log_protocol::batch::Batch;
use log_protocol::words::{LeaderEpoch, Offset};

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

pub use event::LogEvent;
pub use event::LogOp;
pub use producers::Sequence;
pub use read::{Damaged, Read};

/// When a replica counts what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flush {
    /// When it is synced: a power cut takes nothing that was acknowledged.
    Always,
    /// When it is written: the operating system syncs it some time.
    Os,
}

/// The protections of a log, which are mechanisms of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protections {
    /// What was written is synced before it is said to be.
    pub syncs: bool,
    /// A boot takes nothing that was durable for a torn tail.
    pub heeds_rot: bool,
}

/// The logs of a broker, as a part of it.
#[derive(Clone, Debug)]
pub struct Logs;

/// A log sends nothing, and its timers are those of its appender. Its operations come with its number.
impl Protocol for Logs {
    type Message = Infallible;
    type Timer = Infallible;
    type Op = (u32, LogOp);
    type Note = Infallible;
}

/// A machine that holds logs.
pub trait HoldsLogs: Embeds<Journal> + Embeds<Logs> {}

impl<P: Embeds<Journal> + Embeds<Logs>> HoldsLogs for P {}

/// Sizes of a log, and when it counts what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// A segment that would be longer is followed by the next.
    pub segment_bytes: u32,
    /// Of about so many bytes of a segment one place is known in memory.
    pub index_bytes: u32,
    /// The oldest segments go where all together are longer.
    pub retention_bytes: Option<u64>,
    /// When a batch counts.
    pub flush: Flush,
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
pub struct Log {
    number: u32,
    limits: LogLimits,
    protections: Protections,
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
    pub fn new(number: u32, limits: LogLimits, protections: Protections) -> Log {
        let Protections { syncs, heeds_rot } = protections;
        let files = Appender::new(Frames { log: number }, (number, prefix(number)), syncs);
        Log {
            number,
            limits,
            protections,
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
    pub fn go_on<P: HoldsLogs>(&mut self, bound: &mut Bound, out: &mut Outputs<P>) {
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
    pub fn journal_ended<P: HoldsLogs>(
        &mut self,
        step: Step,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<P>,
    ) {
        self.files.ended(step, result, bound, out);
        self.go_on(bound, out);
    }

    /// A disk operation of the log's own ended.
    pub fn ended<P: HoldsLogs>(
        &mut self,
        op: LogOp,
        result: DiskResult,
        bound: &mut Bound,
        out: &mut Outputs<P>,
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
    pub fn timer<P: HoldsLogs>(&mut self, out: &mut Outputs<P>) {
        self.files.timer(out);
    }

    /// The next thing that happened.
    pub fn next_event(&mut self) -> Option<LogEvent> {
        self.events.pop_front()
    }

    /// The offset of the first record that is there.
    pub fn start_offset(&self) -> Offset {
        self.start
    }

    /// The offset of the next record.
    pub fn end_offset(&self) -> Offset {
        self.end
    }

    /// All before it is written.
    #[cfg(test)]
    pub fn written_end(&self) -> Offset {
        self.written
    }

    /// All before it is synced.
    pub fn synced_end(&self) -> Offset {
        self.synced
    }

    /// All before it counts as kept by this replica.
    pub fn counted_end(&self) -> Offset {
        match self.limits.flush {
            Flush::Always => self.synced,
            Flush::Os => self.written,
        }
    }

    /// Of the last record.
    pub fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.last()
    }

    /// The largest epoch that is not above this one, and where it ends.
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_of(epoch, self.end)
    }

    /// What the sequence number of this batch says.
    pub fn sequence(&self, batch: &Batch) -> Sequence {
        self.producers.judge(batch)
    }

    /// How many bytes of batches are in memory.
    pub fn cache_bytes(&self) -> usize {
        self.tail.bytes()
    }

    /// Lets go of the oldest batches in memory, about so many bytes of them, as far as they are written; how many it
    /// were.
    pub fn evict(&mut self, bytes: usize) -> usize {
        self.tail.evict(bytes, self.written)
    }

    /// Does what was appended wait for space on the disk?
    pub fn is_full(&self) -> bool {
        self.files.is_full()
    }

    /// Is nothing waiting for the disk?
    pub fn is_idle(&self) -> bool {
        self.files.is_idle() && self.seek.is_none() && self.sidecars.is_idle()
    }

    fn told<P: HoldsLogs>(&mut self, event: Event<Held>, bound: &mut Bound, out: &mut Outputs<P>) {
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

    fn op<P: HoldsLogs>(&self, op: LogOp) -> P::Op {
        <P as Embeds<Logs>>::op((self.number, op))
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
