use proptest::prelude::*;
use resilience::Deadline;

use crate::{MS, at};

#[test]
fn a_call_gets_what_is_left_and_no_more_than_its_share() {
    let deadline = Deadline::after(at(100), MS(50));
    assert_eq!(deadline.allow(at(100), MS(20)), Some(MS(20)));
    assert_eq!(deadline.allow(at(140), MS(20)), Some(MS(10)));
    assert_eq!(deadline.allow(at(150), MS(20)), None);
    assert!(deadline.has_passed(at(150)) && !deadline.has_passed(at(149)));
}

proptest! {
    /// Each hop has a clock of its own, and adds up what it spends.
    #[test]
    fn what_is_left_only_shrinks(
        hops in prop::collection::vec((0u64..100, 0u64..1_000_000), 1..8),
        budget in 1u64..500,
    ) {
        let (mut left, mut spent) = (MS(budget), 0);
        for (works, clock) in hops {
            let deadline = Deadline::after(at(clock), left);
            spent += works;
            let rest = deadline.left(at(clock + works));
            let expected = budget.checked_sub(spent).filter(|left| *left > 0);
            prop_assert_eq!(rest, expected.map(MS));
            let Some(rest) = rest else { break };
            left = rest;
        }
    }
}
