//! Naive machines that trust their clocks.

use std::sync::Arc;

use machine::{Input, Inspection, Machine, Now, Outputs, Protocol, Time, Wall};
use sim::{Delays, Fault, World};

use crate::puppet::{at, node};
use crate::trial::{strike, trials};

#[derive(Clone, Debug)]
struct Stamps;

impl Protocol for Stamps {
    type Message = ();
    type Timer = ();
    type Op = ();
    type Note = (Time, Wall);
}

/// Stamps what it is told with both its clocks, and believes that they tell the time.
#[derive(Clone, Debug)]
struct Stamper;

impl Machine for Stamper {
    type Protocol = Stamps;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Stamps>, out: &mut Outputs<Stamps>) {
        if let Input::Message { .. } = input {
            out.note((now.time, now.wall));
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "stamper", state: String::new() }
    }
}

/// The stamps of something told every 10 ms.
fn stamps(fault: Option<Fault>) -> Vec<(Time, Wall)> {
    let boot = |_| Stamper;
    let mut world = World::new(1, &[0], Delays::micros(200, 2_000), Arc::new(boot));
    strike(&mut world, fault);
    (0..50).for_each(|turn| world.tell_at(at(turn * 10), node(0), ()));
    world.run_until(at(1_000));
    world.history().iter().map(|entry| entry.note).collect()
}

/// Between one stamp and the next there are 10 ms, give or take a microsecond in 10 ms: 100 ppm.
fn is_10_ms(nanos: u64) -> bool {
    nanos.abs_diff(10_000_000) < 1_000
}

fn elapsed_is_measured_with_a_wall_clock(fault: Option<Fault>) -> bool {
    let elapsed = |pair: &[(Time, Wall)]| pair[1].1.0.saturating_sub(pair[0].1.0);
    stamps(fault).windows(2).all(|pair| is_10_ms(elapsed(pair)))
}

fn elapsed_is_measured_with_a_monotonic_clock(fault: Option<Fault>) -> bool {
    let elapsed = |pair: &[(Time, Wall)]| pair[1].0.0 - pair[0].0.0;
    stamps(fault).windows(2).all(|pair| is_10_ms(elapsed(pair)))
}

fn later_is_stamped_later(fault: Option<Fault>) -> bool {
    stamps(fault).is_sorted_by(|earlier, later| earlier.1 < later.1)
}

trials! {
    a_clock_jump_breaks_who_measures_with_a_wall_clock:
        elapsed_is_measured_with_a_wall_clock, "clock-jump",
        Fault::ClockJump { node: 0.into(), by_ns: 50_000_000 };
    a_clock_rollback_breaks_who_orders_by_wall_clock:
        later_is_stamped_later, "clock-rollback",
        Fault::ClockRollback { node: 0.into(), by_ns: 50_000_000 };
    clock_drift_breaks_who_measures_with_a_wall_clock:
        elapsed_is_measured_with_a_wall_clock, "clock-drift",
        Fault::ClockDrift { node: 0.into(), ppm: -200 };
    clock_drift_breaks_even_who_measures_with_a_monotonic_clock:
        elapsed_is_measured_with_a_monotonic_clock, "clock-drift",
        Fault::ClockDrift { node: 0.into(), ppm: 200 };
    clock_smear_breaks_who_measures_with_a_wall_clock:
        elapsed_is_measured_with_a_wall_clock, "clock-smear",
        Fault::ClockSmear { node: 0.into(), ppm: 200 };
}

#[test]
fn wall_clock_faults_leave_the_monotonic_clock_alone() {
    let node = || 0.into();
    for fault in [
        Fault::ClockJump { node: node(), by_ns: 50_000_000 },
        Fault::ClockRollback { node: node(), by_ns: 50_000_000 },
        Fault::ClockSmear { node: node(), ppm: 200 },
    ] {
        assert!(elapsed_is_measured_with_a_monotonic_clock(Some(fault)));
    }
}
