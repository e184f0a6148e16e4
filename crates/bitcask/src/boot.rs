//! What a store finds after a boot: its segments, one after the other, and from them the index.
//!
//! That none is missing or shorter than it was, and that a torn end is cut off, is the journal's to see
//! ([`journal::Bound`]). A sealed segment that has a hint is not read.

use std::collections::BTreeSet;

use bytes::Bytes;
use journal::Place;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Embeds, FileName, Outputs};

use crate::frame::{self, Parsed};
use crate::hint;
use crate::index::KeyHash;
use crate::log::Log;
use crate::segment::{HEADER, Header, Known, hint_name, segment_name};
use crate::writer::{Segments, at_of};
use crate::{Keeps, Store, StoreOp};

/// No hint is longer.
const LONGEST: u64 = 1 << 30;

/// What was found so far. While it is read, a segment is the newest of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boot {
    /// Once the journal has compared them with what there was.
    segments: Option<BTreeSet<u32>>,
    /// Once they were listed.
    hints: Option<BTreeSet<u32>>,
    /// The one that is read.
    current: u32,
    /// The largest such number in any header.
    pub(crate) cleaned: u32,
    /// Compactions put these together into others.
    pub(crate) outdated: Vec<u32>,
}

impl Boot {
    /// The journal says which segments there are.
    pub(crate) fn found<P: Keeps>(
        &mut self,
        files: &[u64],
        log: &Log,
        segments: &mut Segments,
        out: &mut Outputs<P>,
    ) {
        self.segments = Some(files.iter().map(|file| *file as u32).collect());
        self.begin(log, segments, out);
    }

    /// A disk operation of a boot ended.
    ///
    /// # Errors
    /// Why the disk cannot be trusted, as a sentence.
    pub(crate) fn ended<P: Keeps>(
        &mut self,
        op: &StoreOp,
        result: DiskResult,
        log: &mut Log,
        segments: &mut Segments,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        match (op, result) {
            (StoreOp::Listed, Ok(DiskAnswer::Names(names))) => {
                let number = |name: &String| name.strip_prefix("hint-")?.parse().ok();
                self.hints = Some(names.iter().filter_map(number).collect());
                self.begin(log, segments, out);
            }
            (StoreOp::HeaderRead, Ok(DiskAnswer::Bytes(bytes))) => {
                match Header::parse(&bytes, self.current) {
                    Some(header) => {
                        self.header(header, log)?;
                        let file = hint_name(self.current);
                        let read = DiskCommand::Read { file, offset: 0, length: LONGEST };
                        out.disk(read, <P as Embeds<Store>>::op(StoreOp::HintRead));
                    }
                    None => segments.read(self.current.into(), out),
                }
            }
            (StoreOp::HintRead, Ok(DiskAnswer::Bytes(bytes))) => {
                let Some(hint) = hint::open(&bytes, &log.newest.header) else {
                    segments.read(self.current.into(), out);
                    return Ok(());
                };
                hint.known().for_each(|known| log.apply(known));
                log.newest.marks = hint.marks().collect();
                (log.newest.length, log.next) = (hint.length, hint.next);
                self.visit(log.newest.header.next, segments, out);
            }
            (StoreOp::HintRead, Err(DiskError::NotFound)) => {
                segments.read(self.current.into(), out);
            }
            (_, result) => {
                let error = result.err().unwrap_or(DiskError::Failed);
                return Err(format!("the store could not be read: {error}"));
            }
        }
        Ok(())
    }

    fn begin<P: Keeps>(&mut self, log: &Log, segments: &mut Segments, out: &mut Outputs<P>) {
        let known =
            self.hints.is_some() && self.segments.as_ref().is_some_and(|all| !all.is_empty());
        if known && self.current == 0 {
            self.visit(log.newest.header.number, segments, out);
        }
    }

    /// Reads the next segment from this number on: by its hint, if there is one. The newest one is always read.
    fn visit<P: Keeps>(&mut self, from: u32, segments: &mut Segments, out: &mut Outputs<P>) {
        let Some(all) = &self.segments else { return };
        let Some(&newest) = all.last() else { return };
        self.current = all.range(from..).next().copied().unwrap_or(newest);
        let has_hint = self.hints.as_ref().is_some_and(|hints| hints.contains(&self.current));
        if !has_hint || self.current == newest {
            return segments.read(self.current.into(), out);
        }
        let (file, length) = (segment_name(self.current), u64::from(HEADER));
        let read = DiskCommand::Read { file, offset: 0, length };
        out.disk(read, <P as Embeds<Store>>::op(StoreOp::HeaderRead));
    }

    /// A segment begins so.
    fn header(&mut self, header: Header, log: &mut Log) -> Result<(), String> {
        if log.newest.header == header && log.newest.length == 0 {
            // Its hint is not what was written: it was begun already.
            return Ok(());
        }
        // Numbers have no gap between segments.
        if header.first != log.next {
            return Err(format!("what was before segment-{} is there in part", header.number));
        }
        log.seal(header);
        self.cleaned = self.cleaned.max(header.cleaned);
        // What a compaction put into this segment is still where it came from.
        let between = header.number + 1..header.next;
        self.outdated.extend(self.segments.iter().flat_map(|all| all.range(between.clone())));
        Ok(())
    }

    /// Is it one that a compaction put into another?
    fn is_outdated(&self, file: u64) -> bool {
        self.outdated.iter().any(|number| u64::from(*number) == file)
    }

    /// A header, or a frame, was read.
    ///
    /// # Errors
    /// As [`Boot::ended`].
    pub(crate) fn frame(&mut self, at: Place, bytes: &Bytes, log: &mut Log) -> Result<(), String> {
        let there = at_of(at);
        if self.is_outdated(at.file) {
            return Ok(());
        }
        if at.offset == 0 {
            return Header::parse(bytes, there.segment)
                .map_or(Ok(()), |header| self.header(header, log));
        }
        let Parsed::Frame(frame) = frame::parse(bytes, there) else { return Ok(()) };
        match frame.length() {
            frame::OVERHEAD => log.next = log.next.max(frame.first),
            _ => log.newest.mark(there.offset, frame.first),
        }
        for (number, offset, entry) in frame.entries() {
            let (key, length) = (KeyHash::of(entry.key), entry.length() as u32);
            let known = Known { key, offset, length, removed: entry.value.is_none() };
            log.apply(known);
            log.known.push(known);
            log.next = number + 1;
        }
        Ok(())
    }

    /// A segment was read to its end. The newest one is followed by [`journal::Event::Ready`].
    ///
    /// # Errors
    /// As [`Boot::ended`].
    pub(crate) fn end<P: Keeps>(
        &mut self,
        end: Place,
        log: &mut Log,
        segments: &mut Segments,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let newest = self.segments.as_ref().and_then(|all| all.last()) == Some(&self.current);
        if !self.is_outdated(end.file) && end.offset > 0 {
            log.newest.length = end.offset as u32;
            put_hint(log, out);
        } else if !newest {
            return Err(format!("segment-{} was damaged where it was durable once", end.file));
        }
        if !newest {
            self.visit(log.newest.header.next, segments, out);
        }
        Ok(())
    }

    /// Hints of segments that are no more.
    pub(crate) fn outdated_hints(&self, log: &Log) -> Vec<FileName> {
        let hints = self.hints.iter().flatten();
        hints.filter(|hint| log.segment(**hint).is_none()).map(|hint| hint_name(*hint)).collect()
    }
}

/// What is known of the newest segment, which is complete, is put beside it.
pub(crate) fn put_hint<P: Keeps>(log: &Log, out: &mut Outputs<P>) {
    let parts = hint::of(&log.newest, log.next, &log.known).into();
    let replace = DiskCommand::Replace { file: hint_name(log.newest.header.number), parts };
    out.disk(replace, <P as Embeds<Store>>::op(StoreOp::HintPut));
}
