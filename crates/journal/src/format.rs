//! What an appender must know of the frames that its owner appends.

use machine::codec::Reader;

/// Where a byte lies: in the file of this number, so many bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The number of the file.
    pub file: u64,
    /// The offset in it.
    pub offset: u64,
}

impl Place {
    /// So many bytes after it.
    pub fn after(self, bytes: u64) -> Place {
        Place { offset: self.offset + bytes, ..self }
    }
}

/// What some bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A frame of so many bytes, more than none.
    Frame(usize),
    /// It cannot be told yet: so many bytes are needed, more than there are.
    Short(usize),
    /// Nothing that was appended.
    Unsound,
}

/// The format of the frames of a family. What stands once at the beginning of a file is a frame too.
pub trait Format: Clone {
    /// What these bytes, which lie at this place, begin with. A checksum may cover the place, so that a
    /// misdirected write is no frame.
    fn parse(&self, at: Place, bytes: &[u8]) -> Parsed;

    /// A frame cannot be read at this place, with which `tail` begins. Does a sound frame in the tail say that
    /// what lies there was durable before it? Then no crash tore it: the disk lost what it had.
    fn proves(&self, at: Place, tail: &[u8]) -> bool {
        let _ = (at, tail);
        false
    }
}

/// Frames that are blocks ([`machine::codec::put_block`]) of at least one byte: zeros are none.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    /// No block is longer.
    pub longest: u32,
}

impl Format for Blocks {
    fn parse(&self, _: Place, bytes: &[u8]) -> Parsed {
        let Ok(length) = Reader::new(bytes).take_u32() else { return Parsed::Short(HEAD) };
        let whole = HEAD + length as usize;
        if length == 0 || length > self.longest {
            return Parsed::Unsound;
        }
        let Some(block) = bytes.get(..whole) else { return Parsed::Short(whole) };
        match Reader::new(block).take_block() {
            Ok(_) => Parsed::Frame(whole),
            Err(_) => Parsed::Unsound,
        }
    }
}

/// Of a block: its length and checksum.
const HEAD: usize = 8;
