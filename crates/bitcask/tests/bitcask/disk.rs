//! A disk that lies, at the moment that a test picks: operations wait until they are let through, and a
//! crash does to what was not synced whatever may be done to it.

use std::collections::{BTreeMap, VecDeque};

use bitcask::{Cut, Store, StoreOp};
use bytes::Bytes;
use journal::{BOUND, JournalTimer};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Output, Outputs, Random};
use rand::RngExt;

const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<Dirty>,
    linked: bool,
}

#[derive(Clone, Debug)]
enum Dirty {
    Write(usize, Bytes),
    Truncate(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) files: BTreeMap<String, File>,
    /// No file grows.
    pub(crate) full: bool,
    /// So many bytes in all.
    pub(crate) written: usize,
    waiting: VecDeque<(DiskCommand, StoreOp)>,
    pub(crate) timers: Vec<JournalTimer>,
}

impl Disk {
    pub(crate) fn ask(&mut self, out: &mut Outputs<Store>) {
        for output in out.drain() {
            match output {
                Output::Disk { command, op } => self.waiting.push_back((*command, op)),
                // It cut off what a crash tore.
                Output::Note(Cut) => {}
                Output::SetTimer { timer, .. } => {
                    self.timers.retain(|set| *set != timer);
                    self.timers.push(timer);
                }
                other => panic!("a store asks its disk, and no more: {other:?}"),
            }
        }
    }

    /// Carries out the next operation.
    pub(crate) fn next(&mut self) -> Option<(StoreOp, DiskResult)> {
        let (command, op) = self.waiting.pop_front()?;
        Some((op, self.perform(command)))
    }

    /// Carries out what comes next, and does not tell yet, where it puts a segment in another's place.
    pub(crate) fn replaces_untold(&mut self) -> bool {
        let Some((DiskCommand::Replace { file, parts }, _)) = self.waiting.front() else {
            return false;
        };
        let (file, bytes) = (file.clone(), parts.joined());
        let is_segment = file.starts_with("segment") && !self.full;
        if is_segment {
            self.put(&file, &bytes);
        }
        is_segment
    }

    /// Carries out the next read, before all that changes anything.
    pub(crate) fn next_read(&mut self) -> Option<(StoreOp, DiskResult)> {
        let is_read = |(command, _): &(DiskCommand, _)| matches!(command, DiskCommand::Read { .. });
        let (command, op) = self.waiting.remove(self.waiting.iter().position(is_read)?)?;
        Some((op, self.perform(command)))
    }

    pub(crate) fn perform(&mut self, command: DiskCommand) -> DiskResult {
        let grows = match &command {
            DiskCommand::Write { file, offset, parts } => {
                let length = self.files.get(&**file).map_or(0, |file| file.seen.len());
                *offset as usize + parts.len() > length
            }
            command => matches!(command, DiskCommand::Replace { .. }),
        };
        if grows && self.full {
            return Err(DiskError::Full);
        }
        if let DiskCommand::Write { parts, .. } | DiskCommand::Replace { parts, .. } = &command {
            self.written += parts.len();
        }
        match command {
            DiskCommand::Write { file, offset, parts } => {
                let bytes = parts.joined();
                let file = self.files.entry(file.into()).or_default();
                put(&mut file.seen, offset as usize, &bytes);
                file.dirty.push(Dirty::Write(offset as usize, bytes));
            }
            DiskCommand::Sync { file, .. } => {
                let file = self.files.get_mut(&*file).ok_or(DiskError::NotFound)?;
                for dirty in file.dirty.drain(..) {
                    match dirty {
                        Dirty::Write(offset, bytes) => put(&mut file.durable, offset, &bytes),
                        Dirty::Truncate(length) => file.durable.truncate(length),
                    }
                }
                file.linked = true;
            }
            DiskCommand::Read { file, offset, length } => {
                let seen = &self.files.get(&*file).ok_or(DiskError::NotFound)?.seen;
                let from = (offset as usize).min(seen.len());
                let to = from.saturating_add(length as usize).min(seen.len());
                return Ok(DiskAnswer::Bytes(Bytes::copy_from_slice(&seen[from..to])));
            }
            DiskCommand::Replace { file, parts } => {
                self.put(&file, &parts.joined());
            }
            DiskCommand::Delete { file } => {
                self.files.remove(&*file).ok_or(DiskError::NotFound)?;
            }
            DiskCommand::List { prefix } => {
                let names = self.files.keys().filter(|name| name.starts_with(&*prefix));
                return Ok(DiskAnswer::Names(names.cloned().collect()));
            }
            DiskCommand::Length { file } => {
                let file = self.files.get(&*file).ok_or(DiskError::NotFound)?;
                return Ok(DiskAnswer::Length(file.seen.len() as u64));
            }
            DiskCommand::Truncate { file, length } => {
                let file = self.files.get_mut(&*file).ok_or(DiskError::NotFound)?;
                file.seen.truncate(length as usize);
                file.dirty.push(Dirty::Truncate(length as usize));
            }
            DiskCommand::Allocate { .. } => panic!("a store never asks that"),
        }
        Ok(DiskAnswer::Done)
    }

    /// The process died: the page cache survives. With `power` it does not: of what was not synced any
    /// part may be there. Some of the operations on their way got through.
    pub(crate) fn crash(&mut self, power: bool, random: &mut Random) {
        for _ in 0..random.random_range(0..=self.waiting.len()) {
            self.next();
        }
        self.waiting.clear();
        self.files.retain(|_, file| {
            if !power {
                return true;
            }
            for dirty in std::mem::take(&mut file.dirty) {
                let Dirty::Write(offset, bytes) = dirty else {
                    if let (Dirty::Truncate(length), true) = (dirty, random.random_bool(0.5)) {
                        file.durable.truncate(length);
                    }
                    continue;
                };
                // Sectors arrive in any order.
                let mut start = 0;
                while start < bytes.len() {
                    let end = (start + SECTOR - (offset + start) % SECTOR).min(bytes.len());
                    if random.random_bool(0.5) {
                        put(&mut file.durable, offset + start, &bytes[start..end]);
                    }
                    start = end;
                }
            }
            file.seen.clone_from(&file.durable);
            file.linked |= random.random_bool(0.5);
            file.linked
        });
    }

    /// How many bytes there are, besides the bound.
    pub(crate) fn size(&self) -> usize {
        let kept = self.files.iter().filter(|(name, _)| *name != BOUND);
        kept.map(|(_, file)| file.seen.len()).sum()
    }

    /// Puts a file there, durably.
    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) {
        let (seen, durable) = (bytes.to_vec(), bytes.to_vec());
        let file = File { seen, durable, dirty: Vec::new(), linked: true };
        self.files.insert(name.to_owned(), file);
    }

    /// Flips bits, or cuts or exchanges files: what no crash does.
    pub(crate) fn harm(&mut self, random: &mut Random) {
        let names: Vec<String> = self.files.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let mut any = || names[random.random_range(0..names.len())].clone();
        let (name, other) = (any(), any());
        let copy = self.files[&other].clone();
        let Some(file) = self.files.get_mut(&name) else { return };
        match random.random_range(0..8) {
            0 => {
                let length = random.random_range(0..=file.seen.len());
                file.seen.truncate(length);
            }
            1 => *file = copy,
            2 => {
                self.files.remove(&name);
            }
            3 if !file.seen.is_empty() => {
                let from = random.random_range(0..file.seen.len());
                let to = random.random_range(from..=file.seen.len());
                file.seen[from..to].fill(0);
            }
            4 => file.seen.extend_from_slice(&copy.seen),
            _ if !file.seen.is_empty() => {
                let at = random.random_range(0..file.seen.len());
                file.seen[at] ^= 1 << random.random_range(0..8);
            }
            _ => {}
        }
        self.files.values_mut().for_each(|file| file.durable.clone_from(&file.seen));
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    content.resize(content.len().max(end), 0);
    content[offset..end].copy_from_slice(bytes);
}
