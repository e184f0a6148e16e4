//! The numbers that an instance makes codes of.
//!
//! The law (`range-lease`): a number is used once, by whoever leased the range that it is in. What an
//! instance holds when it crashes is lost, which leaves a gap that nobody sees. The next range is asked
//! for when half of one is left, so that nobody waits for it but after a boot.

use std::collections::VecDeque;
use std::sync::Arc;

use machine::Switches;

use crate::code::Permutation;
use crate::mechanism::Mechanism;
use crate::message::Range;
use crate::names::may_be_picked;
use crate::shard::RANGE;

/// Numbers that nobody else has.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    permutation: Permutation,
    switches: Switches,
    ranges: VecDeque<Range>,
    /// A code that was picked and not used.
    spare: Option<Arc<str>>,
    /// Without a lease: how many it has used since it booted.
    unleased: u64,
}

impl Numbers {
    /// None yet.
    pub(crate) fn new(secret: [u8; 16], switches: Switches) -> Numbers {
        let permutation = Permutation::new(secret);
        Numbers { permutation, switches, ranges: VecDeque::new(), spare: None, unleased: 0 }
    }

    /// A range is ours from now on.
    pub(crate) fn leased(&mut self, range: Range) {
        self.ranges.push_back(range);
    }

    /// The code of the next number, if there is one.
    pub(crate) fn pick(&mut self) -> Option<Arc<str>> {
        if self.spare.is_some() {
            return self.spare.take();
        }
        loop {
            let number = self.next()?;
            // The service's own words are skipped.
            match self.permutation.code(number) {
                Some(code) if may_be_picked(&code) => return Some(code.into()),
                _ => {}
            }
        }
    }

    /// The code that was picked last is not used, and is the next.
    pub(crate) fn give_back(&mut self, code: Arc<str>) {
        self.spare = Some(code);
    }

    /// Is it time to lease more?
    pub(crate) fn run_low(&self) -> bool {
        let left: u64 = self.ranges.iter().map(|range| range.end - range.first).sum();
        Mechanism::RangeLease.on(self.switches) && left < RANGE / 2
    }

    fn next(&mut self) -> Option<u64> {
        if !Mechanism::RangeLease.on(self.switches) {
            self.unleased += 1;
            return Some(self.unleased - 1);
        }
        loop {
            let range = self.ranges.front_mut()?;
            if range.first < range.end {
                range.first += 1;
                return Some(range.first - 1);
            }
            self.ranges.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_of_a_range_is_used_once_and_more_is_wanted_in_time() {
        let mut numbers = Numbers::new([7; 16], Switches::ALL_ON);
        assert!(numbers.run_low());
        assert_eq!(numbers.pick(), None);
        numbers.leased(Range { first: 0, end: RANGE });
        let first: BTreeSet<_> = (0..RANGE / 2).map(|_| numbers.pick().unwrap()).collect();
        assert!(!numbers.run_low());
        let next = numbers.pick().unwrap();
        assert!(numbers.run_low() && !first.contains(&next));
        numbers.leased(Range { first: 5 * RANGE, end: 6 * RANGE });
        let rest: BTreeSet<_> = std::iter::from_fn(|| numbers.pick()).collect();
        assert_eq!((first.len() + rest.len()) as u64, 2 * RANGE - 1);
        assert!(rest.is_disjoint(&first));
    }
}
