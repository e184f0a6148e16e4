//! One entry: a key and what is kept under it, or that it was removed.
//!
//! CRC-32 of the rest (4 bytes) | number in its frame (4) | length of the key (2) | length of the value
//! (4; all ones: removed) | key | value; little-endian, as all numbers of the store. The checksum is its
//! own, so that one entry can be read and trusted without its neighbours.

use bytes::{BufMut, BytesMut};
use machine::codec::{Malformed, Reader};

/// The bytes of an entry besides its key and value.
pub(crate) const OVERHEAD: usize = 14;
const REMOVED: u32 = u32::MAX;

/// What was written about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Its number in its frame.
    pub(crate) number: u32,
    pub(crate) key: &'a [u8],
    /// None: removed.
    pub(crate) value: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    /// Its length as bytes.
    pub(crate) fn length(&self) -> usize {
        OVERHEAD + self.key.len() + self.value.map_or(0, <[u8]>::len)
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        let start = out.len();
        let mut head = [0; OVERHEAD];
        let value = self.value.map_or(REMOVED, |value| value.len() as u32);
        head[4..8].copy_from_slice(&self.number.to_le_bytes());
        head[8..10].copy_from_slice(&(self.key.len() as u16).to_le_bytes());
        head[10..14].copy_from_slice(&value.to_le_bytes());
        out.reserve(self.length());
        out.put_slice(&head);
        out.put_slice(self.key);
        out.put_slice(self.value.unwrap_or_default());
        let crc = crc32fast::hash(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads the entry at the beginning of these bytes, if its checksum is right.
    pub(crate) fn take(from: &'a [u8]) -> Option<Entry<'a>> {
        let entry = Entry::parse(from)?;
        let crc = crc32fast::hash(&from[4..entry.length()]);
        (from[..4] == crc.to_le_bytes()).then_some(entry)
    }

    /// The same, without a look at its checksum.
    pub(crate) fn parse(from: &'a [u8]) -> Option<Entry<'a>> {
        Entry::read(&mut Reader::new(from)).ok()
    }

    #[inline]
    fn read(from: &mut Reader<&'a [u8]>) -> Result<Entry<'a>, Malformed> {
        let (_crc, number) = (from.take_u32()?, from.take_u32()?);
        let (key_length, value_length) = (from.take_u16()?, from.take_u32()?);
        let key = from.take_bytes(key_length.into())?;
        let value = match value_length {
            REMOVED => None,
            length => Some(from.take_bytes(length as usize)?),
        };
        Ok(Entry { number, key, value })
    }
}
