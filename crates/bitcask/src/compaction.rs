//! Compaction: what the index still points to is rewritten, and the rest is dropped.
//!
//! It starts when more than half of what is sealed is garbage, or many segments are small, and passes once over the segments, from
//! the oldest on. Neighbours that fit into one segment are put together in the place of the first,
//! atomically: after a crash the old or the new is there. Entries keep their order and their numbers.
//!
//! A removal must stay as long as an older segment has something that a boot would bring back without
//! it. The header of each segment says up to where it was cleaned of such entries. A pass goes from old
//! to new, so it can drop the removals that it finds.

use bytes::{Bytes, BytesMut};
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, Outputs};

use crate::entry::Entry;
use crate::frame::{self, At, Opened, Parsed};
use crate::hint;
use crate::index::{KeyHash, Location};
use crate::log::Log;
use crate::segment::{HEADER, Header, Known, Segment, hint_name, segment_name};
use crate::writer::{Held, Segments};
use crate::{Store, StoreOp};

/// The most bytes of one read, unless a frame is longer.
const CHUNK: u32 = 1 << 20;
/// So many segments of less than that part of a whole one are put together.
const MANY: usize = 16;
const SMALL: u32 = 16;
/// A frame of a compacted segment is closed when it is so long.
const FRAME: usize = 64 << 10;

/// The compaction of a store.
#[derive(Clone, Debug)]
pub(crate) struct Compaction {
    /// Segments that are put together are no longer than this.
    segment: u32,
    /// The next segment to look at, and the first that is not.
    pass: Option<(u32, u32)>,
    run: Option<Run>,
}

/// Some neighbours that are being put together.
#[derive(Clone, Debug)]
struct Run {
    /// What is left to be read: the first of them, from this offset on.
    sources: Vec<u32>,
    read: usize,
    offset: u32,
    asked: u32,
    /// Removals in segments that end below this number are not needed any more.
    floor: u32,
    segment: Segment,
    bytes: BytesMut,
    frame: Option<Opened>,
    kept: Vec<CopiedEntry>,
}

/// An entry that was copied, and where it was.
#[derive(Clone, Copy, Debug)]
struct CopiedEntry {
    known: Known,
    old: Location,
}

impl Compaction {
    pub(crate) fn new(segment: u32) -> Compaction {
        Compaction { segment, pass: None, run: None }
    }

    /// A segment was sealed: begins a pass if it is time for one.
    pub(crate) fn begin_if_due<P: Embeds<Store>>(&mut self, log: &mut Log, out: &mut Outputs<P>) {
        let sound = || log.sealed.values().filter(|segment| !segment.rotten);
        let stored: u64 = sound().map(|segment| u64::from(segment.length)).sum();
        let needed = |segment: &Segment| match log.keep_removals {
            true => segment.needed(),
            false => segment.live.into(),
        };
        let needed: u64 = sound().map(needed).sum();
        // Each boot begins a segment, however little is written to it.
        let small = sound().filter(|segment| segment.length < self.segment / SMALL).count();
        if self.pass.is_none() && (stored - needed > stored / 2 || small > MANY) {
            self.pass = Some((0, log.newest.header.number));
            self.begin(log, out);
        }
    }

    /// Begins the next run of the pass.
    fn begin<P: Embeds<Store>>(&mut self, log: &mut Log, out: &mut Outputs<P>) {
        while let Some((from, until)) = self.pass {
            let Some(sources) = self.neighbours(log, from, until) else {
                self.pass = None;
                return;
            };
            let now = log.newest.header.number;
            match &sources[..] {
                [only]
                    if let Some(segment) = log.sealed.get_mut(only)
                        && segment.is_clean() =>
                {
                    segment.cleaned = now;
                    self.pass = Some((segment.header.next, until));
                }
                _ => {
                    let mut run = Run::new(log, sources);
                    run.read(log, CHUNK, out);
                    self.run = Some(run);
                    return;
                }
            }
        }
    }

    /// The next segments that fit into one.
    fn neighbours(&self, log: &Log, from: u32, until: u32) -> Option<Vec<u32>> {
        let mut sound = log
            .sealed
            .range(from..until)
            .skip_while(|(_, segment)| segment.rotten)
            .map(|(number, segment)| (*number, segment));
        let (first, segment) = sound.next()?;
        let (mut sources, mut size) = (vec![first], segment.needed());
        for (number, segment) in sound {
            size += segment.needed();
            if segment.rotten || size > u64::from(self.segment) {
                break;
            }
            sources.push(number);
        }
        Some(sources)
    }

    /// A part of a segment was read.
    pub(crate) fn source_read<P: Embeds<Store>>(
        &mut self,
        result: DiskResult,
        log: &mut Log,
        segments: &mut Segments,
        out: &mut Outputs<P>,
    ) {
        let Some(run) = &mut self.run else { return };
        let wanted = match result {
            Ok(DiskAnswer::Bytes(bytes)) => run.take(&bytes, log),
            _ => None,
        };
        match wanted {
            Some(length) if run.read(log, length, out) => {}
            Some(_) => {
                let bytes = run.finish(log);
                segments.replace(run.segment.header.number.into(), bytes, Held::Compacted);
            }
            None => {
                // A read may still find what is sound in it.
                if let Some(segment) = log.sealed.get_mut(&run.sources[run.read]) {
                    segment.rotten = true;
                }
                self.run = None;
                self.begin(log, out);
            }
        }
    }

    /// The new segment is in its place.
    pub(crate) fn compacted<P: Embeds<Store>>(
        &mut self,
        log: &mut Log,
        segments: &mut Segments,
        out: &mut Outputs<P>,
    ) {
        let Some(run) = self.run.take() else { return };
        self.pass = self.pass.map(|(_, until)| (run.segment.header.next, until));
        run.install(log, segments, out);
        self.begin(log, out);
    }

    /// There was no space for it. Nothing changed; the next pass may begin when the next segment is sealed.
    pub(crate) fn gave_up(&mut self) {
        (self.run, self.pass) = (None, None);
    }
}

impl Run {
    fn new(log: &Log, sources: Vec<u32>) -> Run {
        let (first, last) = (sources[0], sources[sources.len() - 1]);
        let older = log.sealed.range(..first).map(|(_, segment)| segment.cleaned);
        let floor = older.min().unwrap_or(u32::MAX);
        let old = log.sealed[&first].header;
        let next = log.sealed[&last].header.next;
        let cleaned = log.newest.header.number;
        let header = Header { next, cleaned, rewrites: old.rewrites + 1, ..old };
        Run {
            sources,
            read: 0,
            offset: HEADER,
            asked: 0,
            floor,
            segment: Segment::new(header),
            bytes: BytesMut::from(&header.bytes()[..]),
            frame: None,
            kept: Vec::new(),
        }
    }

    /// Reads on; false where all was read.
    fn read<P: Embeds<Store>>(&mut self, log: &Log, length: u32, out: &mut Outputs<P>) -> bool {
        while let Some(source) = self.sources.get(self.read) {
            let left = log.sealed[source].length.saturating_sub(self.offset);
            if left > 0 {
                let (file, offset) = (segment_name(*source), self.offset.into());
                self.asked = length.min(left);
                let length = self.asked.into();
                out.disk(DiskCommand::Read { file, offset, length }, P::op(StoreOp::Collected));
                return true;
            }
            (self.read, self.offset) = (self.read + 1, HEADER);
        }
        false
    }

    /// Copies what is needed of these bytes. How much to read next; `None` where they are rotten.
    fn take(&mut self, bytes: &[u8], log: &Log) -> Option<u32> {
        let source = &log.sealed[&self.sources[self.read]];
        let begun = self.offset;
        if bytes.len() < self.asked as usize {
            return None;
        }
        while self.offset < source.length {
            let at = At { segment: source.header.number, offset: self.offset };
            match frame::parse(&bytes[(self.offset - begun) as usize..], at) {
                Parsed::Frame(frame) => {
                    for (number, offset, entry) in frame.entries() {
                        let length = entry.length() as u32;
                        let old = Location { segment: at.segment, offset, length };
                        self.copy_if_live(number, entry, old, source.header.next, log);
                    }
                    self.offset += frame.length() as u32;
                }
                Parsed::Short(_) if self.offset > begun => break,
                Parsed::Short(needed) if needed <= (source.length - begun) as usize => {
                    return Some(needed as u32);
                }
                _ => return None,
            }
        }
        Some(CHUNK)
    }

    fn copy_if_live(&mut self, number: u64, entry: Entry<'_>, old: Location, ends: u32, log: &Log) {
        let key = KeyHash::of(entry.key);
        let needed = match entry.value {
            Some(_) => log.index.get(&key) == Some(old),
            None => log.keep_removals || ends > self.floor,
        };
        if !needed {
            return;
        }
        let full = |frame: &Opened| {
            frame.length(&self.bytes) >= FRAME || number - frame.first() > u64::from(u32::MAX)
        };
        if self.frame.as_ref().is_some_and(full) {
            self.close();
        }
        let frame = match self.frame.take() {
            Some(frame) => frame,
            None => self.open(number),
        };
        let offset = self.bytes.len() as u32;
        Entry { number: (number - frame.first()) as u32, ..entry }.put(&mut self.bytes);
        self.frame = Some(frame);
        let (length, removed) = (old.length, entry.value.is_none());
        self.kept.push(CopiedEntry { known: Known { key, offset, length, removed }, old });
    }

    fn open(&mut self, number: u64) -> Opened {
        let at = At { segment: self.segment.header.number, offset: self.bytes.len() as u32 };
        self.segment.mark(at.offset, number);
        frame::open(&mut self.bytes, at, 0, number)
    }

    fn close(&mut self) {
        if let Some(frame) = self.frame.take() {
            frame.close(&mut self.bytes);
        }
    }

    /// The new segment, as it is to be put in place.
    fn finish(&mut self, log: &Log) -> Bytes {
        self.close();
        let at = At { segment: self.segment.header.number, offset: self.bytes.len() as u32 };
        // A frame without entries says that all before it is durable, and where it ends.
        let next = log.first_after(&self.segment.header);
        frame::open(&mut self.bytes, at, at.offset, next).close(&mut self.bytes);
        self.segment.length = self.bytes.len() as u32;
        self.bytes.split().freeze()
    }

    /// It is in its place: what was copied is there from now on.
    fn install<P: Embeds<Store>>(
        self,
        log: &mut Log,
        segments: &mut Segments,
        out: &mut Outputs<P>,
    ) {
        let Run { sources, mut segment, kept, .. } = self;
        let number = segment.header.number;
        for CopiedEntry { known, old } in &kept {
            segment.count(known);
            if known.removed {
                continue;
            }
            // It may have been changed or removed meanwhile.
            if log.index.get(&known.key) == Some(*old) {
                log.index.set(known.key, Some(known.location(number)));
                segment.live += known.length;
            }
        }
        let next = log.first_after(&segment.header);
        let known: Vec<Known> = kept.iter().map(|kept| kept.known).collect();
        let replace = DiskCommand::Replace {
            file: hint_name(number),
            parts: hint::of(&segment, next, &known).into(),
        };
        out.disk(replace, P::op(StoreOp::HintPut));
        for source in &sources {
            log.sealed.remove(source);
            if *source != number {
                let file = hint_name(*source);
                out.disk(DiskCommand::Delete { file }, P::op(StoreOp::Deleted));
            }
        }
        let others = sources.into_iter().filter(|source| *source != number);
        segments.delete(others.map(u64::from));
        log.sealed.insert(number, segment);
    }
}
