//! What a broker's machine costs for a batch of a mebibyte, appended and read again, besides disk and network: a write
//! ends at once. Beside it what nobody can go below who looks at each byte once: its CRC-32C, and one copy of it.
//!
//! `cargo bench --bench replicated_log`

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use machine::{
    DiskAnswer, Generation, Input, Inspection, Machine, NodeId, Now, Output, Outputs, Switches,
    Time, Wall,
};
use rand::SeedableRng;
use replicated_log::ask::{Acks, Answer, Ask, Fetch, FetchPart, MetadataAsk, Produce, ProducePart};
use replicated_log::batch::{Batch, Record};
use replicated_log::broker::{Broker, BrokerConfig};
use replicated_log::controller::Controller;
use replicated_log::message::{Message, ReplicatedLog};
use replicated_log::tuning::{Flush, Tuning};
use replicated_log::words::{Offset, TopicRef};
use sim::{Delays, World};

const BROKER: NodeId = NodeId(0);
const CONTROLLER: NodeId = NodeId(1);
const CLIENT: NodeId = NodeId(2);
/// As many as a producer's default batch has.
const RECORDS: usize = 8_000;
const VALUE: Bytes = Bytes::from_static(&[7; 100]);

/// Asks the broker to make the topic.
#[derive(Clone)]
struct Client;

impl Machine for Client {
    type Protocol = ReplicatedLog;

    fn handle(
        &mut self,
        _: &mut Now<'_>,
        input: Input<ReplicatedLog>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        if let Input::Message { message: message @ Message::Ask { .. }, .. } = input {
            out.send(BROKER, message);
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "client", state: String::new() }
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
    let (tuning, on) = (Tuning { flush: Flush::Os, ..Tuning::default() }, Switches::ALL_ON);
    let controllers = vec![CONTROLLER];
    match id {
        BROKER => {
            let config = BrokerConfig { controllers, rack: None, addresses: None, tuning };
            Node::Broker(Broker::new(id, config, on))
        }
        CONTROLLER => Node::Controller(Controller::new(id, controllers, tuning, on)),
        _ => Node::Client(Client),
    }
}

/// A broker that leads a partition, at a moment that does not pass: its session lasts.
struct Rig {
    broker: Broker,
    time: Time,
    random: machine::Random,
    out: Outputs<ReplicatedLog>,
}

impl Rig {
    fn new() -> Rig {
        let delays = Delays::micros(200, 2_000);
        let mut world = World::new(1, &[0, 0, 0], delays, Arc::new(boot));
        world.run_for(Duration::from_secs(1));
        let ask = Ask::Metadata(MetadataAsk { topics: Some(vec![topic()]), creates: true });
        world.tell(CLIENT, Message::Ask { token: 0, ask: Box::new(ask) });
        world.run_for(Duration::from_secs(1));
        let Some(Node::Broker(broker)) = world.machine(BROKER) else { unreachable!("it is up") };
        let random = machine::Random::seed_from_u64(1);
        Rig { broker: broker.clone(), time: world.now(), random, out: Outputs::default() }
    }

    /// Hands the broker a question; what it answers, when its disk has done all.
    fn ask(&mut self, ask: Ask) -> Answer {
        let message = Message::Ask { token: 0, ask: Box::new(ask) };
        // Operations of a disk end in the order in which they were asked for.
        let mut inputs = VecDeque::from([Input::Message { from: CLIENT, message }]);
        let mut answered = None;
        while let Some(input) = inputs.pop_front() {
            let mut now = Now {
                time: self.time,
                wall: Wall(0),
                generation: Generation(0),
                random: &mut self.random,
            };
            self.broker.handle(&mut now, input, &mut self.out);
            for output in self.out.drain() {
                match output {
                    Output::Disk { op, .. } => {
                        inputs.push_back(Input::Disk { op, result: Ok(DiskAnswer::Done) });
                    }
                    Output::Send { message: Message::Answer { answer, .. }, .. } => {
                        answered = Some(*answer);
                    }
                    Output::Halt { why } => panic!("{why}"),
                    _ => {}
                }
            }
        }
        answered.expect("an answer")
    }

    /// Appends a batch as a client's bytes, whose checksum is looked at; its offset.
    fn append(&mut self, bytes: Bytes) -> Offset {
        let batches =
            vec![ProducePart { topic: topic(), partition: 0, batch: Batch::check(bytes) }];
        let timeout = Duration::from_secs(1);
        let Answer::Produced(parts) =
            self.ask(Ask::Produce(Produce { acks: Acks::All, timeout, batches }))
        else {
            panic!("no outcome")
        };
        parts[0].outcome.expect("it is acknowledged").0
    }

    /// Reads the batch at an offset; how many bytes it has.
    fn fetch(&mut self, offset: Offset) -> u32 {
        let max_bytes = 1 << 20;
        let part =
            FetchPart { topic: topic(), partition: 0, leader_epoch: None, offset, max_bytes };
        let max_wait = Duration::ZERO;
        let fetch = Fetch { max_wait, min_bytes: 1, max_bytes, rack: None, parts: vec![part] };
        let Answer::Fetched(parts) = self.ask(Ask::Fetch(fetch)) else { panic!("no records") };
        let batches = &parts[0].outcome.as_ref().expect("it is led here").batches;
        batches.iter().map(Batch::length).sum()
    }
}

fn topic() -> TopicRef {
    TopicRef::Name("events".into())
}

fn replicated_log(criterion: &mut Criterion) {
    let records = vec![Record { key: None, value: Some(VALUE) }; RECORDS];
    let batch = Bytes::from(Batch::of(&records, 0, None).parts().joined().to_vec());
    let mut group = criterion.benchmark_group("replicated-log");
    group.throughput(Throughput::Bytes(batch.len() as u64));

    let rig = std::cell::RefCell::new(Rig::new());
    let copied = || Bytes::copy_from_slice(&batch);
    group.bench_function("append", |bench| {
        bench.iter_batched(copied, |bytes| rig.borrow_mut().append(bytes), BatchSize::SmallInput);
    });
    let mut rig = rig.into_inner();
    let offset = rig.append(copied());
    group.bench_function("fetch", |bench| {
        bench.iter(|| assert_eq!(rig.fetch(offset) as usize, batch.len()));
    });
    group.bench_function("CRC-32C", |bench| bench.iter(|| crc32c::crc32c(&batch)));
    group.bench_function("copy", |bench| {
        let mut to = vec![0; batch.len()];
        bench.iter(|| to.copy_from_slice(std::hint::black_box(&batch)));
    });
    group.finish();
}

criterion_group!(benches, replicated_log);
criterion_main!(benches);
