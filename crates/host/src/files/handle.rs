//! A file that is read again and again.
//!
//! The law: what is read is what the file holds now, and what cannot be read is an error.
//!
//! A positioned read costs most of a microsecond, whatever little is read, and more than finding it did.
//! So a file of which much is read is mapped into memory. An unreadable page of a map is no error but the
//! end of the process, so a page is read through the map only when it was read by its position before:
//! what a disk cannot read at the first attempt is told. Only a page that was read, left memory, and
//! cannot be read again ends the process, and the next one, which knows no page, tells its error.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use memmap2::{Advice, Mmap};

/// A longer read is not worth a map, and first asks how long the file is, so as not to take memory that
/// it cannot fill.
const SHORT: u64 = 64 << 10;
/// A file is mapped after so many reads that no map of it could answer: once, and again when it has grown.
const UNMAPPED: u32 = 64;
/// No page is smaller.
const PAGE: u64 = 4096;

/// A file to be read. It may be written to meanwhile, and grow; who cuts it takes another handle.
#[derive(Debug)]
pub(super) struct Handle {
    file: File,
    map: Option<Map>,
    /// Short reads of what is not in the map.
    unmapped: u32,
}

#[derive(Debug)]
struct Map {
    memory: Mmap,
    /// The pages that were read by their positions, a bit each.
    readable: Vec<u64>,
}

impl Handle {
    pub(super) fn new(file: File) -> Handle {
        Handle { file, map: None, unmapped: 0 }
    }

    /// Up to `length` bytes from an offset; fewer at the end of the file.
    pub(super) fn read(&mut self, offset: u64, length: u64) -> io::Result<Bytes> {
        if length > SHORT {
            let end = self.file.metadata()?.len();
            return self.positioned(offset, length.min(end.saturating_sub(offset)));
        }
        if let Some(bytes) = self.map.as_ref().and_then(|map| map.bytes(offset, length)) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let bytes = self.positioned(offset, length)?;
        match &mut self.map {
            Some(map) if map.holds(offset, length) => map.found_readable(offset, length),
            _ => self.unmapped += 1,
        }
        if self.unmapped == UNMAPPED {
            // Without a map it can be read all the same.
            (self.map, self.unmapped) = (Map::of(&self.file).ok(), 0);
        }
        Ok(bytes)
    }

    fn positioned(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let mut bytes = vec![0; length as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
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
        // within `Handle::read`, and those who write or cut do so through the same `Files`, which is
        // borrowed meanwhile; a cut file's handle, and its map with it, is gone before it is cut. The
        // data folder is locked against other processes of the lab, and nobody else may change it.
        let memory = unsafe { Mmap::map(file)? };
        // Reads come in no order: what lies around them would be read for nothing.
        memory.advise(Advice::Random)?;
        let pages = (memory.len() as u64).div_ceil(PAGE);
        Ok(Map { memory, readable: vec![0; pages.div_ceil(64) as usize] })
    }

    fn holds(&self, offset: u64, length: u64) -> bool {
        offset.checked_add(length).is_some_and(|end| end <= self.memory.len() as u64)
    }

    /// What lies there, if it can be read without fear.
    fn bytes(&self, offset: u64, length: u64) -> Option<&[u8]> {
        let readable = |page: u64| self.readable[(page / 64) as usize] & 1 << (page % 64) != 0;
        let sound = self.holds(offset, length) && pages(offset, length).all(readable);
        sound.then(|| &self.memory[offset as usize..(offset + length) as usize])
    }

    fn found_readable(&mut self, offset: u64, length: u64) {
        pages(offset, length)
            .for_each(|page| self.readable[(page / 64) as usize] |= 1 << (page % 64));
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
        let mut map = Map::of(&File::open(&path).unwrap()).unwrap();
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
