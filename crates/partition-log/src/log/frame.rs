//! A batch in a file: its bytes, and a guard of four bytes.
//!
//! The checksum of a batch does not cover where it begins and which leader gave it its place, since a leader writes
//! that without counting anew. A bit that rots there would move a record, or have two logs part where they do not. So
//! the guard, a CRC-32C, covers the first 21 bytes, the log, the file and the place in it: with the batch's own
//! checksum each bit is covered, and a batch that was written to another place is none.

use bytes::Bytes;
use journal::{Format, Parsed, Place};
use machine::Parts;

use log_protocol::batch::{self, Batch, NoBatch};

/// The length of the guard.
pub(super) const GUARD: usize = 4;

/// What it covers of the batch: all up to the end of the batch's own checksum.
const GUARDED: usize = 21;

/// The format of the files of one log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    pub(super) log: u32,
}

/// A batch as it is written to this place.
pub(super) fn of(log: u32, at: Place, batch: &Batch) -> Parts {
    let mut parts = batch.parts();
    parts.push(Bytes::copy_from_slice(&guard(log, at, &batch.stamp())));
    parts
}

/// The batch in a frame.
pub(super) fn batch(mut frame: Bytes) -> Batch {
    frame.truncate(frame.len() - GUARD);
    Batch::sound(frame)
}

/// How many bytes a batch takes.
pub(super) fn length(batch: &Batch) -> u64 {
    u64::from(batch.length()) + GUARD as u64
}

impl Format for Frames {
    fn parse(&self, at: Place, bytes: &[u8]) -> Parsed {
        match batch::sound(bytes) {
            Ok(length) => {
                let whole = length + GUARD;
                let Some(said) = bytes.get(length..whole) else { return Parsed::Short(whole) };
                match guard(self.log, at, &[&bytes[..GUARDED]]) == *said {
                    true => Parsed::Frame(whole),
                    false => Parsed::Unsound,
                }
            }
            Err(NoBatch::Short(needed)) => Parsed::Short(needed),
            Err(NoBatch::Unsound(_)) => Parsed::Unsound,
        }
    }
}

fn guard(log: u32, at: Place, first: &[&[u8]]) -> [u8; GUARD] {
    let mut crc = crc32c::crc32c(&log.to_be_bytes());
    for place in [at.file, at.offset] {
        crc = crc32c::crc32c_append(crc, &place.to_be_bytes());
    }
    for bytes in first {
        crc = crc32c::crc32c_append(crc, bytes);
    }
    crc.to_be_bytes()
}
