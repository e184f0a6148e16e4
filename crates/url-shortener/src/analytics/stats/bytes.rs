//! Bytes of what is known of a link, as the tally's store keeps them. The store has the checksums.
//!
//! A format byte, the sum, then hours, days, hosts and devices, each list with its length before it, then
//! the sketch of visitors. Numbers are written in groups of seven bits, the least first (LEB128), and an hour
//! or a day as its distance from the one before, so that most of them take a byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{DAYS, HOURS, LinkStats, REFERRERS, Visitors};
use crate::message::Device;

/// Earlier ones have 1, and robots in their hours, days, hosts and visitors.
const FORMAT: u8 = 2;

impl LinkStats {
    /// Its bytes.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let LinkStats { clicks, by_hour, by_day, referrers, devices, visitors } = self;
        let mut out = BytesMut::new();
        out.put_u8(FORMAT);
        put_number(&mut out, *clicks);
        put_buckets(&mut out, by_hour);
        put_buckets(&mut out, by_day);
        put_number(&mut out, referrers.len() as u64);
        for (host, count) in referrers {
            put_number(&mut out, host.len() as u64);
            out.put_slice(host.as_bytes());
            put_number(&mut out, *count);
        }
        put_number(&mut out, devices.len() as u64);
        for (device, count) in devices {
            out.put_u8(*device as u8);
            put_number(&mut out, *count);
        }
        out.put_slice(&visitors.bytes());
        out.freeze()
    }

    /// What these bytes say; none if they are nothing that [`LinkStats::to_bytes`] wrote.
    pub(crate) fn from_bytes(mut from: &[u8]) -> Option<LinkStats> {
        if !(1..=FORMAT).contains(&from.try_get_u8().ok()?) {
            return None;
        }
        let clicks = get_number(&mut from)?;
        let (by_hour, by_day) = (get_buckets(&mut from, HOURS)?, get_buckets(&mut from, DAYS)?);
        let referrers = get_list(&mut from, REFERRERS, |from| {
            let length = usize::try_from(get_number(from)?).ok()?;
            let (host, rest) = from.split_at_checked(length)?;
            *from = rest;
            Some((Arc::from(std::str::from_utf8(host).ok()?), get_number(from)?))
        })?;
        let devices = get_list(&mut from, Device::ALL.len(), |from| {
            Some((Device::of_number(from.try_get_u8().ok()?)?, get_number(from)?))
        })?;
        let (devices, visitors) = (devices.into_iter().collect(), Visitors::from_bytes(from)?);
        Some(LinkStats { clicks, by_hour, by_day, referrers, devices, visitors })
    }
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

fn get_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let byte = u64::from(from.try_get_u8().ok()?);
        number |= (byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            // The tenth group has room for one bit.
            return (place < 9 || byte < 2).then_some(number);
        }
    }
    None
}

fn put_buckets(out: &mut BytesMut, buckets: &BTreeMap<u64, u64>) {
    put_number(out, buckets.len() as u64);
    let mut before = 0;
    for (bucket, count) in buckets {
        put_number(out, bucket - before);
        put_number(out, *count);
        before = *bucket;
    }
}

fn get_buckets(from: &mut &[u8], most: usize) -> Option<BTreeMap<u64, u64>> {
    let mut before = 0u64;
    let buckets = get_list(from, most, |from| {
        before = before.checked_add(get_number(from)?)?;
        Some((before, get_number(from)?))
    })?;
    Some(buckets.into_iter().collect())
}

fn get_list<T>(
    from: &mut &[u8],
    most: usize,
    mut one: impl FnMut(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::try_from(get_number(from)?).ok()?;
    let list: Vec<T> = (0..count.min(most)).map_while(|_| one(from)).collect();
    (list.len() == count).then_some(list)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analytics::clicks::LoggedClick;

    prop_compose! {
        fn a_click()(
            at_ms in 0..100_000_000_000u64,
            visitor: u64,
            host in proptest::option::of("[a-z]{1,2}"),
            device in 0..8u8,
        ) -> (u64, u64, Option<String>, Device) {
            (at_ms, visitor, host, Device::of_number(device).unwrap())
        }
    }

    fn counted(clicks: &[(u64, u64, Option<String>, Device)]) -> LinkStats {
        let mut stats = LinkStats::default();
        for (at_ms, visitor, host, device) in clicks.iter().cloned() {
            let (domain, code, incarnation, referrer) = ("", "x", 0, host.as_deref());
            let click = LoggedClick { domain, code, incarnation, at_ms, visitor, referrer, device };
            stats.count(click);
        }
        stats
    }

    /// Of a folder from before programs were counted apart.
    #[test]
    fn counts_of_the_format_before_are_read() {
        let mut bytes = counted(&[(7_200_000, 1, None, Device::Phone)]).to_bytes().to_vec();
        bytes[0] = 1;
        let stats = LinkStats::from_bytes(&bytes).unwrap();
        assert_eq!((stats.clicks, stats.of_people(), stats.by_hour[&2]), (1, 1, 1));
        bytes[0] = 3;
        assert_eq!(LinkStats::from_bytes(&bytes), None, "that of a later version is refused");
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(number: u64, shift in 0..64) {
            let mut out = BytesMut::new();
            put_number(&mut out, number >> shift);
            prop_assert_eq!(get_number(&mut &out[..]), Some(number >> shift));
        }

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
