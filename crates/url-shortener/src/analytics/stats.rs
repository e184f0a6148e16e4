//! The statistics of a link.
//!
//! The law: their size is bounded, whatever clocks, browsers and visitors say, and no single visitor can
//! be identified from them.

mod bytes;
mod visitors;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analytics::click::Device;
use crate::analytics::clicks::LoggedClick;

pub use visitors::Visitors;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// How many hours with a click are kept, the latest.
const HOURS: usize = 72;
/// How many days with a click are kept.
const DAYS: usize = 400;
/// How many referring hosts are kept.
const REFERRERS: usize = 16;

/// The counts of one link. All but `clicks` and `devices` count people only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkStats {
    /// All clicks that were counted, of people and of programs.
    pub clicks: u64,
    /// By hour since 1970, the latest 72 hours with a click. Older clicks are in `by_day`.
    pub by_hour: BTreeMap<u64, u64>,
    /// By day since 1970, the latest 400 days with a click. Older clicks are in `clicks` only.
    pub by_day: BTreeMap<u64, u64>,
    /// Referring hosts, at most 16, unsorted. A new host replaces the least frequent one and continues
    /// its count (Space-Saving: Metwally, Agrawal and El Abbadi, 2005). So a count is too high by at most
    /// a sixteenth of all, and no host with more than a sixteenth is missing.
    pub referrers: Vec<(Arc<str>, u64)>,
    /// By kind of device; programs are included, each under its kind.
    pub devices: BTreeMap<Device, u64>,
    /// An estimate of the number of visitors, each day anew.
    pub visitors: Visitors,
}

impl LinkStats {
    /// Counts a click.
    pub fn count(&mut self, click: LoggedClick<'_>) {
        self.clicks += 1;
        *self.devices.entry(click.device).or_default() += 1;
        if !click.device.is_a_persons() {
            return;
        }
        count_latest(&mut self.by_hour, click.at_ms / HOUR_MS, HOURS);
        count_latest(&mut self.by_day, click.at_ms / DAY_MS, DAYS);
        if let Some(host) = click.referrer {
            self.count_referrer(host);
        }
        self.visitors.insert(click.visitor);
    }

    /// How many of the clicks were made by people.
    pub fn of_people(&self) -> u64 {
        let programs = self.devices.iter().filter(|(device, _)| !device.is_a_persons());
        self.clicks.saturating_sub(programs.map(|(_, count)| count).sum())
    }

    /// About how many people came. A person who came on two days counts twice, since visitors are not
    /// recognised the next day. The estimate is capped by the number of clicks.
    pub fn visitor_days(&self) -> u64 {
        self.visitors.estimate().min(self.of_people())
    }

    fn count_referrer(&mut self, host: &str) {
        if let Some((_, count)) = self.referrers.iter_mut().find(|(known, _)| **known == *host) {
            *count += 1;
        } else if self.referrers.len() < REFERRERS {
            self.referrers.push((host.into(), 1));
        } else if let Some(least) = self.referrers.iter_mut().min_by_key(|(_, count)| *count) {
            *least = (host.into(), least.1 + 1);
        }
    }
}

/// Counts one in this bucket. A wrong clock costs one bucket and not the others.
fn count_latest(buckets: &mut BTreeMap<u64, u64>, bucket: u64, most: usize) {
    *buckets.entry(bucket).or_default() += 1;
    if buckets.len() > most {
        buckets.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click(at_ms: u64, referrer: Option<&str>) -> LoggedClick<'_> {
        let (domain, code, incarnation, device) = ("", "x", 0, Device::Phone);
        LoggedClick { domain, code, incarnation, at_ms, visitor: at_ms, referrer, device }
    }

    #[test]
    fn what_is_old_is_left_in_the_days_and_then_in_the_sum() {
        let mut stats = LinkStats::default();
        (0..500 * 24).for_each(|hour| stats.count(click(hour * HOUR_MS, None)));
        assert_eq!(stats.clicks, 12_000);
        assert_eq!(
            stats.by_hour.keys().copied().collect::<Vec<_>>(),
            Vec::from_iter(11_928..12_000)
        );
        assert_eq!(stats.by_day, (100..500).map(|day| (day, 24)).collect());
        // An hour that is too long ago is not kept in the place of a later one.
        stats.count(click(5 * HOUR_MS, None));
        assert_eq!(stats.by_hour.first_key_value(), Some((&11_928, &1)));
        // A clock that is wrong by a thousand years takes one place.
        stats.count(click(9_000_000 * HOUR_MS, None));
        assert_eq!(stats.by_hour.len(), 72);
        assert_eq!(stats.by_hour.get(&11_999), Some(&1));
    }

    #[test]
    fn programs_are_counted_apart_from_people() {
        let mut stats = LinkStats::default();
        for device in Device::ALL {
            stats.count(LoggedClick { device, ..click(0, Some("a.example")) });
        }
        assert_eq!((stats.clicks, stats.of_people(), stats.visitor_days()), (8, 4, 1));
        assert_eq!(stats.devices, Device::ALL.map(|device| (device, 1)).into());
        assert_eq!((stats.by_hour[&0], stats.by_day[&0], stats.referrers[0].1), (4, 4, 4));
    }

    #[test]
    fn there_are_never_more_visitors_than_clicks() {
        let mut stats = LinkStats::default();
        let mut was_over = false;
        for number in 0..20_000u64 {
            let visitor = xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes());
            stats.count(LoggedClick { visitor, ..click(0, None) });
            assert!(stats.visitor_days() <= stats.of_people());
            was_over |= stats.visitors.estimate() > stats.of_people();
        }
        assert!(was_over, "an estimate that is never too high would need no bound");
    }

    #[test]
    fn frequent_referrers_are_found_among_any_number_of_rare_ones() {
        let mut stats = LinkStats::default();
        for number in 0..20_000 {
            let rare = format!("rare-{number}.example");
            let host = if number % 5 == 0 { "frequent.example" } else { &rare };
            stats.count(click(0, Some(host)));
        }
        assert_eq!(stats.referrers.len(), REFERRERS);
        let most = stats.referrers.iter().max_by_key(|(_, count)| *count).unwrap();
        assert_eq!(&*most.0, "frequent.example");
        assert!((4_000..=4_000 + 20_000 / REFERRERS as u64).contains(&most.1), "{}", most.1);
    }
}
