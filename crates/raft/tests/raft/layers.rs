//! A disk of two layers: what is written is read at once, and on the device when it is synced. Operations on
//! different files end in any order.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName, MemoryDisk, Parts};
use raft::{Groups, GroupsOp};

#[derive(Clone)]
pub(crate) struct LayeredDisk {
    /// As a process reads it.
    seen: MemoryDisk,
    device: MemoryDisk,
    /// What the device lacks, in order.
    unsynced: Vec<DiskCommand>,
    asked: Vec<(DiskCommand, GroupsOp)>,
    full: bool,
}

/// Does it change its file, or what the device has of it?
fn changes(command: &DiskCommand) -> bool {
    !matches!(
        command,
        DiskCommand::Read { .. } | DiskCommand::Length { .. } | DiskCommand::List { .. }
    )
}

impl LayeredDisk {
    /// As groups begin.
    pub(crate) fn new() -> LayeredDisk {
        let disk = MemoryDisk::with(Groups::first_files());
        let (unsynced, asked) = (Vec::new(), Vec::new());
        LayeredDisk { seen: disk.clone(), device: disk, unsynced, asked, full: false }
    }

    pub(crate) fn ask(&mut self, command: DiskCommand, op: GroupsOp) {
        self.asked.push((command, op));
    }

    /// Is an operation on its way on a file whose name begins so?
    pub(crate) fn is_asked_for(&self, prefix: &str) -> bool {
        let named = |file: &FileName| file.starts_with(prefix);
        self.asked.iter().any(|(command, _)| command.file().is_some_and(named))
    }

    /// Whether it was full before.
    pub(crate) fn set_full(&mut self, full: bool) -> bool {
        std::mem::replace(&mut self.full, full)
    }

    /// One of those operations ends that nothing on the same file is before.
    pub(crate) fn end_one(&mut self, choice: usize) -> Option<(GroupsOp, DiskResult)> {
        let is_first = |at: &usize| {
            let file = self.asked[*at].0.file();
            let of_file = |(other, _): &(DiskCommand, _)| changes(other) && other.file() == file;
            !self.asked[..*at].iter().any(of_file)
        };
        let first: Vec<usize> = (0..self.asked.len()).filter(is_first).collect();
        let at = *first.get(choice % first.len().max(1))?;
        let (command, op) = self.asked.remove(at);
        Some((op, self.perform(command)))
    }

    fn perform(&mut self, command: DiskCommand) -> DiskResult {
        let grows = match &command {
            DiskCommand::Write { file, offset, parts } => {
                let length = self.content(file).map_or(0, |content| content.len() as u64);
                offset + parts.len() as u64 > length
            }
            DiskCommand::Replace { .. } => true,
            _ => false,
        };
        if self.full && grows {
            return Err(DiskError::Full);
        }
        match &command {
            DiskCommand::Write { .. } | DiskCommand::Truncate { .. } => {
                self.unsynced.push(command.clone());
            }
            DiskCommand::Sync { file, .. } => self.sync(&file.clone()),
            DiskCommand::Replace { file, .. } | DiskCommand::Delete { file } => {
                self.unsynced.retain(|other| other.file() != Some(file));
                let _ = self.device.perform(command.clone());
            }
            _ => {}
        }
        self.seen.perform(command)
    }

    fn sync(&mut self, file: &FileName) {
        let of_file = |command: &mut DiskCommand| command.file() == Some(file);
        for command in self.unsynced.extract_if(.., of_file) {
            let _ = self.device.perform(command);
        }
    }

    /// What may not have happened when it goes down: what is on its way, and what is not synced if it is the power.
    fn pending(&self, power: bool) -> impl Iterator<Item = &DiskCommand> {
        let unsynced = self.unsynced.iter().filter(move |_| power);
        unsynced.chain(self.asked.iter().map(|(command, _)| command).filter(|it| changes(it)))
    }

    /// After how many bytes of the journal each record ends of which it is not certain that it is there.
    pub(crate) fn cuts(&self, power: bool) -> Vec<usize> {
        let (mut cuts, mut before) = (vec![0], 0);
        for parts in self.pending(power).filter_map(journal_write) {
            let mut rest = parts.joined();
            let length = rest.len();
            while rest.len() >= 8 {
                let record = 8 + rest.slice(..4).get_u32_le() as usize;
                rest.advance(record.min(rest.len()));
                cuts.push(before + length - rest.len());
            }
            before += length;
        }
        cuts
    }

    /// What is there after it went down. Of what is pending a beginning happened in each file: of the journal so
    /// many bytes, and of the others all or nothing.
    pub(crate) fn after(&self, power: bool, mut bytes: usize, others: bool) -> LayeredDisk {
        let mut left = LayeredDisk { asked: Vec::new(), full: false, ..self.clone() };
        if power {
            left.seen = self.device.clone();
            left.unsynced.clear();
        }
        let mut over = BTreeSet::new();
        for command in self.pending(power).cloned() {
            let Some(file) = command.file().cloned().filter(|file| !over.contains(file)) else {
                continue;
            };
            match (journal_write(&command), command) {
                (Some(parts), DiskCommand::Write { offset, .. }) => {
                    let happens = parts.prefix(bytes.min(parts.len()));
                    if happens.len() < parts.len() {
                        over.insert(file.clone());
                    }
                    bytes -= happens.len();
                    let _ = left.perform(DiskCommand::Write { file, offset, parts: happens });
                }
                (_, command) if others => drop(left.perform(command)),
                _ => drop(over.insert(file)),
            }
        }
        if power {
            left.device = left.seen.clone();
            left.unsynced.clear();
        }
        left.full = self.full;
        left
    }

    /// What a process reads of a file.
    fn content(&mut self, file: &str) -> Option<Bytes> {
        let file = FileName::from(file.to_owned());
        let read = DiskCommand::Read { file, offset: 0, length: u64::MAX };
        match self.seen.perform(read) {
            Ok(DiskAnswer::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

fn journal_write(command: &DiskCommand) -> Option<Parts> {
    match command {
        DiskCommand::Write { file, parts, .. } if file.starts_with("journal") => {
            Some(parts.clone())
        }
        _ => None,
    }
}
