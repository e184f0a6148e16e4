//! Reading: from memory, or from the disk, where it waits for nobody's sync.
//!
//! The law: whole batches, in order, and the first however long it is. What comes from the disk is checked.
//!
//! A read of the disk begins at the mark before its offset, and passes over what lies between. It goes to one segment;
//! whoever wants more asks again. What was cut off or deleted meanwhile has it asked anew.

use bytes::Bytes;
use journal::{Format, Parsed, Place};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Outputs};

use super::frame::{self, Frames};
use super::segment::Segment;
use super::{Finding, HoldsLogs, Log, LogEvent, LogOp, WAY_OUT};
use log_protocol::batch::Batch;
use log_protocol::words::Offset;

/// The disk does not have what it had, or shows something else; [`LogEvent::Damaged`] says what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// What can be said at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// These, from memory; none where there is nothing to read.
    Batches(Vec<Batch>),
    /// The disk is asked: [`LogEvent::Read`] follows.
    Later,
    /// The offset is before the start of the log, or behind its end.
    OutOfRange,
}

/// A read that the disk was asked for.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) want: Want,
    /// When it was asked for.
    pub(super) cuts: u64,
    /// So many bytes from there, and where the part of the file ends that can be read.
    pub(super) at: Place,
    pub(super) length: u64,
    pub(super) readable: u64,
}

/// What is wanted from the disk.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) from: Offset,
    pub(super) below: Offset,
    pub(super) max_bytes: u32,
    pub(super) whom: Whom,
}

/// Who wants it.
#[derive(Clone, Debug)]
pub(super) enum Whom {
    Reader {
        token: u64,
    },
    Finder(Finding),
    /// A cut, which must know where its offset lies.
    Cut,
}

/// What bytes from the disk say.
enum Scanned {
    Found(Vec<(Place, Batch)>),
    /// The first batch that is wanted begins there, and is so long.
    Longer(Place, u64),
    Unsound(Place),
}

impl Log {
    /// Batches from the one on that has this offset, which end at or before `below`, about so many bytes of them.
    pub fn read<P: HoldsLogs>(
        &mut self,
        from: Offset,
        below: Offset,
        max_bytes: u32,
        token: u64,
        out: &mut Outputs<P>,
    ) -> Read {
        if !(self.start..=self.end).contains(&from) {
            return Read::OutOfRange;
        }
        if let Some(batches) = self.at_hand(from, below, max_bytes) {
            return Read::Batches(batches);
        }
        self.ask_disk(Want { from, below, max_bytes, whom: Whom::Reader { token } }, out);
        Read::Later
    }

    /// What is in memory; nothing where the disk must be asked.
    pub(super) fn at_hand(
        &self,
        from: Offset,
        below: Offset,
        max_bytes: u32,
    ) -> Option<Vec<Batch>> {
        if from >= below.min(self.end) {
            return Some(Vec::new());
        }
        let mut most = Most { bytes: 0, most: u64::from(max_bytes) };
        let batches = self.tail.from(from)?;
        let wanted = batches.take_while(|batch| batch.next_offset() <= below && most.takes(batch));
        Some(wanted.cloned().collect())
    }

    /// Asks the disk. There is a segment that has the offset.
    pub(super) fn ask_disk<P: HoldsLogs>(&mut self, want: Want, out: &mut Outputs<P>) {
        let Some(segment) = self.segments.with(want.from) else {
            return self.give(want, Vec::new(), out);
        };
        // Behind that there may be what is being cut off.
        let want = Want { below: want.below.min(segment.end), ..want };
        let mark = segment.before(want.from);
        let at = Place { file: segment.file, offset: mark.position };
        let readable = self.readable(segment);
        let length = u64::from(want.max_bytes) + 2 * u64::from(self.limits.index_bytes);
        self.ask_from(at, length, Reading { want, cuts: self.cuts, at, length, readable }, out);
    }

    /// How much of a segment is written for sure: what is in memory may not be.
    pub(super) fn readable(&self, segment: &Segment) -> u64 {
        match self.tail.first_place() {
            Some(first) if first.file == segment.file => first.offset,
            _ => segment.length,
        }
    }

    /// Asks for so many bytes from there; the number of the read.
    pub(super) fn ask_from<P: HoldsLogs>(
        &mut self,
        at: Place,
        length: u64,
        reading: Reading,
        out: &mut Outputs<P>,
    ) -> u64 {
        let length = length.min(reading.readable - at.offset);
        let command =
            DiskCommand::Read { file: self.files.name(at.file), offset: at.offset, length };
        let number = self.next_read;
        self.next_read += 1;
        self.reads.insert(number, Reading { at, length, ..reading });
        out.disk(command, self.op::<P>(LogOp::Read(number)));
        number
    }

    /// A read of the disk ended.
    pub(super) fn has_read<P: HoldsLogs>(
        &mut self,
        number: u64,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) {
        let Some(reading) = self.reads.remove(&number) else { return };
        let is_cut = matches!(reading.want.whom, Whom::Cut);
        if is_cut && self.seek.as_ref().is_none_or(|seek| seek.read != Some(number)) {
            return;
        }
        let is_gone = || self.segments.iter().all(|segment| segment.file != reading.at.file);
        let is_old = reading.cuts != self.cuts || result == Err(DiskError::NotFound) && is_gone();
        if is_old && !is_cut {
            return self.ask_again(reading.want, out);
        }
        let scanned = match result {
            Ok(DiskAnswer::Bytes(bytes)) if bytes.len() as u64 == reading.length => {
                self.scan(&reading, bytes)
            }
            _ => Scanned::Unsound(reading.at),
        };
        match scanned {
            Scanned::Found(found) if is_cut => self.cut_found(found.into_iter().next()),
            Scanned::Found(found) => {
                let batches = found.into_iter().map(|(_, batch)| batch).collect();
                self.give(reading.want, batches, out);
            }
            Scanned::Longer(at, length) => {
                let number = self.ask_from(at, length, reading, out);
                self.seek.iter_mut().filter(|_| is_cut).for_each(|seek| seek.read = Some(number));
            }
            Scanned::Unsound(Place { file, offset }) => {
                let (name, length) = (self.files.name(file), reading.length);
                let why = format!(
                    "{name} is not what was written, in {length} bytes from {offset} on: {WAY_OUT}"
                );
                self.events.push_back(LogEvent::Damaged(why));
                if let Whom::Reader { token } = reading.want.whom {
                    self.events.push_back(LogEvent::Read { token, batches: Err(Damaged) });
                }
            }
        }
    }

    /// The log has changed: it may be that there is nothing to read any more.
    fn ask_again<P: HoldsLogs>(&mut self, want: Want, out: &mut Outputs<P>) {
        match self.at_hand(want.from, want.below, want.max_bytes) {
            _ if want.from < self.start => self.give(want, Vec::new(), out),
            Some(batches) => self.give(want, batches, out),
            None => self.ask_disk(want, out),
        }
    }

    fn scan(&self, reading: &Reading, mut rest: Bytes) -> Scanned {
        let Want { from, below, max_bytes, .. } = reading.want;
        let mut most = Most { bytes: 0, most: u64::from(max_bytes) };
        let (mut at, mut found) = (reading.at, Vec::new());
        while at.offset < reading.readable {
            let length = match (Frames { log: self.number }.parse(at, &rest)) {
                Parsed::Frame(length) => length,
                Parsed::Short(_) if !found.is_empty() => break,
                Parsed::Short(needed) if at.offset + needed as u64 <= reading.readable => {
                    return Scanned::Longer(at, needed as u64 + u64::from(max_bytes));
                }
                Parsed::Short(_) | Parsed::Unsound => return Scanned::Unsound(at),
            };
            let batch = frame::batch(rest.split_to(length));
            if batch.next_offset() > from {
                if batch.next_offset() > below || !most.takes(&batch) {
                    break;
                }
                found.push((at, batch));
            }
            at = at.after(length as u64);
        }
        Scanned::Found(found)
    }

    fn give<P: HoldsLogs>(&mut self, want: Want, batches: Vec<Batch>, out: &mut Outputs<P>) {
        match want.whom {
            Whom::Reader { token } => {
                self.events.push_back(LogEvent::Read { token, batches: Ok(batches) });
            }
            Whom::Finder(finding) => self.found_more(finding, &batches, out),
            Whom::Cut => {}
        }
    }
}

/// How much fits.
struct Most {
    bytes: u64,
    most: u64,
}

impl Most {
    /// Does this one, behind those before it? The first always does.
    fn takes(&mut self, batch: &Batch) -> bool {
        let first = self.bytes == 0;
        self.bytes += u64::from(batch.length());
        first || self.bytes <= self.most
    }
}
