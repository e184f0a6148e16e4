//! Three brokers in a world of their own: a record that was acknowledged is read from the next leader, when the one that
//! took it has crashed. Run: cargo run --example replicated_log

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{Input, Inspection, Machine, NodeId, Now, Outputs, Switches};
use replicated_log::ask::{
    Acks, Answer, Ask, Fetch, FetchPart, MetadataAsk, PartitionMetadata, Produce, ProducePart,
};
use replicated_log::batch::{Batch, Record};
use replicated_log::broker::{Broker, BrokerConfig};
use replicated_log::controller::Controller;
use replicated_log::message::{Message, ReplicatedLog};
use replicated_log::tuning::Tuning;
use replicated_log::words::{Offset, TopicRef};
use sim::{Delays, Script, World};

const BROKERS: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];
const CONTROLLERS: [NodeId; 3] = [NodeId(3), NodeId(4), NodeId(5)];
const CLIENT: NodeId = NodeId(6);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// Asks the broker whose number the token is, and keeps the answers.
#[derive(Clone, Default)]
struct Client(Vec<Answer>);

impl Machine for Client {
    type Protocol = ReplicatedLog;

    fn handle(
        &mut self,
        _: &mut Now<'_>,
        input: Input<ReplicatedLog>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match input {
            Input::Message { message: Message::Answer { answer, .. }, .. } => self.0.push(*answer),
            Input::Message { message: Message::Ask { token, ask }, .. } => {
                out.send(NodeId(token as u32), Message::Ask { token, ask });
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: format!("{} answers", self.0.len()) }
    }
}

sim::nodes! {
    enum Node: ReplicatedLog {
        Broker(Broker),
        Controller(Controller),
        Client(Client),
    }
}

fn boot(id: NodeId) -> Node {
    let (tuning, on) = (Tuning::default(), Switches::ALL_ON);
    if CONTROLLERS.contains(&id) {
        return Node::Controller(Controller::new(id, CONTROLLERS.to_vec(), tuning, on));
    }
    if id == CLIENT {
        return Node::Client(Client::default());
    }
    let controllers = CONTROLLERS.to_vec();
    let config = BrokerConfig { controllers, rack: None, addresses: None, tuning };
    Node::Broker(Broker::new(id, config, on))
}

/// Asks a broker, waits, and gives the answer.
fn ask(world: &mut World<Node>, broker: NodeId, ask: Ask) -> Answer {
    world.tell(CLIENT, Message::Ask { token: u64::from(broker.0), ask: Box::new(ask) });
    world.run_for(MS(400));
    match world.machine(CLIENT) {
        Some(Node::Client(Client(answers))) => answers.last().cloned().expect("in time"),
        _ => unreachable!("nobody hurts a client"),
    }
}

fn topic() -> TopicRef {
    TopicRef::Name("events".into())
}

/// Who has the partition. The topic is made where there is none, and asked for again until somebody leads it.
fn partition(world: &mut World<Node>, broker: NodeId) -> PartitionMetadata {
    let asked = MetadataAsk { topics: Some(vec![topic()]), creates: true };
    let found = (0..10).find_map(|_| match ask(world, broker, Ask::Metadata(asked.clone())) {
        Answer::Metadata(answer) => answer.topics.into_iter().next()?.outcome.ok(),
        _ => None,
    });
    found.expect("it is made").partitions[0].clone()
}

/// Appends records, and waits until all in-sync replicas have synced them; the offset of the first.
fn produce(world: &mut World<Node>, leader: NodeId, values: &[&'static str]) -> Offset {
    let record = |value: &&'static str| Record { key: None, value: Some((*value).into()) };
    let records: Vec<Record> = values.iter().map(record).collect();
    let batch = Ok(Batch::of(&records, 0, None));
    let batches = vec![ProducePart { topic: topic(), partition: 0, batch }];
    let produce = Produce { acks: Acks::All, timeout: MS(300), batches };
    let Answer::Produced(parts) = ask(world, leader, Ask::Produce(produce)) else {
        panic!("no outcome")
    };
    parts[0].outcome.expect("it is acknowledged").0
}

/// What consumers may read from the beginning on.
fn read(world: &mut World<Node>, leader: NodeId) -> Vec<Bytes> {
    let (offset, max_bytes) = (0, 1 << 20);
    let part = FetchPart { topic: topic(), partition: 0, leader_epoch: None, offset, max_bytes };
    let fetch = Fetch { max_wait: MS(100), min_bytes: 1, max_bytes, rack: None, parts: vec![part] };
    let Answer::Fetched(parts) = ask(world, leader, Ask::Fetch(fetch)) else {
        panic!("no records")
    };
    let batches = parts[0].outcome.clone().expect("it is led here").batches;
    let records = batches.iter().flat_map(|batch| batch.decode().expect("it is not compressed"));
    records.filter_map(|record| record.value).collect()
}

fn main() {
    // Any seed: it draws how long messages travel.
    let delays = Delays::micros(200, 2_000);
    let mut world = World::new(7, &[0, 1, 2, 0, 1, 2, 0], delays, Arc::new(boot));
    world.run_for(MS(1_500));
    let before = partition(&mut world, BROKERS[0]);
    let leader = before.leader.expect("the controllers elected one");
    println!("{leader:?} leads in epoch {}, in sync are {:?}", before.leader_epoch, before.isr);

    let offset = produce(&mut world, leader, &["hello", "world"]);
    println!("two records are acknowledged, from offset {offset} on");
    world.crash(leader);
    println!("{leader:?} crashes at {:?}", world.now());
    world.run_for(MS(1_000));

    let other = BROKERS.into_iter().find(|broker| *broker != leader).expect("there are three");
    let after = partition(&mut world, other);
    let next = after.leader.expect("two of three are in sync");
    println!("{next:?} leads in epoch {}, in sync are {:?}", after.leader_epoch, after.isr);
    assert!(next != leader && after.leader_epoch > before.leader_epoch);

    let offset = produce(&mut world, next, &["again"]);
    println!("a third is acknowledged at offset {offset}");
    let records = read(&mut world, next);
    println!("and these are read: {records:?}");
    assert_eq!(records, ["hello", "world", "again"]);
}
