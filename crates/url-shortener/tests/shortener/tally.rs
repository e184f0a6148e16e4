//! A tally that crashes, between two fronts that log clicks.

use std::collections::BTreeMap;

use machine::{NodeId, Switches};
use sim::{Entry, Script, World};
use url_shortener::{Key, Limits, LinkId, Message, Note, RoundLimits, Tally};

use crate::front::{FRONT, MS, Node, TALLY, counting_world, log, visit, visit_at, world_of};

const OTHER: NodeId = NodeId(2);

fn link(code: &str) -> LinkId {
    LinkId { key: Key::new("", code), incarnation: 0 }
}

/// What the tally said last of each link.
fn totals(world: &World<Node>) -> BTreeMap<LinkId, u64> {
    totals_of(world.history().iter())
}

fn totals_of<'a>(history: impl Iterator<Item = &'a Entry<Note>>) -> BTreeMap<LinkId, u64> {
    let total = |note: &Note| match note {
        Note::Total { link, clicks } => Some((link.clone(), *clicks)),
        _ => None,
    };
    history.filter_map(|entry| total(&entry.note)).collect()
}

/// Clicks of each link that are on a front's disk.
fn logged(world: &World<Node>) -> BTreeMap<LinkId, u64> {
    let (mut clicks, mut durable) = (BTreeMap::new(), BTreeMap::new());
    for entry in world.history().iter() {
        match &entry.note {
            Note::Clicked { log, number, link } => {
                drop(clicks.insert((*log, *number), link.clone()))
            }
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
    for link in [link("x"), link("never-clicked")] {
        world.tell(TALLY, Message::GetStats { call: 1, link });
    }
    world.run_for(MS(100));
    let news: Vec<Note> = world.history().since(told).map(|entry| entry.note.clone()).collect();
    let total = |code, clicks| Note::Total { link: link(code), clicks };
    assert!(news.contains(&total("never-clicked", 0)), "{news:?}");
    let clicks = totals(&world).remove(&link("x"));
    assert!(news.contains(&total("x", clicks.unwrap())), "{news:?}");
}

/// Clicks that were counted and are in no log any more are lost with the disk; those after them are counted,
/// and do not wait for them.
#[test]
fn a_tally_that_lost_its_disk_goes_on_from_what_is_left_in_the_logs() {
    let mut world = counting_world(1, Switches::ALL_ON);
    visit(&mut world, 0..100);
    world.run_for(MS(500));
    assert_eq!(totals(&world).values().sum::<u64>(), 100);
    assert!(log(&world).is_drained());
    let replaced = world.disk_replaced(TALLY);
    world.end(replaced);
    let lost = world.history().len();
    visit(&mut world, 100..200);
    world.run_for(MS(1_000));
    assert_eq!(totals_of(world.history().since(lost)).values().sum::<u64>(), 100);
    assert!(log(&world).is_drained(), "nothing waits for what is gone");
}

#[test]
fn clicks_that_do_not_fit_into_a_round_are_counted_in_the_next() {
    for (links, clicks) in [(1, 100), (3, 5), (2, 3)] {
        let tally = Tally::new(Limits { segment: 4_000 }, Switches::ALL_ON);
        let tally = tally.with_round_limits(RoundLimits { links, clicks });
        let mut world = world_of(1, Node::Tally(tally));
        for round in 0..10 {
            visit(&mut world, round * 20..round * 20 + 20);
            visit_at(&mut world, OTHER, round * 20..round * 20 + 20);
        }
        world.run_for(MS(1_000));
        assert_eq!(totals(&world), logged(&world), "{links} links, {clicks} clicks");
        assert_eq!(totals(&world).values().sum::<u64>(), 400);
        let full = |note: &Note| *note == Note::Sometimes("round-full");
        let full = world.history().iter().filter(|entry| full(&entry.note)).count();
        assert!(full > 20, "{links} links, {clicks} clicks: {full} rounds were full");
        assert!(log(&world).is_drained());
    }
}
