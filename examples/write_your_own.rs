//! A system of your own, whole: a tally that counts each request once, over a network that loses
//! and doubles datagrams. ARCHITECTURE.md walks through it. Run: cargo run --example write_your_own

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Input, Machine, MechanismInfo, NodeId, Now, Outputs, Protocol, Switches, Time};
use sim::{
    Breach, Cluster, Entry, FaultKind, OUTSIDE, OneServer, Promise, PromiseSpec, Scenario, System,
    Verdict,
};

/// The protocol. A message is the token of a request, so that a copy of it is known as one.
#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = u64;
    type Timer = u64;
    type Op = ();
    type Note = Note;
}

#[derive(Clone, Debug, Hash)]
enum Note {
    Counted(u64),
    Answered(u64),
}

machine::mechanisms! {
    /// What protects the count.
    pub enum Mechanism {
        Dedup = "dedup": "remembers the tokens it has counted",
    }
}

/// The server. Its law: a token is counted once, however often it arrives.
#[derive(Clone)]
struct Tally {
    switches: Switches,
    seen: BTreeSet<u64>,
}

impl Machine for Tally {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        let Input::Message { from, message: token } = input else { return };
        if self.seen.insert(token) || !Mechanism::Dedup.on(self.switches) {
            out.note(Note::Counted(token));
        }
        out.datagram(from, token);
    }
}

/// The client: asks until it is answered.
#[derive(Clone, Default)]
struct Client(BTreeSet<u64>);

impl Machine for Client {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        let token = match input {
            Input::Message { from: OUTSIDE, message: token } if self.0.insert(token) => token,
            Input::Timer(token) if self.0.contains(&token) => token,
            Input::Message { message: token, .. } if self.0.remove(&token) => {
                return out.note(Note::Answered(token));
            }
            _ => return,
        };
        out.datagram(NodeId(0), token);
        out.set_timer(token, Duration::from_millis(20));
    }
}

sim::nodes! {
    enum Node: Words { Tally(Tally), Client(Client) }
}

/// The promise, which never sees the switches: requests that were counted, and answered.
#[derive(Default)]
struct CountedOnce(BTreeSet<u64>, BTreeSet<u64>);

impl Promise<Node> for CountedOnce {
    fn note(&mut self, _: &sim::World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        let (token, new) = match entry.note {
            Note::Counted(token) => (token, self.0.insert(token)),
            Note::Answered(token) => (token, self.1.insert(token)),
        };
        let breach = || Breach::from(format!("request {token} was counted or answered twice"));
        new.then_some(()).ok_or_else(breach)
    }

    fn end(&mut self, _: &sim::World<Node>) -> Verdict {
        let lost = self.0.difference(&self.1).next();
        lost.map_or(Verdict::Held, |token| Verdict::broken(format!("{token} has no answer")))
    }
}

struct Tallies;

impl System for Tallies {
    type Node = Node;
    type Shape = OneServer;
    type Operation = u64;
    const NAME: &'static str = "tally";
    const ABOUT: &'static str = "Counts each request once.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, OneServer>] =
        &[PromiseSpec::new("counted-once", "all count once", |_| Box::new(CountedOnce::default()))];

    fn scenarios() -> Vec<Scenario<Self>> {
        vec![Scenario::new("bad-network", "links are lossy", &["counted-once"], |draft| {
            draft.cluster(OneServer { clients: 1 }, 1);
            draft.phases(Duration::from_secs(2), Duration::from_secs(1));
            draft.swarm(&[FaultKind::Loss, FaultKind::Duplication, FaultKind::Delay], &[0.into()]);
            for token in 0..50 {
                let at = Time(draft.number(0, draft.heal_at().0));
                draft.operation(at, NodeId(1), token);
            }
        })]
    }

    fn boot(_: &Cluster<OneServer>, node: NodeId, switches: Switches) -> Node {
        match node.0 {
            0 => Node::Tally(Tally { switches, seen: BTreeSet::new() }),
            _ => Node::Client(Client::default()),
        }
    }

    fn perform(token: &u64) -> u64 {
        *token
    }
}

fn main() {
    sim::assert_holds::<Tallies>("bad-network", 0..200);
    let (dedup, promise) = ("dedup", "counted-once");
    let history = sim::assert_breaks_without::<Tallies>(dedup, promise, "bad-network", 0..200);
    println!("{promise} holds at 200 seeds. The shortest history without {dedup}:\n\n{history}");
}
