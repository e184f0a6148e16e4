//! Timers run on the node's own monotonic clock, and inputs wait their turn where a node is
//! paused or slow.

use std::time::Duration;

use machine::Time;
use sim::Fault;

use crate::puppet::{Act, What, Word, at, fired, heard, ms, node, seen, stage, tell, tell_at};

#[test]
fn a_timer_set_again_fires_once_at_the_new_time() {
    let mut world = stage(1, &[0]);
    tell(&mut world, 0, &[Act::Set("alarm", ms(10)), Act::Set("other", ms(15))]);
    tell_at(&mut world, 5, 0, &[Act::Set("alarm", ms(20))]);
    world.run_until(at(100));
    assert_eq!(fired(&world, 0, "alarm"), [(at(25), at(25))]);
    assert_eq!(fired(&world, 0, "other"), [(at(15), at(15))]);
}

#[test]
fn a_cancelled_timer_does_not_fire() {
    let mut world = stage(2, &[0]);
    tell(&mut world, 0, &[Act::Set("alarm", ms(10)), Act::Cancel("never set")]);
    tell_at(&mut world, 5, 0, &[Act::Cancel("alarm")]);
    world.run_until(at(100));
    assert!(fired(&world, 0, "alarm").is_empty());
}

#[test]
fn timers_fire_by_a_drifting_clock_and_never_early() {
    for ppm in [-200_000, -37, 37, 200_000] {
        let mut world = stage(3, &[0]);
        world.schedule(at(20), at(70), Fault::ClockDrift { node: 0.into(), ppm });
        let due: Vec<u64> = (1..100).map(|turn| turn * 1_009_367).collect();
        for &due in &due {
            let name = Box::leak(due.to_string().into_boxed_str());
            tell(&mut world, 0, &[Act::Set(name, Duration::from_nanos(due))]);
        }
        world.run_until(at(200));
        for &due in &due {
            let [(_, fired)] = fired(&world, 0, &due.to_string())[..] else { panic!("once") };
            assert!((due..due + 10).contains(&fired.0), "{ppm} ppm: {fired:?} for {due} ns");
        }
        // 50 ms of the world were more or less than 50 ms for the node.
        let last = fired(&world, 0, &due[98].to_string())[0];
        let ahead = i64::from(ppm) * 50_000_000 / 1_000_000;
        assert!((last.1.0 as i64 - last.0.0 as i64 - ahead).abs() < 10, "{ppm} ppm: {last:?}");
    }
}

#[test]
fn a_wrong_wall_clock_moves_no_timer() {
    let mut world = stage(4, &[0]);
    tell(&mut world, 0, &[Act::Set("alarm", ms(50))]);
    world.schedule(at(10), at(90), Fault::ClockJump { node: 0.into(), by_ns: 1_000_000_000 });
    world.schedule(at(20), at(90), Fault::ClockSmear { node: 0.into(), ppm: 90_000 });
    world.run_until(at(100));
    assert_eq!(fired(&world, 0, "alarm"), [(at(50), at(50))]);
}

#[test]
fn a_timer_set_for_ever_never_fires() {
    for ppm in [-100, 0, 100] {
        let mut world = stage(5, &[0]);
        world.begin(Fault::ClockDrift { node: 0.into(), ppm });
        tell(&mut world, 0, &[Act::Set("alarm", Duration::MAX)]);
        world.schedule(at(10), at(20), Fault::ClockDrift { node: 0.into(), ppm: -200 });
        world.schedule(at(25), at(30), Fault::SnapshotResumed { node: 0.into() });
        let a_year = 366 * 86_400_000;
        world.run_until(at(a_year));
        assert!(fired(&world, 0, "alarm").is_empty(), "{ppm} ppm");
    }
}

#[test]
fn a_paused_node_works_its_inputs_off_in_order_afterwards() {
    let mut world = stage(6, &[0]);
    world.schedule(at(10), at(50), Fault::Pause { node: 0.into() });
    tell(&mut world, 0, &[Act::Set("alarm", ms(25))]);
    for number in 0..10 {
        world.tell_at(at(11 + 3 * number), node(0), Word::Number(number));
    }
    world.run_until(at(49));
    assert!(heard(&world, 0).is_empty());
    world.run_until(at(60));
    assert_eq!(heard(&world, 0), Vec::from_iter(0..10));
    let told = seen(&world, 0);
    assert!(told[1..].iter().all(|(when, seen)| (*when, seen.time) == (at(50), at(50))));
    assert_eq!(told[6].1.what, What::Timer("alarm"), "between the numbers 4 and 5");
}

#[test]
fn a_timer_that_came_due_in_a_pause_can_still_be_set_again_or_cancelled() {
    let mut world = stage(7, &[0]);
    tell(&mut world, 0, &[Act::Set("put off", ms(20)), Act::Set("cancelled", ms(20))]);
    world.schedule(at(10), at(50), Fault::Pause { node: 0.into() });
    tell_at(&mut world, 15, 0, &[Act::Set("put off", ms(30)), Act::Cancel("cancelled")]);
    world.run_until(at(100));
    assert_eq!(fired(&world, 0, "put off"), [(at(80), at(80))], "no timer fires early");
    assert!(fired(&world, 0, "cancelled").is_empty());
}

#[test]
fn a_slow_node_serves_one_input_per_service_time() {
    let mut world = stage(8, &[0]);
    let slow = world.begin(Fault::SlowNode { node: 0.into(), service_ns: 7_000_000 });
    world.run_until(at(10));
    for number in 0..5 {
        world.tell(node(0), Word::Number(number));
    }
    world.run_until(at(100));
    let when: Vec<Time> = seen(&world, 0)[1..].iter().map(|(when, _)| *when).collect();
    assert_eq!(when, [at(10), at(17), at(24), at(31), at(38)]);
    assert_eq!(heard(&world, 0), [0, 1, 2, 3, 4]);
    let quicker = world.begin(Fault::SlowNode { node: 0.into(), service_ns: 1_000_000 });
    (10..12).for_each(|number| world.tell(node(0), Word::Number(number)));
    world.run_until(at(150));
    assert_eq!(seen(&world, 0).last().unwrap().0, at(107), "the slowest counts");
    world.end(quicker);
    world.end(slow);
    (5..9).for_each(|number| world.tell(node(0), Word::Number(number)));
    world.run_until(at(150));
    assert_eq!(heard(&world, 0).len(), 11, "a node that is well again answers at once");
}

#[test]
fn of_timers_that_are_due_at_once_the_one_that_was_set_first_fires_first() {
    let mut world = stage(9, &[0]);
    tell(&mut world, 0, &[Act::Set("first again", ms(10)), Act::Set("second", ms(10))]);
    tell(&mut world, 0, &[Act::Set("third", ms(10)), Act::Set("first again", ms(10))]);
    world.run_until(at(100));
    let fired: Vec<&What> = seen(&world, 0)[1..].iter().map(|(_, seen)| &seen.what).collect();
    assert_eq!(
        fired,
        ["second", "third", "first again"].map(What::Timer).iter().collect::<Vec<_>>()
    );
}

/// A machine sets a timer for each of its sessions and groups, and nearly always sets it again before it fires.
#[test]
fn a_timer_that_is_set_again_costs_no_event() {
    let names: Vec<&'static str> =
        (0..10_000).map(|name: u32| &*Box::leak(name.to_string().into_boxed_str())).collect();
    let mut world = stage(10, &[0]);
    for round in 0..10 {
        let set = |(place, name): (usize, &&'static str)| {
            Act::Set(name, ms(100) + Duration::from_nanos(place as u64))
        };
        let acts: Vec<Act> = names.iter().enumerate().map(set).collect();
        tell_at(&mut world, 10 * round, 0, &acts);
    }
    world.run_until(at(99));
    // The tellings; the timer that was set first, which was set again.
    assert_eq!(world.events(), 10);
    world.run_until(at(300));
    assert_eq!(seen(&world, 0).len(), 1 + names.len(), "each fired once, after the boot");
    assert!(world.events() <= 10 + 2 + names.len() as u64, "{} events", world.events());
}
