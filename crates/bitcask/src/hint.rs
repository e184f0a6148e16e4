//! A hint: what the index needs to know of a sealed segment, so that a boot need not read the values.
//!
//! `hint-N` is the header of the segment it is of | the length of the segment (4 bytes) | the number of
//! the next entry (8) | how many marks there are (4) | the marks, each a number (8) and an offset (4) |
//! the entries, each a hash (16), an offset (4) and a length (4; its highest bit: removed) | CRC-32 (4).
//! A hint that is rotten, or that belongs to another rewriting of the segment, is ignored.

use bytes::{BufMut, Bytes, BytesMut};
use machine::codec::{self, Reader};

use crate::index::KeyHash;
use crate::segment::{HEADER, Header, Known, Segment};

const MARK: usize = 12;
const ENTRY: usize = 24;
const REMOVED: u32 = 1 << 31;

/// A hint that was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint<'a> {
    pub(crate) length: u32,
    pub(crate) next: u64,
    marks: &'a [u8],
    entries: &'a [u8],
}

/// The hint of a segment that has these entries; `next` is the number of the entry after its last.
pub(crate) fn of(segment: &Segment, next: u64, known: &[Known]) -> Bytes {
    let size = HEADER as usize + 20 + segment.marks.len() * MARK + known.len() * ENTRY;
    let mut bytes = BytesMut::with_capacity(size);
    bytes.put_slice(&segment.header.bytes());
    bytes.put_u32_le(segment.length);
    bytes.put_u64_le(next);
    bytes.put_u32_le(segment.marks.len() as u32);
    for (number, offset) in &segment.marks {
        bytes.put_u64_le(*number);
        bytes.put_u32_le(*offset);
    }
    for known in known {
        let mut entry = [0; ENTRY];
        entry[..16].copy_from_slice(&known.key.0);
        entry[16..20].copy_from_slice(&known.offset.to_le_bytes());
        let length = known.length | if known.removed { REMOVED } else { 0 };
        entry[20..].copy_from_slice(&length.to_le_bytes());
        bytes.put_slice(&entry);
    }
    codec::seal(bytes)
}

/// The hint in these bytes, if it is whole and of the segment with this header.
pub(crate) fn open<'a>(bytes: &'a [u8], header: &Header) -> Option<Hint<'a>> {
    let mut rest = Reader::new(codec::open(bytes).ok()?.strip_prefix(&header.bytes())?);
    let (length, next) = (rest.take_u32().ok()?, rest.take_u64().ok()?);
    let marks = rest.take_u32().ok()? as usize;
    let (marks, entries) = (rest.take_bytes(marks.checked_mul(MARK)?).ok()?, rest.rest());
    (entries.len() % ENTRY == 0).then_some(Hint { length, next, marks, entries })
}

impl<'a> Hint<'a> {
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u64, u32)> + use<'a> {
        let (marks, _) = self.marks.as_chunks::<MARK>();
        marks.iter().filter_map(|mark| {
            let (number, offset) = mark.split_first_chunk()?;
            Some((u64::from_le_bytes(*number), u32::from_le_bytes(offset.try_into().ok()?)))
        })
    }

    pub(crate) fn known(&self) -> impl Iterator<Item = Known> + use<'a> {
        let (entries, _) = self.entries.as_chunks::<ENTRY>();
        entries.iter().filter_map(|entry| {
            let (key, rest) = entry.split_first_chunk()?;
            let (offset, length) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes(length.try_into().ok()?);
            Some(Known {
                key: KeyHash(*key),
                offset: u32::from_le_bytes(*offset),
                length: length & !REMOVED,
                removed: length & REMOVED != 0,
            })
        })
    }
}
