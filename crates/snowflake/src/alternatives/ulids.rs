//! ULIDs (github.com/ulid/spec): 48 bits of milliseconds and 80 random ones, in 26 letters of
//! Crockford's base 32.

use machine::Wall;
use ulid::Ulid;

use super::{About, Scheme};
use crate::error::NotNow;

/// The monotonic kind: within a millisecond, and while the clock is back, a worker adds one to its
/// last id instead of drawing again.
#[derive(Clone, Debug)]
pub struct Ulids {
    last: Vec<Ulid>,
}

impl Ulids {
    /// With this many workers.
    pub fn new(workers: usize) -> Ulids {
        Ulids { last: vec![Ulid::nil(); workers] }
    }
}

impl Scheme for Ulids {
    fn about(&self) -> About {
        About { name: "ulid", bits: 128, coordination: "none" }
    }

    fn mint(&mut self, worker: usize, now: Wall, random: u128) -> Result<u128, NotNow> {
        let last = &mut self.last[worker];
        *last = if now.millis() > last.timestamp_ms() {
            Ulid::from_parts(now.millis(), random)
        } else {
            // Once in 2^80 there is no random bit left to add to: borrow from the next millisecond.
            last.increment().unwrap_or_else(|borrowed| borrowed)
        };
        Ok(last.0)
    }

    fn text(&self, id: u128) -> String {
        Ulid(id).to_string()
    }
}
