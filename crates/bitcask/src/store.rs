//! The store itself: its operations, its events, and which part does what.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::{Buf, Bytes};
use machine::{
    DiskAnswer, DiskCommand, DiskError, DiskResult, Embeds, Outputs, Protocol, Switches,
};

use crate::boot::{Boot, Step};
use crate::compaction::Compaction;
use crate::entry::Entry;
use crate::index::{KeyHash, Location};
use crate::log::Log;
use crate::mechanism::Mechanism;
use crate::scan::ScanStep;
use crate::segment::{hint_name, segment_name};
use crate::writer::Writer;
use crate::{hint, scan, writer};

/// A part of the machine that embeds it: it has disk operations, and something to note.
impl Protocol for Store {
    type Message = Infallible;
    type Timer = Infallible;
    type Op = StoreOp;
    type Note = Cut;
}

/// A crash tore the last write, which was not acknowledged: it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut;

/// What to do when a disk operation of a store ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreOp {
    /// At boot: the folder was listed.
    Listed,
    /// At boot: the header of a segment was read.
    HeaderRead,
    /// At boot: its hint was read.
    HintRead,
    /// At boot: a segment was read as a whole.
    SegmentRead,
    /// The newest segment was put in place as it was read at boot.
    NewestRestored,
    /// Where there was no space for that, it was synced as it is.
    NewestSynced,
    /// Batches were written.
    Written,
    /// And synced.
    Synced,
    /// A segment was synced before the next one begins.
    Sealed,
    /// A hint was put in place.
    HintPut,
    /// A part of a segment was read, to be compacted.
    Collected,
    /// A compacted segment was put in place.
    Compacted,
    /// An obsolete file was deleted.
    Deleted,
    /// An entry was read.
    Read(ReadStep),
    /// A part of the log was read.
    Scanned(ScanStep),
}

/// A read that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadStep {
    ticket: u64,
    key: Bytes,
    location: Location,
}

/// What its owner is told, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The disk was read; from now on it answers.
    Ready,
    /// The batch of this ticket is durable, and seen by reads from now on.
    Durable(u64),
    /// The batch of this ticket found no space. Nothing changed.
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
    writer: Writer,
    compaction: Compaction,
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
            writer: Writer::new(limits.segment, Mechanism::FlushBeforeAck.on(switches)),
            compaction: Compaction::new(limits.segment),
            events: VecDeque::new(),
            broken: false,
        }
    }

    /// The node booted: its disk is read first. Nothing else may be asked before [`Event::Ready`].
    pub fn start<P: Embeds<Store>>(&mut self, out: &mut Outputs<P>) {
        out.disk(DiskCommand::List { prefix: "".into() }, P::op(StoreOp::Listed));
    }

    /// A disk operation ended.
    pub fn ended<P: Embeds<Store>>(
        &mut self,
        op: StoreOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) {
        if self.broken {
            return;
        }
        if let Err(why) = self.handle(op, result, out) {
            self.broken = true;
            self.events.push_back(Event::Broken(why));
        }
    }

    /// Puts (`Some`) and removes (`None`), all of them or none; [`Event::Durable`] follows. Batches that
    /// come while the disk is busy share its next write and sync.
    pub fn commit<P: Embeds<Store>>(
        &mut self,
        batch: Vec<Change>,
        ticket: u64,
        out: &mut Outputs<P>,
    ) {
        if writer::length(&batch).is_none() {
            return self.events.push_back(Event::TooLarge(ticket));
        }
        self.writer.push(batch, ticket);
        self.write_waiting(out);
    }

    /// Reads what is durable under this key.
    pub fn get<P: Embeds<Store>>(&mut self, key: &[u8], ticket: u64, out: &mut Outputs<P>) {
        let key = Bytes::copy_from_slice(key);
        match self.log.index.get(&KeyHash::of(&key)) {
            None => self.events.push_back(Event::Found(ticket, None)),
            Some(location) => ask(ReadStep { ticket, key, location }, out),
        }
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

    fn handle<P: Embeds<Store>>(
        &mut self,
        op: StoreOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        match op {
            StoreOp::Read(step) => self.read(step, result, out),
            StoreOp::Scanned(step) => {
                self.events.extend(scan::ended(&self.log, step, result, out));
            }
            StoreOp::Written | StoreOp::Synced => {
                let ended = self.writer.ended(&op, result, &mut self.log, &mut self.events);
                ended.map_err(|error| format!("a batch may be on the disk or not: {error}"))?;
                self.write_waiting(out);
            }
            StoreOp::NewestRestored | StoreOp::NewestSynced => {
                self.newest_ended(&op, result, out)?
            }
            StoreOp::Sealed | StoreOp::HintPut => match result {
                Ok(_) | Err(DiskError::Full) => {}
                Err(error) => return Err(format!("a sealed segment or its hint: {error}")),
            },
            StoreOp::Collected => self.compaction.source_read(result, &mut self.log, out),
            StoreOp::Compacted => {
                let compacted = self.compaction.compacted(result, &mut self.log, out);
                compacted.map_err(|error| format!("a segment that was compacted: {error}"))?;
            }
            // An obsolete file may stay until the next boot.
            StoreOp::Deleted => {}
            StoreOp::Listed | StoreOp::HeaderRead | StoreOp::HintRead | StoreOp::SegmentRead => {
                self.booting(&op, result, out)?;
            }
        }
        Ok(())
    }

    fn booting<P: Embeds<Store>>(
        &mut self,
        op: &StoreOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let Some(boot) = &mut self.boot else { return Ok(()) };
        match boot.ended(op, result, &mut self.log, out)? {
            Step::Asked => {}
            Step::Fresh => self.ready(out),
            Step::Restore(content) => self.writer.restore_newest(content, &self.log, out),
        }
        Ok(())
    }

    fn newest_ended<P: Embeds<Store>>(
        &mut self,
        op: &StoreOp,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        match (op, result) {
            (StoreOp::NewestRestored, Ok(_)) => self.writer.newest_restored(&mut self.log),
            (_, Ok(_)) => {}
            (StoreOp::NewestRestored, Err(DiskError::Full)) if self.boot.is_some() => {
                // A boot needs no space: it only reads, and nothing is appended before there is space.
                self.writer.refuse(&mut self.events);
                let file = segment_name(self.log.newest.header.number);
                out.disk(
                    DiskCommand::Sync { file, data_only: false },
                    P::op(StoreOp::NewestSynced),
                );
                return Ok(());
            }
            (StoreOp::NewestRestored, Err(DiskError::Full)) => self.writer.refuse(&mut self.events),
            (_, Err(error)) => {
                return Err(format!("the newest segment could not be made durable: {error}"));
            }
        }
        self.ready(out);
        self.write_waiting(out);
        Ok(())
    }

    fn ready<P: Embeds<Store>>(&mut self, out: &mut Outputs<P>) {
        let Some(boot) = self.boot.take() else { return };
        for file in boot.outdated {
            out.disk(DiskCommand::Delete { file }, P::op(StoreOp::Deleted));
        }
        self.events.push_back(Event::Ready);
        self.compaction.begin_if_due(&mut self.log, out);
    }

    /// Writes what waits, to a new segment if it is time for one.
    fn write_waiting<P: Embeds<Store>>(&mut self, out: &mut Outputs<P>) {
        if self.writer.is_due(&self.log) {
            self.seal(out);
        }
        self.writer.write_next(&self.log, out);
    }

    fn seal<P: Embeds<Store>>(&mut self, out: &mut Outputs<P>) {
        let number = self.log.newest.header.number;
        if !Mechanism::FlushBeforeAck.on(self.switches) {
            // Only the newest segment may be torn, even if nothing of this was acknowledged.
            let file = segment_name(number);
            out.disk(DiskCommand::Sync { file, data_only: false }, P::op(StoreOp::Sealed));
        }
        let bytes = hint::of(&self.log.newest, self.log.next, &self.log.known);
        let replace = DiskCommand::Replace { file: hint_name(number), parts: bytes.into() };
        out.disk(replace, P::op(StoreOp::HintPut));
        self.log.seal();
        self.compaction.begin_if_due(&mut self.log, out);
    }

    fn read<P: Embeds<Store>>(&mut self, step: ReadStep, result: DiskResult, out: &mut Outputs<P>) {
        let ReadStep { ticket, ref key, location } = step;
        if let Ok(DiskAnswer::Bytes(bytes)) = result
            && let Some(value) = value_of(key, bytes, Mechanism::EntryChecksum.on(self.switches))
        {
            return self.events.push_back(Event::Found(ticket, Some(value)));
        }
        match self.log.index.get(&KeyHash::of(key)) {
            None => self.events.push_back(Event::Found(ticket, None)),
            // It was compacted or changed meanwhile.
            Some(now) if now != location => ask(ReadStep { location: now, ..step }, out),
            Some(_) => self.events.push_back(Event::Rotten(ticket)),
        }
    }
}

fn ask<P: Embeds<Store>>(step: ReadStep, out: &mut Outputs<P>) {
    let Location { segment, offset, length } = step.location;
    let file = segment_name(segment);
    let read = DiskCommand::Read { file, offset: offset.into(), length: length.into() };
    out.disk(read, P::op(StoreOp::Read(step)));
}

/// Reads the value from these bytes, if they are the entry of this key and sound.
fn value_of(key: &[u8], mut bytes: Bytes, checked: bool) -> Option<Bytes> {
    let entry = if checked { Entry::take(&bytes) } else { Entry::parse(&bytes) };
    let entry = entry.filter(|entry| entry.key == key)?;
    let (end, length) = (entry.length(), entry.value?.len());
    // Unlike a slice of them this takes no memory for a count of references.
    bytes.advance(end - length);
    bytes.truncate(length);
    Some(bytes)
}
