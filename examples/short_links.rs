//! The shortener in a world of its own: a visitor does not notice that the shard of a link lost power,
//! and every click is counted, though the tally was down too. Run: cargo run --example short_links

use std::sync::Arc;
use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches, Wall};
use sim::{Delays, Script, World};
use url_shortener::{
    Answer, Ask, Click, Device, Instance, Key, Limits, Link, LinkId, Message, NewLink, Roster,
    Settings, Shard, Shortener, Tally,
};

const INSTANCE: NodeId = NodeId(0);
const SHARD: NodeId = NodeId(1);
const TALLY: NodeId = NodeId(2);
const PERSON: NodeId = NodeId(3);
const MS: fn(u64) -> Duration = Duration::from_millis;
/// Sends the instance the requests that it is given, and keeps the answers.
#[derive(Clone, Default)]
struct Person(Vec<Answer>);

impl Machine for Person {
    type Protocol = Shortener;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Message { message: Message::Answer { answer, .. }, .. } => self.0.push(answer),
            Input::Message { message, .. } => out.send(INSTANCE, message),
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "person", state: format!("{} answers", self.0.len()) }
    }
}

sim::nodes! {
    enum Node: Shortener {
        Instance(Instance),
        Shard(Shard),
        Tally(Tally),
        Person(Person),
    }
}

fn boot(id: NodeId) -> Node {
    let (on, limits) = (Switches::ALL_ON, Limits::default());
    match id {
        INSTANCE => {
            let settings = Settings::new(vec![SHARD], TALLY, *b"keep it for good");
            Node::Instance(Instance::new(settings, on).expect("a shard is enough"))
        }
        TALLY => Node::Tally(Tally::new(limits, on)),
        PERSON => Node::Person(Person::default()),
        _ => Node::Shard(Shard::new(0, Roster::of(vec![SHARD]), limits, on)),
    }
}

/// Asks, waits, and gives the answer.
fn ask(world: &mut World<Node>, ask: Ask) -> Answer {
    world.tell(PERSON, Message::Ask { token: 0, client: 0, ask });
    world.run_for(MS(100));
    match world.machine(PERSON) {
        Some(Node::Person(Person(answers))) => answers.last().cloned().expect("in time"),
        _ => unreachable!("nobody hurts a person"),
    }
}

fn visit(world: &mut World<Node>, key: &Key) -> Answer {
    let (key, device) = (key.clone(), Device::Phone);
    ask(world, Ask::Visit(Click { key, at_ms: 0, visitor: 7, referrer: None, device }))
}

fn main() {
    let mut world = World::new(1, &[0, 1, 2, 3], Delays::micros(200, 2_000), Arc::new(boot));
    world.run_for(MS(100));
    let url = "https://example.com/a/long/way";
    let (link, domain) = (Link::new(url, Wall(0)), "".into());
    let new = NewLink { alias: None, domain, link, made_at: None };
    let Answer::Link(key, link) = ask(&mut world, Ask::Create(new)) else { panic!("not made") };
    let leads = |answer| matches!(answer, Answer::Redirect { url: to, .. } if *to == *url);
    assert!(leads(visit(&mut world, &key)));
    let dark = world.power_loss(SHARD);
    let away = world.partition([INSTANCE], [TALLY]);
    assert!(leads(visit(&mut world, &key)), "from the cache: the shard is away");
    world.end(dark);
    world.run_for(MS(15_000));
    assert!(leads(visit(&mut world, &key)), "from the shard's disk: the copy is too old");
    world.end(away);
    world.run_for(MS(5_000));
    let stats = Ask::Stats(LinkId::of(key.clone(), &link));
    let Answer::Stats { stats: Some(stats), .. } = ask(&mut world, stats) else {
        panic!("it was clicked")
    };
    println!("{url} was followed {} times as {key:?}", stats.clicks);
    assert_eq!((stats.clicks, stats.visitors.estimate()), (3, 1));
}
