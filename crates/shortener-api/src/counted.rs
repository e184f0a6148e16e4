//! What was counted, as JSON.

use std::collections::BTreeMap;

use machine::Wall;
use serde::{Deserialize, Serialize};

use super::When;
use url_shortener::server::Site;
use url_shortener::{Key, Link, LinkStats};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What is known of the clicks on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The code of the link.
    pub code: String,
    /// The custom domain, if it is in one.
    pub domain: Option<String>,
    /// What people pass on.
    pub short_url: String,
    /// All clicks of people, here and, before an import, elsewhere.
    pub clicks: u64,
    /// Those elsewhere.
    pub earlier_clicks: u64,
    /// About how many people came here, never more than clicks; one who came on two days is two.
    pub visitor_days: u64,
    /// By the hour in which they happened, by UTC: the latest in which there were any.
    pub hours: Vec<Bucket>,
    /// By the day.
    pub days: Vec<Bucket>,
    /// Where visitors came from, the most frequent first.
    pub referrers: Vec<Referrer>,
    /// What they came with.
    pub devices: BTreeMap<String, u64>,
    /// Counted apart, since nobody looked: robots and tools (`bot`), previews of the link (`preview`),
    /// browsers that load ahead (`prefetch`), and requests for the address alone (`head`).
    pub programs: BTreeMap<String, u64>,
    /// How far the log of clicks is on the disk.
    pub log: LogPosition,
}

/// The clicks of an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When it began.
    pub from: When,
    /// How many there were.
    pub clicks: u64,
}

/// Where some clicks came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referrer {
    /// The name of the site.
    pub host: String,
    /// About how many, and never too few.
    pub clicks: u64,
}

/// The clicks of this server since it started, of all links together, are numbered from 0 on. What
/// lies below `acknowledged` is on the disk, and will be counted whatever happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Which log: another one after each start.
    pub id: String,
    /// The first number that is not on the disk yet.
    pub acknowledged: u64,
}

impl Counted {
    /// How it looks.
    pub(crate) fn of(
        key: &Key,
        link: &Link,
        stats: Option<&LinkStats>,
        (log, acknowledged): (u64, u64),
        site: &Site,
    ) -> Counted {
        let nothing = LinkStats::default();
        let stats = stats.unwrap_or(&nothing);
        let buckets = |counts: &BTreeMap<u64, u64>, length: u64| {
            let bucket = |(number, clicks): (&u64, &u64)| Bucket {
                from: Wall::from_millis(number.saturating_mul(length)).into(),
                clicks: *clicks,
            };
            counts.iter().map(bucket).collect()
        };
        let mut referrers: Vec<_> = stats
            .referrers
            .iter()
            .map(|(host, clicks)| Referrer { host: host.to_string(), clicks: *clicks })
            .collect();
        referrers.sort_by(|a, b| b.clicks.cmp(&a.clicks).then_with(|| a.host.cmp(&b.host)));
        let kinds = |people: bool| {
            let kinds = stats.devices.iter().filter(|(device, _)| device.is_a_persons() == people);
            kinds.map(|(device, clicks)| (format!("{device:?}").to_lowercase(), *clicks)).collect()
        };
        Counted {
            code: key.code.to_string(),
            domain: key.custom_domain(),
            short_url: site.short_url(key),
            clicks: link.earlier_clicks.saturating_add(stats.of_people()),
            earlier_clicks: link.earlier_clicks,
            visitor_days: stats.visitor_days(),
            hours: buckets(&stats.by_hour, HOUR_MS),
            days: buckets(&stats.by_day, DAY_MS),
            referrers,
            devices: kinds(true),
            programs: kinds(false),
            log: LogPosition { id: log.to_string(), acknowledged },
        }
    }
}
