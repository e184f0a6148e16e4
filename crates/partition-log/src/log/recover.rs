//! Disk to log.
//!
//! The law: only what no promise rests on is cut, which is what lies above the bound in the newest file and cannot be
//! read. All else that is missing or cannot be read is damage, and told.
//!
//! 1. The appender has compared the files with its bound, and names those that are there.
//! 2. Facts of all but the newest are read. The newest is read in full, and so is a file without facts: the one that
//!    was sealed just before the crash, as a rule.
//! 3. Batches come in order; where facts stand for a file they take its turn. Each begins where the one before ended.

use std::collections::BTreeMap;

use bytes::Bytes;
use journal::{Bound, Place};
use machine::{DiskAnswer, DiskCommand, DiskResult, Outputs};

use super::facts::Facts;
use super::{HoldsLogs, Log, LogEvent, LogOp, State, WAY_OUT, frame};
use log_protocol::words::Offset;

/// More facts of one file there cannot be.
const MOST: u64 = 1 << 30;

/// How far a boot is.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    /// Files whose facts were asked for, and what was read of them.
    facts: BTreeMap<u64, Option<Facts>>,
    /// How many are not read yet.
    waits: usize,
    newest: u64,
    /// Something does not follow what lies before it: nothing behind that is believed.
    stopped: bool,
}

impl Log {
    /// 1. These files are there.
    pub(super) fn found<P: HoldsLogs>(&mut self, files: Vec<u64>, out: &mut Outputs<P>) {
        let State::Booting(boot) = &mut self.state else { return };
        let Some((newest, sealed)) = files.split_last() else { return };
        (boot.newest, boot.waits) = (*newest, sealed.len());
        boot.facts = sealed.iter().map(|file| (*file, None)).collect();
        for file in sealed {
            let name = self.facts_name(*file);
            let read = DiskCommand::Read { file: name, offset: 0, length: MOST };
            out.disk(read, self.op::<P>(LogOp::Facts(*file)));
        }
        if sealed.is_empty() {
            self.files.read(*newest, out);
        }
    }

    /// 2. The facts of a file were read, if there are any.
    pub(super) fn facts_read<P: HoldsLogs>(
        &mut self,
        file: u64,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) {
        let (number, length) = (self.number, self.files.files().get(&file).copied());
        let State::Booting(boot) = &mut self.state else { return };
        if let Ok(DiskAnswer::Bytes(bytes)) = result {
            let facts = Facts::decode(&bytes, number).ok();
            let is_of =
                |facts: &Facts| (facts.segment.file, Some(facts.segment.length)) == (file, length);
            boot.facts.insert(file, facts.filter(is_of));
        }
        boot.waits -= 1;
        if boot.waits == 0 {
            let without = boot.facts.iter().filter(|(_, facts)| facts.is_none());
            let read: Vec<u64> = without.map(|(file, _)| *file).chain([boot.newest]).collect();
            read.into_iter().for_each(|file| self.files.read(file, out));
        }
    }

    /// 3. A batch was read.
    pub(super) fn recovered(&mut self, at: Place, bytes: Bytes) {
        self.take_facts(at.file);
        let batch = frame::batch(bytes);
        if !self.follows(batch.base_offset()) {
            return;
        }
        if self.segments.last().is_none_or(|last| last.file != at.file) {
            self.segments.begin(at.file, batch.base_offset());
        }
        self.segments.note(&batch, at.offset, self.limits.index_bytes);
        self.epochs.note(&batch);
        self.producers.note(&batch);
        self.end = batch.next_offset();
    }

    /// A file ends there, where more was written.
    pub(super) fn torn(&mut self, at: Place, bytes: u64) {
        self.events.push_back(LogEvent::Cut { bytes });
        self.take_facts(at.file);
        if let State::Booting(boot) = &mut self.state {
            boot.stopped = true;
        }
    }

    /// Facts of the files before this one stand for these.
    fn take_facts(&mut self, before: u64) {
        let State::Booting(boot) = &mut self.state else { return };
        let later = boot.facts.split_off(&before);
        let facts = std::mem::replace(&mut boot.facts, later);
        for Facts { segment, epochs, producers } in facts.into_values().flatten() {
            if !self.follows(segment.base) {
                return;
            }
            self.end = segment.end;
            self.segments.push(segment);
            epochs.into_iter().for_each(|(epoch, from)| self.epochs.begin(epoch, from));
            self.producers = producers;
        }
    }

    /// Does what begins with this offset follow what came before it?
    fn follows(&mut self, base: Offset) -> bool {
        let State::Booting(boot) = &mut self.state else { return false };
        boot.stopped |= self.segments.first().is_some() && base != self.end;
        !boot.stopped
    }

    /// All was read; or all that there was is given up.
    pub(super) fn ready(&mut self, bound: &Bound) {
        self.take_facts(u64::MAX);
        self.drop_facts(bound);
        match std::mem::replace(&mut self.state, State::Open) {
            State::Booting(_) => self.booted(),
            _ => self.is_cut(self.end),
        }
    }

    fn booted(&mut self) {
        self.start = self.segments.first().map_or(0, |first| first.base);
        (self.written, self.synced) = (self.end, self.end);
        let left = self.segments.last().map(|last| Place { file: last.file, offset: last.length });
        let left = left.unwrap_or_default();
        let is_beyond = |(file, length): &(&u64, &u64)| {
            **length > if **file == left.file { left.offset } else { 0 }
        };
        let beyond = self.files.files().range(left.file..).find(is_beyond).map(|(file, _)| *file);
        if let Some(file) = beyond {
            if self.protections.heeds_rot {
                let (name, end) = (self.files.name(file), self.end);
                return self.damaged(format!(
                    "{name} is there, and what comes before it ends at offset {end}: {WAY_OUT}"
                ));
            }
            self.cut_files(if left.file == 0 { Place { file, offset: 0 } } else { left });
        }
        self.drop_empty();
        self.events.push_back(LogEvent::Ready);
        if self.deletes {
            self.restart_at(self.end);
        }
    }
}
