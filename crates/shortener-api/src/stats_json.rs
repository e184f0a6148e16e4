//! Statistics as JSON.

use std::collections::BTreeMap;

use machine::Wall;
use serde::{Deserialize, Serialize};

use super::Timestamp;
use url_shortener::server::Site;
use url_shortener::{Key, Link, LinkStats};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// The statistics of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsJson {
    /// The code of the link.
    pub code: String,
    /// The custom domain, if it is in one.
    pub domain: Option<String>,
    /// The short URL.
    pub short_url: String,
    /// All clicks of people, here and, before an import, elsewhere.
    pub clicks: u64,
    /// Those elsewhere.
    pub earlier_clicks: u64,
    /// About how many people came here, at most `clicks`. A person who came on two days counts twice.
    pub visitor_days: u64,
    /// By hour, in UTC: the latest hours with clicks.
    pub hours: Vec<Bucket>,
    /// By the day.
    pub days: Vec<Bucket>,
    /// Where visitors came from, the most frequent first.
    pub referrers: Vec<Referrer>,
    /// By kind of device.
    pub devices: BTreeMap<String, u64>,
    /// Programs, counted apart: robots and tools (`bot`), previews (`preview`), browsers that load ahead
    /// (`prefetch`), and requests for the target only (`head`).
    pub programs: BTreeMap<String, u64>,
    /// How much of the click log is durable.
    pub log: LogPosition,
}

/// The clicks of an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When it began.
    pub from: Timestamp,
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

/// Clicks since the server started, of all links, are numbered from 0. All below `acknowledged` are
/// durable, and will be counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Which log: another one after each start.
    pub id: String,
    /// The first number that is not on the disk yet.
    pub acknowledged: u64,
}

impl StatsJson {
    /// The JSON of these statistics.
    pub(crate) fn of(
        key: &Key,
        link: &Link,
        stats: Option<&LinkStats>,
        (log, acknowledged): (u64, u64),
        site: &Site,
    ) -> StatsJson {
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
        StatsJson {
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
