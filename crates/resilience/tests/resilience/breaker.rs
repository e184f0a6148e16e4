use proptest::prelude::*;
use resilience::{Breaker, BreakerRule, BreakerState};

use crate::{MS, at};

fn breaker() -> Breaker {
    Breaker::new(BreakerRule { failures: 3, cool_down: MS(100) })
}

/// A breaker that was opened at this time.
fn open(millis: u64) -> Breaker {
    let mut breaker = breaker();
    for _ in 0..3 {
        let pass = breaker.admit(at(millis)).unwrap();
        breaker.failed(pass, at(millis));
    }
    breaker
}

#[test]
fn failures_in_a_row_open_it() {
    let mut breaker = breaker();
    for turn in 0..10 {
        let pass = breaker.admit(at(turn)).unwrap();
        match turn % 3 {
            2 => breaker.succeeded(pass),
            _ => assert!(!breaker.failed(pass, at(turn)), "a success in between starts anew"),
        }
    }
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 1 });
    let (first, second) = (breaker.admit(at(20)).unwrap(), breaker.admit(at(20)).unwrap());
    assert!(!breaker.failed(first, at(20)));
    assert!(breaker.failed(second, at(21)));
    assert_eq!(breaker.state(), BreakerState::Open { until: at(121) });
    assert_eq!(breaker.admit(at(120)), None);
}

#[test]
fn one_probe_decides() {
    let mut well = open(0);
    let probe = well.admit(at(100)).unwrap();
    assert_eq!(well.admit(at(101)), None, "one probe is out");
    well.succeeded(probe);
    assert_eq!(well.state(), BreakerState::Closed { failures: 0 });

    let mut ill = open(0);
    let probe = ill.admit(at(100)).unwrap();
    assert!(ill.failed(probe, at(150)));
    assert_eq!(ill.admit(at(249)), None);
    assert!(ill.admit(at(250)).is_some());
}

#[test]
fn a_probe_that_nobody_reports_does_not_hold_it_for_ever() {
    let mut breaker = open(0);
    let lost = breaker.admit(at(100)).unwrap();
    assert_eq!(breaker.admit(at(199)), None);
    let next = breaker.admit(at(200)).unwrap();
    breaker.succeeded(lost);
    assert!(matches!(breaker.state(), BreakerState::HalfOpen { .. }), "the lost one is late");
    breaker.succeeded(next);
    assert!(matches!(breaker.state(), BreakerState::Closed { .. }));
}

#[test]
fn late_results_of_old_calls_change_nothing() {
    let mut breaker = breaker();
    let old = breaker.admit(at(0)).unwrap();
    for _ in 0..3 {
        let pass = breaker.admit(at(1)).unwrap();
        breaker.failed(pass, at(1));
    }
    breaker.succeeded(old);
    assert!(matches!(breaker.state(), BreakerState::Open { .. }));
    let probe = breaker.admit(at(101)).unwrap();
    assert!(!breaker.failed(old, at(102)));
    breaker.succeeded(probe);
    assert!(matches!(breaker.state(), BreakerState::Closed { .. }));
}

proptest! {
    /// Calls that end one after the other, to a callee that stays dead.
    #[test]
    fn calls_to_the_dead_are_bounded(steps in prop::collection::vec(0u64..40, 1..200)) {
        let mut breaker = breaker();
        let (mut now, mut let_through) = (0, Vec::new());
        for step in steps {
            now += step;
            if let Some(pass) = breaker.admit(at(now)) {
                let_through.push(now);
                breaker.failed(pass, at(now));
            }
        }
        prop_assert!(let_through.iter().skip(2).collect::<Vec<_>>().windows(2).all(|pair| *pair[1] >= pair[0] + 100));
    }
}
