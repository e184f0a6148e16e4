//! A record batch as producers send it: Kafka's message format 2.
//!
//! | byte | field |
//! |---|---|
//! | 0 | base offset (8): the leader's to say |
//! | 8 | length of what follows (4) |
//! | 12 | leader epoch (4): the leader's to say |
//! | 16 | magic (1): 2 |
//! | 17 | CRC-32C of all that follows it (4) |
//! | 21 | attributes (2): compression in the lowest three bits, then log append time, transactional, control |
//! | 23 | offset of the last record, less the base offset (4) |
//! | 27, 35 | timestamp of the first record, and the largest (8 each) |
//! | 43, 51, 53 | producer id (8), its epoch (2), sequence number of the first record (4); -1 where there is none |
//! | 57 | how many records (4) |
//! | 61 | the records, compressed or not |
//!
//! The law: no byte behind the first 16 is ever written by us. Both fields that a leader writes lie before what the
//! checksum covers, so a batch is stamped, and neither compressed nor encoded anew.

mod record;

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use machine::Parts;
use machine::codec::{Reader, SHARED};

use crate::error::ErrorCode;
use crate::words::{LeaderEpoch, Offset, Timestamp};

pub use record::Record;

/// What comes before the records.
pub const HEADER: usize = 61;
/// What a leader writes anew.
const STAMP: usize = 16;
/// What the length does not count.
const BEFORE: usize = 12;
const CRC: usize = 17;
const CHECKED: usize = 21;
const COMPRESSION: u16 = 0b111;
/// Transactional and control batches are not taken.
const NOT_TAKEN: u16 = 0b11_0000;

/// A batch whose checksum is right, and whose header says nothing that cannot be.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The first 16 bytes.
    stamp: Bytes,
    /// A slice of the frame in which it came.
    rest: Bytes,
}

/// Who sent a batch, and so that it can be told from its repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Producer {
    /// Given by the cluster.
    pub id: u64,
    /// Rises when a producer has the same id and begins anew.
    pub epoch: u16,
    /// Of the first record; each record has the next one, and after 2^31 - 1 comes 0.
    pub first_sequence: u32,
}

/// Why bytes do not begin with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBatch {
    /// It goes on behind them: so many bytes are needed.
    Short(usize),
    /// It is none that is taken.
    Unsound(ErrorCode),
}

impl Batch {
    /// The one batch that these bytes are.
    ///
    /// # Errors
    /// [`ErrorCode::CorruptMessage`] where they are not what was sent, [`ErrorCode::UnsupportedForMessageFormat`] for
    /// formats before this one, and [`ErrorCode::InvalidRecord`] for several batches, none, one that counts its
    /// records wrongly, or belongs to a transaction. It has no effect then.
    pub fn check(bytes: Bytes) -> Result<Batch, ErrorCode> {
        let length = bytes.len();
        match Batch::read(bytes)? {
            (batch, whole) if whole == length => Ok(batch),
            _ => Err(ErrorCode::InvalidRecord),
        }
    }

    /// The first batch of these bytes, and how long it is.
    ///
    /// # Errors
    /// Those of [`Batch::check`]; what follows is not looked at.
    pub fn read(bytes: Bytes) -> Result<(Batch, usize), ErrorCode> {
        match sound(&bytes) {
            Ok(length) => Ok((Batch::sound(bytes.slice(..length)), length)),
            Err(NoBatch::Unsound(why)) => Err(why),
            Err(NoBatch::Short(_)) => Err(ErrorCode::CorruptMessage),
        }
    }

    /// Of exactly the bytes that [`sound`] found to be one.
    pub fn sound(mut bytes: Bytes) -> Batch {
        let stamp = bytes.split_to(STAMP);
        Batch { stamp, rest: bytes }
    }

    /// Uncompressed, with the same timestamp for all records; it is at offset 0 until it is stamped.
    ///
    /// # Panics
    /// Without records there is no batch.
    pub fn of(records: &[Record], timestamp: Timestamp, producer: Option<Producer>) -> Batch {
        assert!(!records.is_empty(), "a batch has records");
        let mut bytes = BytesMut::new();
        bytes.put_u64(0);
        bytes.put_u32(0);
        bytes.put_i32(-1);
        bytes.put_u8(2);
        bytes.put_u32(0);
        bytes.put_u16(0);
        bytes.put_u32(records.len() as u32 - 1);
        bytes.put_i64(timestamp);
        bytes.put_i64(timestamp);
        bytes.put_i64(producer.map_or(-1, |producer| producer.id as i64));
        bytes.put_i16(producer.map_or(-1, |producer| producer.epoch as i16));
        bytes.put_i32(producer.map_or(-1, |producer| producer.first_sequence as i32));
        bytes.put_u32(records.len() as u32);
        for (number, record) in records.iter().enumerate() {
            record.put(number, &mut bytes);
        }
        let length = (bytes.len() - BEFORE) as u32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[CHECKED..]);
        bytes[CRC..CHECKED].copy_from_slice(&crc.to_be_bytes());
        Batch::sound(bytes.freeze())
    }

    /// The same batch at its place in a log. What follows the stamp is shared, but for a short one, which gets memory of
    /// its own: a slice would keep the whole frame in which it came, for as long as it is in memory itself.
    #[must_use]
    pub fn stamped(&self, base_offset: Offset, epoch: LeaderEpoch) -> Batch {
        let copied = if self.rest.len() < SHARED { &self.rest[..] } else { &[] };
        let mut stamp = BytesMut::with_capacity(STAMP + copied.len());
        stamp.put_u64(base_offset);
        stamp.put_slice(&self.stamp[8..BEFORE]);
        stamp.put_u32(epoch);
        stamp.put_slice(copied);
        let mut stamp = stamp.freeze();
        let copy = stamp.split_off(STAMP);
        Batch { stamp, rest: if copied.is_empty() { self.rest.clone() } else { copy } }
    }

    /// The offset of its first record.
    pub fn base_offset(&self) -> Offset {
        u64::from_be_bytes(field(&self.stamp, 0))
    }

    /// The offset behind its last record.
    pub fn next_offset(&self) -> Offset {
        self.base_offset().saturating_add(u64::from(self.records()))
    }

    /// Of the leader that gave it its offset.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        u32::from_be_bytes(field(&self.stamp, 12))
    }

    /// How many records it has; at least one.
    pub fn records(&self) -> u32 {
        u32::from_be_bytes(self.field(57))
    }

    /// The largest of its records.
    pub fn max_timestamp(&self) -> Timestamp {
        i64::from_be_bytes(self.field(35))
    }

    /// That of its first record.
    pub fn first_timestamp(&self) -> Timestamp {
        i64::from_be_bytes(self.field(27))
    }

    /// Who sent it, where that is an idempotent producer.
    pub fn producer(&self) -> Option<Producer> {
        let id = u64::try_from(i64::from_be_bytes(self.field(43))).ok()?;
        let epoch = u16::from_be_bytes(self.field(51));
        Some(Producer { id, epoch, first_sequence: u32::from_be_bytes(self.field(53)) })
    }

    /// Compression and kind of timestamp, as the producer chose them.
    pub fn attributes(&self) -> u16 {
        u16::from_be_bytes(self.field(21))
    }

    /// How many bytes it has.
    pub fn length(&self) -> u32 {
        (STAMP + self.rest.len()) as u32
    }

    /// Its bytes, not joined.
    pub fn parts(&self) -> Parts {
        [self.stamp.clone(), self.rest.clone()].into_iter().collect()
    }

    /// All up to the end of its checksum: what that does not cover.
    pub fn stamp(&self) -> [&[u8]; 2] {
        [&self.stamp, &self.rest[..CHECKED - STAMP]]
    }

    /// Its records.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidRecord`] if they are compressed, or are not as many as it says.
    pub fn decode(&self) -> Result<Vec<Record>, ErrorCode> {
        let records = self.timed()?.into_iter().map(|(_, record)| record);
        Ok(records.collect())
    }

    /// The first record that is not older than this, and its time. Nobody looks into a batch that is compressed: its
    /// first record stands for all.
    pub fn first_at(&self, time: Timestamp) -> Option<(Offset, Timestamp)> {
        if self.max_timestamp() < time {
            return None;
        }
        let records = self.timed().unwrap_or_default();
        let found = records.iter().zip(self.base_offset()..).find(|((at, _), _)| *at >= time);
        let first = (self.base_offset(), self.max_timestamp());
        Some(found.map_or(first, |((at, _), offset)| (offset, *at)))
    }

    fn timed(&self) -> Result<Vec<(Timestamp, Record)>, ErrorCode> {
        if self.attributes() & COMPRESSION != 0 {
            return Err(ErrorCode::InvalidRecord);
        }
        let (count, first) = (self.records() as usize, self.first_timestamp());
        let records = Reader::whole(self.rest.slice(HEADER - STAMP..), |from| {
            from.take_list(count, record::SHORTEST, |from| Record::take(first, from))
        });
        records.map_err(|_| ErrorCode::InvalidRecord)
    }

    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        field(&self.rest, at - STAMP)
    }
}

/// As diagrams write it: `5 records at 17`.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = if self.records() == 1 { "record" } else { "records" };
        write!(f, "{} {records} at {}", self.records(), self.base_offset())
    }
}

/// How long the batch is with which these bytes begin.
///
/// # Errors
/// Why they do not begin with one, or how many are needed to tell.
pub fn sound(bytes: &[u8]) -> Result<usize, NoBatch> {
    let unsound = |why| Err(NoBatch::Unsound(why));
    // Older formats have their magic at the same place, and may be shorter.
    if bytes.get(16).is_some_and(|magic| *magic < 2) {
        return unsound(ErrorCode::UnsupportedForMessageFormat);
    }
    if bytes.len() < HEADER {
        return Err(NoBatch::Short(HEADER));
    }
    let whole = BEFORE + u32::from_be_bytes(field(bytes, 8)) as usize;
    if bytes[16] != 2 || whole < HEADER {
        return unsound(ErrorCode::CorruptMessage);
    }
    let Some(batch) = bytes.get(..whole) else { return Err(NoBatch::Short(whole)) };
    if crc32c::crc32c(&batch[CHECKED..]) != u32::from_be_bytes(field(batch, CRC)) {
        return unsound(ErrorCode::CorruptMessage);
    }
    let (attributes, count) = (field(batch, 21), u32::from_be_bytes(field(batch, 57)));
    let counts = count.checked_sub(1) == Some(u32::from_be_bytes(field(batch, 23)));
    let id = i64::from_be_bytes(field(batch, 43));
    // An epoch and a sequence number are not negative.
    let numbered = id == -1 || (id >= 0 && batch[51] < 0x80 && batch[53] < 0x80);
    if !counts
        || count > i32::MAX as u32
        || !numbered
        || u16::from_be_bytes(attributes) & NOT_TAKEN != 0
    {
        return unsound(ErrorCode::InvalidRecord);
    }
    Ok(whole)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[cfg(test)]
mod tests;
