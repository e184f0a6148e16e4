//! A service on paper: what so many links and visits take, from what was measured of one shard.
//!
//! The law: whole numbers, rounded up, so that what comes out suffices. Replication is left to the reader:
//! three copies are three times the disks and the memory.

/// What one shard was measured to take and to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// On disk, for a link: its entry in the log and in the hint.
    pub disk_bytes_per_link: u64,
    /// In memory, for a link: its entry in the index.
    pub memory_bytes_per_link: u64,
    /// Of one core of a shard, for a read.
    pub shard_ns_per_read: u64,
    /// Of one core of an instance, for a redirect from its cache.
    pub instance_ns_per_redirect: u64,
    /// Redirects of a million that the cache answers.
    pub hits_in_a_million: u64,
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

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// All there ever were.
    pub links: u64,
    /// In a second.
    pub redirects: u64,
}

/// What it takes, one copy of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
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
    /// Reads of all shards in a second.
    pub reads: u64,
    /// Cores of instances that do nothing but redirect, in thousandths.
    pub instance_millicores: u64,
    /// Cores of shards that do nothing but read, in thousandths.
    pub shard_millicores: u64,
}

impl Measured {
    /// What so much takes on such machines.
    pub fn bill(&self, wanted: Wanted, hardware: Hardware) -> Bill {
        let disk = wanted.links.saturating_mul(self.disk_bytes_per_link);
        let memory = wanted.links.saturating_mul(self.memory_bytes_per_link);
        let misses = 1_000_000u64.saturating_sub(self.hits_in_a_million);
        let reads = wanted.redirects.saturating_mul(misses).div_ceil(1_000_000);
        let shards_by_memory = memory.div_ceil(hardware.memory.max(1));
        let shards_by_disk = disk.div_ceil(hardware.disk.max(1));
        let shards_by_reads = reads.div_ceil(hardware.reads_per_second.max(1));
        // A thousandth of a core is a million nanoseconds in a second.
        let millicores = |count: u64, ns: u64| count.saturating_mul(ns).div_ceil(1_000_000);
        Bill {
            disk,
            memory,
            shards_by_memory,
            shards_by_disk,
            shards_by_reads,
            shards: shards_by_memory.max(shards_by_disk).max(shards_by_reads).max(1),
            reads,
            instance_millicores: millicores(wanted.redirects, self.instance_ns_per_redirect),
            shard_millicores: millicores(reads, self.shard_ns_per_read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_is_what_one_would_write_on_paper() {
        let measured = Measured {
            disk_bytes_per_link: 200,
            memory_bytes_per_link: 50,
            shard_ns_per_read: 2_000,
            instance_ns_per_redirect: 500,
            hits_in_a_million: 900_000,
        };
        let hardware =
            Hardware { memory: 50 << 30, disk: 2_000_000_000_000, reads_per_second: 10_000 };
        let wanted = Wanted { links: 100_000_000_000, redirects: 10_000 };
        let bill = measured.bill(wanted, hardware);
        assert_eq!(bill.disk, 20_000_000_000_000);
        assert_eq!((bill.shards_by_memory, bill.shards_by_disk, bill.shards_by_reads), (94, 10, 1));
        assert_eq!((bill.shards, bill.reads), (94, 1_000));
        assert_eq!((bill.instance_millicores, bill.shard_millicores), (5, 2));
    }
}
