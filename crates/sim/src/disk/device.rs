//! When the operations of a disk end.
//!
//! The law: the changes and syncs of one file end in the order in which they were asked for, a read ends
//! after the changes before it, and nothing is ordered between files. All of them share the bytes that the
//! device moves in a second. What takes a file's place, or takes it away, is there to be read before it is
//! durable, and ends when it is.

use machine::{DiskCommand, Time};

use crate::random::{Draw, DrawStream};

/// Latency of an operation on a sound disk, in nanoseconds, ends included: an NVMe device.
const LATENCY: (u64, u64) = (20_000, 200_000);
/// What a sync and an atomic replacement take.
const SYNC_LATENCY: (u64, u64) = (150_000, 4_000_000);
/// What a sync takes that leaves the length of the file alone: no journal of the file system has to follow.
const DATA_LATENCY: (u64, u64) = (100_000, 2_000_000);
/// Nanoseconds a KiB.
const TRANSFER: u64 = 500;

/// The time of a device: slower than the world's while the disk is slow, and it stands while the disk hangs.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// What of its own time had passed at this time of the world.
    world: u64,
    passed: u64,
    /// How many times as slow as the world's; 0 while it stands.
    times: u32,
    /// When it will have moved all bytes that it was asked to move.
    moved: u64,
}

/// When an operation is carried out, and when it ends, in the device's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) carried_out: u64,
    pub(crate) ends: u64,
}

/// What was asked of one file, and when it ends, in the device's time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// The change that was asked for last.
    changed: u64,
    /// The change or sync that was asked for last.
    ended: u64,
    /// Bytes that the next sync has to move.
    dirty: u64,
    /// Syncs on their way: they move the bytes of the writes before them.
    syncs: u32,
    /// The next sync has more to write than bytes: a length, or a name.
    grown: bool,
    /// How long the file will be, and up to where a write changes neither its length nor the space it has.
    length: u64,
    sound: u64,
}

impl Device {
    pub(crate) const NEW: Device = Device { world: 0, passed: 0, times: 1, moved: 0 };

    fn now(&self, Time(world): Time) -> u64 {
        self.passed + (world - self.world).checked_div(u64::from(self.times)).unwrap_or(0)
    }

    /// When the world reaches a time of the device; never, while it stands.
    pub(crate) fn world_time(&self, ends: u64) -> Option<Time> {
        let after = (ends - self.passed).saturating_mul(u64::from(self.times));
        (self.times > 0).then(|| Time(self.world.saturating_add(after)))
    }

    /// From now on its time passes so many times as slowly.
    pub(crate) fn set_pace(&mut self, now: Time, times: u32) {
        self.passed = self.now(now);
        self.world = now.0;
        self.times = times;
    }

    /// Its time goes on from where it was, though the world's went on before.
    pub(crate) fn resume(&mut self, now: Time, times: u32) {
        (self.world, self.times) = (now.0, times);
    }

    /// Nothing is on its way any more.
    pub(crate) fn forget(&mut self, now: Time) {
        self.moved = self.now(now);
    }

    /// When an operation that is asked for now is carried out and ends; one that is refused does nothing until then.
    pub(crate) fn ends(
        &mut self,
        now: Time,
        command: &DiskCommand,
        line: &mut Line,
        draws: &mut DrawStream,
        refused: bool,
    ) -> Span {
        let now = self.now(now);
        let (bytes, after, (least, most)) = match refused {
            true => (0, line.ended, LATENCY),
            false => line.asked(command),
        };
        self.moved = self.moved.max(now) + bytes / 1024 * TRANSFER;
        let latency = least + Draw(draws.draw()).choose(most - least + 1);
        let ends = self.moved.max(after) + latency;
        let carried_out = match command {
            DiskCommand::Replace { .. } | DiskCommand::Delete { .. } => ends - latency / 2,
            _ => ends,
        };
        match Kind::of(command) {
            Kind::Change => (line.changed, line.ended) = (carried_out, ends),
            Kind::Sync => line.ended = ends,
            Kind::Look => {}
        }
        Span { carried_out, ends }
    }
}

impl Line {
    /// How many bytes the device moves for it, what it ends after, and how long it takes besides.
    fn asked(&mut self, command: &DiskCommand) -> (u64, u64, (u64, u64)) {
        match command {
            DiskCommand::Write { offset, parts, .. } => {
                let bytes = parts.len() as u64;
                let end = offset.saturating_add(bytes);
                self.dirty += bytes;
                self.grown |= end > self.sound;
                self.length = self.length.max(end);
                (0, self.ended, LATENCY)
            }
            DiskCommand::Sync { data_only, .. } => {
                let quick = *data_only && !self.grown;
                self.syncs += 1;
                self.grown = false;
                self.sound = self.sound.max(self.length);
                let latency = if quick { DATA_LATENCY } else { SYNC_LATENCY };
                (std::mem::take(&mut self.dirty), self.ended, latency)
            }
            DiskCommand::Replace { parts, .. } => {
                let bytes = parts.len() as u64;
                (self.dirty, self.grown) = (0, false);
                (self.length, self.sound) = (bytes, bytes);
                (bytes, self.ended, SYNC_LATENCY)
            }
            DiskCommand::Read { length, .. } => ((*length).min(self.length), self.changed, LATENCY),
            DiskCommand::Truncate { length, .. } => {
                self.grown = true;
                (self.length, self.sound) = (self.length.min(*length), self.sound.min(*length));
                (0, self.ended, LATENCY)
            }
            DiskCommand::Allocate { length, .. } => {
                self.grown = true;
                self.sound = self.sound.max(*length);
                (0, self.ended, LATENCY)
            }
            DiskCommand::Delete { .. } => {
                let Line { changed, ended, syncs, .. } = *self;
                *self = Line { changed, ended, syncs, grown: true, ..Line::default() };
                (0, self.ended, LATENCY)
            }
            DiskCommand::Length { .. } => (0, self.changed, LATENCY),
            DiskCommand::List { .. } => (0, 0, LATENCY),
        }
    }

    /// A sync has ended.
    pub(crate) fn synced(&mut self) {
        self.syncs = self.syncs.saturating_sub(1);
    }

    /// A write of so many bytes was refused after all. If there are syncs on their way, one of them has moved
    /// them.
    pub(crate) fn refuse(&mut self, bytes: u64) {
        if self.syncs == 0 {
            self.dirty = self.dirty.saturating_sub(bytes);
        }
    }

    /// Nothing is on its way any more; of a file of this length so many bytes are dirty.
    pub(crate) fn forget(&mut self, length: u64, dirty: u64) {
        *self = Line { dirty, length, grown: true, ..Line::default() };
    }
}

/// What an operation does to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Change,
    Sync,
    Look,
}

impl Kind {
    pub(crate) fn of(command: &DiskCommand) -> Kind {
        match command {
            DiskCommand::Write { .. }
            | DiskCommand::Truncate { .. }
            | DiskCommand::Replace { .. }
            | DiskCommand::Delete { .. }
            | DiskCommand::Allocate { .. } => Kind::Change,
            DiskCommand::Sync { .. } => Kind::Sync,
            DiskCommand::Read { .. } | DiskCommand::Length { .. } | DiskCommand::List { .. } => {
                Kind::Look
            }
        }
    }
}
