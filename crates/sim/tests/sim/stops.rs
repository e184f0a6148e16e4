//! Nodes that are told to stop: what an operator's restart is, beside what else may befall them.

use machine::{GRACE, NodeId, Time};
use sim::{Fault, World};

use crate::puppet::{Act, Puppet, What, at, ms, node, seen, stage, tell};

/// From 10 ms on n0 is to stop, and to start again after so long.
fn restarted(seed: u64, down: u64) -> World<Puppet> {
    let mut world = stage(seed, &[0, 0]);
    let nodes = vec![0.into()];
    world.schedule(at(10), at(10 + 2 * down), Fault::RollingRestart { nodes });
    world
}

fn lingers(world: &mut World<Puppet>) {
    tell(world, 0, &[Act::Play("lingers")]);
}

fn is_up(world: &World<Puppet>) -> bool {
    world.machine(node(0)).is_some()
}

/// When it was told to stop, and when it booted.
fn told_and_booted(world: &World<Puppet>) -> (Vec<Time>, Vec<Time>) {
    let when = |is_it: fn(&What) -> bool| -> Vec<Time> {
        let here = world.history().iter().filter(|entry| entry.node == NodeId(0));
        here.filter(|entry| is_it(&entry.note.what)).map(|entry| entry.at).collect()
    };
    (when(|what| *what == What::Stop), when(|what| matches!(what, What::Boot(_))))
}

#[test]
fn who_answers_at_once_is_down_at_once_until_the_restart_is_over() {
    let mut world = restarted(1, 20);
    world.run_until(at(10));
    assert!(!is_up(&world));
    world.run_until(at(100));
    assert_eq!(told_and_booted(&world), (vec![at(10)], vec![at(0), at(30)]));
}

#[test]
fn who_has_not_stopped_when_the_restart_is_over_starts_again_when_it_dies() {
    let mut world = restarted(2, 20);
    lingers(&mut world);
    world.run_until(at(100));
    assert!(is_up(&world));
    world.run_for(2 * GRACE);
    assert_eq!(told_and_booted(&world), (vec![at(10)], vec![at(0), at(10) + GRACE]));
}

/// A process that is stopped in its tracks handles no stop, and its operator waits no longer for it.
#[test]
fn a_paused_node_hears_of_it_afterwards_and_no_later_than_the_grace() {
    let mut world = restarted(3, 20);
    world.schedule(at(5), at(1_000), Fault::Pause { node: 0.into() });
    world.run_until(at(2_000));
    assert_eq!(told_and_booted(&world), (vec![at(1_000)], vec![at(0), at(1_000)]));
    let mut world = restarted(4, 20);
    world.schedule(at(5), at(60_000), Fault::Pause { node: 0.into() });
    world.run_until(at(59_999));
    assert_eq!(seen(&world, 0).len(), 1, "it is paused all the same when it begins again");
    assert!(is_up(&world));
}

#[test]
fn a_crash_meanwhile_ends_it_and_whoever_is_back_is_told_nothing() {
    let mut world = restarted(5, 20);
    lingers(&mut world);
    world.schedule(at(15), at(25), Fault::Crash { node: 0.into() });
    world.run_until(at(20_000));
    assert_eq!(told_and_booted(&world), (vec![at(10)], vec![at(0), at(30)]));
}

#[test]
fn a_heal_waits_for_nobody_who_is_to_stop() {
    let mut world = restarted(6, 20);
    lingers(&mut world);
    world.run_until(at(50));
    world.heal(&[node(0), node(1)]);
    world.run_until(at(20_000));
    assert_eq!(told_and_booted(&world), (vec![at(10)], vec![at(0), at(50)]));
}

/// What is resumed knows nothing of it: for its operator it is the same process.
#[test]
fn a_node_that_is_resumed_from_before_dies_at_the_end_of_the_grace() {
    let mut world = restarted(7, 20);
    lingers(&mut world);
    world.schedule(at(5), at(1_000), Fault::SnapshotResumed { node: 0.into() });
    world.run_until(at(20_000));
    assert_eq!(told_and_booted(&world), (vec![at(10)], vec![at(0), at(10) + GRACE]));
    assert!(world.now() > at(10) + GRACE + ms(1));
}

#[test]
fn who_stops_unasked_stays_down_as_one_that_halted() {
    let mut world = stage(8, &[0, 0]);
    tell(&mut world, 0, &[Act::Stopped]);
    world.run_until(at(20_000));
    assert!(!is_up(&world));
}
