//! Users who send requests to a front at their own rate (an open loop).

use std::time::Duration;

use hash_ring::scale;
use machine::{Outputs, Random};
use rand::Rng;

use crate::message::{Browse, Fleet, Timer};

/// The largest crowd: an operation may come from an untrusted file.
const MOST: u32 = 100_000;

/// The users of a front. The law: requests come at a rate that does not depend on how they are served (an
/// open loop), since users who do not know each other do not wait for each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenLoop(Vec<Browse>);

impl OpenLoop {
    /// A crowd begins to come.
    pub(crate) fn begin(&mut self, crowd: Browse, random: &mut Random, out: &mut Outputs<Fleet>) {
        self.0.push(Browse { requests: crowd.requests.min(MOST), ..crowd });
        self.wait(self.0.len() as u32 - 1, random, out);
    }

    /// Those who are here now: the keys that they ask for.
    pub(crate) fn arrivals(
        &mut self,
        number: u32,
        random: &mut Random,
        out: &mut Outputs<Fleet>,
    ) -> Vec<u64> {
        let Some(crowd) = self.0.get_mut(number as usize) else { return Vec::new() };
        let come = if crowd.every_us == 0 { crowd.requests } else { crowd.requests.min(1) };
        crowd.requests -= come;
        let Browse { first, keys, .. } = *crowd;
        self.wait(number, random, out);
        let key = |_| first.wrapping_add(scale(random.next_u64(), keys));
        (0..come).map(key).collect()
    }

    fn wait(&self, number: u32, random: &mut Random, out: &mut Outputs<Fleet>) {
        let crowd = &self.0[number as usize];
        if crowd.requests > 0 {
            let gap = scale(random.next_u64(), 2 * u64::from(crowd.every_us) * 1_000 + 1);
            out.set_timer(Timer::Arrival(number), Duration::from_nanos(gap));
        }
    }
}

/// The keys that a crowd may ask for, as many as caches may be warmed with.
pub(crate) fn keys(crowd: &Browse) -> impl Iterator<Item = u64> {
    let first = crowd.first;
    (0..crowd.keys.min(MOST.into())).map(move |index| first.wrapping_add(index))
}
