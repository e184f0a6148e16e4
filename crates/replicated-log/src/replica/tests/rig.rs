//! A replica on broker 1, with its disk, moved by hand.

use std::collections::VecDeque;

use bytes::Bytes;
use journal::{Bound, JournalOp};
use machine::{DiskCommand, DiskId, Generation, MemoryDisk, Output, Random, Time, Wall};
use rand::SeedableRng;

use super::super::*;
use crate::ask::Acks;
use crate::batch::Record;
use crate::controller::tests::{PARTITION, cluster_of_three, nodes};
use crate::message::{Message, Op, ReplicaFetched};

pub(super) struct Rig {
    pub(super) replica: Replica,
    pub(super) time: Time,
    pub(super) is_alive: bool,
    pub(super) tuning: Tuning,
    pub(super) sent: Vec<(NodeId, Message)>,
    view: Cluster,
    bound: Bound,
    disk: MemoryDisk,
    asked: VecDeque<(DiskCommand, Op)>,
    window: Window,
    throttle: Throttle,
    random: Random,
}

/// So many records.
pub(super) fn batch(records: usize) -> Batch {
    let record = Record { key: None, value: Some(Bytes::from_static(b"value")) };
    Batch::of(&vec![record; records], 1, None)
}

pub(super) fn fetch(
    leader_epoch: LeaderEpoch,
    from: Offset,
    last_epoch: Option<LeaderEpoch>,
) -> ReplicaFetch {
    ReplicaFetch { partition: PARTITION, broker_epoch: 1, leader_epoch, from, last_epoch }
}

impl Rig {
    /// Its disk is read.
    fn new() -> Rig {
        let tuning = Tuning::default();
        let (name, bytes) = Bound::first_file();
        let replica = Replica::new(PARTITION, 5, 0, tuning.settings, (&tuning, Switches::ALL_ON));
        let mut rig = Rig {
            replica,
            time: Time(1_000_000_000),
            is_alive: true,
            tuning,
            sent: Vec::new(),
            view: cluster_of_three(Partition::default()),
            bound: Bound::new(true),
            disk: MemoryDisk::with([(name, bytes)].into()),
            asked: VecDeque::new(),
            window: Window::default(),
            throttle: Throttle::new(tuning.reassignment_bytes),
            random: Random::seed_from_u64(1),
        };
        let mut out = Outputs::default();
        rig.bound.start(DiskId(5), &mut out);
        rig.carry_out(out);
        rig.settle();
        rig.take();
        rig
    }

    /// With these in sync, in this epoch.
    pub(super) fn leading(isr: &str, epoch: LeaderEpoch) -> Rig {
        let mut rig = Rig::new();
        rig.decide(isr, Some(1), epoch);
        rig.take();
        rig
    }

    /// Of broker 2.
    pub(super) fn following(epoch: LeaderEpoch) -> Rig {
        let mut rig = Rig::new();
        rig.decide("12", Some(2), epoch);
        rig
    }

    /// What the controllers have decided.
    pub(super) fn decide(&mut self, isr: &str, leader: Option<u32>, leader_epoch: LeaderEpoch) {
        let topic = self.view.topics.get_mut(&PARTITION.topic).unwrap();
        let (isr, leader) = (nodes(isr), leader.map(NodeId));
        let version = topic.partitions[0].version + 1;
        let replicas = nodes("123");
        let decided =
            Partition { replicas, isr, leader, leader_epoch, version, ..Partition::default() };
        topic.partitions[0] = decided.clone();
        self.with(|replica, turn| replica.decide(&decided, turn));
    }

    pub(super) fn with<T>(&mut self, act: impl FnOnce(&mut Replica, &mut Turn<'_, '_>) -> T) -> T {
        let (time, wall, generation) = (self.time, Wall::default(), Generation::default());
        let mut now = Now { time, wall, generation, random: &mut self.random };
        let mut out = Outputs::default();
        let mut turn = Turn {
            now: &mut now,
            out: &mut out,
            bound: &mut self.bound,
            window: &mut self.window,
            throttle: &mut self.throttle,
            view: &self.view,
            me: NodeId(1),
            controllers: &[NodeId(101)],
            broker_epoch: 1,
            is_alive: self.is_alive,
            tuning: &self.tuning,
            switches: Switches::ALL_ON,
        };
        let result = act(&mut self.replica, &mut turn);
        self.replica.settle(&mut turn);
        self.carry_out(out);
        result
    }

    fn carry_out(&mut self, mut out: Outputs<ReplicatedLog>) {
        for output in out.drain() {
            match output {
                Output::Send { to, message, .. } => self.sent.push((to, message)),
                Output::Disk { command, op } => self.asked.push_back((*command, op)),
                Output::Halt { why } => panic!("{why}"),
                _ => {}
            }
        }
    }

    /// The disk does all that it was asked for, and what that leads to.
    pub(super) fn settle(&mut self) {
        while let Some((command, op)) = self.asked.pop_front() {
            let result = self.disk.perform(command);
            match op {
                Op::Journal(JournalOp::Bound(op)) => {
                    let mut out = Outputs::default();
                    self.bound.ended(op, result, &mut out).unwrap();
                    self.carry_out(out);
                    self.with(|_, _| ());
                }
                Op::Journal(JournalOp::Log { step, .. }) => self.with(|replica, turn| {
                    replica.log.journal_ended(step, result, turn.bound, turn.out);
                }),
                Op::Log { op, .. } => self.with(|replica, turn| {
                    replica.log.ended(op, result, turn.bound, turn.out);
                }),
                other => panic!("a replica does not ask {other:?}"),
            }
        }
    }

    pub(super) fn take(&mut self) -> Vec<ReplicaEvent> {
        self.replica.events.drain(..).collect()
    }

    pub(super) fn produce(
        &mut self,
        request: u64,
        batch: &Batch,
        acks: Acks,
    ) -> Result<(), ErrorCode> {
        self.with(|replica, turn| replica.produce((request, 0), batch, acks, turn))
    }

    pub(super) fn fetched_by(&mut self, follower: u32, fetch: ReplicaFetch) {
        self.with(|replica, turn| replica.fetched_by(NodeId(follower), fetch, turn));
    }

    /// An answer of its leader.
    pub(super) fn answer(
        &self,
        from: Offset,
        high_watermark: Offset,
        batches: Vec<Batch>,
    ) -> ReplicaFetched {
        let (leader_epoch, log_start, diverging) = (self.replica.leader_epoch(), 0, None);
        let partition = PARTITION;
        ReplicaFetched {
            partition,
            leader_epoch,
            from,
            log_start,
            high_watermark,
            diverging,
            batches,
        }
    }

    pub(super) fn gets(&mut self, from: Offset, high_watermark: Offset, batches: Vec<Batch>) {
        let answer = self.answer(from, high_watermark, batches);
        self.with(|replica, turn| replica.fetched(NodeId(2), answer, turn));
    }

    /// Its leader says where the logs part.
    pub(super) fn parts(&mut self, from: Offset, at: (LeaderEpoch, Offset)) {
        let answer = ReplicaFetched { diverging: Some(at), ..self.answer(from, 0, Vec::new()) };
        self.with(|replica, turn| replica.fetched(NodeId(2), answer, turn));
    }

    /// What it asked its leader for since the last call.
    pub(super) fn asks(&mut self) -> Vec<ReplicaFetch> {
        let fetches = self.sent.extract_if(.., |(_, message)| matches!(message, Message::Fetch(_)));
        let fetch = |(_, message)| match message {
            Message::Fetch(fetch) => Some(fetch),
            _ => None,
        };
        fetches.filter_map(fetch).collect()
    }

    /// What it answered its followers since the last call.
    pub(super) fn answers(&mut self) -> Vec<ReplicaFetched> {
        let is_answer = |(_, message): &mut (_, Message)| matches!(message, Message::Fetched(_));
        let answer = |(_, message)| match message {
            Message::Fetched(fetched) => Some(fetched),
            _ => None,
        };
        self.sent.extract_if(.., is_answer).filter_map(answer).collect()
    }

    /// The ISR that it proposed last, since the last call.
    pub(super) fn proposed(&mut self) -> Option<String> {
        let is_proposal = |(_, message): &mut (_, Message)| matches!(message, Message::Alter(_));
        let (_, last) = self.sent.extract_if(.., is_proposal).last()?;
        let Message::Alter(alter) = last else { return None };
        Some(alter.isr.iter().map(|(node, _)| node.0.to_string()).collect())
    }
}
