//! A share of a sweep's seeds, for sweeps that run on many machines.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sim::{SweepReport, VERSION};

use crate::exit::Failure;

/// Which share, from 1 on, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shard {
    pub(crate) number: u64,
    pub(crate) of: u64,
}

/// More shares are not counted: as many seeds has no sweep.
const MOST_SHARES: u64 = 100_000_000;

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/').map(|(number, of)| (number.parse(), of.parse()));
        match numbers {
            Some((Ok(number), Ok(of))) if (1..=of).contains(&number) && of <= MOST_SHARES => {
                Ok(Shard { number, of })
            }
            _ => Err("a share is I/N, the first of four 1/4 and the last 4/4".to_owned()),
        }
    }
}

impl Shard {
    /// The first of its seeds, counted from the first of all, and how many it has. Shares differ by one seed at most.
    pub(crate) fn of(self, all: u64) -> Result<(u64, u64), Failure> {
        let Shard { number, of } = self;
        if of > all {
            return Err(Failure::input(format!("{all} seeds have no {of} shares")));
        }
        let before = |share: u64| (u128::from(all) * u128::from(share) / u128::from(of)) as u64;
        Ok((before(number - 1), before(number) - before(number - 1)))
    }
}

/// What a share says besides what every sweep does, so that all of them can be joined.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) version: String,
    pub(crate) shard: Shard,
    /// Of all shares.
    pub(crate) first_seed: u64,
    /// Of all shares.
    pub(crate) seeds: u64,
    /// Of this one, with all that was counted.
    pub(crate) report: SweepReport,
}

impl Share {
    /// The report is that of this share of so many seeds.
    pub(crate) fn new(shard: Shard, first_seed: u64, seeds: u64, report: &SweepReport) -> Share {
        Share { version: VERSION.to_owned(), shard, first_seed, seeds, report: report.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_seeds_and_each_once() {
        for (all, of) in [(10, 4), (4, 4), (1_000_003, 7), (u64::MAX, 3)] {
            let mut next = 0;
            for number in 1..=of {
                let (first, count) = Shard { number, of }.of(all).unwrap();
                assert_eq!(first, next);
                assert!((all / of..=all.div_ceil(of)).contains(&count));
                next += count;
            }
            assert_eq!(next, all);
        }
        assert!(Shard { number: 1, of: 5 }.of(4).is_err());
    }

    #[test]
    fn a_share_is_written_as_two_numbers() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, of: 4 }));
        for wrong in ["0/4", "5/4", "2", "/4", "2/", "-1/4", "1/0", "2/4/8", "1/99999999999"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
