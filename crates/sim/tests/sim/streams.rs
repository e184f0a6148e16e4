//! A stream (TCP) stays in order, stalls while it is cut and loses nothing, until it is reset.

use machine::Time;
use sim::{Fault, World};

use crate::puppet::{
    Act, Puppet, Seen, What, Word, at, heard, ms, node, resets, seen, stage, tell, tell_at,
};

/// Node 0 sends one number a millisecond to node 1.
fn stream_of_numbers(world: &mut World<Puppet>, numbers: u64) {
    for number in 0..numbers {
        tell_at(world, number, 0, &[Act::Send(1, number)]);
    }
}

#[test]
fn a_partitioned_stream_stalls_and_goes_on_in_order_with_nothing_lost_or_doubled() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0, 0]);
        stream_of_numbers(&mut world, 100);
        world.schedule(at(20), at(60), Fault::Partition { a: vec![0.into()], b: vec![1.into()] });
        world.run_until(at(60));
        let before_the_heal = heard(&world, 1).len() as u64;
        assert!((15..=20).contains(&before_the_heal), "stalled at {before_the_heal}");
        world.run_until(at(200));
        assert_eq!(heard(&world, 1), Vec::from_iter(0..100), "seed {seed}");
    }
}

#[test]
fn a_flapping_stream_stays_in_order() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0, 0]);
        stream_of_numbers(&mut world, 100);
        let (a, b) = (vec![0.into()], vec![1.into()]);
        world.schedule(at(5), at(95), Fault::FlappingLink { a, b, period_ns: 3_000_000 });
        world.run_until(at(200));
        assert_eq!(heard(&world, 1), Vec::from_iter(0..100), "seed {seed}");
    }
}

#[test]
fn a_stream_in_bad_weather_is_late_and_in_order() {
    let mut world = stage(3, &[0, 0]);
    stream_of_numbers(&mut world, 100);
    world.schedule(at(0), at(50), Fault::Loss { nodes: vec![0.into()], ppm: 100_000 });
    world.schedule(at(0), at(90), Fault::Delay { nodes: vec![1.into()], by_ns: 30_000_000 });
    let (nodes, ppm) = (vec![0.into()], 500_000);
    world.schedule(at(0), at(90), Fault::Duplication { nodes, ppm });
    let nodes = vec![1.into()];
    world.schedule(at(0), at(90), Fault::Reordering { nodes, ppm, by_ns: 9_000_000 });
    world.run_until(at(150));
    assert!(heard(&world, 1).len() < 100, "a loss costs a retransmission, 200 ms");
    world.run_until(at(600));
    assert_eq!(heard(&world, 1), Vec::from_iter(0..100));
}

#[test]
fn a_one_way_partition_cuts_one_way() {
    let mut world = stage(4, &[0, 0]);
    let cut = world.begin(Fault::OneWayPartition { from: vec![0.into()], to: vec![1.into()] });
    tell(&mut world, 0, &[Act::Send(1, 7), Act::Datagram(1, 8)]);
    tell(&mut world, 1, &[Act::Send(0, 9), Act::Datagram(0, 9)]);
    world.run_for(ms(20));
    assert!(heard(&world, 1).is_empty());
    assert_eq!(heard(&world, 0), [9, 9]);
    world.end(cut);
    world.run_for(ms(20));
    assert_eq!(heard(&world, 1), [7], "a stream waits for the heal, a datagram does not");
}

#[test]
fn a_partition_leaves_third_parties_alone() {
    let mut world = stage(5, &[0, 0, 0]);
    world.begin(Fault::Partition { a: vec![0.into()], b: vec![1.into()] });
    tell(&mut world, 0, &[Act::Send(2, 1)]);
    tell(&mut world, 1, &[Act::Send(2, 1)]);
    tell(&mut world, 2, &[Act::Send(0, 1), Act::Send(1, 1)]);
    world.run_for(ms(20));
    assert_eq!([heard(&world, 0), heard(&world, 1), heard(&world, 2)].concat(), [1; 4]);
}

#[test]
fn nobody_is_cut_off_from_himself() {
    let mut world = stage(6, &[0, 0]);
    world.begin(Fault::Partition { a: vec![0.into()], b: vec![0.into(), 1.into()] });
    tell(&mut world, 0, &[Act::Send(0, 1), Act::Datagram(0, 1)]);
    world.run_for(ms(20));
    assert_eq!(heard(&world, 0), [1, 1], "a role and a number may name the same node");
}

#[test]
fn a_reset_loses_what_is_on_its_way_and_tells_both_ends() {
    let mut world = stage(7, &[0, 0]);
    stream_of_numbers(&mut world, 40);
    world.schedule(at(20), at(20), Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
    world.run_until(at(100));
    let arrived = heard(&world, 1);
    let lost: Vec<u64> = (0..40).filter(|number| !arrived.contains(number)).collect();
    // From what was in the air at the reset to what was sent before the sender was told, all of it.
    let is_reset = |(_, seen): &&(Time, &Seen)| seen.what == What::Reset(node(1));
    let told = seen(&world, 0).iter().find(is_reset).unwrap().0.0;
    let (first, last) = (lost[0], *lost.last().unwrap());
    assert!((18..=20).contains(&first) && last * 1_000_000 <= told, "{lost:?}, told at {told}");
    assert!((last + 1) * 1_000_000 > told, "what was sent before it was told is gone: {lost:?}");
    assert_eq!(lost, Vec::from_iter(first..=last));
    assert!(arrived.is_sorted());
    assert_eq!((resets(&world, 0, 1), resets(&world, 1, 0)), (1, 1));
}

#[test]
fn a_reset_drops_what_the_cut_held_back() {
    let mut world = stage(8, &[0, 0]);
    world.schedule(at(10), at(50), Fault::Partition { a: vec![0.into()], b: vec![1.into()] });
    world.schedule(at(40), at(40), Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
    tell_at(&mut world, 20, 0, &[Act::Send(1, 20)]);
    tell_at(&mut world, 60, 0, &[Act::Send(1, 60)]);
    world.run_until(at(100));
    assert_eq!(heard(&world, 1), [60]);
}

#[test]
fn no_end_sees_data_of_the_new_stream_before_it_was_told_of_the_reset() {
    for seed in 0..200 {
        let mut world = stage(seed, &[0, 0]);
        for tenth in 0..200 {
            let send = Word::Do(vec![Act::Send(1, tenth)]);
            world.tell_at(Time(tenth * 100_000), node(0), send);
        }
        world.schedule(at(10), at(10), Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
        world.run_until(at(100));
        let told = seen(&world, 1);
        let reset = told.iter().position(|(_, seen)| seen.what == What::Reset(node(0)));
        let before = told[..reset.unwrap()].len() - 1;
        assert_eq!(heard(&world, 1)[..before], Vec::from_iter(0..before as u64), "seed {seed}");
    }
}

#[test]
fn a_stream_to_a_node_that_is_down_is_reset() {
    let mut world = stage(9, &[0, 0]);
    world.schedule(at(10), at(50), Fault::Crash { node: 1.into() });
    tell_at(&mut world, 20, 0, &[Act::Send(1, 20)]);
    tell_at(&mut world, 60, 0, &[Act::Send(1, 60)]);
    world.run_until(at(100));
    assert_eq!(heard(&world, 1), [60]);
    assert_eq!(resets(&world, 0, 1), 1, "nothing is lost from a stream without a word");
}

#[test]
fn what_was_sent_to_a_node_without_power_never_reaches_its_next_boot() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0, 0]);
        tell(&mut world, 0, &[Act::Send(1, 1)]);
        world.schedule(at(10), at(200), Fault::PowerLoss { node: 1.into() });
        world.schedule(at(20), at(100), Fault::Partition { a: vec![0.into()], b: vec![1.into()] });
        (30..40).for_each(|n| tell_at(&mut world, n, 0, &[Act::Send(1, n)]));
        (300..310).for_each(|n| tell_at(&mut world, n, 0, &[Act::Send(1, n)]));
        world.run_until(at(1_000));
        let heard = heard(&world, 1);
        assert_eq!(heard, [&[1][..], &(300..310).collect::<Vec<_>>()].concat(), "seed {seed}");
        assert_eq!(resets(&world, 0, 1), 1, "and the sender is told");
    }
}

#[test]
fn what_was_sent_before_the_reset_was_told_goes_into_the_dead_connection() {
    let mut world = stage(6, &[0, 0]);
    tell(&mut world, 0, &[Act::Send(1, 1)]);
    world.run_until(at(50));
    world.begin(Fault::Delay { nodes: vec![0.into()], by_ns: 1_000_000_000 });
    world.schedule(at(100), at(1_000), Fault::PowerLoss { node: 1.into() });
    tell_at(&mut world, 200, 0, &[Act::Send(1, 2)]);
    world.run_until(at(5_000));
    assert_eq!(heard(&world, 1), [1], "the second was on its way to a boot that is over");
}
