//! The store itself: its operations, its events, and which part does what.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;
use journal::{Appender, Bound, Journal, JournalOp, JournalTimer, Until};
use machine::{
    DiskCommand, DiskError, DiskId, DiskResult, Embeds, FileName, Outputs, Protocol, Switches,
};

use crate::boot::{Boot, put_hint};
use crate::compaction::Compaction;
use crate::index::KeyHash;
use crate::log::Log;
use crate::lookup::ReadStep;
use crate::mechanism::Mechanism;
use crate::scan::ScanStep;
use crate::segment::Header;
use crate::writer::{Commit, FAMILY, Format, Held, Segments, Writer};
use crate::{lookup, scan, writer};

/// A part of the machine that embeds it: it has disk operations, timers and something to note.
impl Protocol for Store {
    type Message = Infallible;
    type Timer = JournalTimer;
    type Op = StoreOp;
    type Note = Cut;
}

/// By itself it has the words of its journal too.
impl Embeds<Journal> for Store {
    fn op(op: JournalOp) -> StoreOp {
        StoreOp::Journal(op)
    }

    fn timer(timer: JournalTimer) -> JournalTimer {
        timer
    }
}

/// Whoever embeds a store has its words and those of its journal.
pub trait Keeps: Embeds<Store> + Embeds<Journal> {}

impl<P: Embeds<Store> + Embeds<Journal>> Keeps for P {}

/// A crash tore the last write, which was not acknowledged: it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut;

/// What to do when a disk operation of a store ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreOp {
    /// Of what it appends to.
    Journal(JournalOp),
    /// At boot: the hints were listed.
    Listed,
    /// At boot: the header of a segment was read.
    HeaderRead,
    /// At boot: its hint was read.
    HintRead,
    /// A hint was put in place.
    HintPut,
    /// A part of a segment was read, to be compacted.
    Collected,
    /// An obsolete hint was deleted.
    Deleted,
    /// An entry was read.
    Read(ReadStep),
    /// A part of the log was read.
    Scanned(ScanStep),
}

/// What its owner is told, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The disk was read; from now on it answers.
    Ready,
    /// The batch of this ticket is durable, and seen by reads from now on; or all before the sync of this ticket is.
    Durable(u64),
    /// The batch of this ticket is seen by reads from now on: a crash of the system may still lose it.
    Written(u64),
    /// The batch of this ticket found no space. Nothing changed. Or what was before the sync of this ticket did not.
    Full(u64),
    /// The batch of this ticket is larger than any may be (4 MiB). Nothing changed.
    TooLarge(u64),
    /// What the read of this ticket found.
    Found(u64, Option<Bytes>),
    /// What the read or scan of this ticket found was rotten or could not be read: it is never
    /// handed out.
    Rotten(u64),
    /// Some keys with their values, or without where they were removed, in the order of the log, and
    /// where to go on; for the scan of this ticket.
    Page(u64, Vec<Change>, Option<u64>),
    /// A compaction has rewritten a segment.
    Compacted,
    /// It cannot keep its promises: the owner halts with this sentence.
    Broken(String),
}

/// A key, and what is kept under it; none where it was removed.
pub type Change = (Bytes, Option<Bytes>);

/// How large its files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A segment is sealed when it is so long, in bytes.
    pub segment: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { segment: 16 << 20 }
    }
}

/// A store.
#[derive(Clone, Debug)]
pub struct Store {
    switches: Switches,
    log: Log,
    /// Until it is ready.
    boot: Option<Boot>,
    bound: Bound,
    segments: Segments,
    writer: Writer,
    compaction: Compaction,
    /// Reads of a segment that was being replaced, which are made again when it was.
    unsure: Vec<StoreOp>,
    events: VecDeque<Event>,
    broken: bool,
}

impl Store {
    /// A store that knows nothing yet.
    pub fn new(limits: Limits, switches: Switches) -> Store {
        Store {
            switches,
            log: Log::new(),
            boot: Some(Boot::default()),
            bound: Bound::new(Mechanism::DurableBound.on(switches)),
            segments: Appender::new(Format, FAMILY, Mechanism::FlushBeforeAck.on(switches)),
            writer: Writer::new(limits.segment),
            compaction: Compaction::new(limits.segment),
            unsure: Vec::new(),
            events: VecDeque::new(),
            broken: false,
        }
    }

    /// The files with which its disk begins, for [`machine::Machine::first_files`].
    pub fn first_files() -> Vec<(FileName, Bytes)> {
        vec![Bound::first_file()]
    }

    /// The node booted: its disk is read first. Nothing else may be asked before [`Event::Ready`].
    pub fn start<P: Keeps>(&mut self, disk: DiskId, out: &mut Outputs<P>) {
        self.bound.start(disk, out);
        let list = DiskCommand::List { prefix: "hint-".into() };
        out.disk(list, <P as Embeds<Store>>::op(StoreOp::Listed));
    }

    /// A disk operation ended.
    pub fn ended<P: Keeps>(&mut self, op: StoreOp, result: DiskResult, out: &mut Outputs<P>) {
        if self.broken {
            return;
        }
        let handled = self.handle(op, result, out);
        self.go_on(handled, out);
    }

    /// A timer fired.
    pub fn timer<P: Keeps>(&mut self, timer: JournalTimer, out: &mut Outputs<P>) {
        match timer {
            JournalTimer::Bound => self.bound.timer(out),
            JournalTimer::Retry(_) => self.segments.timer(out),
        }
        self.go_on(Ok(()), out);
    }

    /// For a clean stop, after each input: what is durable is made known to the bound. True when it is, and nothing
    /// is on its way to the disk.
    pub fn settle<P: Keeps>(&mut self, out: &mut Outputs<P>) -> bool {
        if self.segments.is_idle() {
            self.bound.settle(out);
        }
        self.segments.is_idle() && self.bound.is_settled()
    }

    /// Puts (`Some`) and removes (`None`), all of them or none; [`Event::Durable`] follows. Batches that
    /// come while the disk is busy share its next write and sync.
    pub fn commit<P: Keeps>(&mut self, batch: Vec<Change>, ticket: u64, out: &mut Outputs<P>) {
        self.append(&batch, (ticket, Until::Synced), out);
    }

    /// As [`Store::commit`], and nobody waits for a sync: [`Event::Written`] follows, or [`Event::Durable`] where it
    /// was synced together with others. A later batch is durable only with all before it.
    pub fn commit_unsynced<P: Keeps>(
        &mut self,
        batch: Vec<Change>,
        ticket: u64,
        out: &mut Outputs<P>,
    ) {
        self.append(&batch, (ticket, Until::Written), out);
    }

    /// [`Event::Durable`] follows when all batches before it are durable.
    pub fn sync<P: Keeps>(&mut self, ticket: u64, out: &mut Outputs<P>) {
        if self.segments.hold(Held::Sync(ticket)).is_some() {
            self.events.push_back(Event::Durable(ticket));
        }
        self.go_on(Ok(()), out);
    }

    fn append<P: Keeps>(
        &mut self,
        batch: &writer::Batch,
        (ticket, until): (u64, Until),
        out: &mut Outputs<P>,
    ) {
        if writer::length(batch).is_none() {
            return self.events.push_back(Event::TooLarge(ticket));
        }
        self.writer.append(batch, (ticket, until), &mut self.segments);
        self.go_on(Ok(()), out);
    }

    /// Reads what is durable under this key.
    pub fn get<P: Embeds<Store>>(&mut self, key: &[u8], ticket: u64, out: &mut Outputs<P>) {
        let event = lookup::start(&self.log, Bytes::copy_from_slice(key), ticket, out);
        self.events.extend(event);
    }

    /// Is there something durable under this key?
    pub fn contains(&self, key: &[u8]) -> bool {
        self.log.index.get(&KeyHash::of(key)).is_some()
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.log.index.len()
    }

    /// Reads up to `limit` values in the order of the log, from a position that an earlier scan gave.
    /// A page may have fewer, even none, and still say where to go on: a step reads a bounded number
    /// of bytes.
    ///
    /// An entry that is neither changed nor removed while a caller reads page after page is on exactly one of
    /// them, whatever is compacted or restarted meanwhile. What is changed meanwhile moves to the end
    /// of the log, so it may be seen twice, once as it was and once as it is. So is the removal of a key,
    /// as long as removals are kept ([`Store::keep_removals`]).
    pub fn scan<P: Embeds<Store>>(
        &mut self,
        after: Option<u64>,
        limit: u32,
        ticket: u64,
        out: &mut Outputs<P>,
    ) {
        self.scan_until(after.unwrap_or(0), u64::MAX, limit, ticket, out);
    }

    /// The same of entries up to this position only.
    pub fn scan_until<P: Embeds<Store>>(
        &mut self,
        after: u64,
        until: u64,
        limit: u32,
        ticket: u64,
        out: &mut Outputs<P>,
    ) {
        let event = scan::start(&self.log, (after, until), limit, ticket, out);
        self.events.extend(event);
    }

    /// The position of the next entry: all that are durable have smaller ones.
    pub fn end(&self) -> u64 {
        self.log.next
    }

    /// May a compaction forget that a key was removed? Not while another store follows the log: it may have
    /// read the key and not yet its removal.
    pub fn keep_removals(&mut self, keep: bool) {
        self.log.keep_removals = keep;
    }

    /// The next thing that happened.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn handle<P: Keeps>(
        &mut self,
        op: StoreOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        match op {
            StoreOp::Journal(JournalOp::Bound(op)) => self.bound.ended(op, result, out)?,
            StoreOp::Journal(JournalOp::Log { step, .. }) => {
                self.segments.ended(step, result, &mut self.bound, out);
            }
            StoreOp::Read(step) => {
                let checks = Mechanism::EntryChecksum.on(self.switches);
                match lookup::ended(&self.log, &step, result, checks, out) {
                    Some(Event::Rotten(_)) if self.segments.is_replacing(step.segment().into()) => {
                        self.unsure.push(StoreOp::Read(step));
                    }
                    event => self.events.extend(event),
                }
            }
            StoreOp::Scanned(step) if self.segments.is_replacing(step.segment().into()) => {
                self.unsure.push(StoreOp::Scanned(step));
            }
            StoreOp::Scanned(step) => {
                self.events.extend(scan::ended(&self.log, step, result, out));
            }
            StoreOp::HintPut => match result {
                Ok(_) | Err(DiskError::Full) => {}
                Err(error) => return Err(format!("the hint of a sealed segment: {error}")),
            },
            StoreOp::Collected => {
                let (log, segments) = (&mut self.log, &mut self.segments);
                self.compaction.source_read(result, log, segments, out);
            }
            // An obsolete hint may stay until the next boot.
            StoreOp::Deleted => {}
            StoreOp::Listed | StoreOp::HeaderRead | StoreOp::HintRead => {
                if let Some(boot) = &mut self.boot {
                    boot.ended(&op, result, &mut self.log, &mut self.segments, out)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the journal its next work, and hears what became of it.
    fn go_on<P: Keeps>(&mut self, handled: Result<(), String>, out: &mut Outputs<P>) {
        let told = handled.and_then(|()| {
            self.segments.go_on(&mut self.bound, out);
            while let Some(event) = self.segments.next_event() {
                self.told(event, out)?;
                self.segments.go_on(&mut self.bound, out);
            }
            Ok(())
        });
        if let Err(why) = told {
            self.broken = true;
            self.events.push_back(Event::Broken(why));
        }
    }

    fn told<P: Keeps>(
        &mut self,
        event: journal::Event<Held>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        use journal::Event as Told;
        match event {
            Told::Found(files) => {
                if let Some(boot) = &mut self.boot {
                    boot.found(&files, &self.log, &mut self.segments, out);
                }
            }
            Told::Frame(at, bytes) => {
                if let Some(boot) = &mut self.boot {
                    boot.frame(at, &bytes, &mut self.log)?;
                }
            }
            Told::End(end) => {
                if let Some(boot) = &mut self.boot {
                    boot.end(end, &mut self.log, &mut self.segments, out)?;
                }
            }
            Told::Cut { .. } => out.note(<P as Embeds<Store>>::note(Cut)),
            Told::Ready => self.ready(out)?,
            Told::Durable(held) => {
                held.into_iter().for_each(|held| self.landed(held, Event::Durable, out));
            }
            Told::Written(held) => {
                held.into_iter().for_each(|held| self.landed(held, Event::Written, out));
            }
            Told::Full => self.refuse(),
            Told::Replaced(_) => {
                self.events.push_back(Event::Compacted);
                self.compaction.compacted(&mut self.log, &mut self.segments, out);
                self.read_again(out);
            }
            Told::NotReplaced(_) => {
                self.compaction.gave_up();
                self.read_again(out);
            }
            Told::Broken(why) | Told::Damaged(why) => return Err(why),
        }
        Ok(())
    }

    /// All was read. What is committed from now on goes into a new segment.
    fn ready<P: Keeps>(&mut self, out: &mut Outputs<P>) -> Result<(), String> {
        let Some(boot) = self.boot.take() else { return Ok(()) };
        self.bound.booted(out)?;
        if self.segments.end().file < boot.cleaned.into() {
            // New removals must come after what was cleaned.
            self.segments.roll_to(boot.cleaned.into());
        }
        self.log.seal(Header::new(self.segments.end().file as u32, self.log.next));
        self.writer.next = self.log.next;
        for file in boot.outdated_hints(&self.log) {
            out.disk(DiskCommand::Delete { file }, <P as Embeds<Store>>::op(StoreOp::Deleted));
        }
        self.segments.delete(boot.outdated.into_iter().map(u64::from));
        self.events.push_back(Event::Ready);
        self.compaction.begin_if_due(&mut self.log, out);
        Ok(())
    }

    /// It is on the disk: reads see it from now on.
    fn landed<P: Keeps>(&mut self, held: Held, said: fn(u64) -> Event, out: &mut Outputs<P>) {
        let ticket = match held {
            Held::Batch(commit) => {
                let Commit { ticket, begins, offset, first, known } = commit;
                if let Some(header) = begins {
                    self.begin_segment(header, out);
                }
                self.log.newest.mark(offset, first);
                known.iter().for_each(|known| self.log.apply(*known));
                let end = known.last().map_or(offset, |last| last.offset + last.length);
                (self.log.newest.length, self.log.next) = (end, first + known.len() as u64);
                self.log.known.extend(known);
                ticket
            }
            Held::Sync(ticket) => ticket,
            Held::Compacted => return,
        };
        self.events.push_back(said(ticket));
    }

    /// The newest segment is complete, and another one begun.
    fn begin_segment<P: Keeps>(&mut self, header: Header, out: &mut Outputs<P>) {
        let seals = self.log.newest.length > 0;
        if seals {
            put_hint(&self.log, out);
        }
        self.log.seal(header);
        if seals {
            self.compaction.begin_if_due(&mut self.log, out);
        }
    }

    /// The disk is full: what waits for space is taken back.
    fn refuse(&mut self) {
        let refused = self.segments.refuse();
        let first = refused.iter().find_map(|held| match held {
            Held::Batch(commit) => Some(commit.first),
            _ => None,
        });
        self.writer.next = first.unwrap_or(self.writer.next);
        for held in refused {
            if let Held::Batch(Commit { ticket, .. }) | Held::Sync(ticket) = held {
                self.events.push_back(Event::Full(ticket));
            }
        }
    }

    /// It is known what is in the segment that was to be replaced.
    fn read_again<P: Embeds<Store>>(&mut self, out: &mut Outputs<P>) {
        for read in std::mem::take(&mut self.unsure) {
            self.events.extend(match read {
                StoreOp::Read(step) => lookup::again(&self.log, step, out),
                StoreOp::Scanned(step) => scan::again(&self.log, &step, out),
                _ => None,
            });
        }
    }
}
