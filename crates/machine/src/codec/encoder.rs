//! Where fields are written that leave in several slices.

use std::mem;
use std::ops::{Deref, DerefMut};

use bytes::{BufMut, Bytes, BytesMut};

use crate::parts::Parts;

/// Bytes of this length and more are worth a slice of their own; fewer are copied sooner than they are counted.
pub const SHARED: usize = 4 << 10;

/// Where a message is written: its fields as into [`BytesMut`], which it stands for, and what is large by
/// reference.
///
/// ```
/// use bytes::{BufMut, Bytes};
/// use machine::codec::Encoder;
///
/// let payload = Bytes::from(vec![7; 1 << 20]);
/// let mut out = Encoder::default();
/// out.put_u32_le(payload.len() as u32);
/// out.put_shared(&payload);
/// let parts = out.finish();
/// assert_eq!(parts.slices()[1].as_ptr(), payload.as_ptr(), "it was not copied");
/// assert_eq!(parts.len(), 4 + payload.len());
/// ```
#[derive(Debug, Default)]
pub struct Encoder {
    /// What is over: slices that were given, and the fields before them.
    parts: Parts,
    /// The fields since.
    fields: BytesMut,
}

impl Encoder {
    /// Appends bytes that others have too: by reference where they are many.
    pub fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED {
            return self.fields.put_slice(bytes);
        }
        self.end_fields();
        self.parts.push(bytes.clone());
    }

    /// What was written.
    pub fn finish(mut self) -> Parts {
        self.end_fields();
        self.parts
    }

    fn end_fields(&mut self) {
        self.parts.push(mem::take(&mut self.fields).freeze());
    }
}

impl Deref for Encoder {
    type Target = BytesMut;
    fn deref(&self) -> &BytesMut {
        &self.fields
    }
}

impl DerefMut for Encoder {
    fn deref_mut(&mut self) -> &mut BytesMut {
        &mut self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_bytes_that_were_written_and_few_of_them_copies(
            slices in prop::collection::vec((0..3 * SHARED, any::<bool>()), 0..8),
        ) {
            let slices: Vec<_> = (1..)
                .zip(slices)
                .map(|(byte, (length, shared))| (Bytes::from(vec![byte; length]), shared))
                .collect();
            let (mut out, mut expected) = (Encoder::default(), Vec::new());
            for (slice, shared) in &slices {
                if *shared { out.put_shared(slice) } else { out.put_slice(slice) }
                expected.extend_from_slice(slice);
            }
            let parts = out.finish();
            prop_assert_eq!(&parts.joined()[..], &expected[..]);
            for (slice, _) in slices.iter().filter(|(slice, shared)| *shared && slice.len() >= SHARED) {
                prop_assert!(parts.slices().iter().any(|part| part.as_ptr() == slice.as_ptr()));
            }
        }
    }
}
