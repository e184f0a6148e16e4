//! An estimate of the hardware for a number of links and visits, from measurements of one shard.
//!
//! The law: whole numbers, rounded up, so that what comes out suffices. Replication is left to the reader:
//! three copies are three times the disks and the memory. How much caches answer is not what they did with
//! fewer links: it follows from a model (`capacity/hits.rs`).

mod hits;

pub use hits::{CacheSettings, Traffic};

use url_shortener::CODES;

/// What was measured on one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// On disk, for a link: its entry in the log and in the hint.
    pub disk_bytes_per_link: u64,
    /// In memory, for a link: its entry in the index.
    pub memory_bytes_per_link: u64,
    /// Of one core of a shard, for a read.
    pub shard_ns_per_read: u64,
    /// Of one core of an instance, for a redirect from its cache.
    pub instance_ns_per_redirect: u64,
    /// Of the cores of an instance and the tally, for a click: logged, sent and counted.
    pub ns_per_click: u64,
}

/// A machine that one would buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Memory for the index, in bytes.
    pub memory: u64,
    /// Disk for the log, in bytes. A merge needs room beside what it merges.
    pub disk: u64,
    /// Random reads of its disk in a second.
    pub reads_per_second: u64,
}

/// The demand on the service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// The links and visits.
    pub traffic: Traffic,
    /// The cache of an instance.
    pub cache: CacheSettings,
    /// Of so many guesses at a code one may hit a link.
    pub guesses: u64,
}

/// The hardware it takes, for one copy of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// On all disks, in bytes.
    pub disk: u64,
    /// In the memory of all shards, in bytes.
    pub memory: u64,
    /// Shards, if memory were all.
    pub shards_by_memory: u64,
    /// If disks were.
    pub shards_by_disk: u64,
    /// If reads were.
    pub shards_by_reads: u64,
    /// The most of the three.
    pub shards: u64,
    /// Redirects of a million that caches answer.
    pub hits_in_a_million: u64,
    /// Reads of all shards in a second.
    pub reads: u64,
    /// Cores of instances that do nothing but redirect, in thousandths.
    pub instance_millicores: u64,
    /// Cores of shards that do nothing but read, in thousandths.
    pub shard_millicores: u64,
    /// Cores that do nothing but count clicks, in thousandths.
    pub click_millicores: u64,
    /// Letters of a code, so that guesses hit as seldom as is wanted.
    pub code_length: u32,
    /// So many guesses hit once where codes have [`CODE_LENGTH`](url_shortener::CODE_LENGTH) letters.
    pub guesses_of_seven: u64,
}

impl Measurements {
    /// Estimates how many such machines meet this demand.
    pub fn estimate(&self, demand: Demand, hardware: Hardware) -> Estimate {
        let Demand { traffic, cache, guesses } = demand;
        let disk = traffic.links.saturating_mul(self.disk_bytes_per_link);
        let memory = traffic.links.saturating_mul(self.memory_bytes_per_link);
        let hits_in_a_million = (traffic.hit_rate(cache) * 1e6).round() as u64;
        let misses = 1_000_000u64.saturating_sub(hits_in_a_million);
        let reads = traffic.visits.saturating_mul(misses).div_ceil(1_000_000);
        let shards_by_memory = memory.div_ceil(hardware.memory.max(1));
        let shards_by_disk = disk.div_ceil(hardware.disk.max(1));
        let shards_by_reads = reads.div_ceil(hardware.reads_per_second.max(1));
        // A thousandth of a core is a million nanoseconds in a second.
        let millicores = |count: u64, ns: u64| count.saturating_mul(ns).div_ceil(1_000_000);
        Estimate {
            disk,
            memory,
            shards_by_memory,
            shards_by_disk,
            shards_by_reads,
            shards: shards_by_memory.max(shards_by_disk).max(shards_by_reads).max(1),
            hits_in_a_million,
            reads,
            instance_millicores: millicores(traffic.visits, self.instance_ns_per_redirect),
            shard_millicores: millicores(reads, self.shard_ns_per_read),
            click_millicores: millicores(traffic.visits, self.ns_per_click),
            code_length: code_length(traffic.links, guesses),
            guesses_of_seven: CODES / traffic.links.max(1),
        }
    }
}

/// So long that of so many guesses one hits any of these links. Codes hide their order and how many there
/// are, and not how dense they are.
fn code_length(links: u64, guesses: u64) -> u32 {
    let codes = u128::from(links) * u128::from(guesses);
    // 62^22 are more than there are of both together.
    (1..22).find(|length| 62u128.pow(*length) >= codes).unwrap_or(22)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_bill_is_what_one_would_write_on_paper() {
        let measured = Measurements {
            disk_bytes_per_link: 200,
            memory_bytes_per_link: 50,
            shard_ns_per_read: 2_000,
            instance_ns_per_redirect: 500,
            ns_per_click: 1_700,
        };
        let hardware =
            Hardware { memory: 50 << 30, disk: 2_000_000_000_000, reads_per_second: 10_000 };
        // Each is visited once in ten million seconds; a copy is used for thrice as long.
        let traffic = Traffic { links: 100_000_000_000, exponent: 0.0, visits: 10_000 };
        let freshness = Duration::from_secs(30_000_000);
        let cache = CacheSettings { cached: 100_000_000_000, freshness };
        let demand = Demand { traffic, cache, guesses: 1_000_000 };
        let estimate = measured.estimate(demand, hardware);
        assert_eq!(estimate.disk, 20_000_000_000_000);
        assert_eq!(
            (estimate.shards_by_memory, estimate.shards_by_disk, estimate.shards_by_reads),
            (94, 10, 1)
        );
        assert_eq!(
            (estimate.shards, estimate.hits_in_a_million, estimate.reads),
            (94, 750_000, 2_500)
        );
        assert_eq!((estimate.instance_millicores, estimate.shard_millicores), (5, 5));
        assert_eq!(
            (estimate.click_millicores, estimate.code_length, estimate.guesses_of_seven),
            (17, 10, 35)
        );
    }

    #[test]
    fn codes_are_as_long_as_it_takes_and_no_longer() {
        assert_eq!(code_length(62, 1), 1);
        assert_eq!(code_length(63, 1), 2);
        assert_eq!(code_length(62u64.pow(4), 62u64.pow(3)), 7);
        assert_eq!(code_length(62u64.pow(4) + 1, 62u64.pow(3)), 8);
        assert_eq!(code_length(u64::MAX, u64::MAX), 22);
    }
}
