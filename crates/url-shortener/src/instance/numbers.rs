//! The numbers that become codes: leased ones, or snowflake ids.
//!
//! The law (`range-lease`): a number is used once. A leased number is used only by the instance that
//! leased its range. Numbers that an instance holds when it crashes are lost, which does no harm. The
//! next range is leased when half a range is left, so that links wait for numbers only after a boot.
//!
//! For snowflake ids, the worker number is leased once for each boot. It was not in use during the last
//! 1,024 leases, so ids stay distinct even if a clock went back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use machine::{Switches, Wall};
use snowflake::{ClockPolicy, Generator, Layout};

use crate::link::code::{self, Permutation};
use crate::link::names::check_code;
use crate::mechanism::Mechanism;
use crate::message::Range;
use crate::ring::MAX_SHARDS;
use crate::shard::RANGE;

/// How far ids may be ahead of the clock when it goes back or many are needed at once: some 30 years. The
/// time in an id is never used as a date.
const AHEAD: Duration = Duration::from_secs(1_000_000_000);

/// What picked codes are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// Leased numbers, permuted under this key: seven letters that reveal neither the next code nor how
    /// many there are. The key is secret, and must never change.
    Leased([u8; 16]),
    /// The same, under the key that the first shard has.
    LeasedWithKey,
    /// Snowflake ids (Twitter's layout): eleven letters that contain, and sort by, the time of creation.
    Snowflake,
}

/// The numbers of this instance.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    switches: Switches,
    source: Source,
    /// A code that was picked and not used.
    spare: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
enum Source {
    Ranges {
        /// None until the first shard has said the key.
        permutation: Option<Permutation>,
        ranges: VecDeque<Range>,
        /// Without `range-lease`: how many were used since the boot.
        unleased: u64,
    },
    /// None until the worker number is leased.
    Ids(Option<Generator>),
}

/// The result of picking a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    Code(Arc<str>),
    /// There will be one when something is leased.
    Later,
    /// There is none until an operator acts, for this reason.
    Never(&'static str),
}

impl Numbers {
    /// None yet.
    pub(crate) fn new(codes: Codes, switches: Switches) -> Numbers {
        let is_leased = Mechanism::RangeLease.on(switches);
        let ranges =
            |permutation| Source::Ranges { permutation, ranges: VecDeque::new(), unleased: 0 };
        let source = match codes {
            Codes::Leased(key) => ranges(Some(Permutation::new(key))),
            Codes::LeasedWithKey => ranges(None),
            Codes::Snowflake if is_leased => Source::Ids(None),
            Codes::Snowflake => Source::Ids(Some(generator(0))),
        };
        Numbers { switches, source, spare: None }
    }

    /// How many of the shards lease numbers? For snowflake ids it is one, since two shards would lease
    /// the same worker numbers.
    pub(crate) fn lessors(&self, shards: usize) -> usize {
        match self.source {
            Source::Ranges { .. } => shards,
            Source::Ids(_) => 1,
        }
    }

    /// Is the key missing that permutes codes?
    pub(crate) fn lack_key(&self) -> bool {
        matches!(self.source, Source::Ranges { permutation: None, .. })
    }

    /// The first shard has this key.
    pub(crate) fn permute_under(&mut self, key: [u8; 16]) {
        if let Source::Ranges { permutation, .. } = &mut self.source {
            *permutation = Some(Permutation::new(key));
        }
    }

    /// Adds a leased range.
    pub(crate) fn leased(&mut self, range: Range) {
        match &mut self.source {
            Source::Ranges { ranges, .. } => ranges.push_back(range),
            Source::Ids(ids) => {
                // Ranges leased by one shard are this far apart; those of a database are adjacent.
                let (lease, apart) = (range.first / RANGE, u64::from(MAX_SHARDS));
                *ids = Some(generator(lease / apart + lease % apart));
            }
        }
    }

    /// The code of the next number, if there is one.
    pub(crate) fn pick(&mut self, now: Wall) -> Pick {
        if let Some(code) = self.spare.take() {
            return Pick::Code(code);
        }
        loop {
            let code = match &mut self.source {
                Source::Ids(None) => return Pick::Later,
                Source::Ids(Some(ids)) => match ids.next(now) {
                    Ok(id) => Some(code::of_id(id.0)),
                    Err(_) => {
                        return Pick::Never("the clock shows a time that ids are not made for");
                    }
                },
                Source::Ranges { permutation: None, .. } => return Pick::Later,
                Source::Ranges { permutation: Some(permutation), ranges, unleased } => {
                    let number = match Mechanism::RangeLease.on(self.switches) {
                        true => next(ranges),
                        false => {
                            *unleased += 1;
                            Some(*unleased - 1)
                        }
                    };
                    let Some(number) = number else { return Pick::Later };
                    permutation.code(number)
                }
            };
            // Reserved words are skipped.
            if let Some(code) = code.filter(|code| check_code(code).is_ok()) {
                return Pick::Code(code.into());
            }
        }
    }

    /// Takes back the code that was picked last. It is picked next.
    pub(crate) fn give_back(&mut self, code: Arc<str>) {
        self.spare = Some(code);
    }

    /// Is it time to lease more?
    pub(crate) fn run_low(&self) -> bool {
        match &self.source {
            Source::Ids(ids) => ids.is_none(),
            Source::Ranges { ranges, .. } => {
                let left: u64 = ranges.iter().map(|range| range.end - range.first).sum();
                Mechanism::RangeLease.on(self.switches) && left < RANGE / 2
            }
        }
    }
}

fn next(ranges: &mut VecDeque<Range>) -> Option<u64> {
    loop {
        let range = ranges.front_mut()?;
        if range.first < range.end {
            range.first += 1;
            return Some(range.first - 1);
        }
        ranges.pop_front();
    }
}

fn generator(lease: u64) -> Generator {
    let layout = Layout::twitter();
    let ids = Generator::new(&layout, lease % (layout.max_worker() + 1));
    let ids = ids.expect("the layout has room for this worker number");
    ids.with_clock_policy(ClockPolicy::KeepCounting { bound: AHEAD })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// 2026, about.
    const NOW: Wall = Wall(1_770_000_000_000_000_000);

    fn picked(numbers: &mut Numbers, now: Wall) -> Option<Arc<str>> {
        match numbers.pick(now) {
            Pick::Code(code) => Some(code),
            Pick::Later => None,
            Pick::Never(why) => panic!("{why}"),
        }
    }

    #[test]
    fn ids_of_a_boot_rise_whatever_the_clock_does_and_those_of_boots_differ() {
        let mut all = BTreeSet::new();
        // As a shard leases, and as a database does.
        let of_shard = (0..1_000).map(|n| n * u64::from(MAX_SHARDS) * RANGE);
        let of_database = (0..1_000).map(|n| n * RANGE);
        for first in of_shard {
            let mut numbers = Numbers::new(Codes::Snowflake, Switches::ALL_ON);
            assert_eq!((picked(&mut numbers, NOW), numbers.run_low()), (None, true));
            numbers.leased(Range { first, end: first + RANGE });
            assert!(!numbers.run_low());
            let clocks = [NOW, Wall(NOW.0 - 3_600_000_000_000), Wall(NOW.0 + 1), NOW];
            let codes: Vec<_> = clocks.map(|now| picked(&mut numbers, now).unwrap()).into();
            assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 11), "{codes:?}");
            all.extend(codes);
        }
        assert_eq!(all.len(), 4_000);
        let workers = of_database.map(|first| {
            let mut numbers = Numbers::new(Codes::Snowflake, Switches::ALL_ON);
            numbers.leased(Range { first, end: first + RANGE });
            picked(&mut numbers, NOW).unwrap()
        });
        assert_eq!(workers.collect::<BTreeSet<_>>().len(), 1_000);
    }

    #[test]
    fn before_ids_were_there_is_none() {
        let mut numbers = Numbers::new(Codes::Snowflake, Switches::ALL_ON);
        numbers.leased(Range { first: 0, end: RANGE });
        assert!(matches!(numbers.pick(Wall(0)), Pick::Never(_)));
    }

    #[test]
    fn every_number_of_a_range_is_used_once_and_more_is_wanted_in_time() {
        let mut numbers = Numbers::new(Codes::Leased([7; 16]), Switches::ALL_ON);
        assert!(numbers.run_low());
        assert_eq!(picked(&mut numbers, NOW), None);
        numbers.leased(Range { first: 0, end: RANGE });
        let half = RANGE / 2;
        let first: BTreeSet<_> = (0..half).map(|_| picked(&mut numbers, NOW).unwrap()).collect();
        assert!(!numbers.run_low());
        let next = picked(&mut numbers, NOW).unwrap();
        assert!(numbers.run_low() && !first.contains(&next));
        numbers.leased(Range { first: 5 * RANGE, end: 6 * RANGE });
        let rest: BTreeSet<_> = std::iter::from_fn(|| picked(&mut numbers, NOW)).collect();
        assert_eq!((first.len() + rest.len()) as u64, 2 * RANGE - 1);
        assert!(rest.is_disjoint(&first));
    }
}
