//! A protocol that is not ours, put to the test: two-phase commit (Gray 1978), and why it blocks.
//!
//! A participant that has voted yes may neither commit nor abort by itself. If the coordinator is then lost,
//! it waits for ever. Babaoglu and Toueg (1993) fix it: a participant that learns a decision relays it to all
//! before it acts on it. If any has acted on a decision, all learn it within two delays, so one that learns
//! none may abort. That rests on bounded delays, and on participants that stay; consensus needs neither.
//! Run: cargo run --example two_phase_commit

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use Message::{Decision, Prepare, Vote};
use machine::{Input, Machine, MechanismInfo, NodeId, Now, Outputs, Protocol, Switches, Time};
use serde::{Deserialize, Serialize};
use sim::{
    Breach, Cluster, Delays, Entry, OneServer, Promise, PromiseSpec, Scenario, Script, Shape,
    System, Verdict, World,
};
const COORDINATOR: NodeId = NodeId(0);
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = Message;
    type Timer = u64;
    type Op = ();
    type Note = Note;
}

/// About a transaction, by its number. Whoever refuses votes no; the coordinator has no vote.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
enum Message {
    Prepare { tx: u64, refuses: NodeId },
    Vote { tx: u64, yes: bool },
    Decision { tx: u64, commit: bool },
}

#[derive(Clone, Debug, Hash)]
enum Note {
    VotedYes(u64),
    Decided { tx: u64, commit: bool },
}

machine::mechanisms! {
    /// What protects transactions.
    pub enum Mechanism {
        Unanimity = "unanimity": "the coordinator commits only what all have voted for",
        Relay = "relay": "a decision is passed on before it is acted on, so silence means none",
    }
}

/// The coordinator, which decides and has nothing to commit itself, or a participant.
#[derive(Clone)]
struct Node {
    id: NodeId,
    participants: Vec<NodeId>,
    switches: Switches,
    votes: BTreeMap<u64, Vec<bool>>,
    decided: BTreeSet<u64>,
}

impl Machine for Node {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        match input {
            Input::Message { message: Prepare { tx, refuses }, .. } if self.id == COORDINATOR => {
                self.tell(Prepare { tx, refuses }, out);
            }
            Input::Message { message: Prepare { tx, refuses }, .. } => {
                let yes = refuses != self.id && !self.decided.contains(&tx);
                out.send(COORDINATOR, Vote { tx, yes });
                match yes {
                    true => out.note(Note::VotedYes(tx)),
                    false => self.act(tx, false, out),
                }
                out.set_timer(tx, PATIENCE);
            }
            Input::Message { message: Vote { tx, yes }, .. } => {
                let (votes, all) = (self.votes.entry(tx).or_default(), self.participants.len());
                votes.push(yes);
                if votes.len() == all {
                    let unanimous = Mechanism::Unanimity.on(self.switches);
                    let enough = if unanimous { all } else { all / 2 + 1 };
                    let commit = votes.iter().filter(|yes| **yes).count() >= enough;
                    self.tell(Decision { tx, commit }, out);
                }
            }
            Input::Message { message: Decision { tx, commit }, .. } => self.act(tx, commit, out),
            // Without the relay another may have committed, and it can only wait.
            Input::Timer(tx) if Mechanism::Relay.on(self.switches) => self.act(tx, false, out),
            _ => {}
        }
    }
}

impl Node {
    fn tell(&self, message: Message, out: &mut Outputs<Words>) {
        self.participants.iter().for_each(|&to| out.send(to, message.clone()));
    }

    fn act(&mut self, tx: u64, commit: bool, out: &mut Outputs<Words>) {
        if self.decided.insert(tx) {
            if Mechanism::Relay.on(self.switches) {
                self.tell(Decision { tx, commit }, out);
            }
            out.note(Note::Decided { tx, commit });
        }
    }
}

struct Atomic(BTreeMap<u64, bool>);

impl Promise<Node> for Atomic {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        match entry.note {
            Note::Decided { tx, commit } if *self.0.entry(tx).or_insert(commit) != commit => {
                Err(Breach::from(format!("transaction {tx} was committed and aborted")))
            }
            _ => Ok(()),
        }
    }
}

struct NonBlocking;

impl Promise<Node> for NonBlocking {
    fn end(&mut self, world: &World<Node>) -> Verdict {
        let mut waiting = BTreeSet::new();
        for Entry { at, node, note } in world.history().iter() {
            match note {
                Note::VotedYes(tx) if *at + 2 * PATIENCE < world.now() => {
                    waiting.insert((node, tx))
                }
                Note::Decided { tx, .. } => waiting.remove(&(node, tx)),
                _ => false,
            };
        }
        let broken = |(node, tx)| Verdict::broken(format!("{node:?} still waits for {tx}"));
        waiting.pop_first().map_or(Verdict::Held, broken)
    }
}

struct TwoPhase;

impl System for TwoPhase {
    type Node = Node;
    type Shape = OneServer;
    type Operation = Message;
    const NAME: &'static str = "two-phase-commit";
    const ABOUT: &'static str = "All commit or none.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, OneServer>] = &[
        PromiseSpec::new("atomic", "no two decide differently", |_| {
            Box::new(Atomic(BTreeMap::new()))
        }),
        PromiseSpec::new("non-blocking", "who voted yes decides", |_| Box::new(NonBlocking)),
    ];

    fn scenarios() -> Vec<Scenario<Self>> {
        let promises = &["atomic", "non-blocking"];
        let lost = Scenario::new("coordinator-lost", "it is lost for good", promises, draw);
        vec![Scenario { heals: |cluster, _| cluster.shape.ids("client"), ..lost }]
    }

    fn boot(cluster: &Cluster<OneServer>, id: NodeId, switches: Switches) -> Node {
        let participants = cluster.shape.ids("client");
        Node { id, participants, switches, votes: BTreeMap::new(), decided: BTreeSet::new() }
    }

    fn perform(operation: &Message) -> Message {
        operation.clone()
    }
}

fn draw(draft: &mut sim::Draft<Message, OneServer>) {
    let clients = draft.number(2, 4);
    draft.cluster(OneServer { clients }, 1);
    draft.delays(Delays::micros(500, 5_000));
    draft.phases(Duration::from_secs(1), PATIENCE * 10);
    for tx in 0..20 {
        let (refuses, at) = (draft.number(0, clients), Time(draft.number(0, 900_000_000)));
        let prepare = Prepare { tx, refuses: NodeId(refuses as u32) };
        draft.operation(at, COORDINATOR, prepare);
    }
    let (lost, end) = (Time(draft.number(0, 900_000_000)), draft.end());
    draft.between(lost, end).crash(COORDINATOR);
}

fn main() {
    let scenario = "coordinator-lost";
    sim::assert_holds::<TwoPhase>(scenario, 0..500);
    for (without, breaks) in [("relay", "non-blocking"), ("unanimity", "atomic")] {
        let history = sim::assert_breaks_without::<TwoPhase>(without, breaks, scenario, 0..500);
        println!("{breaks} holds at 500 seeds. Without {without}:\n\n{history}");
    }
}
