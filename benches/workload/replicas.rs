//! What fifty clients of three simulated replicas saw: 4,000 operations over ten keys, of which one in a
//! hundred was never answered, since its client was gone; a read without an answer tells nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use check::{History, Kv, history, read};
use machine::{NodeId, Random, Switches};
use raft::Tuning;
use raft_kv::{Ask, Client, Consensus, Limits, Message, Node, Replica};
use rand::{RngExt, SeedableRng};
use sim::{Delays, Script, System, World};

const REPLICAS: u32 = 3;
const CLIENTS: u32 = 50;
/// These are gone at some time, with an operation open, and others take their places.
const LOST: u32 = 40;
const EACH: u32 = 80;

pub(crate) fn record(seed: u64) -> History<Kv> {
    let mut random = Random::seed_from_u64(seed);
    let nodes = (REPLICAS + CLIENTS + LOST) as usize;
    let delays = Delays::micros(200, 2_000);
    let mut world = World::new(seed, &vec![0; nodes], delays, Arc::new(boot));
    world.run_for(Duration::from_secs(1));
    let mut lost: Vec<(u64, u32, u32)> = Vec::new();
    for client in 0..CLIENTS {
        give(&mut world, client, EACH, &mut random);
        if client < LOST {
            lost.push((random.random_range(1..400), client, CLIENTS + client));
        }
    }
    lost.sort_unstable();
    let began = world.now();
    for (ms, client, heir) in lost {
        world.run_until(began + Duration::from_millis(ms));
        let node = NodeId(REPLICAS + client);
        let done = asked(&world, node);
        world.crash(node);
        give(&mut world, heir, EACH.saturating_sub(done), &mut random);
    }
    world.run_for(Duration::from_secs(20));
    let text = Consensus::history(world.history()).expect("stores have histories");
    history::<Kv>(&read(&text).expect("it is EDN")).expect("it is a store's")
}

fn boot(id: NodeId) -> Node {
    let replicas: Vec<NodeId> = (0..REPLICAS).map(NodeId).collect();
    if !replicas.contains(&id) {
        return Node::Client(Client::new(id, replicas, 0));
    }
    let (tuning, limits) = (Tuning::default(), Limits::default());
    Node::Replica(Replica::new(id, replicas, tuning, limits, Switches::ALL_ON))
}

/// How many operations a client has begun.
fn asked(world: &World<Node>, node: NodeId) -> u32 {
    let begun = |note: &raft_kv::Note| matches!(note, raft_kv::Note::Invoked { .. });
    let its = world.history().iter().filter(|entry| entry.node == node && begun(&entry.note));
    its.count() as u32
}

fn give(world: &mut World<Node>, client: u32, operations: u32, random: &mut Random) {
    for _ in 0..operations {
        let key = Bytes::from(random.random_range(0..10).to_string());
        let value =
            |random: &mut Random| Bytes::from(format!("{:x} ", random.random_range(0..4096)));
        let ask = match random.random_range(0..3) {
            0 => Ask::Get { key, read: raft_kv::ReadMode::Index },
            1 => Ask::Append { key, value: value(random) },
            _ => Ask::Cas { key, from: None, to: Some(value(random)) },
        };
        let operation =
            raft_kv::Operation { replica: NodeId(random.random_range(0..REPLICAS)), ask };
        world.tell(NodeId(REPLICAS + client), Message::Do(operation));
    }
}
