//! The layouts that people meet, and two that show a corner of the design.

use std::time::Duration;

use machine::Wall;

use super::Layout;

/// Name, epoch in milliseconds since 1970, tick in nanoseconds, fields.
type Row = (&'static str, u64, u64, &'static [(&'static str, u32)]);

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

const KNOWN: [Row; 8] = [
    // twitter-archive/snowflake, IdWorker.scala. Its worker is two halves of five bits, data centre
    // and machine; most descriptions since, and this one, count them as ten.
    ("twitter", 1_288_834_974_657, MS, &[("timestamp", 41), ("worker", 10), ("sequence", 12)]),
    // discord.com/developers/docs/reference, "Snowflakes".
    (
        "discord",
        1_420_070_400_000,
        MS,
        &[("timestamp", 42), ("worker", 5), ("process", 5), ("sequence", 12)],
    ),
    // "Sharding & IDs at Instagram", 2011. It uses the sign bit from the year 2046.
    ("instagram", 1_314_220_021_721, MS, &[("timestamp", 41), ("shard", 13), ("sequence", 10)]),
    // sony/sonyflake: 174 years in ticks of 10 ms, and the sequence above the machine.
    (
        "sonyflake",
        1_409_529_600_000,
        10 * MS,
        &[("timestamp", 39), ("sequence", 8), ("machine", 16)],
    ),
    // mastodon, lib/mastodon/snowflake.rb: one database mints, so nobody needs a number.
    ("mastodon", 0, MS, &[("timestamp", 48), ("sequence", 16)]),
    // baidu/uid-generator, DefaultUidGenerator.java. The epoch is the number in its source, midnight
    // of 2016-05-20 in Beijing; its timestamps ended on 2024-11-20.
    ("baidu", 1_463_673_600_000, S, &[("timestamp", 28), ("worker", 22), ("sequence", 13)]),
    // Ticks of a microsecond order ids more finely; what they cost is sequence bits. From 2025.
    ("micro", 1_735_689_600_000, US, &[("timestamp", 51), ("worker", 8), ("sequence", 4)]),
    // 4 Mi ids a millisecond, more than a worker can mint, so it never has to wait. What that costs
    // is workers, of which there are four, and years: 2025 to 2042.
    ("wide", 1_735_689_600_000, MS, &[("timestamp", 39), ("worker", 2), ("sequence", 22)]),
];

impl Layout {
    /// The names of the well-known layouts.
    pub const NAMES: [&'static str; KNOWN.len()] = {
        let mut names = [""; KNOWN.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = KNOWN[at].0;
            at += 1;
        }
        names
    };

    /// The well-known layout of this name.
    pub fn named(name: &str) -> Option<Layout> {
        let (name, epoch, tick, fields) = *KNOWN.iter().find(|row| row.0 == name)?;
        let layout = Layout::new(
            name,
            Wall::from_millis(epoch),
            Duration::from_nanos(tick),
            fields.iter().copied(),
        );
        Some(layout.expect("the well-known layouts are possible"))
    }

    /// Twitter's: 41 bits of milliseconds, 10 of worker, 12 of sequence.
    pub fn twitter() -> Layout {
        Layout::named("twitter").expect("it is in the list")
    }

    /// One whose sequence does not run out within a tick.
    pub fn wide() -> Layout {
        Layout::named("wide").expect("it is in the list")
    }
}
