//! A run's history of operations leaves the lab as text, and checkers read it: shown by a store that
//! is one value, and answers reads from a copy that hears of nothing if nobody looks after it.

use std::time::Duration;

use check::{
    Budget, Event, Kv, KvInput, KvOutput, Noted, Verdict, history, linearizable, read, write,
};
use machine::{
    Input, Inspection, Machine, MechanismInfo, NodeId, Now, Outputs, Protocol, Switches, Time,
};
use sim::{
    Cluster, Draft, Entry, FaultKind, History, NoteKind, OneServer, Promise, PromiseSpec, Scenario,
    System, register,
};

#[derive(Clone, Debug)]
struct Words;

impl Protocol for Words {
    type Message = Message;
    type Timer = ();
    type Op = ();
    type Note = Event<KvInput, KvOutput>;
}

#[derive(Clone, Debug, Hash)]
enum Message {
    /// To the client: ask this.
    Go(KvInput),
    Ask(KvInput),
    Answer(KvOutput),
}

#[derive(Clone, Default)]
struct Store {
    current: bool,
    value: String,
    copy: String,
}

impl Machine for Store {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        let Input::Message { from, message: Message::Ask(input) } = input else { return };
        let answer = match input {
            KvInput::Append { value, .. } => {
                self.value.push_str(&value);
                KvOutput::Done
            }
            _ => KvOutput::Value(self.copy.clone()),
        };
        if self.current {
            self.copy.clone_from(&self.value);
        }
        out.datagram(from, Message::Answer(answer));
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "store", state: self.value.clone() }
    }
}

/// Asks one thing at a time, and gives up after a while.
#[derive(Clone, Default)]
struct Client {
    busy: bool,
}

impl Machine for Client {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        match input {
            Input::Message { message: Message::Go(input), .. } if !self.busy => {
                self.busy = true;
                out.note(Event::Invoked(input.clone()));
                out.datagram(NodeId(0), Message::Ask(input));
                out.set_timer((), Duration::from_millis(50));
            }
            Input::Message { message: Message::Answer(output), .. } if self.busy => {
                self.busy = false;
                out.note(Event::Ok(output));
                out.cancel_timer(());
            }
            Input::Timer(()) => {
                // An answer to this that comes late would be taken for another's: it asks no more.
                out.note(Event::Unknown);
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: format!("busy: {}", self.busy) }
    }
}

sim::nodes! {
    enum Node: Words { Store(Store), Client(Client) }
}

machine::mechanisms! {
    /// What a store does right.
    pub enum Mechanism {
        CurrentCopy = "current-copy": "reads see what was written",
    }
}

struct Anything;

impl Promise<Node> for Anything {}

struct Stores;

impl System for Stores {
    type Node = Node;
    type Shape = OneServer;
    type Operation = bool;
    const NAME: &'static str = "store";
    const ABOUT: &'static str = "One value.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, OneServer>] = &[PromiseSpec {
        name: "anything",
        about: "anything goes",
        checker: |_| Box::new(Anything),
    }];

    fn scenarios() -> Vec<Scenario<Self>> {
        vec![Scenario::new("loss", "answers are lost", &["anything"], draw)]
    }

    fn boot(_: &Cluster<OneServer>, node: NodeId, switches: Switches) -> Node {
        match node.0 {
            0 => Node::Store(Store {
                current: Mechanism::CurrentCopy.on(switches),
                ..Store::default()
            }),
            _ => Node::Client(Client::default()),
        }
    }

    fn perform(reads: &bool) -> Message {
        let key = "the \"key\"".to_string();
        Message::Go(match reads {
            true => KvInput::Get { key },
            false => KvInput::Append { key, value: "x\n".into() },
        })
    }

    fn note_kind(_: &Event<KvInput, KvOutput>) -> NoteKind {
        NoteKind::Plain
    }

    fn history(notes: &History<Event<KvInput, KvOutput>>) -> Option<String> {
        let noted = |entry: &Entry<Event<KvInput, KvOutput>>| {
            let (nanos, process) = (entry.at.0, u64::from(entry.node.0));
            Noted { nanos, process, event: entry.note.clone() }
        };
        Some(write(&notes.iter().map(noted).collect::<Vec<_>>()))
    }
}

fn draw(draft: &mut Draft<bool, OneServer>) {
    draft.cluster(OneServer { clients: 6 }, 1);
    draft.phases(Duration::from_secs(2), Duration::from_secs(1));
    draft.swarm(&[FaultKind::Loss], &[0.into()]);
    for _ in 0..200 {
        let (at, client) = (Time(draft.number(0, draft.heal_at().0)), draft.number(1, 6));
        let reads = draft.number(0, 1) == 0;
        draft.operation(at, NodeId(client as u32), reads);
    }
}

#[test]
fn what_clients_saw_is_read_and_judged() {
    let system = register::<Stores>();
    let verdict = |seed, without: &[String]| {
        let text = system.run("loss", seed, without).unwrap().history.unwrap();
        assert_eq!(text, system.run("loss", seed, without).unwrap().history.unwrap());
        let history = history::<Kv>(&read(&text).unwrap()).unwrap();
        assert!(history.len() > 20, "{text}");
        linearizable::<Kv>(&history, Budget { remembered: 1_000_000, go_on: &mut || true })
    };
    for seed in 0..20 {
        assert_eq!(verdict(seed, &[]), Verdict::Linearizable);
        let broken = verdict(seed, &["current-copy".into()]);
        assert!(matches!(broken, Verdict::NotLinearizable(_)), "{broken:?}");
    }
}

#[test]
fn a_system_without_such_operations_has_no_history() {
    let systems = infralab::systems();
    let ids = systems.iter().find(|system| system.name() == "snowflake").unwrap();
    assert_eq!(ids.run("overload", 1, &[]).unwrap().history, None);
}
