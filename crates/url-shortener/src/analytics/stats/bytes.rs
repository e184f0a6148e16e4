//! Bytes of what is known of a link, as the tally's store keeps them. The store has the checksums.
//!
//! A format byte, the sum, then hours, days, hosts and devices, each list with its length before it, then
//! the sketch of visitors. Numbers are written in groups of seven bits, the least first (LEB128), and an hour
//! or a day as its distance from the one before, so that most of them take a byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use machine::codec::{Malformed, Reader, put_number};

use super::{DAYS, HOURS, LinkStats, REFERRERS, Visitors};
use crate::analytics::click::Device;

/// Earlier ones have 1, and robots in their hours, days, hosts and visitors.
const FORMAT: u8 = 2;

impl LinkStats {
    /// Its bytes.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let LinkStats { clicks, by_hour, by_day, referrers, devices, visitors } = self;
        let mut out = BytesMut::new();
        out.put_u8(FORMAT);
        put_number(*clicks, &mut out);
        put_buckets(&mut out, by_hour);
        put_buckets(&mut out, by_day);
        put_number(referrers.len() as u64, &mut out);
        for (host, count) in referrers {
            put_number(host.len() as u64, &mut out);
            out.put_slice(host.as_bytes());
            put_number(*count, &mut out);
        }
        put_number(devices.len() as u64, &mut out);
        for (device, count) in devices {
            out.put_u8(*device as u8);
            put_number(*count, &mut out);
        }
        out.put_slice(&visitors.bytes());
        out.freeze()
    }

    /// What these bytes say; none if they are nothing that [`LinkStats::to_bytes`] wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<LinkStats> {
        Reader::whole(bytes, get_stats).ok()
    }
}

fn get_stats(from: &mut Reader<&[u8]>) -> Result<LinkStats, Malformed> {
    if !(1..=FORMAT).contains(&from.take_u8()?) {
        return Err(Malformed("it is of another format"));
    }
    let clicks = from.take_number()?;
    let (by_hour, by_day) = (get_buckets(from, HOURS)?, get_buckets(from, DAYS)?);
    let referrers = get_list(from, REFERRERS, |from| {
        let length = get_length(from)?;
        Ok((Arc::from(from.take_text(length)?), from.take_number()?))
    })?;
    let devices = get_list(from, Device::ALL.len(), |from| {
        let device = Device::of_number(from.take_u8()?);
        Ok((device.ok_or(Malformed("there is no such device"))?, from.take_number()?))
    })?;
    let visitors = Visitors::from_bytes(from.rest());
    Ok(LinkStats {
        clicks,
        by_hour,
        by_day,
        referrers,
        devices: devices.into_iter().collect(),
        visitors: visitors.ok_or(Malformed("its sketch of visitors is none"))?,
    })
}

fn put_buckets(out: &mut BytesMut, buckets: &BTreeMap<u64, u64>) {
    put_number(buckets.len() as u64, out);
    let mut before = 0;
    for (bucket, count) in buckets {
        put_number(bucket - before, out);
        put_number(*count, out);
        before = *bucket;
    }
}

fn get_buckets(from: &mut Reader<&[u8]>, most: usize) -> Result<BTreeMap<u64, u64>, Malformed> {
    let mut before = 0u64;
    let buckets = get_list(from, most, |from| {
        let next = before.checked_add(from.take_number()?);
        before = next.ok_or(Malformed("an hour or a day of it is too late"))?;
        Ok((before, from.take_number()?))
    })?;
    Ok(buckets.into_iter().collect())
}

fn get_length(from: &mut Reader<&[u8]>) -> Result<usize, Malformed> {
    usize::try_from(from.take_number()?).map_err(|_| Malformed("a length of it is too large"))
}

/// Each of whose items is two bytes at least.
fn get_list<'a, T>(
    from: &mut Reader<&'a [u8]>,
    most: usize,
    item: impl FnMut(&mut Reader<&'a [u8]>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    match get_length(from)? {
        count if count > most => Err(Malformed("a list of it is too long")),
        count => from.take_list(count, 2, item),
    }
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
