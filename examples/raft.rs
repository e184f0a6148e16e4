//! Three replicas of a key-value store in the simulated world: its leader crashes in the middle of the
//! work, another is elected, and nothing that a client was told is lost.
//!
//! `cargo run --example raft`

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{NodeId, Switches};
use raft::Tuning;
use raft_kv::{Ask, Client, Limits, Message, Node, Note, Operation, ReadMode, Replica};
use sim::{Delays, Script, World};

const REPLICAS: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];
const CLIENT: NodeId = NodeId(3);

fn boot(id: NodeId) -> Node {
    if id == CLIENT {
        return Node::Client(Client::new(id, REPLICAS.to_vec(), 0));
    }
    let (tuning, limits) = (Tuning::default(), Limits::default());
    Node::Replica(Replica::new(id, REPLICAS.to_vec(), tuning, limits, Switches::ALL_ON))
}

fn ask(world: &mut World<Node>, ask: Ask) {
    world.tell(CLIENT, Message::Do(Operation { replica: REPLICAS[0], ask }));
}

fn leader(world: &World<Node>) -> Option<NodeId> {
    let leads = |node: &NodeId| world.inspect(*node).is_some_and(|seen| seen.role == "leader");
    REPLICAS.into_iter().find(leads)
}

fn main() {
    // Any seed: it draws how long messages travel and when followers time out.
    let delays = Delays::micros(200, 2_000);
    let mut world = World::new(7, &[0, 1, 2, 0], delays, Arc::new(boot));
    world.run_for(Duration::from_secs(1));
    let first = leader(&world).expect("somebody was elected within a second");
    println!("{first:?} leads");

    let key = Bytes::from_static(b"greeting");
    for word in ["hello", ", ", "world"] {
        ask(&mut world, Ask::Append { key: key.clone(), value: word.into() });
    }
    world.run_for(Duration::from_millis(4));
    world.crash(first);
    println!("{first:?} crashes at {:?}, with the work half done", world.now());

    ask(&mut world, Ask::Get { key, read: ReadMode::Index });
    world.run_for(Duration::from_secs(3));
    let second = leader(&world).expect("two of three are a majority");
    println!("{second:?} leads in its place\n");

    for entry in world.history().iter() {
        if !matches!(entry.note, Note::Sometimes(_)) {
            println!("{:?}  {:?}", entry.at, entry.note);
        }
    }
    let answered = |note: &Note| matches!(note, Note::Answered { .. });
    let answers = world.history().iter().filter(|entry| answered(&entry.note)).count();
    assert_eq!(answers, 4, "every operation was answered");
}
