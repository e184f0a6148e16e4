//! How long things took: a histogram that many runs can be added up in.

use std::fmt;
use std::time::Duration;

use machine::nanos;
use serde::{Deserialize, Serialize};

/// Durations, of which only the longest is exact: of any other the first eight binary digits are
/// kept. So a percentile is too long by 1/128 at most, whatever was measured, and all of a sweep's
/// fit in some kilobytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Listed", try_from = "Listed")]
pub struct Durations {
    /// How many there are of each eight digits, up to the longest.
    counts: Vec<u64>,
    longest_ns: u64,
}

/// What a program reads: milliseconds, nothing where there are no durations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of them are not longer.
    pub p50: Option<f64>,
    /// Nor are 99 in a hundred.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

/// What a file has: of each eight digits that there are, their place and how many.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    counts: Vec<(usize, u64)>,
    longest_ns: u64,
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
        let both = self.counts.iter_mut().zip(&other.counts);
        both.for_each(|(here, there)| *here = here.saturating_add(*there));
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The shortest that no more than so many in a hundred are above; `None` where there are none.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (u128::from(self.count()) * u128::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += u128::from(*count);
            below >= rank
        })?;
        Some(Duration::from_nanos(longest_at(bucket).min(self.longest_ns)))
    }

    /// Of each eight digits that there are, the longest and how many, from the shortest on.
    pub fn counts(&self) -> impl Iterator<Item = (Duration, u64)> {
        let longest = |bucket| Duration::from_nanos(longest_at(bucket).min(self.longest_ns));
        let there = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        there.map(move |(bucket, count)| (longest(bucket), *count))
    }

    /// For programs, in milliseconds.
    pub fn percentiles(&self) -> Percentiles {
        let ms = |duration: Option<Duration>| duration.map(|it| nanos(it) as f64 / 1e6);
        let (p50, p99) = (ms(self.percentile(50)), ms(self.percentile(99)));
        Percentiles { p50, p99, max: ms(self.max()) }
    }

    /// The longest, exactly.
    pub fn max(&self) -> Option<Duration> {
        (!self.counts.is_empty()).then(|| Duration::from_nanos(self.longest_ns))
    }
}

/// For people: median, 99th percentile and the longest.
impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percentiles() {
            Percentiles { p50: Some(p50), p99: Some(p99), max: Some(max) } => {
                write!(f, "p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms")
            }
            _ => f.write_str("none"),
        }
    }
}

impl From<Durations> for Listed {
    fn from(Durations { counts, longest_ns }: Durations) -> Listed {
        let counts = counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
        Listed { counts, longest_ns }
    }
}

impl TryFrom<Listed> for Durations {
    type Error = &'static str;

    fn try_from(Listed { counts, longest_ns }: Listed) -> Result<Durations, &'static str> {
        let mut durations = Durations { counts: Vec::new(), longest_ns };
        for (place, count) in counts {
            if place < durations.counts.len() || place > bucket(longest_ns) || count == 0 {
                return Err(
                    "durations are listed from the shortest to the longest, each place once",
                );
            }
            durations.counts.resize(place, 0);
            durations.counts.push(count);
        }
        Ok(durations)
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
        assert_eq!(few.to_string(), "p50 2.007 ms, p99 3.000 ms, max 3.000 ms");
        let counts: Vec<u64> = few.counts().map(|(_, count)| count).collect();
        assert_eq!((counts, few.counts().last()), (vec![1, 1, 1], few.max().map(|it| (it, 1))));
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
