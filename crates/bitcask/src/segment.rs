//! A segment: a file of frames, appended to until it is long enough, then sealed.
//!
//! `segment-N` begins with a header: mark and format (4 bytes) | N (4) | the number of the next segment
//! (4) | cleaned (4) | rewrites (4) | number of the first entry (8) | CRC-32 (4). The first segment is
//! number 1, and each names the next, so a segment that is missing is noticed.

use machine::FileName;

use crate::frame::At;
use crate::index::{KeyHash, Location};

/// The length of a header.
pub(crate) const HEADER: u32 = 32;
const MARK: [u8; 4] = [0xFF, b'b', b'c', 1];
/// The least distance of two marks in a segment, in bytes.
const SPACING: u32 = 64 << 10;

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Header {
    pub(crate) number: u32,
    /// Usually the number after it; a later one where compaction moved entries of others in here.
    pub(crate) next: u32,
    /// Removals in segments below this number remove nothing in here.
    pub(crate) cleaned: u32,
    /// How often it was rewritten as a whole. A hint belongs to one rewriting.
    pub(crate) rewrites: u32,
    /// All entries of earlier segments have smaller numbers than this one; none in here has.
    pub(crate) first: u64,
}

impl Header {
    pub(crate) fn new(number: u32, first: u64) -> Header {
        Header { number, next: number + 1, cleaned: 0, rewrites: 0, first }
    }

    pub(crate) fn bytes(&self) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        bytes[..4].copy_from_slice(&MARK);
        let fields = [self.number, self.next, self.cleaned, self.rewrites];
        for (slot, field) in bytes[4..20].chunks_exact_mut(4).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        bytes[20..28].copy_from_slice(&self.first.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the beginning of these bytes, if it is that of this segment.
    pub(crate) fn parse(from: &[u8], number: u32) -> Option<Header> {
        let bytes = from.get(..HEADER as usize)?;
        let field = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let header = Header {
            number: field(4)?,
            next: field(8)?,
            cleaned: field(12)?,
            rewrites: field(16)?,
            first: u64::from_le_bytes(bytes[20..28].try_into().ok()?),
        };
        let sound = header.number == number && header.next > number && header.bytes() == *bytes;
        sound.then_some(header)
    }
}

/// One entry as a hint knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) key: KeyHash,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) removed: bool,
}

impl Known {
    /// Where it lies, if it is in this segment.
    pub(crate) fn location(&self, segment: u32) -> Location {
        Location { segment, offset: self.offset, length: self.length }
    }
}

/// What is known of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    /// How many bytes of it are durable; 0 where there is no file yet.
    pub(crate) length: u32,
    /// The bytes of entries that the index points to.
    pub(crate) live: u32,
    /// The bytes of entries that put something, pointed to or not.
    pub(crate) puts: u32,
    /// The bytes of removals.
    pub(crate) removals: u32,
    /// As in the header, or a later number that need not be written.
    pub(crate) cleaned: u32,
    /// Where some frames begin, and the number of their first entry.
    pub(crate) marks: Vec<(u64, u32)>,
    /// Something in it cannot be read; it stays as it is.
    pub(crate) rotten: bool,
}

impl Segment {
    pub(crate) fn new(header: Header) -> Segment {
        let (cleaned, marks) = (header.cleaned, Vec::new());
        Segment { header, length: 0, live: 0, puts: 0, removals: 0, cleaned, marks, rotten: false }
    }

    /// This entry is in it.
    pub(crate) fn count(&mut self, known: &Known) {
        match known.removed {
            true => self.removals += known.length,
            false => self.puts += known.length,
        }
    }

    /// Would a compaction leave it as it is?
    pub(crate) fn is_clean(&self) -> bool {
        self.live == self.puts && self.removals == 0
    }

    /// A lower bound of the bytes that a compaction would leave.
    pub(crate) fn needed(&self) -> u64 {
        u64::from(self.live) + u64::from(self.removals)
    }

    /// A frame lies there.
    pub(crate) fn mark(&mut self, offset: u32, first: u64) {
        if self.marks.last().is_none_or(|(_, last)| offset - last >= SPACING) {
            self.marks.push((first, offset));
        }
    }

    /// A frame from which the entry of this number can be found.
    pub(crate) fn before(&self, number: u64) -> At {
        let later = self.marks.partition_point(|(first, _)| *first <= number);
        let offset = later.checked_sub(1).map_or(HEADER, |index| self.marks[index].1);
        At { segment: self.header.number, offset }
    }
}

pub(crate) fn segment_name(number: u32) -> FileName {
    format!("segment-{number}").into()
}

pub(crate) fn hint_name(number: u32) -> FileName {
    format!("hint-{number}").into()
}
