//! Scanning: the log from its beginning to its end, a page at a time.
//!
//! Entries are numbered as they are written, and keep their numbers when they are compacted: the next
//! page begins after the number of the last entry seen.

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, Outputs};

use crate::frame::{self, At, Frame, Parsed};
use crate::index::{KeyHash, Location};
use crate::log::Log;
use crate::segment::{HEADER, Segment, segment_name};
use crate::{Change, Event, Store, StoreOp};

/// The most bytes of one read, unless a frame is longer.
const CHUNK: u32 = 256 << 10;

/// A scan that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScanStep {
    ticket: u64,
    after: u64,
    until: u64,
    limit: u32,
    segment: u32,
    /// Which rewriting of the segment is read.
    rewrites: u32,
    offset: u32,
    length: u32,
}

impl ScanStep {
    pub(crate) fn segment(&self) -> u32 {
        self.segment
    }
}

/// Reads the page of this step anew, wherever its entries are now.
pub(crate) fn again<P: Embeds<Store>>(
    log: &Log,
    step: &ScanStep,
    out: &mut Outputs<P>,
) -> Option<Event> {
    start(log, (step.after, step.until), step.limit, step.ticket, out)
}

/// Begins a page of entries after this one and up to that one: with a read, or, where there is nothing to
/// read, with its end.
pub(crate) fn start<P: Embeds<Store>>(
    log: &Log,
    (after, until): (u64, u64),
    limit: u32,
    ticket: u64,
    out: &mut Outputs<P>,
) -> Option<Event> {
    let wanted = after.saturating_add(1);
    let sealed = log.sealed.values().rev().find(|segment| segment.header.first <= wanted);
    let segment = match sealed {
        _ if log.newest.header.first <= wanted => &log.newest,
        Some(segment) => segment,
        None => log.sealed.values().next().unwrap_or(&log.newest),
    };
    let At { segment: number, offset } = segment.before(wanted);
    let rewrites = segment.header.rewrites;
    let step = ScanStep {
        ticket,
        after,
        until,
        limit: limit.max(1),
        segment: number,
        rewrites,
        offset,
        length: 0,
    };
    read_on(log, step, CHUNK, out)
}

/// A part of the log was read.
pub(crate) fn ended<P: Embeds<Store>>(
    log: &Log,
    step: ScanStep,
    result: DiskResult,
    out: &mut Outputs<P>,
) -> Option<Event> {
    let ScanStep { ticket, after, until, limit, .. } = step;
    let segment = log.segment(step.segment);
    let Some(segment) = segment.filter(|segment| segment.header.rewrites == step.rewrites) else {
        // It was compacted meanwhile: the numbers are still there, elsewhere.
        return again(log, &step, out);
    };
    let bytes = match result {
        Ok(DiskAnswer::Bytes(bytes)) if bytes.len() == step.length as usize => bytes,
        _ => return Some(Event::Rotten(ticket)),
    };
    let mut page = Page { after, until, last: after, values: Vec::new(), over: false };
    let mut offset = step.offset;
    while offset < segment.length && page.values.len() < limit as usize && !page.over {
        let at = At { segment: step.segment, offset };
        match frame::parse(&bytes[(offset - step.offset) as usize..], at) {
            Parsed::Frame(frame) => {
                page.take(log, step.segment, frame, &bytes, limit);
                offset += frame.length() as u32;
            }
            Parsed::Short(_) if offset > step.offset && page.last > after => break,
            Parsed::Short(needed) if needed <= (segment.length - offset) as usize => {
                return read_on(log, ScanStep { offset, ..step }, needed as u32, out);
            }
            _ => return Some(Event::Rotten(ticket)),
        }
    }
    if page.over {
        return Some(Event::Page(ticket, page.values, None));
    }
    if page.last == after {
        // Nothing that was asked for was in it.
        return read_on(log, ScanStep { offset, ..step }, CHUNK, out);
    }
    Some(Event::Page(ticket, page.values, Some(page.last)))
}

/// Reads on from there, in this segment or the next; at the end of the log the scan is over.
fn read_on<P: Embeds<Store>>(
    log: &Log,
    mut step: ScanStep,
    length: u32,
    out: &mut Outputs<P>,
) -> Option<Event> {
    loop {
        let segment: &Segment = log.segment(step.segment)?;
        if step.offset < segment.length {
            step.length = length.min(segment.length - step.offset);
            let (file, offset) = (segment_name(step.segment), step.offset.into());
            let read = DiskCommand::Read { file, offset, length: step.length.into() };
            out.disk(read, P::op(StoreOp::Scanned(step)));
            return None;
        }
        let Some(next) = log.after(&segment.header) else {
            return Some(Event::Page(step.ticket, Vec::new(), None));
        };
        step.segment = next.header.number;
        (step.rewrites, step.offset) = (next.header.rewrites, HEADER);
    }
}

/// What was found so far.
struct Page {
    after: u64,
    until: u64,
    /// The last number that was looked at.
    last: u64,
    values: Vec<Change>,
    /// There is nothing more up to where it ends.
    over: bool,
}

impl Page {
    fn take(&mut self, log: &Log, segment: u32, frame: Frame<'_>, bytes: &Bytes, limit: u32) {
        for (number, offset, entry) in frame.entries() {
            if number <= self.after {
                continue;
            }
            self.over = number > self.until;
            if self.over || self.values.len() == limit as usize {
                return;
            }
            self.last = number;
            let location = Location { segment, offset, length: entry.length() as u32 };
            let newest = log.index.get(&KeyHash::of(entry.key));
            let shown = entry.value.is_some() || log.keep_removals;
            if shown && newest == entry.value.map(|_| location) {
                let value = entry.value.map(|value| bytes.slice_ref(value));
                self.values.push((bytes.slice_ref(entry.key), value));
            }
        }
    }
}
