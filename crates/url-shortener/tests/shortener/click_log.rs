//! A click log, beside a tally that only listens.

use std::collections::BTreeMap;

use sim::{Fault, Script};
use url_shortener::Note;

use crate::front::{Ear, FRONT, LOST, MS, Node, SMALL, TALLY, heard, log, visit, world};

#[test]
fn a_click_is_acknowledged_when_it_is_durable_and_then_it_is_counted() {
    let mut world = world(1);
    visit(&mut world, 0..1);
    let (id, below) = log(&world).acknowledged();
    assert_eq!((below, log(&world).is_drained()), (0, false), "it is in memory");
    world.run_for(MS(30));
    assert_eq!(log(&world).acknowledged(), (id, 1));
    world.run_for(MS(30));
    assert_eq!(heard(&world), [[0]]);
    assert!(log(&world).is_drained());
}

#[test]
fn what_is_acknowledged_outlives_power_losses_and_is_heard_in_order() {
    for seed in 0..60 {
        let mut world = world(seed);
        let mut acknowledged = BTreeMap::new();
        let mut visitor = 0;
        for round in 0..6 {
            visit(&mut world, visitor..visitor + 50);
            visitor += 50;
            let (id, below) = log(&world).acknowledged();
            acknowledged.insert(id, below);
            let fault = match round % 3 {
                0 => world.power_loss(FRONT),
                1 => world.torn_write(FRONT),
                _ => world.crash(FRONT),
            };
            let cut = (round % 2 == 0).then(|| world.partition([FRONT], [TALLY]));
            world.run_for(MS(20));
            world.end(fault);
            visit(&mut world, visitor..visitor + 50);
            visitor += 50;
            cut.into_iter().for_each(|cut| world.end(cut));
        }
        world.run_for(MS(2_000));
        let Some(Node::Ear(Ear(heard))) = world.machine(TALLY) else { panic!("it never crashed") };
        for (id, below) in acknowledged {
            let count = heard.get(&id).map_or(0, Vec::len) as u64;
            assert!(count >= below, "seed {seed}: {count} of {below} of log {id} were heard");
        }
        let in_order = |clicks: &Vec<u64>| clicks.is_sorted_by(|one, next| one + 1 == *next);
        assert!(heard.values().all(in_order), "seed {seed}");
        assert!(log(&world).is_drained(), "seed {seed}");
    }
}

#[test]
fn a_log_that_is_told_to_stop_owes_nothing_if_the_tally_is_there() {
    let stopped_after = |ms, is_cut: bool| {
        let mut world = world(1);
        let cut = is_cut.then(|| world.partition([FRONT], [TALLY]));
        visit(&mut world, 0..100);
        let now = world.now();
        world.schedule(now, now + MS(60_000), Fault::RollingRestart { nodes: vec![FRONT.into()] });
        world.run_for(MS(ms));
        cut.into_iter().for_each(|cut| world.end(cut));
        (world.machine(FRONT).is_none(), heard(&world).concat().len())
    };
    assert_eq!(stopped_after(1_000, false), (true, 100));
    assert!(!stopped_after(1_900, true).0, "it waits for a tally that is silent");
    assert!(stopped_after(2_200, true).0, "and not for ever");
}

/// It once looked at the clock again and again while it waited for the disk.
#[test]
fn a_log_that_is_told_to_stop_waits_for_a_disk_that_hangs_and_costs_nothing() {
    let mut world = world(1);
    visit(&mut world, 0..10);
    world.hung_disk(FRONT);
    let (now, before) = (world.now(), world.events());
    world.schedule(now, now + MS(60_000), Fault::RollingRestart { nodes: vec![FRONT.into()] });
    world.run_for(MS(4_000));
    assert!(world.machine(FRONT).is_some(), "it may be durable yet");
    assert!(world.events() - before < 200, "{} events", world.events() - before);
    world.run_for(MS(2_000));
    assert!(world.machine(FRONT).is_none(), "as a process that dies");
}

#[test]
fn a_tally_that_is_away_for_long_hears_all_of_it_when_it_is_back() {
    let mut world = world(1);
    let cut = world.partition([FRONT], [TALLY]);
    visit(&mut world, 0..1_000);
    world.run_for(MS(50));
    assert_eq!(heard(&world), Vec::<Vec<u64>>::new());
    assert_eq!(log(&world).acknowledged().1, 1_000, "they are on the disk meanwhile");
    world.end(cut);
    world.run_for(MS(3_000));
    assert_eq!(heard(&world), [Vec::from_iter(0..1_000)]);
    assert!(log(&world).is_drained());
    // What was counted was deleted: a front that starts anew has next to nothing to send.
    let fault = world.crash(FRONT);
    world.end(fault);
    let cut = world.partition([FRONT], [TALLY]);
    world.run_for(MS(100));
    let read_back = world.history().iter().rev().map_while(|entry| match entry.note {
        Note::Logged { .. } => Some(()),
        _ => None,
    });
    assert!(read_back.count() * 8 < 100, "of 1,000 clicks in batches of 8");
    world.end(cut);
}

#[test]
fn a_full_disk_drops_clicks_when_memory_is_full_and_their_numbers_are_not_used() {
    let mut world = world(1);
    let full = world.full_disk(FRONT);
    visit(&mut world, 0..100);
    assert_eq!(log(&world).dropped(), 100 - SMALL.waiting as u64, "those wait for the disk");
    assert_eq!(log(&world).acknowledged().1, 0);
    world.end(full);
    world.run_for(MS(1_000));
    visit(&mut world, 100..110);
    world.run_for(MS(100));
    assert_eq!(heard(&world), [Vec::from_iter((0..64).chain(100..110))]);
}

#[test]
fn what_rots_is_lost_and_the_rest_is_heard() {
    let mut lost = 0;
    for seed in 0..30 {
        let mut world = world(seed);
        let cut = world.partition([FRONT], [TALLY]);
        visit(&mut world, 0..200);
        world.run_for(MS(50));
        let crash = world.crash(FRONT);
        world.bit_rot(FRONT, 1);
        world.end(crash);
        world.end(cut);
        visit(&mut world, 200..210);
        world.run_for(MS(2_000));
        assert!(log(&world).is_drained(), "seed {seed}: nothing waits for what is lost");
        let heard = heard(&world).into_iter().flatten();
        let clicks: Vec<u64> = heard.filter(|visitor| *visitor != LOST).collect();
        assert!(
            (200..210).all(|click| clicks.contains(&click)),
            "seed {seed}: the new log is whole"
        );
        // One file of a thousand bytes, at most.
        assert!(clicks.len() >= 210 - 56, "seed {seed}: {} of 210", clicks.len());
        lost += u64::from(clicks.len() < 210);
    }
    assert!(lost > 0, "rot that nothing notices would be no test");
}

/// Its clicks were acknowledged and not counted yet: a log that begins anew would forget them without a word.
#[test]
fn a_file_that_is_gone_or_shorter_than_it_was_is_a_refusal_and_a_crash_is_none() {
    for seed in 0..20 {
        for harm in ["none", "cut", "missing"] {
            let mut world = world(seed);
            let cut = world.partition([FRONT], [TALLY]);
            visit(&mut world, 0..200);
            // The bound knows what was written a second ago.
            world.run_for(MS(1_200));
            let fault = match harm {
                "cut" => world.file_cut(FRONT, "clicks"),
                "missing" => world.file_missing(FRONT, "clicks"),
                _ => world.crash(FRONT),
            };
            world.end(fault);
            world.end(cut);
            world.run_for(MS(3_000));
            let runs = world.machine(FRONT).is_some();
            assert_eq!(runs, harm == "none", "seed {seed}: {harm}");
            if runs {
                assert_eq!(heard(&world), [Vec::from_iter(0..200)], "seed {seed}");
            }
        }
    }
}

#[test]
fn a_stream_that_is_reset_again_and_again_only_delays() {
    let mut world = world(3);
    for round in 0..20 {
        visit(&mut world, round * 20..(round + 1) * 20);
        let reset = world.link_reset([FRONT], [TALLY]);
        world.end(reset);
    }
    world.run_for(MS(1_000));
    assert_eq!(heard(&world), [Vec::from_iter(0..400)]);
}
