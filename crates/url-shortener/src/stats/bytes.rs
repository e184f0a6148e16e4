//! Bytes of what is known of a link, as the tally's store keeps them. The store has the checksums.
//!
//! A format byte, the sum, then hours, days, hosts and devices, each list with its length before it (two
//! bytes; all numbers are little-endian), then the sketch of visitors.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{DAYS, HOURS, LinkStats, REFERRERS, Visitors};
use crate::message::Device;

const FORMAT: u8 = 1;

impl LinkStats {
    /// Its bytes.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let LinkStats { clicks, by_hour, by_day, referrers, devices, visitors } = self;
        let mut out = BytesMut::new();
        out.put_u8(FORMAT);
        out.put_u64_le(*clicks);
        put_buckets(&mut out, by_hour);
        put_buckets(&mut out, by_day);
        out.put_u16_le(referrers.len() as u16);
        for (host, count) in referrers {
            out.put_u16_le(host.len() as u16);
            out.put_slice(host.as_bytes());
            out.put_u64_le(*count);
        }
        out.put_u16_le(devices.len() as u16);
        for (device, count) in devices {
            out.put_u8(*device as u8);
            out.put_u64_le(*count);
        }
        out.put_slice(&visitors.bytes());
        out.freeze()
    }

    /// What these bytes say; none if they are nothing that [`LinkStats::to_bytes`] wrote.
    pub(crate) fn from_bytes(mut from: &[u8]) -> Option<LinkStats> {
        if from.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let clicks = from.try_get_u64_le().ok()?;
        let (by_hour, by_day) = (get_buckets(&mut from, HOURS)?, get_buckets(&mut from, DAYS)?);
        let referrers = get_list(&mut from, REFERRERS, |from| {
            let length = from.try_get_u16_le().ok()?;
            let (host, rest) = from.split_at_checked(length.into())?;
            *from = rest;
            Some((Arc::from(std::str::from_utf8(host).ok()?), from.try_get_u64_le().ok()?))
        })?;
        let devices = get_list(&mut from, 5, |from| {
            Some((Device::of_number(from.try_get_u8().ok()?)?, from.try_get_u64_le().ok()?))
        })?;
        let (devices, visitors) = (devices.into_iter().collect(), Visitors::from_bytes(from)?);
        Some(LinkStats { clicks, by_hour, by_day, referrers, devices, visitors })
    }
}

fn put_buckets(out: &mut BytesMut, buckets: &BTreeMap<u64, u64>) {
    out.put_u16_le(buckets.len() as u16);
    for (bucket, count) in buckets {
        out.put_u64_le(*bucket);
        out.put_u64_le(*count);
    }
}

fn get_buckets(from: &mut &[u8], most: usize) -> Option<BTreeMap<u64, u64>> {
    let number = |from: &mut &[u8]| from.try_get_u64_le().ok();
    let buckets = get_list(from, most, |from| Some((number(from)?, number(from)?)))?;
    Some(buckets.into_iter().collect())
}

fn get_list<T>(
    from: &mut &[u8],
    most: usize,
    mut one: impl FnMut(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::from(from.try_get_u16_le().ok()?);
    let list: Vec<T> = (0..count.min(most)).map_while(|_| one(from)).collect();
    (list.len() == count).then_some(list)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Key;
    use crate::message::Click;

    prop_compose! {
        fn a_click()(
            at_ms in 0..100_000_000_000u64,
            visitor: u64,
            host in proptest::option::of("[a-z]{1,2}"),
            device in 0..5u8,
        ) -> Click {
            let device = Device::of_number(device).unwrap();
            Click { key: Key::new("", "x"), at_ms, visitor, referrer: host.map(Arc::from), device }
        }
    }

    fn counted(clicks: &[Click]) -> LinkStats {
        let mut stats = LinkStats::default();
        clicks.iter().for_each(|click| stats.count(click));
        stats
    }

    proptest! {
        #[test]
        fn its_bytes_lead_back_to_it(clicks in proptest::collection::vec(a_click(), 0..600)) {
            let stats = counted(&clicks);
            prop_assert_eq!(LinkStats::from_bytes(&stats.to_bytes()), Some(stats));
        }

        #[test]
        fn other_bytes_are_refused_or_bounded(
            clicks in proptest::collection::vec(a_click(), 0..40),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut: prop::sample::Index,
        ) {
            let mut bytes = counted(&clicks).to_bytes().to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] ^= byte;
            }
            for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
                if let Some(stats) = LinkStats::from_bytes(bytes) {
                    prop_assert!(stats.by_hour.len() <= HOURS && stats.by_day.len() <= DAYS);
                    prop_assert!(stats.to_bytes().len() <= bytes.len() + 16);
                }
            }
        }
    }
}
