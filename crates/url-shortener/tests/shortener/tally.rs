//! A tally that crashes, between two fronts that log clicks.

use std::collections::BTreeMap;

use machine::{NodeId, Switches};
use sim::{Script, World};
use url_shortener::{Key, Message, Note};

use crate::front::{FRONT, MS, Node, TALLY, counting_world, visit, visit_at};

const OTHER: NodeId = NodeId(2);

/// What the tally said last of each link.
fn totals(world: &World<Node>) -> BTreeMap<Key, u64> {
    let total = |note: &Note| match note {
        Note::Total { key, clicks } => Some((key.clone(), *clicks)),
        _ => None,
    };
    world.history().iter().filter_map(|entry| total(&entry.note)).collect()
}

/// Clicks of each link that are on a front's disk.
fn logged(world: &World<Node>) -> BTreeMap<Key, u64> {
    let (mut clicks, mut durable) = (BTreeMap::new(), BTreeMap::new());
    for entry in world.history() {
        match &entry.note {
            Note::Clicked { log, number, key } => drop(clicks.insert((*log, *number), key.clone())),
            Note::Logged { log, below } => {
                let known = durable.entry(*log).or_insert(0);
                *known = (*below).max(*known);
            }
            _ => {}
        }
    }
    let mut counts = BTreeMap::new();
    for ((log, number), key) in clicks {
        if durable.get(&log).is_some_and(|below| number < *below) {
            *counts.entry(key).or_insert(0) += 1;
        }
    }
    counts
}

/// Clicks on both fronts, while everybody crashes in turn.
fn trouble(seed: u64, switches: Switches) -> World<Node> {
    let mut world = counting_world(seed, switches);
    for round in 0..10 {
        visit(&mut world, round * 20..round * 20 + 20);
        visit_at(&mut world, OTHER, round * 20..round * 20 + 20);
        let fault = match round % 5 {
            0 => world.crash(TALLY),
            1 => world.torn_write(TALLY),
            2 => world.link_reset([FRONT, OTHER], [TALLY]),
            3 => world.power_loss(OTHER),
            _ => world.pause(TALLY),
        };
        world.run_for(MS(60));
        world.end(fault);
    }
    world.run_for(MS(3_000));
    world
}

#[test]
fn every_click_that_was_logged_is_counted_once_whatever_crashes() {
    for seed in 0..60 {
        let world = trouble(seed, Switches::ALL_ON);
        let logged = logged(&world);
        assert!(logged.values().sum::<u64>() > 300, "seed {seed}: {logged:?}");
        assert_eq!(totals(&world), logged, "seed {seed}");
    }
}

#[test]
fn without_the_position_some_are_counted_twice() {
    let click_dedup = url_shortener::Mechanism::ClickDedup as usize;
    let broken = (0..20).filter(|seed| {
        let world = trouble(*seed, Switches::ALL_ON.without(click_dedup));
        totals(&world) != logged(&world)
    });
    assert!(broken.count() > 10);
}

#[test]
fn a_full_disk_delays_what_is_counted_and_loses_none_of_it() {
    let mut world = counting_world(1, Switches::ALL_ON);
    let full = world.full_disk(TALLY);
    visit(&mut world, 0..50);
    world.run_for(MS(500));
    assert_eq!(totals(&world), BTreeMap::new());
    world.end(full);
    world.run_for(MS(1_000));
    assert_eq!(totals(&world), logged(&world));
    assert_eq!(totals(&world).values().sum::<u64>(), 50);
}

#[test]
fn a_tally_tells_what_it_has_counted_and_nothing_else() {
    let mut world = counting_world(1, Switches::ALL_ON);
    visit(&mut world, 0..10);
    world.run_for(MS(500));
    let told = world.history().len();
    for key in [Key::new("", "x"), Key::new("", "never-clicked")] {
        world.tell(TALLY, Message::Tell { call: 1, key });
    }
    world.run_for(MS(100));
    let news: Vec<Note> = world.history()[told..].iter().map(|entry| entry.note.clone()).collect();
    let total = |code, clicks| Note::Total { key: Key::new("", code), clicks };
    assert!(news.contains(&total("never-clicked", 0)), "{news:?}");
    let clicks = totals(&world).remove(&Key::new("", "x"));
    assert!(news.contains(&total("x", clicks.unwrap())), "{news:?}");
}

#[test]
fn a_tally_that_lost_its_disk_goes_on_from_what_is_left_in_the_logs() {
    let mut world = counting_world(1, Switches::ALL_ON);
    visit(&mut world, 0..100);
    world.run_for(MS(500));
    let replaced = world.disk_replaced(TALLY);
    world.end(replaced);
    visit(&mut world, 100..200);
    world.run_for(MS(1_000));
    let counted = totals(&world).values().sum::<u64>();
    assert!((100..200).contains(&counted), "{counted}: nothing waits for what is gone");
}
