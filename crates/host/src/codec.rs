//! What a system must say of its messages so that they can travel between computers.

use bytes::{Bytes, BytesMut};
use machine::codec::Malformed;

/// A message that has bytes; [`machine::codec`] has what reads and writes them.
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
