//! What a system must say of its messages so that they can travel between computers.

use bytes::Bytes;
use machine::codec::{Encoder, Malformed};

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

    /// Appends the bytes of this message; those that are many by reference ([`Encoder::put_shared`]).
    fn encode(&self, out: &mut Encoder);

    /// The message that these bytes are. It may keep slices of them: a long message has memory of its own.
    ///
    /// # Errors
    /// If they are none, with the reason. The stream that they came on is reset.
    fn decode(bytes: Bytes) -> Result<Self, Malformed>;
}
