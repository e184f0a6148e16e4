//! The key-value system as its clients see it.

use std::time::Duration;

use bytes::Bytes;
use machine::{NodeId, Switches};
use raft::Mechanism;
use raft_kv::{Answer, Ask, Consensus, Message, Node, Note, Operation, ReadMode, Shape};
use sim::{Cluster, Delays, Script, World, world_of};

const MS: fn(u64) -> Duration = Duration::from_millis;
const CLIENT: NodeId = NodeId(3);

fn world(seed: u64, switches: Switches) -> World<Node> {
    let shape = Shape {
        founders: 3,
        spares: 0,
        clients: 1,
        snapshot_after: 2_000,
        keep_entries: 0,
        election_timeout: 10,
        max_batch: 1,
        snapshot_chunk: 100,
        journal_growth: 1_000,
        long_values: 0,
        rests: false,
    };
    let cluster = Cluster::new(shape, Delays::micros(100, 1_000));
    let mut world = world_of::<Consensus>(&cluster, seed, switches);
    world.run_for(MS(2_000));
    world
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn get(key: &str, read: ReadMode) -> Ask {
    Ask::Get { key: text(key), read }
}

fn append(key: &str, value: &str) -> Ask {
    Ask::Append { key: text(key), value: text(value) }
}

fn cas(key: &str, from: Option<&str>, to: Option<&str>) -> Ask {
    Ask::Cas { key: text(key), from: from.map(text), to: to.map(text) }
}

fn ask(world: &mut World<Node>, replica: u32, ask: Ask) {
    world.tell(CLIENT, Message::Do(Operation { replica: NodeId(replica), ask }));
}

/// The answers to what was asked since so many, in order.
fn answers(world: &World<Node>, since: usize) -> Vec<Answer> {
    let answer = |note: &Note| match note {
        Note::Answered { answer, .. } => Some(answer.clone()),
        _ => None,
    };
    world.history().iter().filter_map(|entry| answer(&entry.note)).skip(since).collect()
}

fn leader(world: &World<Node>) -> NodeId {
    let leads = |node: &NodeId| world.inspect(*node).is_some_and(|shown| shown.role == "leader");
    (0..3).map(NodeId).find(leads).expect("somebody leads")
}

fn stores(world: &World<Node>) -> Vec<Vec<Bytes>> {
    let snapshot = |node| {
        let Some(Node::Replica(replica)) = world.machine(node) else { panic!("{node:?}") };
        let (mut frozen, mut pieces) = (replica.store().freeze(), Vec::new());
        while !frozen.is_given() {
            pieces.push(frozen.piece().0);
        }
        pieces
    };
    (0..3).map(NodeId).map(snapshot).collect()
}

#[test]
fn each_request_has_its_answer_whomever_it_asks() {
    for replica in 0..3 {
        let mut world = world(1, Switches::ALL_ON);
        let one = text("one");
        ask(&mut world, replica, get("a", ReadMode::Index));
        ask(&mut world, replica, Ask::Put { key: text("a"), value: one.clone() });
        ask(&mut world, replica, append("a", ", two"));
        ask(&mut world, replica, cas("a", Some("one"), None));
        ask(&mut world, replica, cas("a", Some("one, two"), Some("three")));
        ask(&mut world, replica, get("a", ReadMode::Lease));
        ask(&mut world, replica, Ask::Delete { key: text("a") });
        ask(&mut world, replica, get("a", ReadMode::Index));
        world.run_for(MS(500));
        let expected = [
            Answer::Value(None),
            Answer::Done,
            Answer::Done,
            Answer::Swapped(false),
            Answer::Swapped(true),
            Answer::Value(Some(text("three"))),
            Answer::Done,
            Answer::Value(None),
        ];
        assert_eq!(answers(&world, 0), expected);
    }
}

#[test]
fn a_range_is_read_from_what_a_replica_has_applied() {
    let mut world = world(2, Switches::ALL_ON);
    for key in ["a", "b", "c"] {
        ask(&mut world, 0, Ask::Put { key: text(key), value: text(key) });
    }
    world.run_for(MS(500));
    for replica in 0..3 {
        let (start, end) = (text("b"), None);
        ask(&mut world, replica, Ask::Range { start, end, limit: 9, read: ReadMode::Stale });
    }
    world.run_for(MS(100));
    for answer in answers(&world, 3) {
        let Answer::Pairs(found) = answer else { panic!("{answer:?}") };
        assert_eq!(found.pairs, [(text("b"), text("b")), (text("c"), text("c"))]);
        assert!(!found.more);
    }
}

/// Snapshots are taken all the time, and the log is the same again after every crash.
#[test]
fn a_write_survives_whoever_crashes_and_is_done_once() {
    for seed in 0..20 {
        let mut world = world(seed, Switches::ALL_ON);
        let mut whole = String::new();
        for number in 0..60 {
            let more = format!("{number};");
            whole += &more;
            ask(&mut world, number % 3, append("a", &more));
            if number % 20 == 10 {
                let fault = world.crash(leader(&world));
                world.run_for(MS(1_500));
                world.end(fault);
            }
            world.run_for(MS(20));
        }
        ask(&mut world, 0, get("a", ReadMode::Index));
        world.run_for(MS(3_000));
        let answers = answers(&world, 60);
        assert_eq!(answers, [Answer::Value(Some(text(&whole)))], "seed {seed}");
        let stores = stores(&world);
        assert!(stores.iter().all(|store| *store == stores[0]), "seed {seed}");
        let taken = |note: &Note| *note == Note::Sometimes("snapshot-taken");
        assert!(world.history().iter().any(|entry| taken(&entry.note)));
    }
}

/// A leader that is cut off while it is asked has its clients ask again, elsewhere.
#[test]
fn without_sessions_a_write_that_is_sent_again_is_done_again() {
    let dedup = Mechanism::SessionDedup as usize;
    let twice = |switches: Switches| {
        let values = (0..40).map(|seed| {
            let mut world = world(seed, switches);
            let first = leader(&world);
            ask(&mut world, first.0, append("a", "x"));
            world.run_for(MS(1) / 2 * (seed as u32 % 8));
            // The client and the leader no longer hear each other; the replicas do.
            let cut = world.partition([CLIENT], [first]);
            world.run_for(MS(1_000));
            world.end(cut);
            ask(&mut world, 0, get("a", ReadMode::Index));
            world.run_for(MS(1_000));
            answers(&world, 1).pop()
        });
        values.filter(|value| *value == Some(Answer::Value(Some(text("xx"))))).count()
    };
    assert_eq!(twice(Switches::ALL_ON), 0);
    assert!(twice(Switches::ALL_ON.without(dedup)) > 0);
}
