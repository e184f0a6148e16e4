use machine::Random;
use proptest::prelude::*;
use rand::SeedableRng;
use resilience::Backoff;

use std::time::Duration;

use crate::MS;

const BACKOFF: Backoff =
    Backoff { base: Duration::from_millis(10), cap: Duration::from_millis(1_000) };

#[test]
fn ceilings_double_up_to_the_cap() {
    let ceilings: Vec<_> = (0..9).map(|retry| BACKOFF.ceiling(retry)).collect();
    assert_eq!(ceilings, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000].map(MS));
    assert_eq!(BACKOFF.ceiling(u32::MAX), MS(1_000));
}

/// Ten thousand callers that failed together come back evenly spread: each tenth of the time gets a
/// tenth of them, to within five standard deviations.
#[test]
fn jitter_is_full() {
    let mut random = Random::seed_from_u64(1);
    let mut tenths = [0; 10];
    for _ in 0..10_000 {
        tenths[(BACKOFF.wait(3, &mut random).as_nanos() / 8_000_001) as usize] += 1;
    }
    assert!(tenths.iter().all(|&count| (850..1_150).contains(&count)), "{tenths:?}");
}

proptest! {
    #[test]
    fn no_wait_is_above_its_ceiling(seed: u64, retry: u32) {
        let wait = BACKOFF.wait(retry, &mut Random::seed_from_u64(seed));
        prop_assert!(wait <= BACKOFF.ceiling(retry) && wait <= BACKOFF.cap);
    }
}
