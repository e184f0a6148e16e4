//! A hint: what the index needs to know of a sealed segment, so that a boot need not read the values.
//!
//! `hint-N` is the header of the segment it is of | the length of the segment (4 bytes) | the number of
//! the next entry (8) | how many marks there are (4) | the marks, each a number (8) and an offset (4) |
//! the entries, each a hash (16), an offset (4) and a length (4; its highest bit: removed) | CRC-32 (4).
//! It is only ever believed whole: of another rewriting of the segment, or rotten, it is as good as none.

use bytes::{BufMut, Bytes, BytesMut};

use crate::index::KeyHash;
use crate::segment::{HEADER, Header, Known, Segment};

const MARK: usize = 12;
const ENTRY: usize = 24;
const REMOVED: u32 = 1 << 31;

/// A hint that may be believed.
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
    let crc = crc32fast::hash(&bytes);
    bytes.put_u32_le(crc);
    bytes.freeze()
}

/// The hint in these bytes, if it is whole and of the segment with this header.
pub(crate) fn open<'a>(bytes: &'a [u8], header: &Header) -> Option<Hint<'a>> {
    let (body, crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let rest = body.strip_prefix(&header.bytes())?;
    if crc != crc32fast::hash(body).to_le_bytes() {
        return None;
    }
    let (length, rest) = rest.split_first_chunk()?;
    let (next, rest) = rest.split_first_chunk()?;
    let (marks, rest) = rest.split_first_chunk()?;
    let (length, next) = (u32::from_le_bytes(*length), u64::from_le_bytes(*next));
    let (marks, entries) =
        rest.split_at_checked((u32::from_le_bytes(*marks) as usize).checked_mul(MARK)?)?;
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
