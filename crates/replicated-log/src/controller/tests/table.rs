//! Three controllers at a table, moved by hand, on disks that never fail and links that take no time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use machine::{
    CREDIT, DiskId, Generation, LIGHTEST, Link, MemoryDisk, Output, Protocol, Random, Wall,
};
use rand::SeedableRng;

use super::super::*;
use super::{create, register};
use crate::message::{Command, Heartbeat};
use crate::words::TopicId;

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

/// A controller, its disk, and its timers.
pub(super) struct Seat {
    pub(super) controller: Controller,
    pub(super) disk: MemoryDisk,
    pub(super) random: Random,
    pub(super) timers: Vec<(Time, Timer)>,
}

/// Three controllers, and what brokers got from them.
pub(super) struct Table {
    pub(super) time: Time,
    pub(super) seats: BTreeMap<NodeId, Seat>,
    pub(super) under_way: VecDeque<(NodeId, NodeId, Message, Link)>,
    /// Bytes that were taken on a lane since its sender was told.
    pub(super) taken: BTreeMap<(NodeId, NodeId, Link), u32>,
    /// To brokers, from whom, in order.
    pub(super) got: Vec<(NodeId, NodeId, Message)>,
    /// Nobody hears them, and they hear nobody.
    pub(super) cut: BTreeSet<NodeId>,
}

pub(super) fn controllers() -> Vec<NodeId> {
    (101..=103).map(NodeId).collect()
}

impl Table {
    pub(super) fn new() -> Table {
        let mut table = Table {
            time: Time::default(),
            seats: BTreeMap::new(),
            under_way: VecDeque::new(),
            taken: BTreeMap::new(),
            got: Vec::new(),
            cut: BTreeSet::new(),
        };
        for id in controllers() {
            let controller =
                Controller::new(id, controllers(), Tuning::default(), Switches::ALL_ON);
            let disk = MemoryDisk::with(controller.first_files());
            let random = Random::seed_from_u64(id.0.into());
            table.seats.insert(id, Seat { controller, disk, random, timers: Vec::new() });
        }
        for id in controllers() {
            table.feed(id, Input::Start { disk: DiskId(id.0.into()) });
        }
        table.run(MS(2_000));
        table
    }

    pub(super) fn feed(&mut self, id: NodeId, input: Input<ReplicatedLog>) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(seat) = self.seats.get_mut(&id) else { return };
            let mut out = Outputs::default();
            let (time, wall, generation) = (self.time, Wall::default(), Generation::default());
            let mut now = Now { time, wall, generation, random: &mut seat.random };
            seat.controller.handle(&mut now, input, &mut out);
            for output in out.drain() {
                match output {
                    Output::Send { to, message, link } => {
                        self.under_way.push_back((id, to, message, link));
                    }
                    Output::SetTimer { timer, after } => {
                        seat.timers.retain(|(_, other)| *other != timer);
                        seat.timers.push((time + after, timer));
                    }
                    Output::CancelTimer(timer) => seat.timers.retain(|(_, other)| *other != timer),
                    Output::Disk { command, op } => {
                        let result = seat.disk.perform(*command);
                        inputs.push_back(Input::Disk { op, result });
                    }
                    Output::Halt { why } => panic!("{id:?} halts: {why}"),
                    Output::Note(_) | Output::Meet { .. } | Output::Stopped => {}
                }
            }
        }
    }

    /// Delivers all that is under way.
    pub(super) fn deliver(&mut self) {
        while let Some((from, to, message, link)) = self.under_way.pop_front() {
            if self.cut.contains(&from) || self.cut.contains(&to) {
                continue;
            }
            let taken = self.taken.entry((from, to, link)).or_default();
            *taken += ReplicatedLog::weight(&message).max(LIGHTEST);
            if *taken >= CREDIT {
                *taken -= CREDIT;
                self.feed(from, Input::Writable { peer: to, link });
            }
            match self.seats.contains_key(&to) {
                true => self.feed(to, Input::Message { from, message }),
                false => self.got.push((to, from, message)),
            }
        }
    }

    /// Lets time pass, and timers fire.
    pub(super) fn run(&mut self, duration: Duration) {
        let end = self.time + duration;
        loop {
            self.deliver();
            let timers = self
                .seats
                .iter()
                .flat_map(|(id, seat)| seat.timers.iter().map(|(at, timer)| (*at, *id, *timer)));
            let Some((at, id, timer)) = timers.min_by_key(|(at, id, _)| (*at, *id)) else { break };
            if at > end {
                break;
            }
            self.time = self.time.max(at);
            let seat = self.seats.get_mut(&id).unwrap();
            seat.timers.retain(|(_, other)| *other != timer);
            self.feed(id, Input::Timer(timer));
        }
        self.time = end;
        self.deliver();
    }

    pub(super) fn leader(&self) -> NodeId {
        let leads = |(_, seat): &(&NodeId, &Seat)| seat.controller.leads();
        let leaders: Vec<_> = self.seats.iter().filter(leads).map(|(id, _)| *id).collect();
        let there = leaders.iter().copied().find(|leader| !self.cut.contains(leader));
        there.unwrap_or_else(|| panic!("nobody leads, of {leaders:?}"))
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.seats[&self.leader()].controller.cluster
    }

    /// A broker says something to all controllers.
    pub(super) fn say(&mut self, broker: u32, message: Message) {
        for id in controllers() {
            self.tell(broker, id, message.clone());
        }
        self.deliver();
    }

    /// A broker says something to one of them.
    pub(super) fn tell(&mut self, broker: u32, to: NodeId, message: Message) {
        self.under_way.push_back((NodeId(broker), to, message, Link::Stream));
    }

    pub(super) fn got(&mut self, broker: u32) -> Vec<Message> {
        let of = |(to, ..): &mut (NodeId, NodeId, Message)| *to == NodeId(broker);
        self.got.extract_if(.., of).map(|(.., message)| message).collect()
    }

    pub(super) fn heartbeat(&mut self, broker: u32) {
        let epoch = self.cluster().brokers[&NodeId(broker)].epoch;
        let applied = self.cluster().applied;
        let (number, stopping, damaged) = (0, false, Vec::new());
        self.say(
            broker,
            Message::Heartbeat(Heartbeat { epoch, number, applied, stopping, damaged }),
        );
    }

    /// Brokers that are alive, by their heartbeats for so long.
    pub(super) fn live(&mut self, brokers: &[u32], duration: Duration) {
        for _ in 0..duration.as_millis() / 100 {
            brokers.iter().for_each(|broker| self.heartbeat(*broker));
            self.run(MS(100));
        }
    }

    /// With these brokers, registered and not fenced.
    pub(super) fn with(brokers: &[u32]) -> Table {
        let mut table = Table::new();
        for &broker in brokers {
            table.say(broker, Message::Register(register(broker)));
            table.run(MS(50));
        }
        table.live(brokers, MS(300));
        table
    }

    pub(super) fn alive(&self) -> Vec<u32> {
        let cluster = self.cluster();
        cluster.brokers.keys().filter(|id| cluster.is_alive(**id)).map(|id| id.0).collect()
    }

    pub(super) fn command(&mut self, broker: u32, token: u64, command: Command) {
        let leader = self.leader();
        self.tell(broker, leader, Message::Command { token, command });
        self.deliver();
    }

    pub(super) fn create(&mut self, name: &str) -> TopicId {
        self.command(1, 1, create(name, 1));
        self.run(MS(50));
        self.cluster().names[name]
    }
}
