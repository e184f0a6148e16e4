//! A disk that fails as disks do.
//!
//! Survivable, if the machine does its part: what was not synced is lost, in any subset, or torn
//! in the middle of a write, at a power loss; the disk is full, slow, or fails an operation. Found,
//! if the machine keeps checksums: bytes rot, a write lands in the wrong place. After a failed sync
//! the page cache and the device disagree, and a later sync does not mend it (fsyncgate): only a
//! restart shows what is there.

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, FileName, Random};
use rand::Rng;

use crate::content::Content;
use crate::random::{below, happens};

/// A device writes whole sectors: a write is torn at their edges.
const SECTOR: u64 = 512;
/// Latency of an operation on a sound disk, in nanoseconds, ends included: an NVMe device.
const LATENCY: (u64, u64) = (20_000, 200_000);
/// What a sync and an atomic replacement take.
const SYNC_LATENCY: (u64, u64) = (150_000, 4_000_000);
/// Nanoseconds a KiB.
const TRANSFER: u64 = 500;
/// A file ends here; a simulated disk lives in memory.
const LONGEST_FILE: u64 = 1 << 30;

/// What is wrong with a disk at the moment; by default nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DiskFaults {
    /// Every operation takes so many times as long.
    pub(crate) slow: Option<u32>,
    pub(crate) full: bool,
    /// Operations that fail, in a million.
    pub(crate) failing_ppm: u32,
    /// Writes that land elsewhere in their file, in a million.
    pub(crate) misdirected_ppm: u32,
}

/// What a crash does to writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsynced {
    /// The process died, the system lives: the page cache survives.
    Kept,
    /// The power went: each write is there or not, in any combination.
    Lost,
    /// The power went in the middle: as lost, and writes may be there in part.
    Torn,
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What the machine reads: device and page cache.
    seen: Content,
    /// What the device holds.
    durable: Content,
    /// Not synced, in order.
    dirty: Vec<Dirty>,
    /// The folder entry is on the device.
    linked: bool,
}

#[derive(Clone, Debug)]
enum Dirty {
    Write { offset: u64, bytes: Bytes },
    Truncate { length: u64 },
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) id: DiskId,
    pub(crate) disk_faults: DiskFaults,
    files: BTreeMap<FileName, File>,
    random: Random,
    /// When the operation asked for last will end, in the world's time.
    pub(crate) busy_until: u64,
}

impl Disk {
    pub(crate) fn new(mut random: Random) -> Self {
        let id = DiskId(random.next_u64());
        Disk {
            id,
            disk_faults: DiskFaults::default(),
            files: BTreeMap::new(),
            random,
            busy_until: 0,
        }
    }

    /// A new disk in the place of this one.
    pub(crate) fn replaced(&mut self) {
        self.files.clear();
        self.id = DiskId(self.random.next_u64());
    }

    /// How long the operation takes, in nanoseconds.
    pub(crate) fn latency(&mut self, command: &DiskCommand) -> u64 {
        let (size, (least, most)) = match command {
            DiskCommand::Write { parts, .. } => (parts.len() as u64, LATENCY),
            DiskCommand::Replace { parts, .. } => (parts.len() as u64, SYNC_LATENCY),
            DiskCommand::Read { length, .. } => ((*length).min(1 << 20), LATENCY),
            DiskCommand::Sync { .. } => (0, SYNC_LATENCY),
            _ => (0, LATENCY),
        };
        let sound = least + below(&mut self.random, most - least + 1) + size / 1024 * TRANSFER;
        sound * u64::from(self.disk_faults.slow.unwrap_or(1))
    }

    /// Carries an operation out, at the moment it ends.
    pub(crate) fn perform(&mut self, command: DiskCommand) -> DiskResult {
        let failed = happens(&mut self.random, self.disk_faults.failing_ppm);
        if failed {
            if let DiskCommand::Sync { file, .. } = &command {
                self.forget_dirty(file);
            }
            return Err(DiskError::Failed);
        }
        let grows = matches!(command, DiskCommand::Write { .. } | DiskCommand::Replace { .. });
        if grows && self.disk_faults.full {
            return Err(DiskError::Full);
        }
        match command {
            DiskCommand::Write { file, offset, parts } => self.write(file, offset, parts.joined()),
            DiskCommand::Sync { file, .. } => self.sync(&file),
            DiskCommand::Read { file, offset, length } => self.read(&file, offset, length),
            DiskCommand::Truncate { file, length } => self.truncate(&file, length),
            DiskCommand::Replace { file, parts } => self.replace(file, parts.joined()),
            DiskCommand::Length { file } => self.length(&file),
            DiskCommand::Allocate { file, .. } => {
                self.files.entry(file).or_default();
                Ok(DiskAnswer::Done)
            }
            DiskCommand::Delete { file } => {
                self.files.remove(&file).map(|_| DiskAnswer::Done).ok_or(DiskError::NotFound)
            }
            DiskCommand::List { prefix } => {
                let names = self.files.keys().filter(|name| name.starts_with(&*prefix));
                Ok(DiskAnswer::Names(names.map(|name| name.to_string()).collect()))
            }
        }
    }

    /// The machine crashed while these operations were on their way to the disk.
    pub(crate) fn crash(&mut self, in_flight: Vec<DiskCommand>, unsynced: Unsynced) {
        // They end in order, so some of the first got through; nobody is left to hear how they
        // ended. A replacement happened whole or not at all.
        for command in in_flight {
            if happens(&mut self.random, 500_000) {
                break;
            }
            let _ = self.perform(command);
        }
        if unsynced == Unsynced::Kept {
            return;
        }
        let Disk { files, random, .. } = self;
        files.retain(|_, file| {
            for dirty in std::mem::take(&mut file.dirty) {
                if happens(random, 500_000) {
                    let part = (unsynced == Unsynced::Torn).then_some(&mut *random);
                    persist(&mut file.durable, dirty, part);
                }
            }
            file.seen.clone_from(&file.durable);
            file.linked = file.linked || happens(random, 500_000);
            file.linked
        });
    }

    /// Flips so many bits of what the device holds; false where it holds nothing.
    pub(crate) fn rot(&mut self, bits: u32) -> bool {
        let total: u64 = self.files.values().map(|file| file.durable.len()).sum();
        for _ in 0..if total == 0 { 0 } else { bits } {
            let mut offset = below(&mut self.random, total);
            let bit = 1 << below(&mut self.random, 8);
            for file in self.files.values_mut() {
                if offset < file.durable.len() {
                    file.durable.flip(offset, bit);
                    file.seen.flip(offset, bit);
                    break;
                }
                offset -= file.durable.len();
            }
        }
        total > 0
    }

    fn write(&mut self, name: FileName, offset: u64, bytes: Bytes) -> DiskResult {
        let misdirected = happens(&mut self.random, self.disk_faults.misdirected_ppm);
        let file = self.files.entry(name).or_default();
        let mut lands = offset;
        if misdirected {
            let sectors = file.seen.len() / SECTOR + 2;
            lands = below(&mut self.random, sectors) * SECTOR + offset % SECTOR;
        }
        if lands.saturating_add(bytes.len() as u64) > LONGEST_FILE {
            return Err(DiskError::Full);
        }
        file.seen.put(lands, bytes.clone());
        file.dirty.push(Dirty::Write { offset: lands, bytes });
        Ok(DiskAnswer::Done)
    }

    fn sync(&mut self, name: &FileName) -> DiskResult {
        let file = self.files.get_mut(name).ok_or(DiskError::NotFound)?;
        for dirty in std::mem::take(&mut file.dirty) {
            persist(&mut file.durable, dirty, None);
        }
        file.linked = true;
        Ok(DiskAnswer::Done)
    }

    fn forget_dirty(&mut self, name: &FileName) {
        if let Some(file) = self.files.get_mut(name) {
            file.dirty.clear();
        }
    }

    fn read(&mut self, name: &FileName, offset: u64, length: u64) -> DiskResult {
        let file = self.files.get(name).ok_or(DiskError::NotFound)?;
        Ok(DiskAnswer::Bytes(file.seen.read(offset, length)))
    }

    fn length(&self, name: &FileName) -> DiskResult {
        let file = self.files.get(name).ok_or(DiskError::NotFound)?;
        Ok(DiskAnswer::Length(file.seen.len()))
    }

    fn truncate(&mut self, name: &FileName, length: u64) -> DiskResult {
        let file = self.files.get_mut(name).ok_or(DiskError::NotFound)?;
        file.seen.truncate(length);
        file.dirty.push(Dirty::Truncate { length });
        Ok(DiskAnswer::Done)
    }

    fn replace(&mut self, name: FileName, bytes: Bytes) -> DiskResult {
        let content = Content::of(bytes);
        let file =
            File { seen: content.clone(), durable: content, dirty: Vec::new(), linked: true };
        self.files.insert(name, file);
        Ok(DiskAnswer::Done)
    }
}

/// Lets a write reach the device: whole, or, given a stream to draw from, up to some sector.
fn persist(durable: &mut Content, dirty: Dirty, torn: Option<&mut Random>) {
    match dirty {
        Dirty::Truncate { length } => durable.truncate(length),
        Dirty::Write { offset, bytes } => {
            let whole = bytes.len() as u64;
            let arrives = match torn {
                None => whole,
                Some(random) => {
                    let edge = below(random, (offset % SECTOR + whole) / SECTOR + 2) * SECTOR;
                    edge.saturating_sub(offset % SECTOR).min(whole)
                }
            };
            durable.put(offset, bytes.slice(..arrives as usize));
        }
    }
}
