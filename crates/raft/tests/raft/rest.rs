//! Groups that have nothing to do rest: they cost nothing, and nobody is forgotten.

use std::time::Duration;

use machine::NodeId;
use raft::{Group, GroupId, Tuning};
use sim::{Script, World};

use crate::lists::{Keeper, Word, elect, item, leader, list, world_with};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// So many groups on three nodes, all of which rest.
fn resting(seed: u64, groups: u32) -> World<Keeper> {
    let tuning = Tuning { rests: true, ..Tuning::default() };
    let mut world = world_with(seed, 3, 3, groups, tuning);
    world.run_for(MS(5_000));
    for group in 0..groups {
        assert!(all_rest(&world, group), "group {group}");
    }
    world
}

fn group(world: &World<Keeper>, node: u32, group: u32) -> Option<&Group> {
    world.machine(NodeId(node))?.group(group)
}

fn all_rest(world: &World<Keeper>, id: u32) -> bool {
    (0..3).all(|node| group(world, node, id).is_some_and(Group::is_resting))
}

fn term(world: &World<Keeper>, id: u32) -> u64 {
    (0..3).filter_map(|node| group(world, node, id)).map(Group::term).max().unwrap_or(0)
}

fn add(world: &mut World<Keeper>, to: NodeId, group: u32, number: u64) {
    world.tell(to, Word::Add(GroupId(group), item(number)));
}

/// Do all three have exactly these?
fn all_have(world: &World<Keeper>, group: u32, numbers: std::ops::Range<u64>) -> bool {
    let items: Vec<_> = numbers.map(item).collect();
    (0..3).all(|node| list(world, NodeId(node), group) == items)
}

#[test]
fn a_day_of_rest_costs_little_and_ends_at_once() {
    let mut world = resting(1, 100);
    let before: Vec<u64> = (0..100).map(|group| term(&world, group)).collect();
    let events = world.events();
    world.run_for(Duration::from_secs(24 * 3_600));
    let events = world.events() - events;
    assert!(events < 300_000, "{events} events");
    for group in 0..100 {
        assert!(all_rest(&world, group) && term(&world, group) == before[group as usize]);
        let leader = leader(&world, group).unwrap();
        add(&mut world, leader, group, 0);
    }
    world.run_for(MS(200));
    assert!((0..100).all(|group| all_have(&world, group, 0..1)));
    world.run_for(MS(2_000));
    assert!((0..100).all(|group| all_rest(&world, group)), "and they rest again");
}

#[test]
fn a_leader_that_is_gone_is_missed_and_comes_back_to_a_group_that_went_on() {
    for seed in 0..10 {
        let mut world = resting(seed, 5);
        let first = leader(&world, 0).unwrap();
        let fault = world.crash(first);
        world.run_for(MS(1_500));
        let second = leader(&world, 0).unwrap();
        assert_ne!(first, second, "seed {seed}: nobody has asked");
        add(&mut world, second, 0, 0);
        world.run_for(MS(3_000));
        let rests = group(&world, second.0, 0).unwrap().is_resting();
        assert!(!rests, "seed {seed}: one member lacks something");
        world.end(fault);
        world.run_for(MS(3_000));
        assert!(all_have(&world, 0, 0..1) && all_rest(&world, 0), "seed {seed}");
    }
}

/// Its process restarts between two beats: it leads nothing, and does not know that it did.
#[test]
fn a_leader_that_restarts_while_all_rest_is_replaced_or_elected_again() {
    for seed in 0..10 {
        let mut world = resting(seed, 5);
        world.run_for(Duration::from_secs(60));
        let first = leader(&world, 0).unwrap();
        let fault = world.crash(first);
        world.run_for(MS(1));
        world.end(fault);
        world.run_for(MS(3_000));
        for id in 0..5 {
            let leader = leader(&world, id).unwrap_or_else(|| panic!("seed {seed}: group {id}"));
            add(&mut world, leader, id, 0);
        }
        world.run_for(MS(200));
        assert!((0..5).all(|id| all_have(&world, id, 0..1)), "seed {seed}");
    }
}

/// No link breaks, and no message comes.
#[test]
fn a_leader_that_falls_silent_is_missed_when_somebody_asks_and_else_in_half_a_minute() {
    for (seed, asked) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut world = resting(seed, 5);
        world.run_for(Duration::from_secs(60));
        let first = leader(&world, 0).unwrap();
        let others: Vec<NodeId> = (0..3).map(NodeId).filter(|node| *node != first).collect();
        let fault = world.pause(first);
        if asked {
            add(&mut world, others[0], 0, 7);
            world.run_for(MS(2_500));
        } else {
            world.run_for(Duration::from_secs(30));
        }
        let leads = |node: &&NodeId| group(&world, node.0, 0).is_some_and(Group::leads);
        let second = *others.iter().find(leads).expect("one of the others leads");
        add(&mut world, second, 0, 0);
        world.run_for(MS(200));
        assert_eq!(list(&world, second, 0), [item(0)]);
        world.end(fault);
        world.run_for(MS(3_000));
        assert!(all_have(&world, 0, 0..1) && all_rest(&world, 0), "seed {seed}");
    }
}

/// Who is cut off from the leader only asks the third, which hears the leader and helps nobody to depose it.
#[test]
fn a_follower_that_is_cut_off_deposes_nobody_and_has_everything_when_it_is_back() {
    for seed in 0..10 {
        let mut world = resting(seed, 1);
        let first = leader(&world, 0).unwrap();
        let (away, before) = ((first.0 + 1) % 3, term(&world, 0));
        let fault = world.partition([first], [away]);
        for number in 0..5 {
            add(&mut world, first, 0, number);
            world.run_for(Duration::from_secs(5));
        }
        assert_eq!((leader(&world, 0), term(&world, 0)), (Some(first), before), "seed {seed}");
        world.end(fault);
        world.run_for(MS(5_000));
        assert!(all_have(&world, 0, 0..5) && all_rest(&world, 0), "seed {seed}");
    }
}

/// A thousand idle groups, and then one command to each: their nodes share timers, beats, messages and syncs.
#[test]
fn a_thousand_groups_rest_and_work() {
    const GROUPS: u32 = 1_000;
    let mut world = resting(5, GROUPS);
    let events = world.events();
    world.run_for(Duration::from_secs(3_600));
    let idle = world.events() - events;
    assert!(idle < 15_000, "{idle} events in an hour");
    let events = world.events();
    for group in 0..GROUPS {
        let leader = elect(&mut world, group);
        add(&mut world, leader, group, 0);
    }
    world.run_for(MS(300));
    let busy = world.events() - events;
    assert!((0..GROUPS).all(|group| all_have(&world, group, 0..1)));
    assert!(busy < 40 * u64::from(GROUPS), "{busy} events");
}
