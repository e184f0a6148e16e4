//! The database beyond its limit: the table of the case study, and a storm that outlives its cause.

use std::sync::Arc;
use std::time::Duration;

use cache_fleet::{
    Browse, Cache, Database, Front, Mechanism, Member, Message, Note, Order, Server,
};
use machine::{NodeId, Switches, Time};
use sim::{Delays, Script, World};

const DATABASE: NodeId = NodeId(0);
const CACHES: [NodeId; 2] = [NodeId(1), NodeId(2)];
const FRONT: NodeId = NodeId(3);

/// A database that serves whoever is in its line, even those who have gone.
const PLAIN: fn() -> Switches = || Mechanism::Deadline.off();

/// One front, and no coalescing: each miss is a read.
fn fleet(seed: u64, switches: Switches) -> World<Server> {
    let switches = switches.without(Mechanism::RequestCoalescing as usize);
    let member = |id: NodeId| {
        let (name, zone) = (format!("cache-{}", id.0), format!("zone-{}", id.0));
        Member { id, name, zone, weight: 1 }
    };
    let boot = move |id: NodeId| match id {
        DATABASE => Server::Database(Database::new()),
        FRONT => {
            let known = CACHES.map(member).to_vec();
            Server::Front(Front::new(FRONT, DATABASE, known, 2, 1, switches).unwrap())
        }
        _ => Server::Cache(Cache::new(1)),
    };
    World::new(seed, &[2, 0, 1, 2], Delays::micros(100, 500), Arc::new(boot))
}

/// So many users a second, for so many seconds.
fn crowd(world: &mut World<Server>, per_second: u32, seconds: u32, keys: u64, warm: bool) {
    let (requests, every_us) = (per_second * seconds, 1_000_000 / per_second);
    // Keys that nobody else asks for are far from the others.
    let first = if warm { 0 } else { 1 << 40 };
    let crowd = Browse { requests, every_us, first, keys, warm };
    world.tell(FRONT, Message::Order(Order::Browse(crowd)));
}

fn answered_since(world: &World<Server>, from: Time) -> usize {
    let answered = |note: &Note| matches!(note, Note::Answered { .. });
    world.history().iter().filter(|entry| entry.at >= from && answered(&entry.note)).count()
}

/// Answers in a second, where so many users come who never ask for the same key.
fn answered(per_second: u32, switches: Switches) -> usize {
    let worlds = (0..5).map(|seed| {
        let mut world = fleet(seed, switches);
        crowd(&mut world, per_second, 10, u64::MAX >> 1, false);
        world.run_for(Duration::from_secs(10));
        answered_since(&world, Time(0))
    });
    worlds.sum::<usize>() / 5 / 10
}

#[test]
fn the_more_it_is_asked_the_less_it_answers() {
    let asked = [80, 100, 120, 140, 160, 180, 200, 220, 240, 280, 560];
    let answered = |switches| asked.map(|per_second| answered(per_second, switches));
    assert_eq!(answered(PLAIN()), [80, 95, 91, 86, 79, 69, 53, 32, 13, 1, 0]);
    // In a line that can be left nobody works for those who have gone.
    let can_be_left = [80, 95, 91, 86, 79, 69, 53, 35, 22, 16, 5];
    assert_eq!(answered(Switches::ALL_ON), can_be_left);
}

/// One of two caches is lost for a second. Of about 240 users in a second, how many are answered a minute
/// later, with the budget for retries and without?
#[test]
fn a_retry_storm_outlives_its_cause() {
    let a_minute_later = |switches| {
        let mut world = fleet(1, switches);
        crowd(&mut world, 200, 70, 60, true);
        crowd(&mut world, 40, 70, u64::MAX >> 1, false);
        world.run_for(Duration::from_millis(500));
        let lost = world.crash(CACHES[1]);
        world.run_for(Duration::from_secs(1));
        world.end(lost);
        world.run_for(Duration::from_secs(60));
        answered_since(&world, world.now() - Duration::from_secs(5)) / 5
    };
    assert_eq!(a_minute_later(PLAIN()), 245);
    assert_eq!(a_minute_later(PLAIN().without(Mechanism::RetryBudget as usize)), 87);
}
