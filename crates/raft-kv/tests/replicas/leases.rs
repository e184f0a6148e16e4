//! What a lease rests on, rule by rule: as long as it lasts nobody else leads.
//!
//! Linearizability shows little of this: a read is stale only if the new leader has written the same key
//! in between. So these worlds ask the old leader for a read in the moment in which another is elected.

use std::time::Duration;

use bytes::Bytes;
use machine::{NodeId, Switches};
use raft::Mechanism;
use raft_kv::{Ask, Consensus, Message, Node, Note, ReadMode, Request, Shape};
use sim::{Cluster, Delays, Script, World, world_of};

const TIMEOUT: u64 = 1_000;
const MS: fn(u64) -> Duration = Duration::from_millis;

/// A world, who leads in it, and who follows.
fn world(seed: u64, switches: Switches) -> (World<Node>, NodeId, [NodeId; 2]) {
    let shape = Shape {
        founders: 3,
        spares: 0,
        clients: 0,
        snapshot_after: 2_000,
        keep_entries: 10,
        election_timeout: TIMEOUT,
        max_batch: 64,
        snapshot_chunk: 256 << 10,
        journal_growth: 16 << 20,
        long_values: 0,
        rests: false,
    };
    let cluster = Cluster::new(shape, Delays::micros(100, 1_000));
    let mut world = world_of::<Consensus>(&cluster, seed, switches);
    world.run_for(MS(5 * TIMEOUT));
    let leader = leader_but(&world, None).expect("somebody leads");
    let followers: Vec<NodeId> = (0..3).map(NodeId).filter(|node| *node != leader).collect();
    (world, leader, followers.try_into().expect("there are two"))
}

fn leader_but(world: &World<Node>, not: Option<NodeId>) -> Option<NodeId> {
    let leads = |node: &NodeId| world.inspect(*node).is_some_and(|shown| shown.role == "leader");
    (0..3).map(NodeId).filter(|node| Some(*node) != not).find(leads)
}

fn cut(world: &mut World<Node>, one: NodeId, others: impl IntoIterator<Item = NodeId>) {
    world.partition([one], others);
}

fn ask(world: &mut World<Node>, replica: NodeId, ask: Ask) {
    world.tell(replica, Message::Request(Request { token: 0, session: None, ask }));
}

/// Does the old leader answer by its lease when another has just been elected?
fn answers_beside_another(world: &mut World<Node>, old: NodeId) -> bool {
    let end = world.now() + MS(4 * TIMEOUT);
    while leader_but(world, Some(old)).is_none() {
        assert!(world.now() < end && world.step(), "nobody is elected");
    }
    let seen = world.history().len();
    ask(world, old, Ask::Get { key: Bytes::from_static(b"k"), read: ReadMode::Lease });
    world.run_until(world.now());
    let by_lease = |note: &Note| matches!(note, Note::Sometimes("lease-read"));
    world.history().since(seen).any(|entry| entry.node == old && by_lease(&entry.note))
}

/// In how many of so many worlds does it? With the rules in none, without them in some.
fn never_but_without_the_rules(worlds: u64, story: impl Fn(u64, Switches) -> bool) {
    let (with, without) = (Switches::ALL_ON, Mechanism::LeaseMargin.off());
    let count = |switches| (0..worlds).filter(|&seed| story(seed, switches)).count();
    assert_eq!(count(with), 0, "two leaders could have answered");
    assert_ne!(count(without), 0, "the rule kept nothing");
}

#[test]
fn the_lease_of_a_slow_clock_is_over_before_fast_clocks_elect_another() {
    never_but_without_the_rules(150, |seed, switches| {
        let (mut world, leader, followers) = world(seed, switches);
        world.clock_drift(leader, -20_000);
        for follower in followers {
            world.clock_drift(follower, 20_000);
        }
        world.run_for(MS(TIMEOUT));
        cut(&mut world, leader, followers);
        answers_beside_another(&mut world, leader)
    });
}

#[test]
fn a_follower_that_forgot_whom_it_heard_waits_before_it_votes() {
    never_but_without_the_rules(30, |seed, switches| {
        let (mut world, leader, [deaf, voter]) = world(seed, switches);
        cut(&mut world, leader, [deaf]);
        world.run_for(MS(2 * TIMEOUT));
        cut(&mut world, leader, [voter]);
        let crash = world.crash(voter);
        world.run_for(MS(1));
        world.end(crash);
        answers_beside_another(&mut world, leader)
    });
}

#[test]
fn who_hands_leadership_over_answers_no_more_by_its_lease() {
    never_but_without_the_rules(30, |seed, switches| {
        let (mut world, leader, [heir, other]) = world(seed, switches);
        ask(&mut world, leader, Ask::Transfer { to: Some(heir) });
        // It has heard that it may; the old leader does not hear that it does.
        let end = world.now() + MS(4 * TIMEOUT);
        while world.inspect(heir).is_some_and(|shown| shown.role == "follower") {
            assert!(world.now() < end && world.step(), "{heir:?} is not told to stand");
        }
        cut(&mut world, leader, [heir, other]);
        answers_beside_another(&mut world, leader)
    });
}
