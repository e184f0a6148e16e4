//! Clicks as bytes, in the form in which they are stored and sent to the tally.
//!
//! A batch is a block ([`machine::codec::put_block`]) with the id of the log, the number of the first
//! click, the number of clicks, and the clicks. A file ends at the first incomplete batch.
//!
//! A click is encoded when it is logged, and decoded when it is counted. In between nothing is allocated
//! for a single click.

use bytes::{Bytes, BytesMut};
use machine::codec::{Fields, Malformed, Reader, put_block};

use crate::analytics::click::{Click, Device};

/// Clicks that are written together, with consecutive numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// Of which log.
    pub log: u64,
    /// The number of the first.
    pub first: u64,
    /// At least one.
    pub clicks: Clicks,
}

impl Batch {
    /// The number of the click after the last.
    pub fn end(&self) -> u64 {
        self.first + self.clicks.len()
    }

    /// Splits off this many of the first clicks.
    pub(crate) fn split_to(&mut self, count: u64) -> Batch {
        let Batch { log, first, clicks } = self;
        let taken = Batch { log: *log, first: *first, clicks: clicks.split_to(count) };
        self.first = taken.end();
        taken
    }
}

/// Clicks, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clicks {
    count: u32,
    bytes: Bytes,
}

/// A decoded click, borrowed from a batch. [`Click`] explains the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are named as those of a click")]
pub struct LoggedClick<'a> {
    pub domain: &'a str,
    pub code: &'a str,
    /// The incarnation of the visited link.
    pub incarnation: u64,
    pub at_ms: u64,
    pub visitor: u64,
    pub referrer: Option<&'a str>,
    pub device: Device,
}

impl Clicks {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is one at least")]
    pub fn len(&self) -> u64 {
        self.count.into()
    }

    /// Their length together, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = LoggedClick<'_>> {
        let mut rest = Reader::new(&self.bytes[..]);
        (0..self.count).map_while(move |_| get_click(&mut rest).ok())
    }

    #[cfg(test)]
    pub(crate) fn of(clicks: &[Click]) -> Clicks {
        let mut gathering = BatchBuilder::default();
        clicks.iter().for_each(|click| gathering.push(click, 0));
        gathering.clicks()
    }

    fn split_to(&mut self, count: u64) -> Clicks {
        let mut rest = Reader::new(&self.bytes[..]);
        let count = (0..count).map_while(|_| get_click(&mut rest).ok()).count() as u32;
        let taken = self.bytes.len() - rest.left();
        self.count -= count;
        Clicks { count, bytes: self.bytes.split_to(taken) }
    }
}

/// Collects clicks one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchBuilder {
    count: u32,
    bytes: BytesMut,
}

impl BatchBuilder {
    pub(super) fn of(click: &Click, incarnation: u64) -> BatchBuilder {
        let mut gathering = BatchBuilder { count: 0, bytes: BytesMut::with_capacity(64) };
        gathering.push(click, incarnation);
        gathering
    }

    pub(super) fn push(&mut self, click: &Click, incarnation: u64) {
        self.count += 1;
        put_click(&mut self.bytes, click, incarnation);
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn clicks(self) -> Clicks {
        Clicks { count: self.count, bytes: self.bytes.freeze() }
    }
}

/// The bytes of a batch.
pub(super) fn batch_bytes(batch: &Batch) -> Bytes {
    let mut out = BytesMut::with_capacity(8 + HEAD + batch.clicks.length());
    put_block(&mut out, |out| put_batch_body(batch, out));
    out.freeze()
}

/// Appends what a block has of it, which does not say where it ends.
pub(crate) fn put_batch_body(batch: &Batch, out: &mut impl Fields) {
    let Batch { log, first, clicks: Clicks { count, bytes } } = batch;
    out.put_u64_le(*log);
    out.put_u64_le(*first);
    out.put_u32_le(*count);
    out.put_shared(bytes);
}

/// No batch is longer, as bytes.
pub(super) const LONGEST: u32 = 4 << 20;

/// Bytes before the clicks in the body of a batch.
const HEAD: usize = 20;

/// The next batch; none, with nothing consumed, if no complete batch follows.
pub(super) fn get_batch(from: &mut Bytes) -> Option<Batch> {
    let mut file = Reader::new(from.clone());
    let batch = get_batch_body(file.take_block().ok()?).ok()?;
    *from = file.rest();
    Some(batch)
}

/// The batch of this body. It keeps a slice of it.
pub(crate) fn get_batch_body(body: Bytes) -> Result<Batch, Malformed> {
    let (log, first, count) = Reader::whole(&body[..], get_body)?;
    Ok(Batch { log, first, clicks: Clicks { count, bytes: body.slice(HEAD..) } })
}

/// Decodes the body of a block.
fn get_body(from: &mut Reader<&[u8]>) -> Result<(u64, u64, u32), Malformed> {
    let (log, first, count) = (from.take_u64()?, from.take_u64()?, from.take_u32()?);
    if count == 0 || first.checked_add(count.into()).is_none() {
        return Err(Malformed("it has no clicks, or more than have numbers"));
    }
    for _ in 0..count {
        get_click(from)?;
    }
    Ok((log, first, count))
}

/// The highest bit of the device's byte: an incarnation follows. Logs of earlier versions do not have it.
const INCARNATION: u8 = 1 << 7;

fn put_click(out: &mut BytesMut, click: &Click, incarnation: u64) {
    let Click { key, at_ms, visitor, referrer, device } = click;
    out.put_u64_le(*at_ms);
    out.put_u64_le(*visitor);
    match incarnation {
        0 => out.put_u8(*device as u8),
        incarnation => {
            out.put_u8(*device as u8 | INCARNATION);
            out.put_u64_le(incarnation);
        }
    }
    put_text(out, &key.domain);
    put_text(out, &key.code);
    // An empty text stands for no referrer.
    put_text(out, referrer.as_deref().unwrap_or_default());
}

fn get_click<'a>(from: &mut Reader<&'a [u8]>) -> Result<LoggedClick<'a>, Malformed> {
    let (at_ms, visitor, device) = (from.take_u64()?, from.take_u64()?, from.take_u8()?);
    let incarnation = match device & INCARNATION {
        0 => 0,
        _ => from.take_u64()?,
    };
    let device = Device::of_number(device & !INCARNATION);
    let device = device.ok_or(Malformed("there is no such device"))?;
    let (domain, code) = (get_text(from)?, get_text(from)?);
    let referrer = Some(get_text(from)?).filter(|host| !host.is_empty());
    Ok(LoggedClick { domain, code, incarnation, at_ms, visitor, referrer, device })
}

/// Valid hosts and codes are shorter than 255 bytes.
fn put_text(out: &mut BytesMut, text: &str) {
    let text = if text.len() < 255 { text } else { "" };
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}

fn get_text<'a>(from: &mut Reader<&'a [u8]>) -> Result<&'a str, Malformed> {
    let length = from.take_u8()?;
    from.take_text(length.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Key;

    prop_compose! {
        fn a_click()(
            (domain, code) in ("[a-z.]{0,8}|[a-z]{253}", "[A-Za-z0-9_-]{1,64}"),
            at_ms: u64,
            visitor: u64,
            host in proptest::option::of("[a-z.]{1,20}|[a-z]{253}"),
            device in 0..8u8,
        ) -> Click {
            let (key, device) = (Key::new(&domain, &code), Device::of_number(device).unwrap());
            Click { key, at_ms, visitor, referrer: host.map(Box::from), device }
        }
    }

    prop_compose! {
        fn a_batch()(
            log: u64,
            first in 0..u64::MAX / 2,
            clicks in proptest::collection::vec(a_click(), 1..8),
        ) -> Batch {
            Batch { log, first, clicks: Clicks::of(&clicks) }
        }
    }

    fn bytes(batches: &[Batch]) -> Vec<u8> {
        batches.iter().flat_map(batch_bytes).collect()
    }

    fn batches(bytes: Vec<u8>) -> Vec<Batch> {
        let mut bytes = Bytes::from(bytes);
        std::iter::from_fn(|| get_batch(&mut bytes)).collect()
    }

    proptest! {
        #[test]
        fn clicks_are_read_as_they_were_gathered(
            clicks in proptest::collection::vec(a_click(), 1..8), incarnation: u64,
        ) {
            let mut gathering = BatchBuilder::default();
            for (number, click) in clicks.iter().enumerate() {
                gathering.push(click, incarnation.wrapping_mul(number as u64));
            }
            let logged = gathering.clicks();
            prop_assert_eq!(logged.len(), clicks.len() as u64);
            for (number, click) in logged.iter().enumerate() {
                prop_assert_eq!(click.incarnation, incarnation.wrapping_mul(number as u64));
            }
            let read = logged.iter().map(|click| Click {
                key: Key::new(click.domain, click.code),
                at_ms: click.at_ms,
                visitor: click.visitor,
                referrer: click.referrer.map(Box::from),
                device: click.device,
            });
            prop_assert_eq!(read.collect::<Vec<_>>(), clicks);
        }

        #[test]
        fn a_part_and_the_rest_are_the_whole(batch in a_batch(), at: prop::sample::Index) {
            let mut rest = batch.clone();
            let part = rest.split_to(at.index(batch.clicks.len() as usize + 1) as u64);
            prop_assert_eq!((part.first, part.end(), rest.end()), (batch.first, rest.first, batch.end()));
            prop_assert!(part.clicks.iter().chain(rest.clicks.iter()).eq(batch.clicks.iter()));
        }

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

    /// As logs have them that were written before links had incarnations.
    #[test]
    fn a_click_without_an_incarnation_is_what_it_was_before() {
        let (key, referrer) = (Key::new("d", "code"), Some("h".into()));
        let click = Click { key, at_ms: 1, visitor: 2, referrer, device: Device::Other };
        let mut bytes = BytesMut::new();
        put_click(&mut bytes, &click, 0);
        assert_eq!(&bytes[..], b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x04\x01d\x04code\x01h");
    }

    #[test]
    fn the_longest_batch_fits_into_what_is_read_at_once() {
        let key =
            Key::new(&"d".repeat(crate::MAX_DOMAIN_BYTES), &"c".repeat(crate::MAX_CODE_BYTES));
        let referrer = Some("r".repeat(253).into());
        let click = Click { key, at_ms: 0, visitor: 0, referrer, device: Device::Bot };
        let mut clicks = BatchBuilder::default();
        (0..super::super::ClickTuning::MAX_BATCH).for_each(|_| clicks.push(&click, u64::MAX));
        let clicks = clicks.clicks();
        let longest = bytes(&[Batch { log: 0, first: 0, clicks }]).len() as u64;
        assert!(longest < super::super::segments::READ, "{longest}");
    }
}
