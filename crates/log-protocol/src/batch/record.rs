//! A record in a batch that is not compressed.
//!
//! Length | attributes (1 byte) | time, less that of the first record | offset, less the base offset | key | value |
//! headers. All numbers are of as many bytes as they need, their signs in the lowest bit; -1 as the length of a key
//! or value says that there is none.

use bytes::{Bytes, BytesMut};
use machine::codec::{Fields, Length, Malformed, Reader, put_number};

use crate::words::Timestamp;

/// No record has fewer bytes.
pub(super) const SHORTEST: usize = 7;

/// A record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// By which a topic could be compacted, and records are spread over partitions.
    pub key: Option<Bytes>,
    /// What it says.
    pub value: Option<Bytes>,
}

impl Record {
    /// As the record of this number in its batch, at the batch's time.
    pub(super) fn put(&self, number: usize, out: &mut BytesMut) {
        let mut length = Length::default();
        self.put_body(number, &mut length);
        put_number(zigzag(length.bytes() as i64), out);
        self.put_body(number, out);
    }

    fn put_body(&self, number: usize, out: &mut impl Fields) {
        out.put_u8(0);
        out.put_number(zigzag(0));
        out.put_number(zigzag(number as i64));
        for part in [&self.key, &self.value] {
            out.put_number(zigzag(part.as_ref().map_or(-1, |part| part.len() as i64)));
            part.iter().for_each(|part| out.put_slice(part));
        }
        out.put_number(zigzag(0));
    }

    /// A record, and its time; its headers are passed over.
    pub(super) fn take(
        first: Timestamp,
        from: &mut Reader<Bytes>,
    ) -> Result<(Timestamp, Record), Malformed> {
        let length = take_length(from)?.ok_or(Malformed("a record has no length"))?;
        let mut body = Reader::new(from.take_bytes(length)?);
        body.take_u8()?;
        let time = first.saturating_add(signed(body.take_number()?));
        body.take_number()?;
        let mut part = || {
            Ok(match take_length(&mut body)? {
                Some(length) => Some(body.take_bytes(length)?),
                None => None,
            })
        };
        Ok((time, Record { key: part()?, value: part()? }))
    }
}

fn take_length(from: &mut Reader<Bytes>) -> Result<Option<usize>, Malformed> {
    match signed(from.take_number()?) {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| Malformed("a length is negative")),
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn signed(zigzag: u64) -> i64 {
    (zigzag >> 1) as i64 ^ -(zigzag as i64 & 1)
}
