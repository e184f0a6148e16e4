//! Bytes of a batch of clicks.
//!
//! A batch is its length, the CRC-32 of its body (four bytes each, little-endian, as all numbers here) and
//! the body: the log, the number of the first click, how many there are, and the clicks. A file of clicks
//! ends where the first batch is not whole.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::Key;
use crate::message::{Click, Device};

/// Clicks that were written together, without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// Of which log.
    pub log: u64,
    /// The number of the first.
    pub first: u64,
    /// At least one.
    pub clicks: Arc<[Click]>,
}

impl Batch {
    /// The number of the click after the last.
    pub fn end(&self) -> u64 {
        self.first + self.clicks.len() as u64
    }
}

/// Appends the bytes of a batch.
pub(super) fn put_batch(out: &mut BytesMut, batch: &Batch) {
    let start = out.len();
    out.put_u64_le(0);
    out.put_u64_le(batch.log);
    out.put_u64_le(batch.first);
    out.put_u32_le(batch.clicks.len() as u32);
    batch.clicks.iter().for_each(|click| put_click(out, click));
    let length = (out.len() - start - 8) as u32;
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The next batch; none, and nothing is taken, where there is no other that is whole.
pub(super) fn get_batch(from: &mut Bytes) -> Option<Batch> {
    let mut head = from.get(..8)?;
    let (length, crc) = (head.get_u32_le() as usize, head.get_u32_le());
    let body = from.get(8..8usize.checked_add(length)?)?;
    if crc32fast::hash(body) != crc {
        return None;
    }
    let batch = get_body(body)?;
    from.advance(8 + length);
    Some(batch)
}

fn get_body(mut from: &[u8]) -> Option<Batch> {
    let log = from.try_get_u64_le().ok()?;
    let first = from.try_get_u64_le().ok()?;
    let count = u64::from(from.try_get_u32_le().ok()?);
    first.checked_add(count)?;
    let clicks: Arc<[Click]> = (0..count).map_while(|_| get_click(&mut from)).collect();
    let is_whole = clicks.len() as u64 == count && count > 0 && from.is_empty();
    is_whole.then_some(Batch { log, first, clicks })
}

fn put_click(out: &mut BytesMut, click: &Click) {
    let Click { key, at_ms, visitor, referrer, device } = click;
    out.put_u64_le(*at_ms);
    out.put_u64_le(*visitor);
    out.put_u8(*device as u8);
    put_text(out, &key.domain);
    put_text(out, &key.code);
    // No host has an empty name.
    put_text(out, referrer.as_deref().unwrap_or_default());
}

fn get_click(from: &mut &[u8]) -> Option<Click> {
    let at_ms = from.try_get_u64_le().ok()?;
    let visitor = from.try_get_u64_le().ok()?;
    let device = Device::of_number(from.try_get_u8().ok()?)?;
    let key = Key::new(get_text(from)?, get_text(from)?);
    let referrer = Some(get_text(from)?).filter(|host| !host.is_empty()).map(Arc::from);
    Some(Click { key, at_ms, visitor, referrer, device })
}

/// Names of hosts and codes are shorter than 255 bytes; what is longer would not be one.
fn put_text(out: &mut BytesMut, text: &str) {
    let text = if text.len() < 255 { text } else { "" };
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}

fn get_text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let length = from.try_get_u8().ok()?;
    let (text, rest) = from.split_at_checked(length.into())?;
    *from = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn a_click()(
            (domain, code) in ("[a-z.]{0,8}|[a-z]{253}", "[A-Za-z0-9_-]{1,64}"),
            at_ms: u64,
            visitor: u64,
            host in proptest::option::of("[a-z.]{1,20}|[a-z]{253}"),
            device in 0..5u8,
        ) -> Click {
            let (key, device) = (Key::new(&domain, &code), Device::of_number(device).unwrap());
            Click { key, at_ms, visitor, referrer: host.map(Arc::from), device }
        }
    }

    prop_compose! {
        fn a_batch()(
            log: u64,
            first in 0..u64::MAX / 2,
            clicks in proptest::collection::vec(a_click(), 1..8),
        ) -> Batch {
            Batch { log, first, clicks: clicks.into() }
        }
    }

    fn bytes(batches: &[Batch]) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        batches.iter().for_each(|batch| put_batch(&mut bytes, batch));
        bytes.to_vec()
    }

    fn batches(bytes: Vec<u8>) -> Vec<Batch> {
        let mut bytes = Bytes::from(bytes);
        std::iter::from_fn(|| get_batch(&mut bytes)).collect()
    }

    proptest! {
        #[test]
        fn batches_are_read_as_they_were_written(written in proptest::collection::vec(a_batch(), 0..4)) {
            prop_assert_eq!(batches(bytes(&written)), written);
        }

        #[test]
        fn a_torn_file_ends_before_the_batch_that_was_torn(
            written in proptest::collection::vec(a_batch(), 1..4),
            cut: prop::sample::Index,
        ) {
            let whole = bytes(&written);
            let cut = cut.index(whole.len());
            let read = batches(whole[..cut].to_vec());
            prop_assert!(bytes(&read).len() <= cut);
            prop_assert_eq!(&written[..read.len()], &read[..]);
            let next = bytes(&written[..=read.len()]).len();
            prop_assert!(next > cut, "a whole batch was not read");
        }

        #[test]
        fn a_changed_byte_ends_the_file_there(
            written in proptest::collection::vec(a_batch(), 1..4),
            place: prop::sample::Index,
            change in 1..=255u8,
        ) {
            let mut rotten = bytes(&written);
            let place = place.index(rotten.len());
            rotten[place] ^= change;
            let read = batches(rotten);
            prop_assert!(bytes(&read).len() <= place);
            prop_assert_eq!(&written[..read.len()], &read[..]);
        }
    }

    #[test]
    fn the_longest_batch_fits_into_what_is_read_at_once() {
        let key = Key::new(&"d".repeat(crate::LONGEST_DOMAIN), &"c".repeat(crate::LONGEST_CODE));
        let referrer = Some("r".repeat(253).into());
        let click = Click { key, at_ms: 0, visitor: 0, referrer, device: Device::Bot };
        let clicks = vec![click; super::super::ClickTuning::MOST].into();
        assert!(bytes(&[Batch { log: 0, first: 0, clicks }]).len() < 1 << 20);
    }
}
