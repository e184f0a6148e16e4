//! How long things took: a histogram that many runs can be added up in.

use std::time::Duration;

use machine::nanos;
use serde::{Serialize, Serializer};

/// Durations, of which only the longest is exact: of any other the first eight binary digits are
/// kept. So a percentile is too long by 1/128 at most, whatever was measured, and all of a sweep's
/// fit in some kilobytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many there are of each eight digits, up to the longest.
    counts: Vec<u64>,
    longest_ns: u64,
}

/// What a program reads: milliseconds, `null` where there are no durations.
#[derive(Serialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

impl Durations {
    /// One more.
    pub fn push(&mut self, duration: Duration) {
        let ns = nanos(duration);
        let bucket = bucket(ns);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.longest_ns = self.longest_ns.max(ns);
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Durations) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(here, there)| *here += there);
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The shortest that no more than so many in a hundred are above; `None` where there are none.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(Duration::from_nanos(longest_at(bucket).min(self.longest_ns)))
    }

    /// The longest, exactly.
    pub fn max(&self) -> Option<Duration> {
        (!self.counts.is_empty()).then(|| Duration::from_nanos(self.longest_ns))
    }
}

impl Serialize for Durations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = |duration: Option<Duration>| duration.map(|it| nanos(it) as f64 / 1e6);
        let (p50, p99) = (ms(self.percentile(50)), ms(self.percentile(99)));
        Percentiles { p50, p99, max: ms(self.max()) }.serialize(serializer)
    }
}

/// Of the first eight binary digits and how many follow them.
fn bucket(ns: u64) -> usize {
    let rest = (u64::BITS - ns.leading_zeros()).saturating_sub(8);
    (rest as usize) * 128 + (ns >> rest) as usize
}

/// The longest that is counted there.
fn longest_at(bucket: usize) -> u64 {
    let rest = (bucket / 128).saturating_sub(1);
    let digits = (bucket - rest * 128) as u64;
    // In this order the largest bucket does not overflow.
    (digits << rest) + ((1 << rest) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ns: impl IntoIterator<Item = u64>) -> Durations {
        let mut durations = Durations::default();
        ns.into_iter().for_each(|ns| durations.push(Duration::from_nanos(ns)));
        durations
    }

    #[test]
    fn every_duration_has_a_place_that_is_too_long_by_little() {
        let powers = (0..64).map(|bit| 1u64 << bit);
        let near = powers.flat_map(|power| [power - 1, power, power + 1, power + power / 3]);
        let mut last = (0, 0);
        for ns in near.chain([u64::MAX]) {
            let (bucket, longest) = (bucket(ns), longest_at(bucket(ns)));
            assert!(longest >= ns && longest - ns <= ns / 128, "{ns}: {longest}");
            assert!(ns < last.0 || bucket >= last.1, "{ns} comes before {}", last.0);
            last = (ns, bucket);
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let hundred = of((1..=100).rev());
        let ns = |percent| hundred.percentile(percent).unwrap().as_nanos();
        assert_eq!([ns(0), ns(1), ns(50), ns(99), ns(100)], [1, 1, 50, 99, 100]);
        let few = of([3_000_000, 1_000_000, 2_000_123]);
        assert_eq!(few.percentile(50), Some(Duration::from_nanos(longest_at(bucket(2_000_123)))));
        assert_eq!(few.percentile(99), few.max(), "the longest is exact");
        assert_eq!((Durations::default().percentile(50), Durations::default().max()), (None, None));
    }

    #[test]
    fn added_up_they_are_those_of_one_list() {
        let mut sum = of([5, 1_000_000]);
        sum.add(&of([7_000_000_000]));
        sum.add(&Durations::default());
        assert_eq!(sum, of([7_000_000_000, 5, 1_000_000]));
        assert_eq!(sum.count(), 3);
    }
}
