//! The whole service without a world: an instance, a shard and a tally whose disks are memory and whose
//! messages take no time. For measurements: what is left is what the machines themselves cost.
//!
//! The law: nothing is drawn here but from the seed, nothing fails, and everything that was set off is over
//! before the next question. Only time passes by itself ([`Direct::advance`]).

use std::collections::VecDeque;
use std::time::Duration;

use bitcask::Limits;
use machine::{
    DiskId, Generation, Input, Machine, MemoryDisk, NodeId, Now, Output, Outputs, Random, Switches,
    Time, Wall,
};
use rand::SeedableRng;

use url_shortener::{
    Answer, Ask, Call, Freshness, Instance, Message, Rate, Roster, Settings, Shard, Shortener,
    Tally, Timer,
};

const INSTANCE: NodeId = NodeId(0);
const SHARD: NodeId = NodeId(1);
const TALLY: NodeId = NodeId(2);
const USER: NodeId = NodeId(3);
/// 2026, about.
const BEGINS: Wall = Wall(1_770_000_000_000_000_000);

sim::nodes! {
    enum Node: Shortener {
        Instance(Instance),
        Shard(Shard),
        Tally(Tally),
    }
}

/// The service.
pub struct Direct {
    machines: [Node; 3],
    disks: [MemoryDisk; 3],
    random: Random,
    time: Time,
    timers: Vec<(Time, NodeId, Timer)>,
    due: VecDeque<(NodeId, Input<Shortener>)>,
    out: Outputs<Shortener>,
    answer: Option<Answer>,
    reads: u64,
}

impl Direct {
    /// A running service with a cache of this size and freshness.
    pub fn new(seed: u64, cached: usize, freshness: Duration) -> Direct {
        let limits = Limits::default();
        let settings = Settings {
            cached,
            freshness: Freshness { links: freshness, missing: freshness },
            rate: Rate { per_second: 1_000_000, burst: 1_000_000 },
            ..Settings::new(vec![SHARD], TALLY, *b"a bench, no more")
        };
        let all_on = Switches::ALL_ON;
        let instance = Instance::new(settings, all_on).expect("one shard is allowed");
        let machines = [
            Node::Instance(instance),
            Node::Shard(Shard::new(0, Roster::of(vec![SHARD]), limits, all_on)),
            Node::Tally(Tally::new(limits, all_on)),
        ];
        let mut direct = Direct {
            disks: machines.each_ref().map(|machine| MemoryDisk::with(machine.first_files())),
            machines,
            random: Random::seed_from_u64(seed),
            time: Time(0),
            timers: Vec::new(),
            due: VecDeque::new(),
            out: Outputs::default(),
            answer: None,
            reads: 0,
        };
        for node in [SHARD, TALLY, INSTANCE] {
            direct.handle(node, Input::Start { disk: DiskId(node.0.into()) });
            direct.settle();
        }
        direct
    }

    /// Asks, and what the answer is; none only where a timer would have to pass first.
    pub fn ask(&mut self, ask: Ask) -> Option<Answer> {
        let message = Message::Ask { token: 0, client: 0, ask };
        self.handle(INSTANCE, Input::Message { from: USER, message });
        self.settle();
        self.answer.take()
    }

    /// Lets time pass, and timers fire.
    pub fn advance(&mut self, by: Duration) {
        self.time = self.time + by;
        while let Some(place) = self.timers.iter().position(|(at, ..)| *at <= self.time) {
            let (_, node, timer) = self.timers.swap_remove(place);
            self.handle(node, Input::Timer(timer));
            self.settle();
        }
    }

    /// How many links the shard was asked for so far.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// What the shard has on its disk, in bytes.
    pub fn shard_bytes(&self) -> u64 {
        self.disks[SHARD.0 as usize].size()
    }

    fn settle(&mut self) {
        while let Some((node, input)) = self.due.pop_front() {
            self.handle(node, input);
        }
    }

    fn handle(&mut self, node: NodeId, input: Input<Shortener>) {
        let mut now = Now {
            time: self.time,
            wall: BEGINS + self.time.since(Time(0)),
            generation: Generation(0),
            random: &mut self.random,
        };
        let mut out = std::mem::take(&mut self.out);
        self.machines[node.0 as usize].handle(&mut now, input, &mut out);
        let mut number = 0;
        while let Some(output) = out.take(number) {
            self.carry_out(node, output);
            number += 1;
        }
        self.out = out;
    }

    fn carry_out(&mut self, node: NodeId, output: Output<Shortener>) {
        match output {
            Output::Send { to: USER, message: Message::Answer { answer, .. }, .. } => {
                self.answer = Some(answer);
            }
            Output::Send { to, message, .. } => {
                let wants = matches!(message, Message::Call { wanted: Call::Get(_), .. });
                self.reads += u64::from(wants);
                self.due.push_back((to, Input::Message { from: node, message }));
            }
            Output::SetTimer { timer, after } => {
                self.timers.retain(|(_, other, known)| (*other, known) != (node, &timer));
                self.timers.push((self.time + after, node, timer));
            }
            Output::CancelTimer(timer) => {
                self.timers.retain(|(_, other, known)| (*other, known) != (node, &timer));
            }
            Output::Disk { command, op } => {
                let result = self.disks[node.0 as usize].perform(*command);
                self.due.push_back((node, Input::Disk { op, result }));
            }
            Output::Note(_) | Output::Meet { .. } | Output::Stopped => {}
            Output::Halt { why } => panic!("{node:?} halts: {why}"),
        }
    }
}
