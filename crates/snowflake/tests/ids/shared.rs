//! A shared generator is a generator, and many threads at it are still one worker.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use snowflake::{ClockPolicy, Generator, Id, Layout, NotNow, Shared, wait};

use crate::strategies::{START, clock_readings, safe_policy, tight_layout};

proptest! {
    #[test]
    fn one_thread_sees_what_an_owner_sees(
        layout in tight_layout(),
        policy in prop_oneof![safe_policy(), Just(ClockPolicy::Trust)],
        wait: bool,
        readings in clock_readings(),
        marks in (0u64..30_000_000, 0u64..30_000_000),
    ) {
        let floor = START + Duration::from_nanos(marks.0) - Duration::from_millis(20);
        let ceiling = START + Duration::from_nanos(marks.1);
        let owned = Generator::new(&layout, 5).unwrap().with_clock_policy(policy);
        let mut owned = owned.with_sequence_wait(wait).start_after(floor);
        let shared = Shared::new(&layout, 5).unwrap().with_clock_policy(policy);
        let shared = shared.with_sequence_wait(wait).start_after(floor);
        let half = readings.len() / 2;
        for (at, now) in readings.into_iter().enumerate() {
            if at == half {
                owned.set_ceiling(ceiling);
                shared.set_ceiling(ceiling);
            }
            prop_assert_eq!(owned.next(now), shared.next(now));
            prop_assert_eq!(owned.last_timestamp(), shared.last_timestamp());
        }
    }

    #[test]
    fn a_block_is_the_next_ids_of_one_tick(layout in tight_layout(), count in 0u64..40) {
        let shared = Shared::new(&layout, 5).unwrap();
        let mut owned = Generator::new(&layout, 5).unwrap();
        prop_assert_eq!(shared.next(START), owned.next(START));
        let block = shared.lease(START, count).unwrap();
        prop_assert_eq!(block.len() as u64, count.min(layout.max_sequence()));
        for id in block {
            prop_assert_eq!(Ok(id), owned.next(START));
        }
        prop_assert_eq!(shared.next(START), owned.next(START));
    }
}

/// Every reading moves the clock on, and every so often it is set back; half of the threads lease.
#[test]
#[expect(clippy::disallowed_methods, reason = "what is tested is what real threads do")]
fn threads_never_mint_the_same() {
    const EACH: usize = 40_000;
    let readings = AtomicU64::new(0);
    let read = || {
        let reading = readings.fetch_add(1, Ordering::Relaxed);
        let back = if reading / 512 % 8 == 7 { Duration::from_micros(700) } else { Duration::ZERO };
        START + Duration::from_nanos(reading * 3_000) - back
    };
    let policies =
        [ClockPolicy::Wait, ClockPolicy::KeepCounting { bound: Duration::from_millis(2) }];
    for policy in policies {
        let shared = Shared::new(&Layout::twitter(), 9).unwrap().with_clock_policy(policy);
        let mint = |leases: bool| {
            let mut ids: Vec<Id> = Vec::with_capacity(EACH);
            while ids.len() < EACH {
                let count = if leases { 100 } else { 1 };
                let patience = Duration::from_secs(10);
                let block = wait::spinning(read, patience, |now| shared.lease(now, count));
                ids.extend(block.unwrap());
            }
            ids
        };
        let minted: Vec<Vec<Id>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|at| scope.spawn(move || mint(at % 2 == 0))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for ids in &minted {
            assert!(ids.is_sorted_by(|a, b| a < b), "what one thread mints goes up");
        }
        let total: usize = minted.iter().map(Vec::len).sum();
        let distinct: BTreeSet<Id> = minted.into_iter().flatten().collect();
        assert_eq!(distinct.len(), total);
    }
}

#[test]
fn an_empty_lease_takes_nothing() {
    let shared = Shared::new(&Layout::twitter(), 0).unwrap();
    assert_eq!(shared.lease(START, 0).unwrap().next(), None);
    assert_eq!(shared.last_timestamp(), None);
}

#[test]
fn a_lease_stays_below_the_ceiling() {
    let shared = Shared::new(&Layout::twitter(), 0).unwrap();
    shared.set_ceiling(START - Duration::from_millis(1));
    assert_eq!(shared.lease(START, 10).unwrap_err(), NotNow::AboveCeiling);
    shared.set_ceiling(START);
    assert_eq!(shared.lease(START, 10).unwrap().len(), 10);
}
