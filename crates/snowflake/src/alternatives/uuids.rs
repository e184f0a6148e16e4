//! UUIDs as RFC 9562 has them: version 4, all chance, and version 7, a timestamp and then chance.

use machine::Wall;
use uuid::{Builder, Uuid};

use super::{About, Scheme};
use crate::error::NotNow;

/// Version 4: 122 random bits. No clock, no worker, no order, and an index that is written all over.
#[derive(Clone, Debug, Default)]
pub struct UuidV4;

impl Scheme for UuidV4 {
    fn about(&self) -> About {
        About { name: "uuid v4", bits: 128, coordination: "none" }
    }

    fn mint(&mut self, _worker: usize, _now: Wall, random: u128) -> Result<u128, NotNow> {
        Ok(Builder::from_random_bytes(random.to_be_bytes()).into_uuid().as_u128())
    }

    fn text(&self, id: u128) -> String {
        Uuid::from_u128(id).to_string()
    }
}

/// Version 7: 48 bits of milliseconds, 74 random bits. Within a millisecond, and while the clock is
/// back, a worker adds one to its last random bits instead of drawing new ones, so its ids go up
/// (section 6.2, method 2).
#[derive(Clone, Debug)]
pub struct UuidV7 {
    /// Milliseconds and random bits of the last id of each worker.
    last: Vec<(u64, u128)>,
}

impl UuidV7 {
    const RANDOM: u128 = (1 << 74) - 1;

    /// With this many workers.
    pub fn new(workers: usize) -> UuidV7 {
        UuidV7 { last: vec![(0, 0); workers] }
    }
}

impl Scheme for UuidV7 {
    fn about(&self) -> About {
        About { name: "uuid v7", bits: 128, coordination: "none" }
    }

    fn mint(&mut self, worker: usize, now: Wall, random: u128) -> Result<u128, NotNow> {
        let (millis, tail) = &mut self.last[worker];
        if now.millis() > *millis {
            (*millis, *tail) = (now.millis(), random & UuidV7::RANDOM);
        } else if *tail < UuidV7::RANDOM {
            *tail += 1;
        } else {
            (*millis, *tail) = (*millis + 1, 0); // Once in 2^74: borrow from the next millisecond.
        }
        // 12 bits beside the version, 62 below the variant, which the builder writes over the gap.
        let spread = (*tail >> 62) << 64 | (*tail & ((1 << 62) - 1));
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&spread.to_be_bytes()[6..]);
        Ok(Builder::from_unix_timestamp_millis(*millis, &bytes).into_uuid().as_u128())
    }

    fn text(&self, id: u128) -> String {
        Uuid::from_u128(id).to_string()
    }
}
