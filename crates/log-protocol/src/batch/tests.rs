use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// Three records of an idempotent producer, written down by hand from the description of the format.
const GOLDEN: &str = "00000000000000000000004fffffffff02acaa88540000000000020000018bcfe568000000018bcfe56800\
    000000000000000700020000002900000003\
    1c000000066b65790a76616c7565000c0000020100000e000004026b0100";

/// Three records at the times 1000, 1020 and 1005.
const TIMED: &str = "000000000000000000000049ffffffff02b2cd2c3a00000000000200000000000003e800000000000003fc\
    ffffffffffffffffffffffffffff00000003\
    0e000000010261000e002802010262000e000a0401026300";

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn record(key: Option<&'static str>, value: Option<&'static str>) -> Record {
    Record { key: key.map(Bytes::from), value: value.map(Bytes::from) }
}

fn records() -> Vec<Record> {
    vec![record(Some("key"), Some("value")), record(None, Some("")), record(Some("k"), None)]
}

fn golden() -> Batch {
    let producer = Producer { id: 7, epoch: 2, first_sequence: 41 };
    Batch::of(&records(), 1_700_000_000_000, Some(producer))
}

/// With the checksum that it should have.
fn altered(at: usize, new: &[u8]) -> Bytes {
    let mut altered = bytes(GOLDEN).to_vec();
    altered[at..at + new.len()].copy_from_slice(new);
    let crc = crc32c::crc32c(&altered[CHECKED..]).to_be_bytes();
    altered[CRC..CHECKED].copy_from_slice(&crc);
    altered.into()
}

#[test]
fn a_batch_is_these_bytes() {
    assert_eq!(golden().parts().joined(), bytes(GOLDEN));
    let read = Batch::check(bytes(GOLDEN)).unwrap();
    assert_eq!(read, golden());
    assert_eq!(read.decode(), Ok(records()));
    assert_eq!((read.records(), read.length(), read.attributes()), (3, 91, 0));
    assert_eq!(
        (read.first_timestamp(), read.max_timestamp()),
        (1_700_000_000_000, 1_700_000_000_000)
    );
    assert_eq!(read.producer(), Some(Producer { id: 7, epoch: 2, first_sequence: 41 }));
    assert_eq!(Batch::check(bytes(TIMED)).unwrap().producer(), None);
}

/// Bytes that tell whether somebody has them still.
struct Frame(Bytes, #[expect(dead_code, reason = "it is counted")] Arc<()>);

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A producer without linger sent a record at a time: for each hundred bytes of the cache a broker kept the four
/// kilobytes into which the frame had been read.
#[test]
fn a_batch_at_its_place_shares_the_frame_that_it_came_in_unless_it_is_short() {
    for (records, keeps) in [(1, false), (1_000, true)] {
        let (frame, batch) = (Arc::new(()), Batch::of(&vec![Record::default(); records], 0, None));
        let bytes = Bytes::from_owner(Frame(batch.parts().joined(), frame.clone()));
        let stamped = Batch::check(bytes).unwrap().stamped(7, 3);
        assert_eq!(Arc::strong_count(&frame) > 1, keeps, "{records} records");
        assert_eq!(stamped.parts().joined()[STAMP..], batch.parts().joined()[STAMP..]);
    }
}

#[test]
fn a_stamp_changes_the_first_bytes_and_nothing_else() {
    let stamped = golden().stamped(17, 4);
    assert_eq!((stamped.base_offset(), stamped.next_offset(), stamped.leader_epoch()), (17, 20, 4));
    assert_eq!(format!("{stamped:?}"), "3 records at 17");
    let (before, after) = (golden().parts().joined(), stamped.parts().joined());
    assert_eq!(before[16..], after[16..]);
    assert_eq!(before[8..12], after[8..12]);
    assert_eq!(Batch::check(after), Ok(stamped));
}

#[test]
fn what_is_no_batch_of_ours_is_refused() {
    use ErrorCode::{CorruptMessage, InvalidRecord, UnsupportedForMessageFormat};
    let good = bytes(GOLDEN);
    let two = Bytes::from([&good[..], &good[..]].concat());
    let refused = [
        (Bytes::new(), CorruptMessage),
        (good.slice(..60), CorruptMessage),
        (good.slice(..90), CorruptMessage),
        (two.clone(), InvalidRecord),
        (altered(16, &[1]), UnsupportedForMessageFormat),
        (altered(16, &[0]).slice(..30), UnsupportedForMessageFormat),
        (altered(16, &[3]), CorruptMessage),
        (altered(8, &[0, 0, 0, 48]), CorruptMessage),
        (altered(8, &[0xFF; 4]), CorruptMessage),
        // Transactional, control, other counts, a negative epoch and sequence number, a producer of -2.
        (altered(22, &[0x10]), InvalidRecord),
        (altered(22, &[0x20]), InvalidRecord),
        (altered(26, &[3]), InvalidRecord),
        (altered(60, &[4]), InvalidRecord),
        (altered(57, &[0xFF, 0xFF, 0xFF, 0xFF]), InvalidRecord),
        (altered(51, &[0xFF]), InvalidRecord),
        (altered(53, &[0x80]), InvalidRecord),
        (altered(43, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]), InvalidRecord),
    ];
    for (bytes, why) in refused {
        assert_eq!(Batch::check(bytes.clone()), Err(why), "{bytes:?}");
    }
    let mut none = altered(23, &[0xFF; 4]).to_vec();
    none[57..61].copy_from_slice(&[0; 4]);
    let crc = crc32c::crc32c(&none[CHECKED..]).to_be_bytes();
    none[CRC..CHECKED].copy_from_slice(&crc);
    assert_eq!(Batch::check(none.into()), Err(InvalidRecord), "it has no records");
    assert_eq!(Batch::read(two), Ok((golden(), 91)));
}

/// The stamp is the leader's to say, and guarded where it is kept (`log/frame.rs`).
#[test]
fn a_flipped_bit_behind_the_stamp_is_found() {
    for bit in 8 * 16..8 * 91 {
        let mut flipped = bytes(GOLDEN).to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Batch::check(flipped.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn a_time_is_found_in_a_batch_and_a_compressed_one_is_not_opened() {
    let batch = Batch::check(bytes(TIMED)).unwrap().stamped(100, 1);
    assert_eq!(batch.first_at(900), Some((100, 1_000)));
    assert_eq!(batch.first_at(1_001), Some((101, 1_020)));
    assert_eq!(batch.first_at(1_021), None);
    let mut compressed = bytes(TIMED).to_vec();
    compressed[22] = 2;
    let crc = crc32c::crc32c(&compressed[CHECKED..]).to_be_bytes();
    compressed[CRC..CHECKED].copy_from_slice(&crc);
    let compressed = Batch::check(compressed.into()).unwrap().stamped(100, 1);
    assert_eq!(compressed.decode(), Err(ErrorCode::InvalidRecord));
    assert_eq!(compressed.first_at(1_001), Some((100, 1_020)));
    assert_eq!(compressed.first_at(1_021), None);
}

proptest! {
    /// Whoever sent it, and whatever the checksum says: it is an error and no panic.
    #[test]
    fn records_of_any_bytes_are_decoded_or_refused(
        tail in prop::collection::vec(any::<u8>(), 0..60),
        count in 1..10_u32,
    ) {
        let mut any = bytes(GOLDEN)[..HEADER].to_vec();
        any.extend(tail);
        let length = (any.len() - BEFORE) as u32;
        any[8..12].copy_from_slice(&length.to_be_bytes());
        any[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        any[57..61].copy_from_slice(&count.to_be_bytes());
        let crc = crc32c::crc32c(&any[CHECKED..]).to_be_bytes();
        any[CRC..CHECKED].copy_from_slice(&crc);
        let batch = Batch::check(any.into()).unwrap();
        if let Ok(records) = batch.decode() {
            prop_assert_eq!(records.len(), count as usize);
        }
        prop_assert!(batch.first_at(0).is_some());
    }

    #[test]
    fn records_are_read_as_they_were_written(
        parts in prop::collection::vec((any::<Option<Vec<u8>>>(), any::<Option<Vec<u8>>>()), 1..20),
        timestamp in any::<i64>(),
    ) {
        let record = |(key, value): (Option<Vec<u8>>, Option<Vec<u8>>)| Record {
            key: key.map(Bytes::from),
            value: value.map(Bytes::from),
        };
        let records: Vec<Record> = parts.into_iter().map(record).collect();
        let batch = Batch::of(&records, timestamp, None);
        prop_assert_eq!(Batch::check(batch.parts().joined()), Ok(batch.clone()));
        prop_assert_eq!(batch.decode(), Ok(records));
        prop_assert_eq!(batch.first_at(timestamp), Some((0, timestamp)));
    }
}
