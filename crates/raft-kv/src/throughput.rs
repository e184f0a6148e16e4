//! How many commands three simulated replicas commit: the load, for benchmarks.
//!
//! Eight clients keep 64 sessions each busy: as soon as a command is answered the session sends its
//! next. Messages take 0.2 to 0.4 ms, disks are the simulated world's. What is measured is the time
//! that this computer takes, on one core, with all mechanisms on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use raft::{Group, Session, Tuning};
use sim::{Delays, World};

use crate::message::{Answer, Ask, KeyValue, Message, Request, Response};
use crate::replica::{Limits, Replica};

const REPLICAS: u32 = 3;
const CLIENTS: u32 = 8;
const SESSIONS: u64 = 64;
const KEYS: u64 = 1_000;
/// What a command takes in the log, in bytes.
const COMMAND: usize = 100;

/// A client whose sessions are always busy.
#[derive(Clone)]
struct Busy {
    id: u32,
    leader: NodeId,
    /// The number of the command of each session.
    numbers: Vec<u64>,
    value: Bytes,
    answered: u64,
}

impl Busy {
    fn send(&mut self, session: u64, out: &mut Outputs<KeyValue>) {
        let number = &mut self.numbers[session as usize];
        *number += 1;
        let client = u128::from(self.id) << 64 | u128::from(session);
        let key = (*number * 7_919 + session * 131 + u64::from(self.id)) % KEYS;
        let key = Bytes::copy_from_slice(&key.to_le_bytes());
        let ask = Ask::Put { key, value: self.value.clone() };
        let session_number = Session { client, number: *number, only: false };
        let request = Request { token: session, session: Some(session_number), ask };
        out.send(self.leader, Message::Request(request));
    }
}

impl Machine for Busy {
    type Protocol = KeyValue;

    fn handle(&mut self, _now: &mut Now<'_>, input: Input<KeyValue>, out: &mut Outputs<KeyValue>) {
        match input {
            // From outside: begin, with this leader.
            Input::Message { message: Message::Do(operation), .. } => {
                self.leader = operation.replica;
                (0..SESSIONS).for_each(|session| self.send(session, out));
            }
            Input::Message { message: Message::Response(Response { token, answer }), .. } => {
                assert_eq!(answer, Answer::Done, "nothing fails here");
                self.answered += 1;
                self.send(token, out);
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: format!("{} answered", self.answered) }
    }
}

sim::nodes! {
    enum Load: KeyValue {
        Replica(Replica),
        Busy(Busy),
    }
}

/// A world under load.
pub struct Throughput {
    world: World<Load>,
}

impl Throughput {
    /// With a leader, and clients that have begun.
    ///
    /// # Panics
    /// If nobody is elected within two seconds, which would be a mistake in the consensus.
    pub fn new(seed: u64) -> Throughput {
        let nodes = (REPLICAS + CLIENTS) as usize;
        let mut world = World::new(seed, &vec![0; nodes], Delays::micros(200, 400), Arc::new(boot));
        world.run_for(Duration::from_secs(2));
        let leads = |node: &NodeId| match world.machine(*node) {
            Some(Load::Replica(replica)) => replica.group().is_some_and(Group::leads),
            _ => false,
        };
        let replica = (0..REPLICAS).map(NodeId).find(leads).expect("somebody leads");
        for client in (REPLICAS..REPLICAS + CLIENTS).map(NodeId) {
            let ask = Ask::Delete { key: Bytes::new() };
            world.tell(client, Message::Do(crate::message::Operation { replica, ask }));
        }
        Throughput { world }
    }

    /// Goes on for so long, in the world's time; how many commands were answered in it.
    pub fn run(&mut self, time: Duration) -> u64 {
        let before = self.answered();
        self.world.run_for(time);
        self.answered() - before
    }

    fn answered(&self) -> u64 {
        let clients = (REPLICAS..REPLICAS + CLIENTS).map(NodeId);
        let answered = |node| match self.world.machine(node) {
            Some(Load::Busy(client)) => client.answered,
            _ => 0,
        };
        clients.map(answered).sum()
    }
}

fn boot(id: NodeId) -> Load {
    if id.0 < REPLICAS {
        let founders = (0..REPLICAS).map(NodeId).collect();
        let (tuning, limits) = (Tuning::default(), Limits::default());
        return Load::Replica(Replica::new(id, founders, tuning, limits, Switches::ALL_ON));
    }
    // Kind, session and key take the rest.
    let value = Bytes::from(vec![b'x'; COMMAND - 1 - 24 - 2 - 8]);
    let (leader, numbers) = (NodeId(0), vec![0; SESSIONS as usize]);
    Load::Busy(Busy { id: id.0, leader, numbers, value, answered: 0 })
}
