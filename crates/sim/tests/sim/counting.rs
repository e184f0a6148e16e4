//! What the counter promises, and the scenarios that put it to the test.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{MechanismInfo, NodeId, Switches};
use serde::{Deserialize, Serialize};
use sim::{
    Breach, Cluster, Entry, FaultKind, NoteKind, Promise, PromiseSpec, Scenario, Script, System,
    Target, Verdict, World, within,
};

use crate::counter::{Client, Mechanism, Message, Node, Note, Operation, Server};

pub(crate) struct Counting;

impl System for Counting {
    type Node = Node;
    type Shape = Shape;
    type Operation = Operation;

    const NAME: &'static str = "counting";
    const ABOUT: &'static str = "A counter that clients add to.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const ROLES: &'static [&'static str] = &["server", "client"];
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = &[
        PromiseSpec {
            name: "counted-once",
            about: "No addition is counted twice.",
            checker: |_| Box::new(CountedOnce),
        },
        PromiseSpec {
            name: "answered-is-counted",
            about: "What was answered stays counted.",
            checker: |_| Box::new(AnsweredIsCounted::default()),
        },
        PromiseSpec {
            name: "all-answered",
            about: "Once healed, all is answered in 3 s.",
            checker: |_| Box::new(AllAnswered::default()),
        },
        PromiseSpec {
            name: "undecided",
            about: "Nobody can tell.",
            checker: |_| Box::new(Undecided),
        },
    ];

    fn scenarios() -> Vec<Scenario<Self>> {
        let retries = Scenario {
            seeds: 40,
            reaches: &[("retried", 10), ("power-loss", 10), ("loss", 10)],
            ..Scenario::new(
                "retries",
                "Clients add while datagrams are lost and doubled and the server loses power.",
                &["counted-once", "answered-is-counted", "all-answered"],
                draw_retries,
            )
        };
        let like = |name, draw| Scenario { name, draw, ..retries_like(&retries) };
        let bomb = like("bomb", draw_bomb);
        let endless = like("endless", draw_endless);
        let outage = like("outage", draw_outage);
        let idle = Scenario { seeds: 5, ..like("idle", draw_idle) };
        let undecided = Scenario { promises: &["undecided"], ..like("undecided", draw_idle) };
        let unsafe_disk = Scenario { leaves_out: &["fsync"], ..like("unsafe-disk", draw_retries) };
        let misspelt = like("misspelt-role", |draft| {
            draw_idle(draft);
            draft.between(machine::Time(1), machine::Time(2)).crash("sever");
        });
        let promise =
            Scenario { promises: &["counted-onec"], ..like("misspelt-promise", draw_idle) };
        let mechanism =
            Scenario { leaves_out: &["fsnyc"], ..like("misspelt-mechanism", draw_idle) };
        let stranger = like("operation-for-nobody", |draft| {
            draw_idle(draft);
            draft.operation(machine::Time(1), NodeId(99), Operation::Add { token: 1 });
        });
        let timeless = like("no-time", |draft| draft.cluster(Shape { clients: 1 }, 1));
        let crowd = like("too-many", |draft| {
            draw_idle(draft);
            draft.cluster(Shape { clients: u64::MAX }, 1);
        });
        let vacuous = Scenario { promises: &[], ..like("no-promise", draw_idle) };
        vec![
            retries,
            bomb,
            endless,
            outage,
            idle,
            undecided,
            unsafe_disk,
            misspelt,
            promise,
            mechanism,
            stranger,
            timeless,
            crowd,
            vacuous,
        ]
    }

    fn boot(_: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        match node {
            NodeId(0) => Node::Server(Server::new(switches)),
            _ => Node::Client(Client::default()),
        }
    }

    fn perform(operation: &Operation) -> Message {
        Message::Begin(operation.clone())
    }

    fn note_kind(note: &Note) -> NoteKind {
        note.note_kind()
    }
}

fn retries_like(other: &Scenario<Counting>) -> Scenario<Counting> {
    Scenario { ..*other }
}

/// A server, and clients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    clients: u64,
}

impl sim::Shape for Shape {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("server", 1), ("client", self.clients)]
    }

    fn validate(&self) -> Result<(), String> {
        within("clients", self.clients, 1..=5_000)
    }
}

type Draft = sim::Draft<Operation, Shape>;

/// A cluster of a server and clients; gives how many clients.
fn draw_cluster(draft: &mut Draft) -> u64 {
    let clients = draft.number(1, 3);
    draft.cluster(Shape { clients }, 1);
    draft.phases(Duration::from_secs(2), Duration::from_secs(3));
    clients
}

fn draw_retries(draft: &mut Draft) {
    let clients = draw_cluster(draft);
    let nodes: Vec<Target> = (0..=clients as u32).map(Target::from).collect();
    draft.swarm(
        &[FaultKind::Loss, FaultKind::Duplication, FaultKind::Delay, FaultKind::Partition],
        &nodes,
    );
    draft.swarm(
        &[FaultKind::PowerLoss, FaultKind::SlowDisk, FaultKind::Pause],
        &[Target::Role("server".into())],
    );
    for token in 0..30 {
        let (at, client) = (draft.number(0, 1_900_000_000), draft.number(1, clients));
        draft.operation(machine::Time(at), NodeId(client as u32), Operation::Add { token });
    }
}

fn draw_bomb(draft: &mut Draft) {
    draw_retries(draft);
    draft.operation(machine::Time(1_000_000_000), NodeId(1), Operation::Explode);
}

fn draw_endless(draft: &mut Draft) {
    draw_cluster(draft);
    // Never answered: time stands still before a message could travel.
    draft.operation(machine::Time(1_000_000_000), NodeId(1), Operation::Add { token: 1 });
    draft.operation(machine::Time(1_000_000_000), NodeId(1), Operation::Spin);
}

/// An addition every 10 ms; from 500 ms to 800 ms the server is down, and somewhat later its disk takes twice as
/// long with everything, but serves.
fn draw_outage(draft: &mut Draft) {
    draw_cluster(draft);
    let ms = |ms: u64| machine::Time(ms * 1_000_000);
    for token in 0..100 {
        draft.operation(ms(10 * token), NodeId(1), Operation::Add { token });
    }
    draft.between(ms(500), ms(800)).crash("server");
    draft.between(ms(950), ms(990)).slow_disk("server", 2);
}

fn draw_idle(draft: &mut Draft) {
    draw_cluster(draft);
}

/// What the server has counted; `None` while it is down or reads its disk.
fn counted(world: &World<Node>) -> Option<&Vec<u64>> {
    match world.machine(NodeId(0)) {
        Some(Node::Server(server)) => server.counted.as_ref(),
        _ => None,
    }
}

struct CountedOnce;

impl Promise<Node> for CountedOnce {
    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        let mut once = BTreeSet::new();
        let twice = counted(world).into_iter().flatten().find(|token| !once.insert(**token));
        twice.map_or(Ok(()), |token| Err(Breach::from(format!("{token} was counted twice"))))
    }
}

#[derive(Default)]
struct AnsweredIsCounted {
    answered: Vec<u64>,
}

impl Promise<Node> for AnsweredIsCounted {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        if let Note::Answered(token) = entry.note {
            self.answered.push(token);
        }
        Ok(())
    }

    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        let Some(counted) = counted(world) else { return Ok(()) };
        let gone = self.answered.iter().find(|token| !counted.contains(token));
        gone.map_or(Ok(()), |token| {
            Err(Breach::from(format!("{token} was answered and is not counted")))
        })
    }
}

#[derive(Default)]
struct AllAnswered {
    open: BTreeSet<u64>,
}

impl Promise<Node> for AllAnswered {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        match entry.note {
            Note::Invoked(token) => drop(self.open.insert(token)),
            Note::Answered(token) => drop(self.open.remove(&token)),
            Note::Retried => {}
        }
        Ok(())
    }

    fn end(&mut self, _: &World<Node>) -> Verdict {
        match self.open.first() {
            None => Verdict::Held,
            Some(token) => Verdict::broken(format!("{token} was never answered")),
        }
    }
}

struct Undecided;

impl Promise<Node> for Undecided {
    fn end(&mut self, _: &World<Node>) -> Verdict {
        Verdict::Unknown("there was not enough time to tell".into())
    }
}
