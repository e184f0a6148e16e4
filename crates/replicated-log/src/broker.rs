//! A broker: replicas of partitions on one disk, the requests that wait for them, and its session with the
//! controllers.
//!
//! The law: what it is to a partition the controllers have decided, and it says so only while they believe that it
//! is alive. Each request is answered once, or its client is gone.

mod fetch;
mod groups;
mod lifecycle;
mod memory;
mod offsets;
mod produce;
mod session;
mod standing;
mod topics;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use consumer_groups::{Coordinator, GroupTuning};
use journal::{Bound, JournalOp, JournalTimer};
use machine::{
    Checkpoint, DiskId, DiskResult, Field, FileName, Input, Inspection, Machine, NodeId, Now,
    Outputs, Switches, Time, Window,
};

use crate::ask::{Answer, Ask};
use crate::cluster::Cluster;
use crate::error::ErrorCode;
use crate::mechanism::Mechanism;
use crate::message::{Message, Op, ReplicaFetch, ReplicatedLog, Timer};
use crate::replica::{Replica, ReplicaEvent, Turn};
use crate::throttle::Throttle;
use crate::tuning::Tuning;
use crate::words::{Name, TopicPartition};
use fetch::Fetches;
use groups::GroupWork;
use lifecycle::Phase;
use memory::{Memory, Remembering};
use offsets::Lookups;
use produce::Produces;
use session::Session;
pub use standing::{IsrChanges, Standing};
use topics::Commands;

/// No request waits longer, whatever it asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What a broker is told before it boots.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// All controllers.
    pub controllers: Vec<NodeId>,
    /// Where it is.
    pub rack: Option<Name>,
    /// Where clients reach it, and where nodes do; simulated ones need none.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// Times and sizes.
    pub tuning: Tuning,
}

/// A broker.
#[derive(Clone)]
pub struct Broker {
    id: NodeId,
    config: BrokerConfig,
    switches: Switches,
    phase: Phase,
    disk: DiskId,
    bound: Bound,
    memory: Memory,
    remembering: Remembering,
    session: Session,
    view: Cluster,
    met: BTreeMap<NodeId, SocketAddr>,
    replicas: BTreeMap<TopicPartition, Replica>,
    /// By the numbers of their logs.
    numbers: BTreeMap<u32, TopicPartition>,
    /// What followers of partitions asked that are not here yet.
    early: BTreeMap<(TopicPartition, NodeId), ReplicaFetch>,
    /// Replicas to which something happened in this input.
    touched: BTreeSet<TopicPartition>,
    window: Window,
    throttle: Throttle,
    requests: u64,
    produces: Produces,
    fetches: Fetches,
    lookups: Lookups,
    commands: Commands,
    coordinator: Coordinator,
    group_work: GroupWork,
    deadlines: BTreeSet<(Time, Deadline)>,
    armed: Option<Time>,
    /// It lost nothing when it stopped last.
    was_clean: bool,
    /// Logs that found no space for their numbers.
    unnamed: Vec<TopicPartition>,
    /// Bytes of batches in memory.
    cached: usize,
    remembered_at: Time,
    isr_changes: IsrChanges,
}

/// What has waited long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    Produce(u64),
    Fetch(u64),
    Command(u64),
    ProducerIds(u64),
    /// What the coordinator appended.
    Append(u64),
    /// The throttle lets something through.
    Throttle,
    /// It waits no longer for its leaders to be moved.
    Shutdown,
}

impl Broker {
    /// One that has not booted.
    pub fn new(id: NodeId, config: BrokerConfig, switches: Switches) -> Broker {
        let tuning = &config.tuning;
        let groups = GroupTuning {
            first_rebalance: tuning.first_rebalance,
            partitions: tuning.offsets_partitions,
            snapshot_bytes: tuning.offsets_snapshot_bytes,
            fences_generations: Mechanism::GenerationFencing.on(switches),
        };
        Broker {
            id,
            switches,
            phase: Phase::Reading,
            disk: DiskId::default(),
            bound: Bound::new(true),
            memory: Memory::default(),
            remembering: Remembering::new(),
            session: Session::new(tuning.session),
            view: Cluster::default(),
            met: BTreeMap::new(),
            replicas: BTreeMap::new(),
            numbers: BTreeMap::new(),
            early: BTreeMap::new(),
            touched: BTreeSet::new(),
            window: Window::default(),
            throttle: Throttle::new(tuning.reassignment_bytes),
            requests: 0,
            produces: Produces::default(),
            fetches: Fetches::default(),
            lookups: Lookups::default(),
            commands: Commands::default(),
            coordinator: Coordinator::new(groups),
            group_work: GroupWork::default(),
            deadlines: BTreeSet::new(),
            armed: None,
            was_clean: false,
            unnamed: Vec::new(),
            cached: 0,
            remembered_at: Time(0),
            isr_changes: IsrChanges::default(),
            config,
        }
    }

    fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    fn is_overloaded(&self) -> bool {
        let waiting =
            self.produces.len() + self.fetches.len() + self.lookups.len() + self.commands.len();
        waiting >= self.config.tuning.most_waiting
    }

    /// Does something with a replica, if it is here; it is settled before the input ends.
    fn with<T>(
        &mut self,
        partition: TopicPartition,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
        act: impl FnOnce(&mut Replica, &mut Turn<'_, '_>) -> T,
    ) -> Option<T> {
        let replica = self.replicas.get_mut(&partition)?;
        self.touched.insert(partition);
        let is_alive = self.session.lasts(now.time);
        let mut turn = Turn {
            now,
            out,
            bound: &mut self.bound,
            window: &mut self.window,
            throttle: &mut self.throttle,
            view: &self.view,
            me: self.id,
            controllers: &self.config.controllers,
            broker_epoch: self.session.epoch.unwrap_or(0),
            is_alive,
            tuning: &self.config.tuning,
            switches: self.switches,
        };
        Some(act(replica, &mut turn))
    }

    fn with_all(
        &mut self,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
        mut act: impl FnMut(&mut Replica, &mut Turn<'_, '_>),
    ) {
        for partition in self.replicas.keys().copied().collect::<Vec<_>>() {
            self.with(partition, now, out, &mut act);
        }
    }

    /// Those that are led here.
    fn with_leading(
        &mut self,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
        mut act: impl FnMut(&mut Replica, &mut Turn<'_, '_>),
    ) {
        let leading = self.replicas.iter().filter(|(_, replica)| replica.leads());
        for partition in leading.map(|(partition, _)| *partition).collect::<Vec<_>>() {
            self.with(partition, now, out, &mut act);
        }
    }

    fn message(
        &mut self,
        from: NodeId,
        message: Message,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match message {
            Message::Ask { token, ask } => self.ask((from, token), *ask, now, out),
            Message::Fetch(fetch) => self.fetch_of_follower(from, fetch, now, out),
            Message::Fetched(fetched) => {
                let partition = fetched.partition;
                self.with(partition, now, out, |replica, turn| {
                    replica.fetched(from, fetched, turn)
                });
            }
            Message::Registered { boot, epoch } => self.registered(from, (boot, epoch), now, out),
            Message::Beat(beat) => self.beat(from, beat, now, out),
            Message::Entries { entries } => self.entries(entries, now, out),
            Message::Image { at, state } => self.image(at, state, now, out),
            Message::Commanded { token, outcome } => self.commanded(token, outcome, out),
            _ => {}
        }
    }

    fn ask(
        &mut self,
        client: (NodeId, u64),
        ask: Ask,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match ask {
            Ask::Produce(produce) => self.produce(client, produce, now, out),
            Ask::Fetch(fetch) => self.fetch(client, fetch, now, out),
            Ask::Metadata(metadata) => self.metadata(client, metadata, now, out),
            Ask::ListOffsets(offsets) => self.list_offsets(client, offsets, now, out),
            Ask::EpochEnds(epochs) => self.epoch_ends(client, epochs, out),
            Ask::InitProducerId => self.init_producer_id(client, now, out),
            Ask::DescribeConfigs(topics) => self.describe_configs(client, topics, out),
            Ask::CreateTopics { topics, timeout, only_check } => {
                self.create_topics(client, (topics, timeout, only_check), now, out);
            }
            Ask::DeleteTopics { topics, timeout } => {
                self.delete_topics(client, (topics, timeout), now, out);
            }
            Ask::CreatePartitions { topics, timeout, only_check } => {
                self.create_partitions(client, (topics, timeout, only_check), now, out);
            }
            Ask::Reassign { topic, replicas, timeout } => {
                self.reassign(client, (topic, replicas, timeout), now, out);
            }
            Ask::FindCoordinator(groups) => self.find_coordinator(client, groups, now, out),
            about_groups => self.ask_coordinator(client, &about_groups, now, out),
        }
    }

    fn disk(
        &mut self,
        op: Op,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match op {
            Op::Journal(JournalOp::Bound(op)) => {
                if let Err(why) = self.bound.ended(op, result, out) {
                    return out.halt(why);
                }
                // Any of them may have waited for it.
                self.touched.extend(self.replicas.keys().copied());
            }
            Op::Journal(JournalOp::Log { family, step }) => {
                let Some(partition) = self.numbers.get(&family).copied() else { return };
                self.with(partition, now, out, |replica, turn| {
                    replica.log.journal_ended(step, result, turn.bound, turn.out);
                });
            }
            Op::Log { log, op } => {
                let Some(partition) = self.numbers.get(&log).copied() else { return };
                self.with(partition, now, out, |replica, turn| {
                    replica.log.ended(op, result, turn.bound, turn.out);
                });
            }
            Op::Checkpoint(op) => self.remembered(op, result, now, out),
            Op::Raft(_) => {}
        }
    }

    /// Ends an input: replicas to which something happened are settled, until nothing more happens.
    fn settle(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        while let Some(partition) = self.touched.pop_first() {
            self.with(partition, now, out, |replica, turn| replica.settle(turn));
            self.let_go(partition);
            self.touched.remove(&partition);
            while let Some(event) = self.replicas.get_mut(&partition).and_then(Replica::next_event)
            {
                self.event(partition, event, now, out);
            }
        }
        if let Some(at) = self.throttle.take_wanted() {
            self.deadlines.insert((at, Deadline::Throttle));
        }
        self.go_on(now, out);
        let next = self.deadlines.first().map(|(at, _)| *at);
        if next != self.armed {
            self.armed = next;
            match next {
                Some(at) => out.set_timer(Timer::Waiting, at.since(now.time)),
                None => out.cancel_timer(Timer::Waiting),
            }
        }
    }

    fn event(
        &mut self,
        partition: TopicPartition,
        event: ReplicaEvent,
        now: &mut Now<'_>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match event {
            ReplicaEvent::Ready => self.replica_is_ready(partition, now, out),
            ReplicaEvent::Deleted => self.replica_is_gone(partition, now, out),
            ReplicaEvent::Moved => {
                self.read_for_groups(partition, now, out);
                self.wake(partition, now, out);
            }
            ReplicaEvent::Leads(leads) => self.leads(partition, leads, now, out),
            ReplicaEvent::Produced { request, part, outcome } => {
                if !self.appended_for_groups(request, outcome, now, out) {
                    self.produced((request, part), outcome, out);
                }
            }
            ReplicaEvent::Loaded { ticket, batches } => {
                self.loaded(partition, ticket, &batches, now, out);
            }
            ReplicaEvent::Read { request, part, batches } => {
                self.was_read((request, part), batches, out);
            }
            ReplicaEvent::Found { request, part, found } => {
                self.was_found((request, part), found, out);
            }
        }
    }

    /// What has waited long enough.
    fn waited(&mut self, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        self.armed = None;
        while self.deadlines.first().is_some_and(|(at, _)| *at <= now.time)
            && let Some((_, late)) = self.deadlines.pop_first()
        {
            match late {
                Deadline::Produce(request) => self.produce_is_late(request, now, out),
                Deadline::Fetch(request) => self.fetch_is_late(request, now, out),
                Deadline::Command(request) => self.finish_command(request, true, out),
                Deadline::ProducerIds(token) => self.producer_ids_are_late(token, out),
                Deadline::Append(request) => {
                    let late = Err(ErrorCode::RequestTimedOut);
                    self.appended_for_groups(request, late, now, out);
                }
                Deadline::Shutdown => self.close(out),
                Deadline::Throttle => self.with_all(now, out, |replica, turn| replica.feed(turn)),
            }
        }
    }

    /// The link to this node broke.
    fn link_reset(&mut self, peer: NodeId, now: &mut Now<'_>, out: &mut Outputs<ReplicatedLog>) {
        self.window.reset(peer);
        self.forget_produces(peer);
        self.forget_fetches(peer, out);
        self.forget_lookups(peer);
        self.forget_commands(peer);
        self.early.retain(|(_, from), _| *from != peer);
        if self.view.brokers.contains_key(&peer) {
            self.with_all(now, out, |replica, turn| {
                replica.link_reset(peer);
                replica.leader_reset(peer, turn);
            });
        }
    }
}

impl Machine for Broker {
    type Protocol = ReplicatedLog;

    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<ReplicatedLog>,
        out: &mut Outputs<ReplicatedLog>,
    ) {
        match input {
            Input::Start { disk } => self.start(disk, now, out),
            Input::Message { from, message } => self.message(from, message, now, out),
            Input::Timer(Timer::Journal(JournalTimer::Bound)) => self.bound.timer(out),
            Input::Timer(Timer::Journal(JournalTimer::Retry(log))) => {
                if let Some(partition) = self.numbers.get(&log).copied() {
                    self.with(partition, now, out, |replica, turn| replica.log.timer(turn.out));
                }
            }
            Input::Timer(Timer::Heartbeat) => self.heartbeat(now, out),
            Input::Timer(Timer::Waiting) => self.waited(now, out),
            Input::Timer(Timer::Lag) => self.lag(now, out),
            Input::Timer(Timer::Group) => self.group_time_passed(now, out),
            Input::Timer(Timer::Upkeep) => self.upkeep(now, out),
            Input::Timer(_) => {}
            Input::Disk { op, result } => self.disk(op, result, now, out),
            Input::LinkReset { peer } => self.link_reset(peer, now, out),
            Input::Writable { peer, link } => {
                self.window.writable(peer, link);
                self.with_all(now, out, |replica, turn| replica.feed(turn));
            }
            Input::Stop => self.stop(now, out),
        }
        self.settle(now, out);
    }

    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        let memory = Checkpoint::<ReplicatedLog>::sealed(&Memory::first().encode());
        vec![Bound::first_file(), (memory::FILE.into(), memory)]
    }

    fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        see(self.inspect().role, None);
        if self.replicas.iter().any(|(at, replica)| replica.leads() && self.is_own_topic(*at)) {
            see("coordinator", None);
        }
        for (number, replica) in self.roles_by_partition() {
            see(replica.role_name(), Some(number));
        }
    }

    fn fields(&self) -> Vec<Field> {
        let leads = self.replicas.values().filter(|replica| replica.leads()).count();
        let mut fields = vec![
            Field::text("broker epoch", self.session.epoch),
            Field::number("metadata to", self.view.applied),
            Field::number("leads", leads as u64),
            Field::number("waiting", (self.produces.len() + self.fetches.len()) as u64),
        ];
        if let Some((_, replica)) = self.roles_by_partition().next() {
            fields.push(Field::text("p0", Some(replica.role_name())));
            fields.push(Field::number("p0 watermark", replica.high_watermark()));
            fields.push(Field::number("p0 synced to", replica.log.counted_end()));
            fields.push(Field::number("p0 ends at", replica.log.end_offset()));
        }
        fields
    }

    fn inspect(&self) -> Inspection {
        let leads = self.replicas.values().filter(|replica| replica.leads()).count();
        let all = self.replicas.len();
        let state = format!("leads {leads} of {all} partitions, metadata to {}", self.view.applied);
        Inspection { role: self.role(), state }
    }
}

fn answer(client: NodeId, token: u64, answer: Answer, out: &mut Outputs<ReplicatedLog>) {
    out.send(client, Message::Answer { token, answer: Box::new(answer) });
}
