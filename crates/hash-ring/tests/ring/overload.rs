//! How many reads a second the database answers in time, by how many it is asked for: the table of the
//! case study.

use std::sync::Arc;
use std::time::Duration;

use hash_ring::{Browse, Cache, Database, Front, Member, Message, Note, Order, Server};
use machine::{NodeId, Switches};
use sim::{Delays, World};

const FRONT: NodeId = NodeId(2);
const SECONDS: u32 = 10;

/// One front, whose users never ask for the same key, so that its cache is of no use.
fn fleet(seed: u64) -> World<Server> {
    let boot = |id: NodeId| match id.0 {
        0 => Server::Database(Database::new()),
        1 => Server::Cache(Cache::new(1)),
        _ => {
            let (name, zone) = ("cache".into(), "zone".into());
            let cache = Member { id: NodeId(1), name, zone, weight: 1 };
            let front = Front::new(FRONT, NodeId(0), vec![cache], 1, 1, Switches::ALL_ON);
            Server::Front(front.unwrap())
        }
    };
    World::new(seed, &[0, 0, 0], Delays::micros(100, 500), Arc::new(boot))
}

/// Answers in a second, where so many users come.
fn answered(per_second: u32) -> usize {
    let worlds = (0..5).map(|seed| {
        let mut world = fleet(seed);
        let (requests, every_us) = (per_second * SECONDS, 1_000_000 / per_second);
        let crowd = Browse { requests, every_us, first: 0, keys: u64::MAX, warm: false };
        world.tell(FRONT, Message::Order(Order::Browse(crowd)));
        world.run_for(Duration::from_secs(SECONDS.into()));
        let answers =
            world.history().iter().filter(|entry| matches!(entry.note, Note::Answered { .. }));
        answers.count()
    });
    worlds.sum::<usize>() / 5 / SECONDS as usize
}

#[test]
fn the_more_it_is_asked_the_less_it_answers() {
    let asked = [80, 100, 120, 140, 160, 180, 200, 220, 240, 280, 560];
    assert_eq!(asked.map(answered), [79, 96, 91, 86, 80, 70, 54, 32, 13, 1, 0]);
}
