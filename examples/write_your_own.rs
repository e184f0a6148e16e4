//! A system of your own, whole: a tally that counts each request once, over a network that loses
//! and doubles datagrams. ARCHITECTURE.md walks through it. Run: cargo run --example write_your_own

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Input, Machine, MechanismInfo, NodeId, Now, Outputs, Protocol, Switches, Time};
use sim::{
    Cluster, Entry, FaultKind, NoteKind, OneServer, Promise, PromiseSpec, Scenario, System,
    Verdict, World,
};

/// The words. A token names a request, so that a copy of it is known as one.
#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = Message;
    type Timer = u64;
    type Op = ();
    type Note = Note;
}

#[derive(Clone, Debug, Hash)]
enum Message {
    /// To the client: have one more counted.
    Go,
    Count(u64),
    Counted(u64),
}

#[derive(Clone, Debug, Hash)]
enum Note {
    Asked(u64),
    AskedAgain,
    Answered(u64),
    Total(u64),
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
    total: u64,
    seen: BTreeSet<u64>,
}

impl Machine for Tally {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        let Input::Message { from, message: Message::Count(token) } = input else { return };
        let new = self.seen.insert(token);
        if new || !Mechanism::Dedup.on(self.switches) {
            self.total += 1;
            out.note(Note::Total(self.total));
        }
        out.datagram(from, Message::Counted(token));
    }
}

/// The client: asks until it is answered.
#[derive(Clone, Default)]
struct Client {
    tokens: u64,
    open: BTreeSet<u64>,
}

impl Machine for Client {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        let token = match input {
            Input::Message { message: Message::Go, .. } => {
                self.tokens += 1;
                self.open.insert(self.tokens);
                out.note(Note::Asked(self.tokens));
                self.tokens
            }
            Input::Timer(token) if self.open.contains(&token) => {
                out.note(Note::AskedAgain);
                token
            }
            Input::Message { message: Message::Counted(token), .. } if self.open.remove(&token) => {
                return out.note(Note::Answered(token));
            }
            _ => return,
        };
        out.datagram(NodeId(0), Message::Count(token));
        out.set_timer(token, Duration::from_millis(20));
    }
}

sim::nodes! {
    /// Who there is.
    enum Node: Words { Tally(Tally), Client(Client) }
}

/// The promise: answered <= counted <= asked, and in the end all are the same. It never sees the
/// switches.
#[derive(Default)]
struct CountedOnce {
    asked: u64,
    answered: u64,
    total: u64,
}

impl Promise<Node> for CountedOnce {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), String> {
        match entry.note {
            Note::Asked(_) => self.asked += 1,
            Note::Answered(_) => self.answered += 1,
            Note::Total(total) => self.total = total,
            Note::AskedAgain => {}
        }
        let Self { asked, answered, total } = self;
        let sound = answered <= total && total <= asked;
        sound.then_some(()).ok_or(format!("asked {asked}, answered {answered}, counted {total}"))
    }

    fn end(&mut self, _: &World<Node>) -> Verdict {
        match self.answered == self.asked {
            true => Verdict::Held,
            false => Verdict::Broken("a healed network left a request unanswered".into()),
        }
    }
}

/// What the lab is told.
struct Tallies;

impl System for Tallies {
    type Node = Node;
    type Shape = OneServer;
    type Operation = ();
    const NAME: &'static str = "tally";
    const ABOUT: &'static str = "Counts each request once.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, OneServer>] = &[PromiseSpec {
        name: "counted-once",
        about: "every request is counted exactly once",
        checker: |_| Box::new(CountedOnce::default()),
    }];

    fn scenarios() -> Vec<Scenario<Self>> {
        let about = "datagrams are lost, doubled and late";
        let scenario = Scenario::new("bad-network", about, &["counted-once"], draw);
        vec![Scenario { reaches: &[("loss", 50), ("asked-again", 100)], ..scenario }]
    }

    fn boot(_: &Cluster<OneServer>, node: NodeId, switches: Switches) -> Node {
        match node.0 {
            0 => Node::Tally(Tally { switches, total: 0, seen: BTreeSet::new() }),
            _ => Node::Client(Client::default()),
        }
    }

    fn perform((): &()) -> Message {
        Message::Go
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Asked(token) => NoteKind::Invoked(*token),
            Note::Answered(token) => NoteKind::Ok(*token),
            Note::AskedAgain => NoteKind::Sometimes("asked-again"),
            Note::Total(_) => NoteKind::Plain,
        }
    }
}

fn draw(draft: &mut sim::Draft<(), OneServer>) {
    draft.cluster(OneServer { clients: 1 }, 1);
    draft.phases(Duration::from_secs(2), Duration::from_secs(1));
    let kinds = [FaultKind::Loss, FaultKind::Duplication, FaultKind::Delay];
    draft.swarm(&kinds, &[0.into()]);
    for _ in 0..50 {
        let at = Time(draft.number(0, draft.heal_at().0));
        draft.operation(at, NodeId(1), ());
    }
}

fn main() {
    sim::assert_holds::<Tallies>("bad-network", 0..200);
    println!("With dedup, counted-once holds at 200 seeds.");
    let (dedup, promise) = ("dedup", "counted-once");
    let shortest = sim::assert_breaks_without::<Tallies>(dedup, promise, "bad-network", 0..200);
    println!("Without it, this is the shortest history that breaks it:\n\n{shortest}");
}
