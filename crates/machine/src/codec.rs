//! Bytes of what a system sends and keeps: fields in order, numbers little-endian.
//!
//! # The law
//!
//! What was written is read, and everything else is refused: bytes have one meaning, and a meaning has one
//! form. The bytes may be anybody's, so a length is compared with what is left before anything is taken or
//! reserved for it, and nothing may follow what was read to its end.
//!
//! Fields are written with [`Fields`] or [`bytes::BufMut`], and read with [`Reader`], whose methods mirror
//! them. What is large need not be copied: an [`Encoder`] takes it by reference, and what is read from [`Bytes`]
//! shares their memory (see [`kept`]). [`assert_codec`] and its like hold a codec to the law.

mod coded;
mod encoder;
mod fields;
mod law;

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

pub use coded::Coded;
pub use encoder::{Encoder, SHARED};
pub use fields::{Fields, Length};
pub use law::{assert_canonical, assert_codec, assert_delimited, assert_weight};

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

const TOO_SHORT: Malformed = Malformed("it ends too early");

/// Bytes that can be read from: shared ones ([`Bytes`]), whose parts share their memory, or borrowed ones
/// (`&[u8]`).
pub trait Source: Buf + AsRef<[u8]> + Clone {
    /// Takes out the first so many bytes. There are as many.
    fn take_out(&mut self, count: usize) -> Self;

    /// As bytes that can be kept.
    fn share(self) -> Bytes;
}

impl Source for Bytes {
    #[inline]
    fn take_out(&mut self, count: usize) -> Bytes {
        self.split_to(count)
    }

    fn share(self) -> Bytes {
        kept(self)
    }
}

impl Source for &[u8] {
    #[inline]
    fn take_out(&mut self, count: usize) -> Self {
        let (first, rest) = self.split_at(count);
        *self = rest;
        first
    }

    fn share(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

/// Takes fields off the front of bytes.
///
/// ```
/// use machine::codec::{Malformed, Reader};
///
/// let pair = |reader: &mut Reader<&[u8]>| Ok((reader.take_u16()?, reader.take_bool()?));
/// assert_eq!(Reader::whole(&b"\x02\x01\x01"[..], pair), Ok((0x0102, true)));
/// assert_eq!(Reader::whole(&b"\x02\x01"[..], pair), Err(Malformed("it ends too early")));
/// assert_eq!(Reader::whole(&b"\x02\x01\x01!"[..], pair), Err(Malformed("something follows it")));
/// ```
#[derive(Clone, Debug)]
pub struct Reader<B>(B);

impl<B: Source> Reader<B> {
    /// A reader at the beginning of these bytes.
    #[inline]
    pub fn new(bytes: B) -> Self {
        Reader(bytes)
    }

    /// What all of these bytes are.
    ///
    /// # Errors
    /// Those of `read`, and if something follows what it took.
    #[inline]
    pub fn whole<T>(
        bytes: B,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let mut reader = Reader(bytes);
        let value = read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// How many bytes are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.0.remaining()
    }

    /// Is nothing left?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If something is left.
    #[inline]
    pub fn finish(&self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed("something follows it")) }
    }

    /// Takes all that is left.
    #[inline]
    pub fn rest(&mut self) -> B {
        self.0.take_out(self.left())
    }
}

/// Each refuses bytes that end too early.
#[expect(clippy::missing_errors_doc, reason = "they have one error, named above")]
impl<B: Source> Reader<B> {
    /// A byte.
    #[inline]
    pub fn take_u8(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| TOO_SHORT)
    }

    /// Two bytes.
    #[inline]
    pub fn take_u16(&mut self) -> Result<u16, Malformed> {
        self.0.try_get_u16_le().map_err(|_| TOO_SHORT)
    }

    /// Four bytes.
    #[inline]
    pub fn take_u32(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32_le().map_err(|_| TOO_SHORT)
    }

    /// Eight bytes.
    #[inline]
    pub fn take_u64(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64_le().map_err(|_| TOO_SHORT)
    }

    /// Sixteen bytes.
    #[inline]
    pub fn take_u128(&mut self) -> Result<u128, Malformed> {
        self.0.try_get_u128_le().map_err(|_| TOO_SHORT)
    }

    /// So many numbers of eight bytes.
    #[inline]
    pub fn take_u64s<const N: usize>(&mut self) -> Result<[u64; N], Malformed> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.take_u64()?;
        }
        Ok(numbers)
    }

    /// A byte below so many: a kind, or flags.
    #[inline]
    pub fn take_below(&mut self, end: u8) -> Result<u8, Malformed> {
        let byte = self.take_u8()?;
        if byte < end { Ok(byte) } else { Err(Malformed("there is no such kind of it")) }
    }

    /// A byte that is 0 or 1.
    #[inline]
    pub fn take_bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.take_below(2)? == 1)
    }

    /// A number that [`put_number`] wrote; one in a longer form than it need have is refused.
    #[inline]
    pub fn take_number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take_u8()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed(
            "it has a number of more than 64 bits, or in a longer form than it need have",
        ))
    }

    /// So many bytes.
    #[inline]
    pub fn take_bytes(&mut self, count: usize) -> Result<B, Malformed> {
        if count > self.left() { Err(TOO_SHORT) } else { Ok(self.0.take_out(count)) }
    }

    /// So many items, each of `least` bytes or more: no more is reserved than what is left can hold.
    pub fn take_list<T>(
        &mut self,
        count: usize,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        if count > self.left() / least {
            return Err(TOO_SHORT);
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(item(self)?);
        }
        Ok(list)
    }

    /// Items up to the end.
    pub fn take_all<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let mut list = Vec::new();
        while !self.is_empty() {
            list.push(item(self)?);
        }
        Ok(list)
    }

    /// The body of a block that [`put_block`] wrote. Where there is none that is whole, nothing is taken.
    pub fn take_block(&mut self) -> Result<B, Malformed> {
        let mut ahead = self.clone();
        let (length, crc) = (ahead.take_u32()? as usize, ahead.take_u32()?);
        let body = ahead.take_bytes(length)?;
        if crc32fast::hash(body.as_ref()) != crc {
            return Err(Malformed("it is not what was written"));
        }
        *self = ahead;
        Ok(body)
    }
}

impl<'a> Reader<&'a [u8]> {
    /// Text of so many bytes.
    ///
    /// # Errors
    /// If it ends too early, or is not UTF-8.
    #[inline]
    pub fn take_text(&mut self, count: usize) -> Result<&'a str, Malformed> {
        let text = self.take_bytes(count)?;
        std::str::from_utf8(text).map_err(|_| Malformed("it has a text that is not UTF-8"))
    }
}

/// A part of a message for one who keeps it: where it is short a copy, since it would keep in memory all that
/// came with it.
pub fn kept(part: Bytes) -> Bytes {
    if part.len() < SHARED { Bytes::copy_from_slice(&part) } else { part }
}

/// Appends a number in groups of seven bits, the least first (LEB128): small ones are a byte.
#[inline]
pub fn put_number(number: u64, out: &mut BytesMut) {
    out.put_number(number);
}

/// Appends a block: the length of its body, the CRC-32 (IEEE) of it, four bytes each, and the body. A file of
/// blocks ends where the first one is not whole.
pub fn put_block(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u64_le(0);
    body(out);
    let length = (out.len() - start - 8) as u32;
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// These bytes with their CRC-32 (IEEE) behind them.
pub fn seal(mut bytes: BytesMut) -> Bytes {
    let crc = crc32fast::hash(&bytes);
    bytes.put_u32_le(crc);
    bytes.freeze()
}

/// What [`seal`] was given.
///
/// # Errors
/// If it is not what was written.
pub fn open(sealed: &[u8]) -> Result<&[u8], Malformed> {
    match sealed.split_last_chunk() {
        Some((body, crc)) if crc32fast::hash(body).to_le_bytes() == *crc => Ok(body),
        _ => Err(Malformed("it is not what was written")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Result<u64, Malformed> {
        Reader::whole(bytes, Reader::take_number)
    }

    #[test]
    fn a_number_has_one_form() {
        let around = |shift: u32| [(1u64 << shift) - 1, 1u64 << shift, (1u64 << shift) + 1];
        for value in (0..64).flat_map(around).chain([u64::MAX]) {
            let encode = |value: &u64| {
                let mut out = BytesMut::new();
                put_number(*value, &mut out);
                out.freeze()
            };
            assert_delimited(&value, encode, |bytes| number(&bytes));
        }
        assert_eq!(number(b"\xAC\x02"), Ok(300));
        assert!(number(b"\x80\x00").is_err(), "zero in two bytes");
        assert!(number(b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02").is_err(), "65 bits");
    }

    #[test]
    fn a_count_reserves_no_more_than_the_bytes_left_can_hold() {
        let read = |bytes: &'static [u8], count: usize| {
            let mut asked = 0;
            let list = Reader::new(bytes).take_list(count, 2, |reader| {
                asked += 1;
                reader.take_u16()
            });
            (list, asked)
        };
        assert_eq!(read(b"abcde", 2), (Ok(vec![0x6261, 0x6463]), 2));
        assert_eq!(read(b"abcde", 3), (Err(TOO_SHORT), 0));
        assert_eq!(read(b"abcde", usize::MAX), (Err(TOO_SHORT), 0));
    }

    #[test]
    fn what_is_kept_is_copied_only_where_it_is_short() {
        let frame = Bytes::from(vec![7; 2 * SHARED]);
        for (length, shares) in [(0, false), (SHARED - 1, false), (SHARED, true)] {
            let part = frame.slice(1..=length);
            let kept = kept(part.clone());
            assert_eq!((&kept, kept.as_ptr() == part.as_ptr()), (&part, shares), "{length}");
        }
    }

    #[test]
    fn what_is_too_short_or_of_no_kind_is_refused() {
        let reader = || Reader::new(&b"\x02\xFF\xFE"[..]);
        assert_eq!(reader().take_u32(), Err(TOO_SHORT));
        assert_eq!(reader().take_bytes(4), Err(TOO_SHORT));
        assert!(reader().take_bool().is_err());
        assert!(reader().take_text(2).is_err());
        assert_eq!(reader().take_below(3), Ok(2));
        assert!(reader().take_below(2).is_err());
        let mut reader = reader();
        assert_eq!((reader.rest(), reader.finish()), (&b"\x02\xFF\xFE"[..], Ok(())));
    }

    /// In files: between two versions of the program these bytes are the contract.
    #[test]
    fn blocks_and_seals_are_these_bytes() {
        let mut out = BytesMut::from(&b"!"[..]);
        put_block(&mut out, |out| out.put_slice(b"123456789"));
        assert_eq!(&out[..], b"!\x09\0\0\0\x26\x39\xF4\xCB123456789");
        assert_eq!(&seal(BytesMut::from(&b"123456789"[..]))[..], b"123456789\x26\x39\xF4\xCB");
    }

    #[test]
    fn a_block_is_there_whole_or_not_at_all() {
        let encode = |body: &Vec<u8>| {
            let mut out = BytesMut::new();
            put_block(&mut out, |out| out.put_slice(body));
            out.freeze()
        };
        for body in [vec![], vec![0; 9], (0..200).collect()] {
            let decode = |bytes| Reader::whole(bytes, Reader::take_block).map(Vec::from);
            assert_delimited(&body, encode, decode);
        }
        let torn = encode(&vec![7; 20]).slice(..27);
        let mut reader = Reader::new(torn.clone());
        assert!(reader.take_block().is_err());
        assert_eq!(reader.rest(), torn, "nothing was taken");
    }

    #[test]
    fn a_seal_is_of_what_was_written() {
        let body = b"some state".to_vec();
        let encode = |body: &Vec<u8>| seal(BytesMut::from(&body[..]));
        assert_delimited(&body, encode, |bytes| open(&bytes).map(Vec::from));
    }
}
