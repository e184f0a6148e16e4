//! What a system must say of its messages so that they can travel between computers.

use std::fmt;

use bytes::{Bytes, BytesMut};

/// A message that has bytes.
///
/// The law: `decode` gives back what was encoded, refuses everything else, and keeps no more memory
/// than the bytes that it is given; what it is given may be anybody's.
pub trait Codec: Sized {
    /// What the two ends must agree to speak.
    const PROTOCOL: &'static str;
    /// Raised when the bytes of a message change: ends of two versions do not talk.
    const VERSION: u32;
    /// No message is longer, in bytes.
    const LONGEST: usize;

    /// Appends the bytes of this message.
    fn encode(&self, out: &mut BytesMut);

    /// The message that these bytes are.
    ///
    /// # Errors
    /// If they are none, with the reason. The stream that they came on is reset.
    fn decode(bytes: Bytes) -> Result<Self, Malformed>;
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}
