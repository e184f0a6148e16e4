use machine::{Time, nanos};
use proptest::prelude::*;
use resilience::TokenBucket;

use crate::{MS, at};

#[test]
fn a_burst_and_then_the_rate() {
    let mut bucket = TokenBucket::new(100, 3);
    assert!((0..3).all(|_| bucket.take(at(1_000)).is_ok()));
    assert_eq!(bucket.take(at(1_000)), Err(MS(10)));
    assert_eq!(bucket.take(at(1_004)), Err(MS(6)), "a refusal costs nothing");
    assert_eq!(bucket.take(at(1_010)), Ok(()));
    assert_eq!(bucket.take(at(1_010)), Err(MS(10)));
    let later = (0..10).filter(|_| bucket.take(at(9_000)).is_ok()).count();
    assert_eq!(later, 3, "what was not used is saved up to the burst");
}

proptest! {
    #[test]
    fn no_interval_lets_more_through(
        rate in 1u32..10_000,
        burst in 1u32..20,
        steps in prop::collection::vec(0u64..3_000_000, 1..200),
    ) {
        let mut bucket = TokenBucket::new(rate, burst);
        let (mut now, mut taken) = (Time(0), Vec::new());
        for step in steps {
            now = Time(now.0 + step);
            match bucket.take(now) {
                Ok(()) => taken.push(now),
                Err(wait) => prop_assert!(bucket.clone().take(now + wait).is_ok()),
            }
        }
        for (first, from) in taken.iter().enumerate() {
            for (last, until) in taken.iter().enumerate().skip(first) {
                let earned = u128::from(nanos(until.since(*from))) * u128::from(rate) / 1_000_000_000;
                prop_assert!((last - first + 1) as u128 <= u128::from(burst) + earned);
            }
        }
    }
}
