//! Snowflakes, to stand beside the others.

use machine::Wall;

use super::{About, Scheme};
use crate::error::{NotNow, TooLarge};
use crate::generator::Generator;
use crate::layout::Layout;

/// One generator a worker. A worker number costs one round trip when the worker starts, and renewing
/// the lease on it a round trip now and then; neither grows with the number of ids.
#[derive(Clone, Debug)]
pub struct Snowflakes {
    bits: u32,
    workers: Vec<Generator>,
    round_trips: u64,
}

impl Snowflakes {
    /// Workers 0, 1 and so on of a layout.
    pub fn new(layout: &Layout, workers: usize) -> Result<Snowflakes, TooLarge> {
        let round_trips = workers as u64;
        let workers: Result<_, _> =
            (0..round_trips).map(|worker| Generator::new(layout, worker)).collect();
        Ok(Snowflakes { bits: layout.bits(), workers: workers?, round_trips })
    }
}

impl Scheme for Snowflakes {
    fn about(&self) -> About {
        let coordination = "a worker number each, leased once";
        About { name: "snowflake", bits: self.bits, coordination }
    }

    fn mint(&mut self, worker: usize, now: Wall, _random: u128) -> Result<u128, NotNow> {
        self.workers[worker].next(now).map(|id| u128::from(id.0))
    }

    fn round_trips(&self) -> u64 {
        self.round_trips
    }
}
