//! What the counter swears to, and the scenarios that put it to the test.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Mechanism, NodeId, Switches};
use sim::{
    Cluster, Draft, Entry, NoteKind, Promise, PromiseInfo, Scenario, Script, System, Target,
    Verdict, Witness, World, heal_all,
};

use crate::counter::{Client, MECHANISMS, Message, Node, Note, Operation, Server};

pub(crate) struct Counting;

impl System for Counting {
    type Node = Node;
    type Operation = Operation;

    const NAME: &'static str = "counting";
    const ABOUT: &'static str = "A counter that clients add to.";
    const MECHANISMS: &'static [Mechanism] = MECHANISMS;
    const PROMISES: &'static [PromiseInfo] = &[
        PromiseInfo { name: "counted-once", about: "No addition is counted twice." },
        PromiseInfo { name: "answered-is-counted", about: "What was answered stays counted." },
        PromiseInfo { name: "all-answered", about: "Once healed, all is answered in 3 s." },
        PromiseInfo { name: "undecided", about: "Nobody can tell." },
    ];
    const WITNESSES: &'static [Witness] = &[];

    fn scenarios() -> Vec<Scenario<Self>> {
        let retries = Scenario {
            name: "retries",
            about: "Clients add while datagrams are lost and doubled and the server loses power.",
            leaves_out: &[],
            promises: &["counted-once", "answered-is-counted", "all-answered"],
            draw: draw_retries,
            boot,
            heals: heal_all,
            seeds: 40,
            reaches: &[("retried", 10), ("power-loss", 10), ("loss", 10)],
        };
        let like = |name, draw| Scenario { name, draw, ..retries_like(&retries) };
        let bomb = like("bomb", draw_bomb);
        let endless = like("endless", draw_endless);
        let outage = like("outage", draw_outage);
        let idle = Scenario { seeds: 5, ..like("idle", draw_idle) };
        let undecided = Scenario { promises: &["undecided"], ..like("undecided", draw_idle) };
        let unsafe_disk = Scenario { leaves_out: &["fsync"], ..like("unsafe-disk", draw_retries) };
        vec![retries, bomb, endless, outage, idle, undecided, unsafe_disk]
    }

    fn promise(name: &str, _: &Cluster) -> Box<dyn Promise<Node>> {
        match name {
            "counted-once" => Box::new(CountedOnce),
            "answered-is-counted" => Box::new(AnsweredIsCounted::default()),
            "all-answered" => Box::new(AllAnswered::default()),
            "undecided" => Box::new(Undecided),
            unknown => panic!("{unknown} is not a promise"),
        }
    }

    fn perform(operation: &Operation) -> Message {
        Message::Begin(operation.clone())
    }

    fn note_kind(note: &Note) -> NoteKind {
        note.note_kind()
    }

    fn node_name(_: &Cluster, node: NodeId) -> String {
        if node == NodeId(0) { "n0 server".into() } else { format!("n{} client", node.0) }
    }
}

fn retries_like(other: &Scenario<Counting>) -> Scenario<Counting> {
    Scenario { ..*other }
}

fn boot(_: &Cluster, node: NodeId, switches: Switches) -> Node {
    match node {
        NodeId(0) => Node::Server(Server::new(switches)),
        _ => Node::Client(Client::default()),
    }
}

/// A cluster of a server and clients; gives how many clients.
fn draw_cluster(draft: &mut Draft<Operation>) -> u64 {
    let clients = draft.size(1, 3);
    draft.cluster(1 + clients, 1);
    draft.phases(Duration::from_secs(2), Duration::from_secs(3));
    clients
}

fn draw_retries(draft: &mut Draft<Operation>) {
    let clients = draw_cluster(draft);
    let nodes: Vec<Target> = (0..=clients as u32).map(Target::from).collect();
    draft.swarm(&["loss", "duplication", "delay", "partition"], &nodes);
    draft.swarm(&["power-loss", "slow-disk", "pause"], &[Target::Role("server".into())]);
    for token in 0..30 {
        let (at, client) = (draft.number(0, 1_900_000_000), draft.number(1, clients));
        draft.operation(machine::Time(at), NodeId(client as u32), Operation::Add { token });
    }
}

fn draw_bomb(draft: &mut Draft<Operation>) {
    draw_retries(draft);
    draft.operation(machine::Time(1_000_000_000), NodeId(1), Operation::Explode);
}

fn draw_endless(draft: &mut Draft<Operation>) {
    draw_cluster(draft);
    // Never answered: time stands still before a message could travel.
    draft.operation(machine::Time(1_000_000_000), NodeId(1), Operation::Add { token: 1 });
    draft.operation(machine::Time(1_000_000_000), NodeId(1), Operation::Spin);
}

/// An addition every 10 ms; from 500 ms to 800 ms the server is down, and somewhat later it lasts
/// long with everything, but serves.
fn draw_outage(draft: &mut Draft<Operation>) {
    draw_cluster(draft);
    let ms = |ms: u64| machine::Time(ms * 1_000_000);
    for token in 0..100 {
        draft.operation(ms(10 * token), NodeId(1), Operation::Add { token });
    }
    draft.between(ms(500), ms(800)).crash("server");
    draft.between(ms(1_500), ms(1_600)).slow_disk("server", 2);
}

fn draw_idle(draft: &mut Draft<Operation>) {
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
    fn step(&mut self, world: &World<Node>) -> Result<(), String> {
        let mut once = BTreeSet::new();
        let twice = counted(world).into_iter().flatten().find(|token| !once.insert(**token));
        twice.map_or(Ok(()), |token| Err(format!("{token} was counted twice")))
    }
}

#[derive(Default)]
struct AnsweredIsCounted {
    answered: Vec<u64>,
}

impl Promise<Node> for AnsweredIsCounted {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), String> {
        if let Note::Answered(token) = entry.note {
            self.answered.push(token);
        }
        Ok(())
    }

    fn step(&mut self, world: &World<Node>) -> Result<(), String> {
        let Some(counted) = counted(world) else { return Ok(()) };
        let gone = self.answered.iter().find(|token| !counted.contains(token));
        gone.map_or(Ok(()), |token| Err(format!("{token} was answered and is not counted")))
    }
}

#[derive(Default)]
struct AllAnswered {
    open: BTreeSet<u64>,
}

impl Promise<Node> for AllAnswered {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), String> {
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
            Some(token) => Verdict::Broken(format!("{token} was never answered")),
        }
    }
}

struct Undecided;

impl Promise<Node> for Undecided {
    fn end(&mut self, _: &World<Node>) -> Verdict {
        Verdict::Unknown("there was not enough time to tell".into())
    }
}
