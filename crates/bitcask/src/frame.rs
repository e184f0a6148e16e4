//! A frame: a batch of entries in a segment, there whole or not at all.
//!
//! Mark (4 bytes) | length of the entries (4) | so much of the segment was synced when this was
//! written (4) | number of the first entry (8) | CRC-32 (4) | entries. The checksum covers the offset of
//! the frame too, so a misdirected write is no frame. The mark is not UTF-8, so no text that a user has
//! kept looks like a frame.

use bytes::{BufMut, BytesMut};
use machine::codec::{Malformed, Reader};

use crate::entry::Entry;

/// The bytes of a frame besides its entries.
pub(crate) const OVERHEAD: usize = 24;
/// The longest batch, in bytes of its frame.
pub(crate) const LONGEST: usize = 4 << 20;
const MARK: [u8; 4] = [0xFF, 0xB1, 0xFE, 0x7C];

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

/// A frame that is what was written. One without entries only says what was synced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    at: At,
    pub(crate) synced: u32,
    pub(crate) first: u64,
    entries: &'a [u8],
}

/// What some bytes begin with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parsed<'a> {
    Frame(Frame<'a>),
    /// It cannot be told yet: so many bytes are needed.
    Short(usize),
    Unsound,
}

/// A frame that is being made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    start: usize,
    at: At,
    synced: u32,
    first: u64,
}

/// Begins a frame at the end of `out`.
pub(crate) fn open(out: &mut BytesMut, at: At, synced: u32, first: u64) -> Opened {
    let start = out.len();
    out.put_bytes(0, OVERHEAD);
    Opened { start, at, synced, first }
}

impl Opened {
    pub(crate) fn first(self) -> u64 {
        self.first
    }

    /// The length so far.
    pub(crate) fn length(self, out: &BytesMut) -> usize {
        out.len() - self.start
    }

    /// Ends it: all that was put behind its beginning are its entries.
    pub(crate) fn close(self, out: &mut BytesMut) {
        let frame = &mut out[self.start..];
        let length = (frame.len() - OVERHEAD) as u32;
        frame[..4].copy_from_slice(&MARK);
        frame[4..8].copy_from_slice(&length.to_le_bytes());
        frame[8..12].copy_from_slice(&self.synced.to_le_bytes());
        frame[12..20].copy_from_slice(&self.first.to_le_bytes());
        let crc = checksum(self.at, &frame[..20], &frame[OVERHEAD..]);
        frame[20..24].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Reads the frame that these bytes, which lie there, begin with.
pub(crate) fn parse(from: &[u8], at: At) -> Parsed<'_> {
    let Some((head, rest)) = from.split_at_checked(OVERHEAD) else {
        return Parsed::Short(OVERHEAD);
    };
    let Ok((length, synced, first, crc)) = Reader::whole(head, get_head) else {
        return Parsed::Unsound;
    };
    let Some(entries) = rest.get(..length) else {
        return Parsed::Short(OVERHEAD + length);
    };
    if checksum(at, &head[..20], entries) != crc {
        return Parsed::Unsound;
    }
    Parsed::Frame(Frame { at, synced, first, entries })
}

fn get_head(from: &mut Reader<&[u8]>) -> Result<(usize, u32, u64, u32), Malformed> {
    let (mark, length) = (from.take_bytes(MARK.len())?, from.take_u32()? as usize);
    if mark != MARK || length > LONGEST {
        return Err(Malformed("no frame begins here"));
    }
    Ok((length, from.take_u32()?, from.take_u64()?, from.take_u32()?))
}

/// The segment cannot be read from this offset on, at which `tail` begins. Was it synced there once? Then no
/// crash tore it: the disk lost what it had. A later frame records that; for the last write it cannot be
/// known.
pub(crate) fn was_synced(tail: &[u8], at: At) -> bool {
    let marks = tail.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.into_iter().any(|(skip, _)| {
        let there = At { offset: at.offset + skip as u32, ..at };
        matches!(parse(&tail[skip..], there), Parsed::Frame(frame) if frame.synced > at.offset)
    })
}

impl<'a> Frame<'a> {
    pub(crate) fn length(&self) -> usize {
        OVERHEAD + self.entries.len()
    }

    /// Its entries, each with its number and the offset at which it lies in the segment.
    pub(crate) fn entries(self) -> impl Iterator<Item = (u64, u32, Entry<'a>)> {
        let (mut rest, mut offset) = (self.entries, self.at.offset + OVERHEAD as u32);
        std::iter::from_fn(move || {
            let entry = Entry::take(rest)?;
            rest = &rest[entry.length()..];
            let here = offset;
            offset += entry.length() as u32;
            Some((self.first.wrapping_add(u64::from(entry.number)), here, entry))
        })
    }
}

fn checksum(at: At, head: &[u8], entries: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&at.segment.to_le_bytes());
    hasher.update(&at.offset.to_le_bytes());
    hasher.update(head);
    hasher.update(entries);
    hasher.finalize()
}
