//! One file: what a machine reads of it, and what the device holds.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::content::Content;
use crate::random::{Draw, DrawStream};

/// A device writes whole sectors: a write is torn at their edges, and sectors go bad.
pub(crate) const SECTOR: u64 = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// What the machine reads: device and page cache.
    seen: Content,
    /// What the device holds.
    durable: Content,
    /// Not synced, in order.
    dirty: Vec<Dirty>,
    /// The folder entry is on the device.
    linked: bool,
    /// So many bytes from its beginning have space.
    allocated: u64,
    /// These cannot be read.
    bad_sectors: BTreeSet<u64>,
    /// Here a bit has flipped.
    rotten: BTreeSet<u64>,
    /// A sync failed: the page cache and the device disagree by more than what is dirty (fsyncgate).
    apart: bool,
}

#[derive(Clone, Debug)]
enum Dirty {
    Write { offset: u64, bytes: Bytes },
    Truncate { length: u64 },
}

impl File {
    /// Its whole content is on the device.
    pub(crate) fn of(bytes: Bytes) -> File {
        let content = Content::of(bytes);
        File { seen: content.clone(), durable: content, linked: true, ..File::default() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.seen.len()
    }

    /// How many bytes the device holds of it.
    pub(crate) fn durable_len(&self) -> u64 {
        self.durable.len()
    }

    /// Its name is on the device.
    pub(crate) fn is_linked(&self) -> bool {
        self.linked
    }

    /// What it takes of the capacity.
    pub(crate) fn space(&self) -> u64 {
        self.seen.len().max(self.allocated)
    }

    pub(crate) fn allocate(&mut self, length: u64) {
        self.allocated = self.allocated.max(length);
    }

    /// None where a sector is bad.
    pub(crate) fn read(&self, offset: u64, length: u64) -> Option<Bytes> {
        let end = offset.saturating_add(length).min(self.len());
        let touched = offset / SECTOR..end.div_ceil(SECTOR);
        if offset < end && self.bad_sectors.range(touched).next().is_some() {
            return None;
        }
        Some(self.seen.read(offset, length))
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: Bytes) {
        if !self.bad_sectors.is_empty() {
            let end = offset + bytes.len() as u64;
            // To the end of the file counts as whole.
            let whole = end / SECTOR + u64::from(end >= self.len());
            self.bad_sectors.retain(|&bad| bad < offset.div_ceil(SECTOR) || bad >= whole);
        }
        if !self.rotten.is_empty() {
            let written = offset..offset + bytes.len() as u64;
            self.rotten.retain(|place| !written.contains(place));
        }
        self.seen.put(offset, bytes.clone());
        self.dirty.push(Dirty::Write { offset, bytes });
    }

    pub(crate) fn truncate(&mut self, length: u64) {
        self.seen.truncate(length);
        self.allocated = self.allocated.min(length);
        self.bad_sectors.split_off(&length.div_ceil(SECTOR));
        self.rotten.split_off(&length);
        self.dirty.push(Dirty::Truncate { length });
    }

    pub(crate) fn sync(&mut self) {
        self.linked = true;
        let dirty = std::mem::take(&mut self.dirty).into_iter();
        let persisted = dirty.filter_map(|dirty| persist(&mut self.durable, dirty, None));
        // Only when all of it is there, since what comes later writes over what came before.
        for (start, end) in persisted.collect::<Vec<_>>() {
            let File { seen, durable, apart, .. } = self;
            durable.merge(start, end, |at, merged| {
                // They hold the same bytes, so they can share them.
                if !*apart {
                    seen.put(at, merged);
                }
            });
        }
    }

    /// Some pages reached the device, and nobody knows which: the cache takes all of them for clean.
    pub(crate) fn fail_to_sync(&mut self, draws: &mut DrawStream) {
        self.apart = true;
        self.linked = self.linked || coin(draws);
        for dirty in std::mem::take(&mut self.dirty) {
            if coin(draws) {
                persist(&mut self.durable, dirty, Some(&mut *draws));
            }
        }
    }

    /// The power goes: what was not synced is there or not, in any combination, or torn.
    pub(crate) fn lose_power(&mut self, torn: bool, draws: &mut DrawStream) {
        for dirty in std::mem::take(&mut self.dirty) {
            if coin(draws) {
                let part = torn.then_some(&mut *draws);
                persist(&mut self.durable, dirty, part);
            }
        }
        self.forget_cache();
        self.linked = self.linked || coin(draws);
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.dirty.is_empty() && self.linked && !self.apart
    }

    pub(crate) fn dirty_bytes(&self) -> u64 {
        let bytes = |dirty: &Dirty| match dirty {
            Dirty::Write { bytes, .. } => bytes.len() as u64,
            Dirty::Truncate { .. } => 0,
        };
        self.dirty.iter().map(bytes).sum()
    }

    /// Flips a bit of what the device holds.
    pub(crate) fn flip(&mut self, offset: u64, bit: u8) {
        self.durable.flip(offset, bit);
        self.seen.flip(offset, bit);
        self.rotten.insert(offset);
    }

    /// Has something rotted in this part of it?
    pub(crate) fn is_rotten(&self, offset: u64, length: u64) -> bool {
        let end = offset.saturating_add(length).min(self.len());
        offset < end && self.rotten.range(offset..end).next().is_some()
    }

    /// The sector of this place can be read no more until it is written anew.
    pub(crate) fn spoil(&mut self, offset: u64) {
        self.bad_sectors.insert(offset / SECTOR);
    }

    /// The device holds only so much of it any more, and the cache is gone.
    pub(crate) fn cut(&mut self, length: u64) {
        self.durable.truncate(length);
        self.bad_sectors.split_off(&length.div_ceil(SECTOR));
        self.rotten.split_off(&length);
        self.forget_cache();
    }

    fn forget_cache(&mut self) {
        self.dirty.clear();
        self.seen.clone_from(&self.durable);
        self.apart = false;
    }
}

/// Up to which place from here on a write arrives: whole, not at all, or up to the edge of a sector.
pub(crate) fn torn(offset: u64, whole: u64, draws: &mut DrawStream) -> u64 {
    let edges = (offset % SECTOR + whole) / SECTOR + 2;
    let edge = Draw(draws.draw()).choose(edges) * SECTOR;
    edge.saturating_sub(offset % SECTOR).min(whole)
}

pub(crate) fn coin(draws: &mut DrawStream) -> bool {
    Draw(draws.draw()).choose(2) == 0
}

/// Lets a write reach the device: whole, or, given a stream to draw from, up to some sector. Gives where it lies.
fn persist(
    durable: &mut Content,
    dirty: Dirty,
    draws: Option<&mut DrawStream>,
) -> Option<(u64, u64)> {
    match dirty {
        Dirty::Truncate { length } => {
            durable.truncate(length);
            None
        }
        Dirty::Write { offset, bytes } => {
            let whole = bytes.len() as u64;
            let arrives = draws.map_or(whole, |draws| torn(offset, whole, draws));
            durable.put(offset, bytes.slice(..arrives as usize));
            Some((offset, offset + arrives))
        }
    }
}
