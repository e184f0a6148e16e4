use proptest::prelude::*;
use resilience::{Breaker, BreakerRule, BreakerState, BreakerWindow};

use crate::{MS, at};

fn breaker() -> Breaker {
    Breaker::new(BreakerRule { failures: 3, window: None, cool_down: MS(100) })
}

/// One that also looks at the last ten calls: half of them may not fail or take longer than 20 ms.
fn windowed() -> Breaker {
    let window =
        BreakerWindow { calls: 10, least: 4, failed_percent: 50, slow: MS(20), slow_percent: 50 };
    Breaker::new(BreakerRule { failures: 3, window: Some(window), cool_down: MS(100) })
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
            2 => assert!(!breaker.succeeded(pass, at(turn))),
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
    well.succeeded(probe, at(102));
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
    breaker.admit(at(100)).unwrap();
    assert_eq!(breaker.admit(at(199)), None);
    let next = breaker.admit(at(200)).unwrap();
    breaker.succeeded(next, at(210));
    assert!(matches!(breaker.state(), BreakerState::Closed { .. }));
}

/// A callee is dead for a second, and from then on answers every call in 110 ms, which is longer than the
/// cool-down. If each probe voided the one before, the breaker would stay open for ever.
#[test]
fn answers_may_take_longer_than_the_cool_down() {
    let mut breaker = open(0);
    let (mut out, mut probes) = (std::collections::VecDeque::new(), 0);
    let closed = (0..60_000).find(|&now| {
        while let Some(pass) = out.pop_front_if(|(ends, _): &mut (u64, _)| *ends <= now) {
            breaker.succeeded(pass.1, at(now));
        }
        if let (true, Some(pass)) = (now % 10 == 0, breaker.admit(at(now))) {
            probes += 1;
            // What the dead are asked is never answered, and its caller is patient.
            if now >= 1_000 {
                out.push_back((now + 110, pass));
            }
        }
        matches!(breaker.state(), BreakerState::Closed { .. })
    });
    assert_eq!((closed, probes), (Some(1_110), 12), "a probe in each cool-down");
}

#[test]
fn of_the_probes_that_are_out_any_may_close_it_and_the_newest_may_open_it() {
    let two_out = || {
        let mut breaker = open(0);
        let (old, new) = (breaker.admit(at(100)).unwrap(), breaker.admit(at(200)).unwrap());
        (breaker, old, new)
    };
    let (mut breaker, old, new) = two_out();
    breaker.succeeded(old, at(210));
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });
    assert!(!breaker.failed(new, at(220)), "it was let through before the breaker closed");
    assert_eq!(breaker.state(), BreakerState::Closed { failures: 0 });

    let (mut breaker, old, new) = two_out();
    assert!(!breaker.failed(old, at(210)), "the newer one is still out");
    assert_eq!(breaker.state(), BreakerState::HalfOpen { until: at(300) });
    assert!(breaker.failed(new, at(220)));
    assert_eq!(breaker.state(), BreakerState::Open { until: at(320) });
    breaker.succeeded(old, at(230));
    assert_eq!(breaker.state(), BreakerState::Open { until: at(320) }, "a newer one has failed");
}

#[test]
fn late_results_of_old_calls_change_nothing() {
    let mut breaker = breaker();
    let old = breaker.admit(at(0)).unwrap();
    for _ in 0..3 {
        let pass = breaker.admit(at(1)).unwrap();
        breaker.failed(pass, at(1));
    }
    breaker.succeeded(old, at(2));
    assert!(matches!(breaker.state(), BreakerState::Open { .. }));
    let probe = breaker.admit(at(101)).unwrap();
    assert!(!breaker.failed(old, at(102)));
    breaker.succeeded(probe, at(103));
    assert!(matches!(breaker.state(), BreakerState::Closed { .. }));
}

/// A hundred calls, one every 10 ms, to a callee of which these fail, and which takes so long: how many
/// are let through, and how many of these were failed or slow.
fn hundred(mut breaker: Breaker, fails: impl Fn(u64) -> bool, takes: u64) -> (u64, u64) {
    let (mut called, mut sick) = (0, 0);
    for call in 0..100 {
        let began = call * 10;
        let Some(pass) = breaker.admit(at(began)) else { continue };
        called += 1;
        sick += u64::from(fails(call) || takes > 20);
        match fails(call) {
            true => breaker.failed(pass, at(began + takes)),
            false => breaker.succeeded(pass, at(began + takes)),
        };
    }
    (called, sick)
}

/// Every other call fails, so that never three in a row do: without a window half of the users wait.
#[test]
fn a_half_dead_callee_is_not_called_where_shares_are_looked_at() {
    let every_other = |call: u64| call.is_multiple_of(2);
    assert_eq!(hundred(breaker(), every_other, 1), (100, 50));
    let (called, failed) = hundred(windowed(), every_other, 1);
    assert_eq!((called, failed), (23, 12));
    let one_in_four = |call: u64| call % 4 == 3;
    assert_eq!(hundred(windowed(), one_in_four, 1), (100, 25), "a quarter is below the share");
}

/// A callee that answers everything, and always late: without a window every user waits for it.
#[test]
fn a_slow_callee_is_called_only_to_see_whether_it_still_is() {
    let never = |_| false;
    assert_eq!(hundred(breaker(), never, 40), (100, 100));
    assert_eq!(hundred(windowed(), never, 40), (10, 10), "four, and a probe in each cool-down");
    assert_eq!(hundred(windowed(), never, 20), (100, 0), "20 ms are not slow");
}

/// `x` is a call that fails, anything else one that is answered; what opened the breaker is in brackets.
fn told(breaker: &mut Breaker, calls: &str, millis: u64) -> String {
    let end = |call: char| {
        let pass = breaker.admit(at(millis)).unwrap();
        let opened = match call {
            'x' => breaker.failed(pass, at(millis)),
            _ => breaker.succeeded(pass, at(millis)),
        };
        if opened { format!("({call})") } else { call.to_string() }
    };
    calls.chars().map(end).collect()
}

#[test]
fn a_window_forgets_what_is_long_past_and_what_was_before_the_breaker_closed() {
    assert_eq!(told(&mut windowed(), "xx.x", 0), "xx.(x)", "the share of three is not looked at");
    assert_eq!(told(&mut windowed(), ".x..x.x..x", 0), ".x..x.x..x", "four of ten");
    let calm_before = "..........x.x.x.x.x";
    assert_eq!(told(&mut windowed(), calm_before, 0), "..........x.x.x.x.(x)", "five of ten");

    let mut breaker = windowed();
    assert_eq!(told(&mut breaker, "x.x.", 0), "x.x(.)", "two of four, whichever comes last");
    assert_eq!(told(&mut breaker, ".x.x.", 100), ".x.x(.)", "it closed with an empty window");
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
