//! What a store finds after a boot: its segments, one after the other, and from them the index.
//!
//! A write that a crash tore can only be at the end of the newest segment; it is cut there. Damage
//! anywhere else was done to what was durable once: the store says so and does not start.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Embeds, FileName, Outputs};

use crate::frame::{self, At, Parsed};
use crate::hint;
use crate::index::KeyHash;
use crate::log::Log;
use crate::segment::{HEADER, Header, Known, Segment, hint_name, segment_name};
use crate::{Cut, Store, StoreOp};

/// No segment and no hint is longer.
const LONGEST: u64 = 1 << 30;

/// What was found so far. While it is read, a segment is the newest of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boot {
    segments: BTreeSet<u32>,
    hints: BTreeSet<u32>,
    /// The largest such number in any header.
    cleaned: u32,
    /// Files that are obsolete.
    pub(crate) outdated: Vec<FileName>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// The disk was asked for more.
    Asked,
    /// There is nothing: the disk is new.
    Fresh,
    /// All was read. The newest segment must be put in place like this.
    Restore(Bytes),
}

impl Boot {
    /// A disk operation of a boot ended.
    ///
    /// # Errors
    /// Why the disk cannot be trusted, as a sentence.
    pub(crate) fn ended<P: Embeds<Store>>(
        &mut self,
        op: &StoreOp,
        result: DiskResult,
        log: &mut Log,
        out: &mut Outputs<P>,
    ) -> Result<Step, String> {
        let answer = match result {
            Err(DiskError::NotFound) if *op == StoreOp::HintRead => DiskAnswer::Done,
            Err(error) => return Err(format!("the store could not be read: {error}")),
            Ok(answer) => answer,
        };
        match (op, answer) {
            (StoreOp::Listed, DiskAnswer::Names(names)) => self.listed(&names, log, out),
            (StoreOp::HeaderRead, DiskAnswer::Bytes(bytes)) => self.header(&bytes, log, out),
            (StoreOp::HintRead, DiskAnswer::Bytes(bytes)) => self.hint(&bytes, log, out),
            (StoreOp::HintRead, _) => Ok(read_whole(log, out)),
            (StoreOp::SegmentRead, DiskAnswer::Bytes(bytes)) => self.segment(&bytes, log, out),
            _ => Err("the disk answered something else than it was asked".to_owned()),
        }
    }

    fn listed<P: Embeds<Store>>(
        &mut self,
        names: &[String],
        log: &Log,
        out: &mut Outputs<P>,
    ) -> Result<Step, String> {
        let number = |name: &String, prefix| name.strip_prefix(prefix)?.parse::<u32>().ok();
        self.segments = names.iter().filter_map(|name| number(name, "segment-")).collect();
        self.hints = names.iter().filter_map(|name| number(name, "hint-")).collect();
        if self.segments.is_empty() { Ok(Step::Fresh) } else { self.visit(log, out) }
    }

    /// Reads the next segment: by its hint, if there is one.
    fn visit<P: Embeds<Store>>(&self, log: &Log, out: &mut Outputs<P>) -> Result<Step, String> {
        let number = log.newest.header.number;
        if !self.segments.contains(&number) {
            return Err(format!("segment-{number} is gone, and what was in it with it"));
        }
        if !self.hints.contains(&number) || self.is_last(number + 1) {
            return Ok(read_whole(log, out));
        }
        let (file, length) = (segment_name(number), u64::from(HEADER));
        out.disk(DiskCommand::Read { file, offset: 0, length }, P::op(StoreOp::HeaderRead));
        Ok(Step::Asked)
    }

    /// Is no segment from this number on?
    fn is_last(&self, from: u32) -> bool {
        self.segments.range(from..).next().is_none()
    }

    fn header<P: Embeds<Store>>(
        &mut self,
        bytes: &[u8],
        log: &mut Log,
        out: &mut Outputs<P>,
    ) -> Result<Step, String> {
        let number = log.newest.header.number;
        match Header::parse(bytes, number) {
            Some(header) if !self.is_last(header.next) => {
                log.newest = Segment::new(header);
                continues(log)?;
                let file = hint_name(number);
                let read = DiskCommand::Read { file, offset: 0, length: LONGEST };
                out.disk(read, P::op(StoreOp::HintRead));
                Ok(Step::Asked)
            }
            _ => Ok(read_whole(log, out)),
        }
    }

    fn hint<P: Embeds<Store>>(
        &mut self,
        bytes: &[u8],
        log: &mut Log,
        out: &mut Outputs<P>,
    ) -> Result<Step, String> {
        let Some(hint) = hint::open(bytes, &log.newest.header) else {
            return Ok(read_whole(log, out));
        };
        hint.known().for_each(|known| log.apply(known));
        log.newest.marks = hint.marks().collect();
        (log.newest.length, log.next) = (hint.length, hint.next);
        self.sealed(log, out)
    }

    fn segment<P: Embeds<Store>>(
        &mut self,
        bytes: &[u8],
        log: &mut Log,
        out: &mut Outputs<P>,
    ) -> Result<Step, String> {
        let number = log.newest.header.number;
        let header = Header::parse(bytes, number);
        let newest = self.is_last(header.map_or(number + 1, |header| header.next));
        log.newest = Segment::new(header.unwrap_or(Header::new(number, log.next)));
        continues(log)?;
        let end = if header.is_some() { replay(bytes, log) } else { 0 };
        let lost = || format!("segment-{number} was damaged where it was durable once, at {end}");
        if (end as usize) < bytes.len() || end == 0 {
            let at = At { segment: number, offset: end };
            // One that has a hint was complete once.
            let complete = end == 0 && self.hints.contains(&number);
            if !newest || complete || frame::was_synced(&bytes[end as usize..], at) {
                return Err(lost());
            }
        }
        log.newest.length = end;
        if (end as usize) < bytes.len() {
            out.note(P::note(Cut));
        }
        if newest {
            return Ok(Step::Restore(self.finish(&bytes[..end as usize], log)));
        }
        self.sealed(log, out)
    }

    /// A segment that is followed by another was read.
    fn sealed<P: Embeds<Store>>(
        &mut self,
        log: &mut Log,
        out: &mut Outputs<P>,
    ) -> Result<Step, String> {
        let header = log.newest.header;
        self.forget_until(&header);
        if !log.known.is_empty() {
            let bytes = hint::of(&log.newest, log.next, &log.known);
            let replace =
                DiskCommand::Replace { file: hint_name(header.number), parts: bytes.into() };
            out.disk(replace, P::op(StoreOp::HintPut));
        }
        log.seal();
        self.visit(log, out)
    }

    /// What a compaction put into this segment is still where it came from.
    fn forget_until(&mut self, header: &Header) {
        self.cleaned = self.cleaned.max(header.cleaned);
        let between = header.number + 1..header.next;
        self.outdated.extend(self.segments.range(between.clone()).copied().map(segment_name));
        self.outdated.extend(self.hints.range(between).copied().map(hint_name));
    }

    /// The newest segment was read: as it is to be from now on.
    fn finish(&mut self, sound: &[u8], log: &mut Log) -> Bytes {
        let header = &mut log.newest.header;
        self.forget_until(&header.clone());
        header.rewrites += 1;
        if header.number < self.cleaned {
            // New removals must come after what was cleaned: they go into another segment.
            header.next = header.next.max(self.cleaned);
        }
        let mut bytes = BytesMut::with_capacity(sound.len() + frame::OVERHEAD);
        bytes.extend_from_slice(&header.bytes());
        bytes.extend_from_slice(sound.get(HEADER as usize..).unwrap_or_default());
        // A frame without entries says that all before it is durable.
        let at = At { segment: header.number, offset: bytes.len() as u32 };
        frame::open(&mut bytes, at, at.offset, log.next).close(&mut bytes);
        bytes.freeze()
    }
}

/// Numbers have no gap between segments: if a file was cut between two frames, the next segment shows it.
fn continues(log: &Log) -> Result<(), String> {
    let Header { number, first, .. } = log.newest.header;
    let sound = first == log.next;
    sound.then_some(()).ok_or_else(|| format!("what was before segment-{number} is there in part"))
}

fn read_whole<P: Embeds<Store>>(log: &Log, out: &mut Outputs<P>) -> Step {
    let file = segment_name(log.newest.header.number);
    let read = DiskCommand::Read { file, offset: 0, length: LONGEST };
    out.disk(read, P::op(StoreOp::SegmentRead));
    Step::Asked
}

/// Applies the frames of a segment; up to where they are sound.
fn replay(bytes: &[u8], log: &mut Log) -> u32 {
    let segment = log.newest.header.number;
    let mut offset = HEADER;
    while let Parsed::Frame(frame) = frame::parse(&bytes[offset as usize..], At { segment, offset })
    {
        match frame.length() {
            frame::OVERHEAD => log.next = log.next.max(frame.first),
            _ => log.newest.mark(offset, frame.first),
        }
        for (number, offset, entry) in frame.entries() {
            let (key, length) = (KeyHash::of(entry.key), entry.length() as u32);
            let known = Known { key, offset, length, removed: entry.value.is_none() };
            log.apply(known);
            log.known.push(known);
            log.next = number + 1;
        }
        offset += frame.length() as u32;
    }
    offset
}
