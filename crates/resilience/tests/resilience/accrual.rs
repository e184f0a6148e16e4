use machine::Time;
use proptest::prelude::*;
use resilience::{Accrual, AccrualRule, Phi};

use crate::{MS, at};

fn rule() -> AccrualRule {
    AccrualRule { expected: MS(100), least_deviation: MS(10), window: 100, outage: Phi(8_000) }
}

/// -log10 of the upper tail of the normal distribution, by adding up its density in small steps.
fn tail(z: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let step = 1e-4;
    let sum: f64 = (0..100_000).map(|i| density(z + (f64::from(i) + 0.5) * step) * step).sum();
    -sum.log10()
}

#[test]
fn phi_is_that_of_the_paper() {
    // Mean 100 ms, deviation 10 ms: each millisecond is a tenth of a deviation.
    let detector = Accrual::new(rule(), at(0));
    for late in 0..80u64 {
        let (found, exact) =
            (detector.phi(at(100 + late)).0 as f64 / 1e3, tail(late as f64 / 10.0));
        assert!((found - exact).abs() < 0.02, "{late} ms late: {found}, not {exact}");
    }
    assert_eq!(detector.phi(at(99)), Phi(0));
    assert!(detector.phi(at(181)) > Phi(15_206), "the line goes on beyond the table");
    assert_eq!(Phi(8_050).to_string(), "8.050");
}

/// A node whose heartbeats come at uneven times is suspected later than one that is punctual.
#[test]
fn it_learns_how_far_heartbeats_are_apart() {
    let after = |intervals: [u64; 2]| {
        let mut detector = Accrual::new(rule(), at(0));
        let mut now = 0;
        for turn in 0..200 {
            now += intervals[turn % 2];
            detector.heard(at(now));
        }
        (1..).find(|silence| detector.phi(at(now + silence)) >= Phi(8_000)).unwrap()
    };
    assert_eq!(after([100, 100]), 157, "5.6 deviations of 10 ms");
    assert_eq!(after([50, 150]), 381, "5.6 deviations of 50 ms");
    assert_eq!(after([1_000, 1_000]), 1_057);
}

/// Of a detector with a hundred punctual beats behind it: its clock, and how long it takes to suspect at
/// phi 8 from here on.
fn punctual(detector: &mut Accrual, now: &mut u64, beats: u64) -> u64 {
    for _ in 0..beats {
        *now += 100;
        detector.heard(at(*now));
    }
    (1..).find(|silence| detector.phi(at(*now + silence)) >= Phi(8_000)).unwrap()
}

/// A node is cut off for ten minutes, comes back, and dies. Were the ten minutes a beat, its death would
/// be noticed after 341 seconds; and so it was until a hundred beats had come.
#[test]
fn an_outage_is_not_a_beat() {
    let (mut detector, mut now) = (Accrual::new(rule(), at(0)), 0);
    assert_eq!(punctual(&mut detector, &mut now, 100), 157);
    now += 600_000;
    detector.heard(at(now));
    assert_eq!(punctual(&mut detector, &mut now, 0), 157, "as before");
    now += 10 * 86_400_000;
    detector.heard(at(now));
    assert_eq!(punctual(&mut detector, &mut now, 50), 158);
}

/// The rate may change for good, and then it must be learned: a node that is never believed again would
/// be worse than one that is believed for too long.
#[test]
fn beats_that_have_become_slow_are_learned() {
    let (mut detector, mut now) = (Accrual::new(rule(), at(0)), 0);
    punctual(&mut detector, &mut now, 100);
    let mut suspected = 0;
    for _ in 0..100 {
        now += 1_000;
        suspected += u32::from(detector.phi(at(now)) >= Phi(8_000));
        detector.heard(at(now));
    }
    assert_eq!(suspected, 24, "of a hundred beats ten times as slow");
    assert!(detector.phi(at(now + 1_000)) < Phi(1_000));
}

proptest! {
    #[test]
    fn suspicion_only_grows_in_silence(
        beats in prop::collection::vec(0u64..5_000_000_000, 0..300),
        silences in prop::collection::vec(0u64..u64::MAX / 400, 1..100),
    ) {
        let mut detector = Accrual::new(rule(), Time(0));
        let mut now = Time(0);
        for beat in beats {
            now = Time(now.0 + beat);
            detector.heard(now);
        }
        let mut worst = Phi(0);
        for silence in silences {
            now = Time(now.0 + silence);
            let phi = detector.phi(now);
            prop_assert!(phi >= worst);
            worst = phi;
        }
    }
}
