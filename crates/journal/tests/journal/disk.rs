//! A disk that lies as disks do: files are not ordered with each other, and a crash does to what was not synced
//! whatever may be done to it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use journal::JournalOp;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Random};
use rand::RngExt;

const SECTOR: usize = 16;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct File {
    pub(crate) seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<Dirty>,
    linked: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Dirty {
    Write(usize, Bytes),
    Truncate(usize),
}

/// `Op` is what its owner says of each operation.
#[derive(Clone, Debug)]
pub(crate) struct Disk<Op = JournalOp> {
    pub(crate) files: BTreeMap<String, File>,
    /// No file grows.
    pub(crate) full: bool,
    /// And none is written over, since it is copied then.
    pub(crate) copies: bool,
    /// The next sync fails: the page cache believes that it went well.
    pub(crate) fails: bool,
    /// Of each file, in order; lists and reads of a folder have none.
    waiting: BTreeMap<String, VecDeque<(DiskCommand, Op)>>,
    /// What was carried out, for tests of the order.
    pub(crate) done: Vec<DiskCommand>,
}

impl<Op> Default for Disk<Op> {
    fn default() -> Disk<Op> {
        Disk {
            files: BTreeMap::new(),
            full: false,
            copies: false,
            fails: false,
            waiting: BTreeMap::new(),
            done: Vec::new(),
        }
    }
}

impl<Op> Disk<Op> {
    pub(crate) fn of(first: impl IntoIterator<Item = (String, Bytes)>) -> Disk<Op> {
        let mut disk = Disk::default();
        for (name, bytes) in first {
            disk.put(&name, bytes.to_vec());
        }
        disk
    }

    /// Puts a file there, durably.
    pub(crate) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let file = File { durable: bytes.clone(), seen: bytes, dirty: Vec::new(), linked: true };
        self.files.insert(name.to_owned(), file);
    }

    pub(crate) fn length(&self, name: &str) -> usize {
        self.files.get(name).map_or(0, |file| file.seen.len())
    }

    pub(crate) fn cut(&mut self, name: &str, length: usize) {
        let mut bytes = self.files[name].seen.clone();
        bytes.truncate(length);
        self.put(name, bytes);
    }

    pub(crate) fn flip(&mut self, name: &str, at: usize) {
        let mut bytes = self.files[name].seen.clone();
        bytes[at] ^= 1;
        self.put(name, bytes);
    }

    pub(crate) fn ask(&mut self, command: DiskCommand, op: Op) {
        let file = command.file().map_or_else(String::new, |name| name.to_string());
        self.waiting.entry(file).or_default().push_back((command, op));
    }

    /// The process died, and nothing that was on its way got through.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn waits(&self) -> Vec<String> {
        let some = self.waiting.iter().filter(|(_, waiting)| !waiting.is_empty());
        some.map(|(file, _)| file.clone()).collect()
    }

    /// Carries out the next operation of some file.
    pub(crate) fn next(&mut self, random: &mut Random) -> Option<(Op, DiskResult)> {
        let files = self.waits();
        let file = files.get(random.random_range(0..files.len().max(1)))?.clone();
        self.next_of(&file)
    }

    /// Carries out the next operation of this file.
    pub(crate) fn next_of(&mut self, file: &str) -> Option<(Op, DiskResult)> {
        let (command, op) = self.waiting.get_mut(file)?.pop_front()?;
        Some((op, self.perform(command)))
    }

    fn perform(&mut self, command: DiskCommand) -> DiskResult {
        self.done.push(command.clone());
        let needs_space = match &command {
            DiskCommand::Write { file, offset, parts } => {
                self.copies || *offset as usize + parts.len() > self.length(file)
            }
            DiskCommand::Replace { .. } => true,
            _ => false,
        };
        if needs_space && self.full {
            return Err(DiskError::Full);
        }
        match command {
            DiskCommand::Write { file, offset, parts } => {
                let file = self.files.entry(file.into()).or_default();
                file.dirty.push(Dirty::Write(offset as usize, parts.joined()));
                put(&mut file.seen, offset as usize, &parts.joined());
            }
            DiskCommand::Truncate { file, length } => {
                let file = self.files.get_mut(&*file).ok_or(DiskError::NotFound)?;
                file.seen.truncate(length as usize);
                file.dirty.push(Dirty::Truncate(length as usize));
            }
            DiskCommand::Sync { file, data_only } => {
                let file = self.files.get_mut(&*file).ok_or(DiskError::NotFound)?;
                if std::mem::take(&mut self.fails) {
                    file.dirty.clear();
                    return Err(DiskError::Failed);
                }
                for dirty in file.dirty.drain(..) {
                    match dirty {
                        Dirty::Write(offset, bytes) => put(&mut file.durable, offset, &bytes),
                        Dirty::Truncate(length) => file.durable.truncate(length),
                    }
                }
                file.linked |= !data_only;
            }
            DiskCommand::Read { file, offset, length } => {
                let seen = &self.files.get(&*file).ok_or(DiskError::NotFound)?.seen;
                let from = (offset as usize).min(seen.len());
                let to = from.saturating_add(length as usize).min(seen.len());
                return Ok(DiskAnswer::Bytes(Bytes::copy_from_slice(&seen[from..to])));
            }
            DiskCommand::Length { file } => {
                let file = self.files.get(&*file).ok_or(DiskError::NotFound)?;
                return Ok(DiskAnswer::Length(file.seen.len() as u64));
            }
            DiskCommand::Replace { file, parts } => self.put(&file, parts.joined().to_vec()),
            DiskCommand::Delete { file } => {
                self.files.remove(&*file).ok_or(DiskError::NotFound)?;
            }
            DiskCommand::List { .. } => {
                return Ok(DiskAnswer::Names(self.files.keys().cloned().collect()));
            }
            DiskCommand::Allocate { .. } => panic!("a journal does not ask that"),
        }
        Ok(DiskAnswer::Done)
    }

    /// The process died: the page cache survives. With `power` it does not: of what was not synced any part may
    /// be there. Of each file some of the operations on their way got through.
    pub(crate) fn crash(&mut self, power: bool, random: &mut Random) {
        for file in self.waits() {
            for _ in 0..random.random_range(0..=self.waiting[&file].len()) {
                self.next_of(&file);
            }
        }
        self.waiting.clear();
        if !power {
            return;
        }
        self.files.retain(|_, file| {
            for dirty in std::mem::take(&mut file.dirty) {
                match dirty {
                    Dirty::Truncate(length) if random.random_bool(0.5) => {
                        file.durable.truncate(length);
                    }
                    Dirty::Truncate(_) => {}
                    Dirty::Write(offset, bytes) => {
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
                }
            }
            file.seen.clone_from(&file.durable);
            file.linked |= random.random_bool(0.5);
            file.linked
        });
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    content.resize(content.len().max(end), 0);
    content[offset..end].copy_from_slice(bytes);
}
