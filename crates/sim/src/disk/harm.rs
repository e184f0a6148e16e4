//! The harm that is done to what a device holds: an operation that fails in the middle, rot, sectors that go bad,
//! files that are cut or gone.

use std::sync::Arc;

use machine::DiskCommand;

use super::file::{File, coin, torn};
use super::{Disk, FileChange, LONGEST_FILE, starts};
use crate::random::below;

impl Disk {
    /// The device failed in the middle: it happened in part, or not at all.
    pub(super) fn fail(&mut self, number: u32, command: DiskCommand) {
        let there = self.places[number as usize].file.is_some();
        match command {
            DiskCommand::Write { offset, parts, .. } => {
                let arrives = torn(offset, parts.len() as u64, self.draws(number));
                let end = offset.saturating_add(arrives);
                if arrives > 0 && end <= LONGEST_FILE && self.has_space(number, end) {
                    self.file(number).write(offset, parts.joined().slice(..arrives as usize));
                }
            }
            DiskCommand::Sync { .. } if there => {
                let place = &mut self.places[number as usize];
                let file = place.file.as_mut().map(Arc::make_mut);
                file.into_iter().for_each(|file| file.fail_to_sync(&mut place.draws));
                place.line.synced();
            }
            DiskCommand::Truncate { .. } | DiskCommand::Delete { .. }
                if there && coin(self.draws(number)) =>
            {
                let _ = self.perform_on_file(number, &command);
            }
            DiskCommand::Replace { parts, .. } if coin(self.draws(number)) => {
                self.places[number as usize].file = Some(Arc::new(File::of(parts.joined())));
                self.changed(number, FileChange::Written);
            }
            _ => {}
        }
    }

    /// Flips so many bits of what the device holds in files whose names begin so; false where it holds nothing.
    pub(crate) fn rot(&mut self, bits: u32, prefix: Option<&str>) -> bool {
        self.harm(bits, prefix, |file, offset, bit| file.flip(offset, 1 << bit))
    }

    /// As [`Disk::rot`], with sectors that cannot be read until they are written anew.
    pub(crate) fn spoil(&mut self, sectors: u32, prefix: Option<&str>) -> bool {
        self.harm(sectors, prefix, |file, offset, _| file.spoil(offset))
    }

    fn harm(
        &mut self,
        times: u32,
        prefix: Option<&str>,
        harm: impl Fn(&mut File, u64, u64),
    ) -> bool {
        let files = self.synced_files(prefix);
        let total: u64 = files.iter().map(|(_, length)| length).sum();
        for _ in 0..if total == 0 { 0 } else { times } {
            let mut offset = below(&mut self.random, total);
            let bit = below(&mut self.random, 8);
            for &(number, length) in &files {
                if offset < length {
                    harm(self.file_of(number), offset, bit);
                    self.changes.push((number, FileChange::Rotted));
                    break;
                }
                offset -= length;
            }
        }
        total > 0
    }

    /// Takes away the end of a synced file whose name begins so; false where there is none.
    pub(crate) fn cut(&mut self, prefix: Option<&str>) -> bool {
        let mut files = self.synced_files(prefix);
        files.retain(|&(_, length)| length > 0);
        if files.is_empty() {
            return false;
        }
        let (number, length) = files[below(&mut self.random, files.len() as u64) as usize];
        let left = below(&mut self.random, length);
        self.file_of(number).cut(left);
        self.changes.push((number, FileChange::Lost));
        true
    }

    /// Takes away a synced file whose name begins so; false where there is none.
    pub(crate) fn miss(&mut self, prefix: Option<&str>) -> bool {
        let files = self.synced_files(prefix);
        if files.is_empty() {
            return false;
        }
        let (number, _) = files[below(&mut self.random, files.len() as u64) as usize];
        self.lose(number);
        true
    }

    /// The files whose names begin so and are on the device, with how much it holds of each.
    fn synced_files(&self, prefix: Option<&str>) -> Vec<(u32, u64)> {
        let named = self.numbers.iter().filter(|(name, _)| starts(name, prefix));
        let there = named.filter_map(|(_, &number)| {
            let file = self.places[number as usize].file.as_ref()?;
            file.is_linked().then(|| (number, file.durable_len()))
        });
        there.collect()
    }
}
