//! A fault that picks messages by what they say takes those and no others, and takes nothing out of a lane without
//! a word.

use std::collections::BTreeSet;

use machine::Time;
use sim::{Fault, Script};

use crate::puppet::{Act, at, heard, ms, node, resets, seen, stage, tell};

const NOBODY: [u32; 0] = [];

fn to_both(numbers: std::ops::Range<u64>) -> Vec<Act> {
    numbers.flat_map(|number| [1, 2].map(|to| Act::Datagram(to, number))).collect()
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

#[test]
fn datagrams_that_are_picked_are_lost_and_others_are_not() {
    let mut world = stage(1, &[0; 3]);
    let filter = world.drop_messages("even-number", NOBODY, [2]);
    tell(&mut world, 0, &to_both(0..10));
    world.run_until(at(50));
    assert_eq!(sorted(heard(&world, 1)), Vec::from_iter(0..10));
    assert_eq!(sorted(heard(&world, 2)), [1, 3, 5, 7, 9]);
    world.end(filter);
    tell(&mut world, 0, &[Act::Datagram(2, 10)]);
    world.run_until(at(100));
    assert!(heard(&world, 2).contains(&10));
}

#[test]
fn a_late_datagram_is_overtaken_and_a_late_message_on_a_stream_holds_up_what_follows() {
    let mut world = stage(2, &[0; 3]);
    world.delay_messages("even-number", [0], NOBODY, ms(30));
    tell(&mut world, 0, &[Act::Datagram(1, 2), Act::Datagram(1, 3)]);
    tell(&mut world, 0, &[Act::Send(2, 5), Act::Send(2, 2), Act::Send(2, 3)]);
    tell(&mut world, 1, &[Act::Datagram(0, 2)]);
    world.run_until(at(29));
    assert_eq!([heard(&world, 0), heard(&world, 1), heard(&world, 2)], [vec![2], vec![3], vec![5]]);
    world.run_until(at(100));
    assert_eq!([heard(&world, 1), heard(&world, 2)], [vec![3, 2], vec![5, 2, 3]]);
}

#[test]
fn a_message_that_is_dropped_from_a_stream_resets_the_pair() {
    let mut world = stage(3, &[0; 2]);
    world.drop_messages("even-number", [0], [1]);
    tell(&mut world, 0, &[Act::Send(1, 1)]);
    world.run_until(at(50));
    tell(&mut world, 0, &[Act::Send(1, 2), Act::Send(1, 3)]);
    world.run_until(at(100));
    assert_eq!(heard(&world, 1), [1], "what was sent before the reset was told is gone too");
    assert_eq!((resets(&world, 0, 1), resets(&world, 1, 0)), (1, 1));
}

#[test]
fn what_is_picked_on_its_way_to_nobody_is_answered_as_ever_and_once() {
    let mut world = stage(6, &[0; 2]);
    world.drop_messages("even-number", NOBODY, NOBODY);
    tell(&mut world, 0, &[Act::Send(9, 2), Act::Datagram(9, 2), Act::Send(1, 2), Act::Send(1, 4)]);
    world.run_until(at(50));
    assert_eq!((resets(&world, 0, 9), resets(&world, 0, 1), resets(&world, 1, 0)), (1, 1, 1));
}

/// The incident: the copy of a datagram that was to be late came as early as if it had not been.
#[test]
fn a_copy_of_a_late_datagram_is_late_too_and_travels_by_itself() {
    let mut apart = BTreeSet::new();
    for seed in 0..50 {
        let mut world = stage(seed, &[0; 2]);
        world.delay_messages("even-number", [0], [1], ms(30));
        world.duplication([0], 1_000_000);
        tell(&mut world, 0, &[Act::Datagram(1, 2)]);
        world.run_until(at(50));
        let arrived: Vec<Time> = seen(&world, 1)[1..].iter().map(|(at, _)| *at).collect();
        assert_eq!(heard(&world, 1), [2, 2]);
        assert!(arrived.iter().all(|time| (at(31)..=at(32)).contains(time)), "{arrived:?}");
        apart.insert(arrived[1].since(arrived[0]));
    }
    assert!(apart.len() > 40, "their delays are drawn apart: {apart:?}");
}

/// It is what a scenario is about, and no weather: it ends when it was said to.
#[test]
fn a_filter_picks_what_healed_nodes_say_too() {
    let mut world = stage(4, &[0; 3]);
    let filter = world.drop_messages("even-number", [0], [1]);
    world.heal(&[node(0), node(1)]);
    tell(&mut world, 0, &to_both(0..2));
    world.run_until(at(50));
    assert_eq!((heard(&world, 1), sorted(heard(&world, 2))), (vec![1], vec![0, 1]));
    world.end(filter);
    world.drop_messages("even-number", NOBODY, [2]);
    tell(&mut world, 0, &to_both(2..3));
    world.run_until(at(100));
    assert_eq!((heard(&world, 1), heard(&world, 2).len()), (vec![1, 2], 2));
}

#[test]
#[should_panic(expected = "there is no filter \"odd-number\"; declared are even-number")]
fn a_filter_that_nobody_declared_is_refused() {
    stage(7, &[0; 2]).drop_messages("odd-number", NOBODY, NOBODY);
}

#[test]
#[should_panic(expected = "out of range")]
fn a_filter_delays_nothing_for_longer_than_a_world_lasts() {
    let filter = "even-number".into();
    let (from, to) = (vec![], vec![]);
    stage(5, &[0]).begin(Fault::MessageFilter { filter, from, to, delay_ns: u64::MAX });
}
