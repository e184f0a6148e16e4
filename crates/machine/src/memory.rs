//! A disk in memory that never fails.
//!
//! It says what each command means, and nothing else: operations take no time, everything is durable at
//! once, and nothing is lost. For tests, benches and examples that move a machine by hand, and the reference
//! for the disks of both worlds when nothing is wrong with them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{DiskAnswer, DiskCommand, DiskError, DiskResult, FileName};

/// Files in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryDisk {
    files: BTreeMap<FileName, Vec<u8>>,
}

impl MemoryDisk {
    /// A new disk, as [`Machine::first_files`](crate::Machine::first_files) says that it begins.
    pub fn with(first_files: Vec<(FileName, Bytes)>) -> Self {
        let files = first_files.into_iter().map(|(name, bytes)| (name, bytes.into()));
        MemoryDisk { files: files.collect() }
    }

    /// Carries an operation out.
    ///
    /// # Errors
    /// [`DiskError::NotFound`] where a file is read, cut, synced or deleted that is not there.
    pub fn perform(&mut self, command: DiskCommand) -> DiskResult {
        let files = &mut self.files;
        match command {
            DiskCommand::Write { file, offset, parts } => {
                let content = files.entry(file).or_default();
                let (start, end) = (offset as usize, offset as usize + parts.len());
                // A write of nothing fills nothing up.
                if start < end {
                    content.resize(content.len().max(end), 0);
                    content[start..end].copy_from_slice(&parts.joined());
                }
            }
            DiskCommand::Sync { file, .. } => drop(files.get(&file).ok_or(DiskError::NotFound)?),
            DiskCommand::Read { file, offset, length } => {
                let content = files.get(&file).ok_or(DiskError::NotFound)?;
                let end = offset.saturating_add(length).min(content.len() as u64);
                let bytes = content.get(offset as usize..end as usize).unwrap_or_default();
                return Ok(DiskAnswer::Bytes(bytes.to_vec().into()));
            }
            DiskCommand::Length { file } => {
                let content = files.get(&file).ok_or(DiskError::NotFound)?;
                return Ok(DiskAnswer::Length(content.len() as u64));
            }
            DiskCommand::Truncate { file, length } => {
                files.get_mut(&file).ok_or(DiskError::NotFound)?.truncate(length as usize);
            }
            DiskCommand::Replace { file, parts } => drop(files.insert(file, parts.joined().into())),
            DiskCommand::Allocate { file, .. } => drop(files.entry(file).or_default()),
            DiskCommand::Delete { file } => drop(files.remove(&file).ok_or(DiskError::NotFound)?),
            DiskCommand::List { prefix } => {
                let names = files.keys().filter(|name| name.starts_with(&*prefix));
                return Ok(DiskAnswer::Names(names.map(|name| name.to_string()).collect()));
            }
        }
        Ok(DiskAnswer::Done)
    }

    /// How many bytes its files have.
    pub fn size(&self) -> u64 {
        self.files.values().map(|content| content.len() as u64).sum()
    }
}
