//! A service of two instances and three shards in a calm world, and a user who keeps every answer and reply.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches, Wall};
use sim::{Delays, World};
use url_shortener::{
    Answer, Ask, Call, Click, ClickTuning, Codes, Device, Freshness, Instance, Key, Limits, Link,
    Message, NewLink, Rate, Reply, Roster, Settings, Shard, Shortener, Tally,
};

pub(crate) const MS: fn(u64) -> Duration = Duration::from_millis;
pub(crate) const SECRET: [u8; 16] = *b"a test's secret.";

pub(crate) const INSTANCES: [NodeId; 2] = [NodeId(0), NodeId(1)];
pub(crate) const SHARDS: [NodeId; 3] = [NodeId(2), NodeId(3), NodeId(4)];
pub(crate) const TALLY: NodeId = NodeId(5);
const USER: NodeId = NodeId(6);

/// Asks the instance whose number stands in the place of the client, and calls the shard whose number
/// stands in the upper half of the call's.
#[derive(Clone, Default)]
pub(crate) struct Mailbox {
    answers: BTreeMap<u64, Vec<Answer>>,
    replies: BTreeMap<u64, (u32, Reply)>,
}

impl Machine for Mailbox {
    type Protocol = Shortener;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Message { message: Message::Answer { token, answer }, .. } => {
                self.answers.entry(token).or_default().push(answer);
            }
            Input::Message { message: Message::Reply { call, shards, reply }, .. } => {
                self.replies.insert(call, (shards, reply));
            }
            Input::Message { message: Message::Call { call, wanted }, .. } => {
                out.send(NodeId((call >> 32) as u32), Message::Call { call, wanted });
            }
            Input::Message { message: Message::Ask { token, client, ask }, .. } => {
                out.send(NodeId(client as u32), Message::Ask { token, client, ask });
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "user", state: String::new() }
    }
}

sim::nodes! {
    pub(crate) enum Node: Shortener {
        Instance(Instance),
        Shard(Shard),
        Tally(Tally),
        Mailbox(Mailbox),
    }
}

fn settings(founders: u32) -> Settings {
    Settings {
        shards: roster(founders),
        tally: TALLY,
        codes: Codes::Leased(SECRET),
        cached: 100,
        freshness: Freshness { links: MS(500), missing: MS(500) },
        patience: MS(300),
        rate: Rate { per_second: 1_000_000, burst: 1_000_000 },
        clients: 100,
        clicks: ClickTuning::default(),
    }
}

fn roster(founders: u32) -> Roster {
    Roster { nodes: SHARDS.to_vec(), founders }
}

fn boot(id: NodeId, founders: u32, limits: Limits) -> Node {
    let switches = Switches::ALL_ON;
    match id {
        TALLY => Node::Tally(Tally::new(Limits::default(), switches)),
        USER => Node::Mailbox(Mailbox::default()),
        id if INSTANCES.contains(&id) => {
            Node::Instance(Instance::new(settings(founders), switches).unwrap())
        }
        id => Node::Shard(Shard::new(id.0 - SHARDS[0].0, roster(founders), limits, switches)),
    }
}

pub(crate) struct Service {
    pub(crate) world: World<Node>,
    tokens: u64,
}

impl Service {
    /// All shards are there from the beginning.
    pub(crate) fn new() -> Service {
        Service::founded_by(SHARDS.len() as u32, Limits::default())
    }

    /// The others may join.
    pub(crate) fn founded_by(founders: u32, limits: Limits) -> Service {
        let boot = Arc::new(move |id| boot(id, founders, limits));
        let mut world = World::new(7, &[0; 7], Delays::micros(100, 200), boot);
        world.run_for(MS(100));
        Service { world, tokens: 0 }
    }

    /// Sends a question; its token.
    pub(crate) fn send(&mut self, instance: NodeId, ask: Ask) -> u64 {
        self.tokens += 1;
        let (token, client) = (self.tokens, instance.0.into());
        self.world.tell(USER, Message::Ask { token, client, ask });
        token
    }

    fn mailbox(&self) -> &Mailbox {
        let Some(Node::Mailbox(mailbox)) = self.world.machine(USER) else { panic!("no user") };
        mailbox
    }

    /// Calls a shard; the number of the call.
    pub(crate) fn begin(&mut self, shard: NodeId, wanted: Call) -> u64 {
        self.tokens += 1;
        let call = u64::from(shard.0) << 32 | self.tokens;
        self.world.tell(USER, Message::Call { call, wanted });
        call
    }

    /// What a shard has replied so far, and of how many shards it knew.
    pub(crate) fn reply(&self, call: u64) -> Option<(u32, Reply)> {
        self.mailbox().replies.get(&call).cloned()
    }

    pub(crate) fn call(&mut self, shard: NodeId, wanted: Call) -> (u32, Reply) {
        let call = self.begin(shard, wanted);
        self.world.run_for(MS(20));
        self.reply(call).expect("a reply")
    }

    pub(crate) fn shard(&self, id: NodeId) -> &Shard {
        match self.world.machine(id) {
            Some(Node::Shard(shard)) => shard,
            _ => panic!("{id:?} is no shard"),
        }
    }

    pub(crate) fn has_answer(&self, token: u64) -> bool {
        self.mailbox().answers.contains_key(&token)
    }

    /// The only answer to a question.
    pub(crate) fn answer(&self, token: u64) -> Answer {
        match self.mailbox().answers.get(&token).map(Vec::as_slice) {
            Some([answer]) => answer.clone(),
            other => panic!("question {token} has these answers: {other:?}"),
        }
    }

    pub(crate) fn ask(&mut self, instance: NodeId, ask: Ask) -> Answer {
        let token = self.send(instance, ask);
        self.world.run_for(MS(20));
        self.answer(token)
    }

    pub(crate) fn make(&mut self, instance: NodeId, alias: Option<&str>, url: &str) -> Answer {
        self.ask(instance, create(alias, url))
    }
}

pub(crate) fn key(code: &str) -> Key {
    Key::new("", code)
}

pub(crate) fn link(url: &str) -> Link {
    Link::new(url, Wall(0))
}

pub(crate) fn create(alias: Option<&str>, url: &str) -> Ask {
    let (alias, domain) = (alias.map(Arc::from), "".into());
    Ask::Create(NewLink { alias, domain, link: link(url), made_at: None })
}

pub(crate) fn visit(code: &str) -> Ask {
    let (referrer, device) = (None, Device::Phone);
    Ask::Visit(Click { key: key(code), at_ms: 0, visitor: 1, referrer, device })
}

pub(crate) fn leads_to(answer: Answer) -> String {
    match answer {
        Answer::Redirect { url, .. } => url.to_string(),
        Answer::Link(_, link) => link.url.to_string(),
        other => panic!("{other:?} leads nowhere"),
    }
}

pub(crate) fn code(answer: Answer) -> String {
    match answer {
        Answer::Link(key, _) => key.code.to_string(),
        other => panic!("{other:?} is no link"),
    }
}
