//! A file that is open: written, synced, and read again and again.
//!
//! The law: what is read is what the file holds now, and what cannot be read is an error.
//!
//! A positioned read costs most of a microsecond, whatever little is read, and more than finding it did.
//! So a file of which much is read is mapped into memory. An unreadable page of a map is no error but the
//! end of the process, so a page is read through the map only when it was read by its position before:
//! what a disk cannot read at the first attempt is told. Only a page that was read, left memory, and
//! cannot be read again ends the process, and the next one, which knows no page, tells its error.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use bytes::Bytes;
use machine::Parts;
use memmap2::{Advice, Mmap};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::system;

/// A longer read is not worth a map, and first asks how long the file is, so as not to take memory that
/// it cannot fill.
const SHORT: u64 = 64 << 10;
/// A file is mapped after so many reads that no map of it could answer: once, and again when it has grown.
const UNMAPPED: u32 = 64;
/// No page is smaller.
const PAGE: u64 = 4096;

/// A file, to be read and changed. Many may read it, while one changes or syncs it.
#[derive(Debug)]
pub(super) struct Handle {
    file: File,
    /// Of the last change of names in the folder that this one's may be.
    pub(super) name: u64,
    /// What made the file was done: before that there is none for those who read.
    is_made: AtomicBool,
    /// Changed, and not synced since.
    is_dirty: AtomicBool,
    /// Held by the one who changes or syncs it.
    changes: Mutex<Changes>,
    map: RwLock<Mapped>,
    /// Short reads of what is not in the map.
    unmapped: AtomicU32,
}

#[derive(Debug, Default)]
struct Changes {
    /// It made room for another.
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Mapped {
    map: Option<Map>,
    /// There is to be none: it is another handle through which the file is changed.
    never: bool,
}

#[derive(Debug)]
struct Map {
    memory: Mmap,
    /// The pages that were read by their positions, a bit each.
    readable: Vec<AtomicU64>,
}

/// The right to change a file, or to close it.
pub(super) struct Changing<'a> {
    handle: &'a Handle,
    changes: MutexGuard<'a, Changes>,
}

impl Changing<'_> {
    pub(super) fn is_dirty(&self) -> bool {
        self.handle.is_dirty.load(Ordering::SeqCst)
    }

    /// Whoever has the handle still may read by it, and nothing else.
    pub(super) fn close(&mut self) {
        self.changes.is_closed = true;
        *self.handle.mapped_by_none() = Mapped { map: None, never: true };
    }
}

impl Handle {
    /// Its name is one of those that the folder had after so many changes of names.
    pub(super) fn new(file: File, name: u64, is_made: bool) -> Handle {
        Handle {
            file,
            name,
            is_made: AtomicBool::new(is_made),
            is_dirty: AtomicBool::new(false),
            changes: Mutex::default(),
            map: RwLock::default(),
            unmapped: AtomicU32::new(0),
        }
    }

    /// The right to change it, when nobody else does; none if it was closed.
    pub(super) fn change(&self) -> Option<Changing<'_>> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        (!changes.is_closed).then_some(Changing { handle: self, changes })
    }

    /// As [`Handle::change`], without waiting.
    pub(super) fn try_change(&self) -> Option<Changing<'_>> {
        let changes = self.changes.try_lock().ok()?;
        (!changes.is_closed).then_some(Changing { handle: self, changes })
    }

    pub(super) fn is_made(&self) -> bool {
        self.is_made.load(Ordering::SeqCst)
    }

    /// What made it was done.
    pub(super) fn made(&self) {
        self.is_made.store(true, Ordering::SeqCst);
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn write(&self, path: &Path, offset: u64, parts: &Parts) -> io::Result<()> {
        self.is_dirty.store(true, Ordering::SeqCst);
        let slices: Vec<&[u8]> = parts.slices().iter().map(|slice| &slice[..]).collect();
        let shared = self.map.read().unwrap_or_else(PoisonError::into_inner);
        if shared.map.as_ref().is_none_or(|map| offset >= map.memory.len() as u64) {
            // Nobody maps it meanwhile.
            return system::write(&self.file, path, offset, &slices);
        }
        drop(shared);
        let _nobody_reads = self.mapped_by_none();
        system::write(&self.file, path, offset, &slices)
    }

    pub(super) fn set_length(&self, path: &Path, length: u64) -> io::Result<()> {
        self.is_dirty.store(true, Ordering::SeqCst);
        // What is mapped is to be gone before the file is.
        let mut mapped = self.mapped_by_none();
        mapped.map = None;
        system::set_length(&self.file, path, length)
    }

    pub(super) fn allocate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.is_dirty.store(true, Ordering::SeqCst);
        system::allocate(&self.file, path, length)
    }

    pub(super) fn sync(&self, path: &Path, data_only: bool) -> io::Result<()> {
        system::sync(&self.file, path, data_only)?;
        self.is_dirty.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// What lies there, if it is mapped and can be read without fear. Nobody is waited for but the disk, where a
    /// page has left memory since it was read last.
    pub(super) fn mapped(&self, offset: u64, length: u64) -> Option<Bytes> {
        if length > SHORT {
            return None;
        }
        let mapped = self.map.try_read().ok()?;
        mapped.map.as_ref()?.bytes(offset, length).map(Bytes::copy_from_slice)
    }

    /// Up to `length` bytes from an offset; fewer at the end of the file.
    pub(super) fn read(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        if length > SHORT {
            let end = self.length()?;
            return self.positioned(offset, length.min(end.saturating_sub(offset)));
        }
        if let Some(bytes) = self.mapped(offset, length) {
            return Ok(bytes);
        }
        let bytes = self.positioned(offset, length)?;
        let is_mapped = match self.map.try_read() {
            Ok(mapped) => match mapped.map.as_ref().filter(|map| map.holds(offset, length)) {
                Some(map) => {
                    map.found_readable(offset, length);
                    true
                }
                None => false,
            },
            Err(_) => false,
        };
        if !is_mapped && self.unmapped.fetch_add(1, Ordering::Relaxed) + 1 >= UNMAPPED {
            self.map_it();
        }
        Ok(bytes)
    }

    /// Maps what there is of the file, unless somebody writes to it now. Without a map it can be read all the
    /// same.
    fn map_it(&self) {
        let Ok(mut mapped) = self.map.try_write() else { return };
        if !mapped.never {
            mapped.map = Map::of(&self.file).ok();
        }
        self.unmapped.store(0, Ordering::Relaxed);
    }

    fn mapped_by_none(&self) -> RwLockWriteGuard<'_, Mapped> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn positioned(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        // Read into memory that nobody wrote to before: to clear it costs a third of what a read of a file in the page
        // cache does.
        let mut bytes = Vec::with_capacity(length as usize);
        while (bytes.len() as u64) < length {
            let at = offset.saturating_add(bytes.len() as u64);
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length as usize);
        Ok(bytes.into())
    }
}

impl Map {
    #[expect(
        unsafe_code,
        reason = "the system can take a mapped file away; see below why it does not"
    )]
    fn of(file: &File) -> io::Result<Map> {
        // SAFETY: what is mapped must not change while somebody has a reference to it. References end
        // within `Handle::mapped`, which holds the lock of the map; who writes below its end, or cuts,
        // holds that lock alone; nobody maps while somebody writes behind it; and a file is changed
        // through one handle, since one that is closed has no map any more. The data folder is
        // locked against other processes of the lab, and nobody else may change it.
        let memory = unsafe { Mmap::map(file)? };
        // Reads come in no order: what lies around them would be read for nothing.
        memory.advise(Advice::Random)?;
        let pages = (memory.len() as u64).div_ceil(PAGE);
        Ok(Map { memory, readable: (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect() })
    }

    fn holds(&self, offset: u64, length: u64) -> bool {
        offset.checked_add(length).is_some_and(|end| end <= self.memory.len() as u64)
    }

    /// What lies there, if it can be read without fear.
    fn bytes(&self, offset: u64, length: u64) -> Option<&[u8]> {
        let bits = |page: u64| self.readable[(page / 64) as usize].load(Ordering::Relaxed);
        let readable = |page: u64| bits(page) & 1 << (page % 64) != 0;
        let sound = self.holds(offset, length) && pages(offset, length).all(readable);
        sound.then(|| &self.memory[offset as usize..(offset + length) as usize])
    }

    fn found_readable(&self, offset: u64, length: u64) {
        for page in pages(offset, length) {
            self.readable[(page / 64) as usize].fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }
}

/// The pages in which these bytes lie.
fn pages(offset: u64, length: u64) -> std::ops::Range<u64> {
    offset / PAGE..(offset + length).div_ceil(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_through_the_map_when_it_was_read_by_its_position() {
        let path = std::env::temp_dir().join(format!("infralab-map-{}", std::process::id()));
        std::fs::write(&path, vec![7; 2 * PAGE as usize + 10]).unwrap();
        let map = Map::of(&File::open(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        map.found_readable(PAGE + 1, 5);
        let sound = |offset, length| map.bytes(offset, length).is_some();
        assert!(sound(PAGE, PAGE), "the page in which they lie, the whole of it");
        assert!(!sound(PAGE - 1, 2) && !sound(2 * PAGE - 1, 2), "and no other");
        map.found_readable(2 * PAGE - 1, 11);
        assert_eq!(map.bytes(2 * PAGE - 2, 12), Some(&[7; 12][..]));
        assert_eq!(map.bytes(2 * PAGE + 5, 6), None, "the file ends before");
        assert_eq!(map.bytes(u64::MAX, 2), None);
    }
}
