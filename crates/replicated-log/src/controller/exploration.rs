//! Every history of a few events: no acknowledged record is missing at a possible leader.
//!
//! A partition of three replicas, of which two must be in sync, as brokers and controllers see it. The controllers are
//! one committed state, on which the functions of this folder work; brokers see it late. What brokers do is modelled
//! here: a replica is a log, of which a part is synced; a leader raises its watermark, and proposes ISRs. Messages take
//! as long as they like: a proposal is taken at any time, or never, or twice.
//!
//! Each history begins where one record was acknowledged, and ends after seven events. Without a mechanism, or by a rule
//! that is a little wrong, it takes five at most to lose the record.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use machine::{DiskId, NodeId, Switches};

use super::elect::Rules;
use super::tests::{PARTITION, cluster_of_three, nodes, register};
use super::{alter, brokers, reassign};
use crate::cluster::{Cluster, Partition};
use crate::entry::Entry;
use crate::mechanism::Mechanism;
use crate::message::{Alter, Registration};
use crate::words::BrokerEpoch;

const MIN: usize = 2;
const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const DEPTH: u32 = 7;

/// How brokers behave, besides the mechanisms.
#[derive(Clone, Copy)]
struct Model {
    switches: Switches,
    /// A replica counts what it has written, and a restart may be a power cut that takes what was not synced.
    os: bool,
    wrong: Option<Wrong>,
}

/// Rules of brokers that are a little wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    /// Whom a leader has proposed does not count before it is committed.
    CountsCommittedOnly,
    /// What a leader does not want any more counts no longer, though a copy of it may be on its way.
    ForgetsProposals,
    /// A follower is proposed that has what the leader knows to be acknowledged, which a new leader does not know.
    ForgetsEpochStart,
}

#[derive(Clone, Hash)]
struct World {
    cluster: Arc<Cluster>,
    replicas: [Arc<Replica>; 3],
    /// Sent at some time; each may come whenever it likes.
    proposals: Vec<Arc<(NodeId, Alter)>>,
    /// Acknowledged: leader epoch and number of each record.
    acknowledged: Vec<Record>,
    /// Two leaders acknowledged different records at one offset.
    parted: bool,
    records: u32,
}

type Record = (u32, u32);

#[derive(Clone, Debug, Hash)]
struct Replica {
    log: Vec<Record>,
    synced: usize,
    /// What it knows of the partition; nothing after a boot.
    view: Option<Arc<Partition>>,
    epoch: BrokerEpoch,
    /// As it leads, or was told.
    watermark: usize,
    /// As it leads: where its log ended when it began to.
    epoch_start: usize,
    /// As it leads: how far each follower is, and in which broker epoch.
    ends: [Option<(usize, BrokerEpoch)>; 3],
    /// As it leads: all that it proposed for the version that it knows.
    proposed: Vec<NodeId>,
    /// Its disk was lost, and it was not taken into the ISR since.
    lost: bool,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Append(NodeId),
    Sync(NodeId),
    /// The first from the second: its end is told, and what it lacks is written, or cut.
    Fetch(NodeId, NodeId),
    /// The leader wants this one in, or out.
    Propose(NodeId, NodeId),
    Commit(usize),
    Learn(NodeId),
    Fence(NodeId),
    Unfence(NodeId),
    Restart(NodeId),
    LoseDisk(NodeId),
}

fn at(node: NodeId) -> usize {
    node.0 as usize - 1
}

impl World {
    /// Broker 1 leads, and one record is acknowledged, which these have. Followers do not know that it is.
    fn of(isr: &str, elr: &str, have: &str, besides: impl Fn(&mut Partition)) -> World {
        let mut partition = Partition {
            replicas: ALL.into(),
            isr: nodes(isr),
            elr: nodes(elr),
            leader: Some(ALL[0]),
            leader_epoch: 1,
            version: 1,
            ..Partition::default()
        };
        besides(&mut partition);
        let view = Arc::new(partition.clone());
        let replicas = ALL.map(|node| {
            let log = if nodes(have).contains(&node) { vec![(1, 0)] } else { Vec::new() };
            Arc::new(Replica {
                synced: log.len(),
                log,
                view: Some(view.clone()),
                epoch: node.0.into(),
                watermark: usize::from(node == ALL[0]),
                epoch_start: 0,
                ends: [None; 3],
                proposed: Vec::new(),
                lost: false,
            })
        });
        let cluster = Arc::new(cluster_of_three(partition));
        let (proposals, acknowledged) = (Vec::new(), vec![(1, 0)]);
        let mut world =
            World { cluster, replicas, proposals, acknowledged, parted: false, records: 1 };
        let ends = ALL.map(|node| Some((world.replicas[at(node)].log.len(), node.0.into())));
        world.replica(ALL[0]).ends = ends;
        world
    }

    fn replica(&mut self, node: NodeId) -> &mut Replica {
        Arc::make_mut(&mut self.replicas[at(node)])
    }

    fn partition(&self) -> &Partition {
        self.cluster.partition(PARTITION).unwrap()
    }

    /// Does this broker believe that it leads, and in which epoch?
    fn leads(&self, node: NodeId) -> Option<&Arc<Partition>> {
        self.replicas[at(node)].view.as_ref().filter(|view| view.leader == Some(node))
    }

    fn events(&self, model: Model) -> Vec<Event> {
        let mut events = Vec::new();
        let may_lose = self.replicas.iter().filter(|replica| replica.lost).count() + 1 < MIN;
        for node in ALL {
            let replica = &self.replicas[at(node)];
            let loses = model.os && replica.synced < replica.log.len();
            let writes = model.os || !Mechanism::FlushBeforeAck.on(model.switches);
            let whole = writes || replica.synced == replica.log.len();
            events.extend((replica.synced < replica.log.len()).then_some(Event::Sync(node)));
            // Each is a number.
            let boots = self.cluster.applied < 5;
            events.extend((boots && (!loses || may_lose)).then_some(Event::Restart(node)));
            events.extend((boots && may_lose).then_some(Event::LoseDisk(node)));
            let known = replica.view.as_deref() == Some(self.partition());
            events.extend((!known).then_some(Event::Learn(node)));
            let fenced = !self.cluster.is_alive(node);
            events.extend((fenced && replica.view.is_some()).then_some(Event::Unfence(node)));
            let there = !fenced || self.partition().isr.contains(&node);
            events.extend(there.then_some(Event::Fence(node)));
            let Some(view) = &replica.view else { continue };
            if self.leads(node).is_none() {
                let led = |leader: &NodeId| {
                    self.leads(*leader).is_some_and(|leads| leads.leader_epoch == view.leader_epoch)
                };
                let fetch = view.leader.filter(led).map(|leader| Event::Fetch(node, leader));
                events.extend(fetch.filter(|_| whole));
                continue;
            }
            events.extend((self.records < 2).then_some(Event::Append(node)));
            if self.proposals.len() < 2 {
                let other =
                    |other: &NodeId| *other != node && self.may_propose(node, *other, model);
                events
                    .extend(ALL.into_iter().filter(other).map(|other| Event::Propose(node, other)));
            }
        }
        let count = self.proposals.len();
        let taken = |number: &usize| self.take(*number, model).is_some();
        events.extend((0..count).filter(taken).map(Event::Commit));
        events
    }

    /// Whoever is in may be put out; whoever is not must have caught up.
    fn may_propose(&self, leader: NodeId, other: NodeId, model: Model) -> bool {
        let replica = &self.replicas[at(leader)];
        let view = self.leads(leader).unwrap();
        let least = match model.wrong {
            Some(Wrong::ForgetsEpochStart) => replica.watermark,
            _ => replica.watermark.max(replica.epoch_start),
        };
        view.isr.contains(&other) || replica.ends[at(other)].is_some_and(|(end, _)| end >= least)
    }

    fn take(&self, number: usize, model: Model) -> Option<Partition> {
        let (from, proposal) = &*self.proposals[number];
        alter::alter(&self.cluster, *from, proposal, model.switches)
    }

    fn apply(&mut self, entry: &Entry) {
        // The number counts registrations, so that histories that lead to the same are the same.
        let is_registration = matches!(entry, Entry::Broker { .. });
        let number = self.cluster.applied + u64::from(is_registration);
        Arc::make_mut(&mut self.cluster).apply(number, entry);
    }

    fn carry_out(&mut self, event: Event, model: Model) {
        let switches = model.switches;
        match event {
            Event::Append(node) => {
                let epoch = self.leads(node).unwrap().leader_epoch;
                let record = (epoch, self.records);
                self.replica(node).log.push(record);
                self.records += 1;
            }
            Event::Sync(node) => {
                let replica = self.replica(node);
                replica.synced = replica.log.len();
            }
            Event::Fetch(node, leader) => self.fetch(node, leader),
            Event::Propose(node, other) => self.propose(node, other, model),
            Event::Commit(number) => {
                let next = self.take(number, model).unwrap();
                let came =
                    |node: &NodeId| next.isr.contains(node) && !self.partition().isr.contains(node);
                let came: Vec<_> = ALL.into_iter().filter(came).collect();
                came.into_iter().for_each(|node| self.replica(node).lost = false);
                self.apply(&Entry::Partitions(vec![(PARTITION, next)]));
            }
            Event::Learn(node) => self.learn(node),
            Event::Fence(node) => {
                let entry = brokers::fence(&self.cluster, node, switches);
                entry.into_iter().for_each(|entry| self.apply(&entry));
            }
            Event::Unfence(node) => {
                let entry = brokers::unfence(&self.cluster, node, switches);
                self.apply(&entry);
            }
            Event::Restart(node) => {
                let replica = self.replica(node);
                let lost = replica.log.len() > replica.synced;
                replica.log.truncate(replica.synced);
                replica.lost |= model.os && lost;
                self.boot(node, self.cluster.brokers[&node].disk, model);
            }
            Event::LoseDisk(node) => {
                let replica = self.replica(node);
                replica.log.clear();
                (replica.synced, replica.lost) = (0, true);
                self.boot(node, DiskId(self.cluster.brokers[&node].disk.0 + 10), model);
            }
        }
        ALL.into_iter().for_each(|node| self.raise_watermark(node, model));
    }

    fn boot(&mut self, node: NodeId, disk: DiskId, model: Model) {
        let boot = self.cluster.brokers[&node].boot + 10;
        let registration = Registration { boot, disk, clean: !model.os, ..register(node.0) };
        let entry = brokers::register(&self.cluster, node, &registration, model.switches);
        self.apply(&entry);
        let epoch = self.cluster.applied;
        let replica = self.replica(node);
        (replica.view, replica.epoch) = (None, epoch);
        (replica.watermark, replica.ends, replica.proposed) = (0, [None; 3], Vec::new());
    }

    fn fetch(&mut self, node: NodeId, leader: NodeId) {
        let log = self.replicas[at(leader)].log.clone();
        let follower = self.replica(node);
        let common = log.iter().zip(&follower.log).take_while(|(one, other)| one == other).count();
        let end = (common, follower.epoch);
        follower.synced = follower.synced.min(common);
        follower.log = log;
        self.replica(leader).ends[at(node)] = Some(end);
    }

    fn propose(&mut self, node: NodeId, other: NodeId, model: Model) {
        let view = self.leads(node).unwrap().clone();
        let replica = self.replica(node);
        let mut isr: Vec<NodeId> = view.isr.clone();
        match isr.iter().position(|member| *member == other) {
            Some(place) => drop(isr.remove(place)),
            None => isr.push(other),
        }
        if model.wrong == Some(Wrong::ForgetsProposals) || !Mechanism::IsrCommit.on(model.switches)
        {
            replica.proposed.clear();
        }
        replica.proposed.extend(&isr);
        replica.proposed.sort_unstable();
        replica.proposed.dedup();
        let seen = |node: NodeId| (node, replica.ends[at(node)].map_or(0, |(_, epoch)| epoch));
        let isr = isr.into_iter().map(seen).collect();
        let (leader_epoch, version) = (view.leader_epoch, view.version);
        let proposal = Alter { partition: PARTITION, leader_epoch, version, isr };
        self.proposals.push(Arc::new((node, proposal)));
    }

    fn learn(&mut self, node: NodeId) {
        let view = Arc::new(self.partition().clone());
        let replica = self.replica(node);
        let before = replica.view.replace(view.clone());
        replica.proposed.clear();
        if before.is_none_or(|before| before.leader_epoch != view.leader_epoch) {
            replica.epoch_start = replica.log.len();
            replica.ends = [None; 3];
        }
    }

    /// A leader acknowledges what all that count have.
    fn raise_watermark(&mut self, node: NodeId, model: Model) {
        let Some(view) = self.leads(node).cloned() else { return };
        let replica = &self.replicas[at(node)];
        let committed_counts =
            Mechanism::IsrCommit.on(model.switches) || replica.proposed.is_empty();
        let proposed_counts = model.wrong != Some(Wrong::CountsCommittedOnly);
        let committed = view.isr.iter().filter(|_| committed_counts);
        let counted = committed.chain(replica.proposed.iter().filter(|_| proposed_counts));
        let writes = model.os || !Mechanism::FlushBeforeAck.on(model.switches);
        let own = if writes { replica.log.len() } else { replica.synced };
        let end = |member: &NodeId| match *member == node {
            true => own,
            false => replica.ends[at(*member)].map_or(0, |(end, _)| end),
        };
        let least = counted.map(end).min().unwrap_or(0);
        let enough = view.isr.len() >= MIN || !Mechanism::MinInsync.on(model.switches);
        if enough && least > replica.watermark {
            let (acknowledges, before) = (&replica.log[..least], &self.acknowledged[..]);
            self.parted |= acknowledges.iter().zip(before).any(|(one, other)| one != other);
            if least > before.len() {
                self.acknowledged = acknowledges.to_vec();
            }
            self.replica(node).watermark = least;
        }
    }

    /// Could somebody lead, now or after any others are gone, who lacks something that was acknowledged?
    fn is_broken(&self, model: Model) -> bool {
        let lacks = |node: &&NodeId| {
            let replica = &self.replicas[at(**node)];
            let end = if model.os { replica.log.len() } else { replica.synced };
            !replica.log[..end].starts_with(&self.acknowledged)
        };
        let may_lead = |node: &NodeId| {
            let (min, switches) = (MIN as u32, model.switches);
            let mut next = self.partition().clone();
            Rules { lives: |other| other == *node, min, switches }.settle(&mut next);
            next.leader == Some(*node)
        };
        self.parted || ALL.iter().filter(lacks).any(may_lead)
    }
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// The shortest history that breaks, from any of the beginnings; and how many states there were before the last event.
fn explore(model: Model) -> (Option<Vec<Event>>, usize) {
    let mut seen = BTreeSet::new();
    let mut worlds: Vec<_> = beginnings().map(|world| (Vec::new(), world)).into();
    for left in (0..DEPTH).rev() {
        let mut next = Vec::new();
        for (history, world) in worlds {
            for event in world.events(model) {
                // Nothing is acknowledged by these, nor in the hands of others: they are no end.
                if left == 0 && matches!(event, Event::Append(_) | Event::Propose(..)) {
                    continue;
                }
                let mut after = world.clone();
                after.carry_out(event, model);
                let history = || [&history[..], &[event]].concat();
                if after.is_broken(model) {
                    return (Some(history()), seen.len());
                }
                if left > 0 && seen.insert(fingerprint(&after)) {
                    next.push((history(), after));
                }
            }
        }
        worlds = next;
    }
    (None, seen.len())
}

fn beginnings() -> [World; 8] {
    let nothing = |_: &mut Partition| ();
    // The leader is to go, when 3 has caught up.
    let moves = World::of("12", "", "12", |partition| reassign::begin(partition, &nodes("23")));
    // Another record is on two disks, and is not acknowledged before that is told.
    let mut tells = World::of("12", "", "123", nothing);
    tells.records += 1;
    for node in [ALL[0], ALL[1]] {
        let replica = tells.replica(node);
        (replica.log, replica.synced) = (vec![(1, 0), (1, 1)], 2);
    }
    // A leader does not know what was acknowledged before, and 3 does not have it.
    let mut new = World::of("12", "", "12", |partition| partition.leader = Some(ALL[1]));
    new.replica(ALL[1]).epoch_start = 1;
    new.replica(ALL[1]).ends[2] = Some((0, 3));
    [
        World::of("123", "", "123", nothing),
        // One is out, and has caught up or not.
        World::of("12", "", "12", nothing),
        World::of("12", "", "123", nothing),
        // The leader is alone, and others are eligible.
        World::of("1", "2", "12", nothing),
        World::of("1", "23", "123", nothing),
        moves,
        tells,
        new,
    ]
}

#[test]
fn no_acknowledged_record_is_missing_at_a_possible_leader() {
    let model = Model { switches: Switches::ALL_ON, os: false, wrong: None };
    let (broken, states) = explore(model);
    assert!(broken.is_none(), "{broken:?}");
    assert!(states > 100_000, "{states}");
}

#[test]
fn nor_where_replicas_count_what_the_operating_system_has() {
    let model = Model { switches: Switches::ALL_ON, os: true, wrong: None };
    let (broken, states) = explore(model);
    assert!(broken.is_none(), "{broken:?}");
    assert!(states > 100_000, "{states}");
}

#[test]
fn without_a_mechanism_or_by_a_rule_that_is_a_little_wrong_one_is_missing() {
    let all = Switches::ALL_ON;
    let without =
        |mechanism: Mechanism| Model { switches: mechanism.off(), os: false, wrong: None };
    let wrong = |wrong| Model { switches: all, os: false, wrong: Some(wrong) };
    for (name, model, events) in [
        ("clean-election", without(Mechanism::CleanElection), 1),
        ("disk-identity", without(Mechanism::DiskIdentity), 1),
        ("eligible-leaders", Model { os: true, ..without(Mechanism::EligibleLeaders) }, 4),
        ("min-insync", without(Mechanism::MinInsync), 2),
        ("isr-commit", without(Mechanism::IsrCommit), 3),
        ("isr-epoch", without(Mechanism::IsrEpoch), 5),
        ("flush-before-ack", without(Mechanism::FlushBeforeAck), 3),
        ("counts the committed only", wrong(Wrong::CountsCommittedOnly), 3),
        ("forgets proposals", wrong(Wrong::ForgetsProposals), 4),
        ("forgets the start of its epoch", wrong(Wrong::ForgetsEpochStart), 2),
    ] {
        let (broken, _) = explore(model);
        assert_eq!(broken.as_ref().map(Vec::len), Some(events), "{name}: {broken:?}");
    }
}
