//! A machine and its disk, moved by hand: one input in, and the disk does what it was asked when the test
//! says so.

use std::collections::VecDeque;
use std::time::Duration;

use machine::{
    DiskCommand, DiskError, DiskId, Generation, Input, Machine, MemoryDisk, NodeId, Now, Output,
    Outputs, Random, Time, Wall,
};
use rand::SeedableRng;
use url_shortener::{Ask, Call, Message, Op, Reply, Shortener};

pub(crate) const CALLER: NodeId = NodeId(1);

#[derive(Clone)]
pub(crate) struct Hand<M> {
    pub(crate) machine: M,
    pub(crate) disk: MemoryDisk,
    /// The disk takes nothing more.
    pub(crate) full: bool,
    /// What the disk was asked, and has not done.
    pub(crate) pending: VecDeque<(DiskCommand, Op)>,
    pub(crate) time: Time,
    random: Random,
    /// What was said so far, and to whom.
    pub(crate) said: Vec<(NodeId, Message)>,
}

impl<M: Machine<Protocol = Shortener>> Hand<M> {
    /// It has read its empty disk.
    pub(crate) fn on_an_empty_disk(machine: M) -> Hand<M> {
        let (mut disk, pending, said) = (MemoryDisk::default(), VecDeque::new(), Vec::new());
        for (file, bytes) in machine.first_files() {
            disk.perform(DiskCommand::Replace { file, parts: bytes.into() }).unwrap();
        }
        let random = Random::seed_from_u64(1);
        let mut hand = Hand { machine, disk, full: false, pending, time: Time(0), random, said };
        hand.input(Input::Start { disk: DiskId(1) });
        hand.settle();
        hand
    }

    /// What it says to that.
    pub(crate) fn input(&mut self, input: Input<Shortener>) -> Vec<(NodeId, Message)> {
        let (time, wall, generation) = (self.time, Wall(self.time.0), Generation(0));
        let mut now = Now { time, wall, generation, random: &mut self.random };
        let mut out = Outputs::default();
        self.machine.handle(&mut now, input, &mut out);
        let before = self.said.len();
        for output in out.drain() {
            match output {
                Output::Disk { command, op } => self.pending.push_back((*command, op)),
                Output::Send { to, message, .. } => self.said.push((to, message)),
                Output::Halt { why } => panic!("it halts: {why}"),
                _ => {}
            }
        }
        self.said[before..].to_vec()
    }

    pub(crate) fn tell(&mut self, from: NodeId, message: Message) -> Vec<(NodeId, Message)> {
        self.input(Input::Message { from, message })
    }

    pub(crate) fn call(&mut self, call: u64, wanted: Call) {
        self.tell(CALLER, Message::Call { call, wanted });
    }

    pub(crate) fn ask(&mut self, ask: Ask) -> Vec<(NodeId, Message)> {
        self.tell(CALLER, Message::Ask { token: 1, client: 1, ask })
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.time = self.time + time;
    }

    /// The disk does this one of what it was asked.
    pub(crate) fn step(&mut self, place: usize) -> DiskCommand {
        let (command, op) = self.pending.remove(place).expect("it was asked for something");
        let grows = matches!(command, DiskCommand::Write { .. } | DiskCommand::Replace { .. });
        let result = match self.full && grows {
            true => Err(DiskError::Full),
            false => self.disk.perform(command.clone()),
        };
        self.input(Input::Disk { op, result });
        command
    }

    /// And all of it.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.pending.is_empty() {
                return;
            }
            self.step(0);
        }
        panic!("the disk is asked for more and more: {:?}", self.pending);
    }

    /// The process dies, and this one begins to read what the disk has.
    pub(crate) fn crash(&mut self, machine: M) {
        self.pending.clear();
        self.said.clear();
        self.machine = machine;
        self.input(Input::Start { disk: DiskId(1) });
    }

    /// What was replied to a call, if it was.
    pub(crate) fn reply(&self, wanted: u64) -> Option<&Reply> {
        self.said.iter().find_map(|(_, message)| match message {
            Message::Reply { call, reply, .. } if *call == wanted => Some(reply),
            _ => None,
        })
    }
}
