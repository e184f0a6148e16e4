//! Where the fields of a message go: into bytes, or into a count of them. So what a message weighs is said by what
//! writes it, and nowhere else.

use bytes::{BufMut, Bytes, BytesMut};

use super::Encoder;

/// Takes fields, one after the other; [`Reader`](super::Reader) takes them off again.
///
/// ```
/// use bytes::BytesMut;
/// use machine::codec::{Fields, Length};
///
/// fn put(name: &str, out: &mut impl Fields) {
///     out.put_number(name.len() as u64);
///     out.put_slice(name.as_bytes());
/// }
/// let (mut bytes, mut length) = (BytesMut::new(), Length::default());
/// put("a link", &mut bytes);
/// put("a link", &mut length);
/// assert_eq!((&bytes[..], length.bytes()), (&b"\x06a link"[..], 7));
/// ```
pub trait Fields {
    /// Appends these bytes.
    fn put_slice(&mut self, bytes: &[u8]);

    /// Appends bytes that others have too: by reference, where that can be.
    fn put_shared(&mut self, bytes: &Bytes) {
        self.put_slice(bytes);
    }

    /// Appends a byte.
    fn put_u8(&mut self, number: u8) {
        self.put_slice(&[number]);
    }

    /// Appends a number of four bytes.
    fn put_u32_le(&mut self, number: u32) {
        self.put_slice(&number.to_le_bytes());
    }

    /// Appends a number of eight bytes.
    fn put_u64_le(&mut self, number: u64) {
        self.put_slice(&number.to_le_bytes());
    }

    /// As [`put_number`](super::put_number).
    fn put_number(&mut self, mut number: u64) {
        while number > 0x7F {
            self.put_u8(number as u8 | 0x80);
            number >>= 7;
        }
        self.put_u8(number as u8);
    }
}

impl Fields for BytesMut {
    fn put_slice(&mut self, bytes: &[u8]) {
        BufMut::put_slice(self, bytes);
    }
}

impl Fields for Encoder {
    fn put_slice(&mut self, bytes: &[u8]) {
        BufMut::put_slice(&mut **self, bytes);
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        Encoder::put_shared(self, bytes);
    }
}

/// How many bytes were put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length(usize);

impl Length {
    /// So many.
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl Fields for Length {
    fn put_slice(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
