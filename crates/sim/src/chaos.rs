//! Carries out the faults of a plan: what each kind does to the world when it begins and ends.
//!
//! What can be derived from the set of faults that are on is in `effects.rs`; here is what happens
//! only at the moment.

use std::sync::Arc;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use recording::Moment;

use crate::conditions::Sides;
use crate::disk::Unsynced;
use crate::fault::{Fault, Target, role_of};
use crate::history::Counts;
use crate::network::pairs;
use crate::node::Snapshot;
use crate::world::{Event, World};

/// The number of a fault in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(pub(crate) usize);

#[derive(Clone)]
pub(crate) struct Scheduled<M: Machine> {
    pub(crate) fault: Fault,
    /// Part of another fault, under whose name it was counted.
    part: bool,
    until: Time,
    /// When it was counted, and when it ended after that.
    pub(crate) counted: Option<Time>,
    pub(crate) ended: Option<Time>,
    pub(crate) on: bool,
    /// A flapping link: is it cut right now?
    pub(crate) cut: bool,
    /// The nodes that it hits; of a fault with two sides, the first side.
    pub(crate) hits: Vec<NodeId>,
    pub(crate) other_side: Vec<NodeId>,
    /// The same, to be asked about a node.
    pub(crate) sides: Arc<Sides>,
    snapshot: Option<Snapshot<M>>,
    /// How many bytes a disk has space for, that was filled when the fault began.
    pub(crate) capacity: Option<u64>,
}

impl<M: Machine> Scheduled<M> {
    pub(crate) fn is_counted(&self) -> bool {
        self.counted.is_some()
    }
}

/// The faults of a world: to come, on, and over.
#[derive(Clone)]
pub(crate) struct Chaos<M: Machine> {
    pub(crate) faults: Vec<Scheduled<M>>,
    /// By node: the faults that are on and hit it, by number.
    pub(crate) hitting: Vec<Vec<usize>>,
    /// Those of links that are on, and the filters among them, by number.
    pub(crate) of_links: Vec<usize>,
    pub(crate) filters: Vec<usize>,
    /// What did harm to the disk of a node that it has not met yet, whether it is over or not.
    pub(crate) harms: Vec<(NodeId, usize)>,
    pub(crate) counts: Counts,
}

impl<M: Machine> Chaos<M> {
    pub(crate) fn new(nodes: usize) -> Self {
        Chaos {
            faults: Vec::new(),
            hitting: vec![Vec::new(); nodes],
            of_links: Vec::new(),
            filters: Vec::new(),
            harms: Vec::new(),
            counts: Counts::new(),
        }
    }

    /// One more node.
    pub(crate) fn grow(&mut self) {
        self.hitting.push(Vec::new());
    }

    /// The faults that hit a node right now.
    pub(crate) fn on(&self, node: NodeId) -> impl Iterator<Item = &Scheduled<M>> {
        self.hitting[node.0 as usize].iter().map(|&index| &self.faults[index])
    }

    fn hit(&mut self, index: usize, nodes: &[NodeId]) {
        for node in nodes {
            let hitting = &mut self.hitting[node.0 as usize];
            // A role and a number may name the same node.
            if !hitting.contains(&index) {
                hitting.push(index);
            }
        }
    }

    fn release(&mut self, index: usize, nodes: &[NodeId]) {
        for node in nodes {
            self.hitting[node.0 as usize].retain(|&hitting| hitting != index);
        }
    }
}

impl<M: Machine> World<M> {
    /// A fault that begins and ends at these times.
    pub fn schedule(&mut self, at: Time, until: Time, fault: Fault) -> FaultId {
        self.schedule_part(at, until, fault, false)
    }

    /// A fault that begins now and stays on until it is ended.
    pub fn begin(&mut self, fault: Fault) -> FaultId {
        let index = self.chaos.faults.len();
        self.add(fault, Time(u64::MAX), false);
        self.begin_fault(index);
        FaultId(index)
    }

    /// Ends a fault now, rather than at its time.
    pub fn end(&mut self, fault: FaultId) {
        self.end_fault(fault.0);
    }

    /// A fault of this world, whether it is to come, on or over.
    pub fn fault(&self, fault: FaultId) -> &Fault {
        &self.chaos.faults[fault.0].fault
    }

    /// The nodes that each active fault hits: its two sides, of which the second is empty where the fault
    /// has none.
    pub fn active_faults(&self) -> impl Iterator<Item = (&[NodeId], &[NodeId])> {
        let on = self.chaos.faults.iter().filter(|scheduled| scheduled.on);
        on.map(|scheduled| (&scheduled.hits[..], &scheduled.other_side[..]))
    }

    /// Ends the safety phase for these nodes: they are up, whole and can talk to each other from
    /// now on. Faults that touch only others go on, and so do filters of messages: they are what a scenario is
    /// about, and no weather.
    pub fn heal(&mut self, nodes: &[NodeId]) {
        self.healed_at = Some(self.now);
        self.record(|| Moment::Healed);
        let nodes: Vec<NodeId> = nodes.iter().copied().filter(|&node| self.has(node)).collect();
        nodes.iter().for_each(|&node| self.network.conditions.heal(node));
        for index in 0..self.chaos.faults.len() {
            let fault = &mut self.chaos.faults[index];
            if !fault.on || fault.fault.is_of_links() {
                continue;
            }
            let healed = |node: &NodeId| nodes.contains(node);
            let (released, rest): (Vec<NodeId>, _) = fault.hits.iter().copied().partition(healed);
            fault.hits = rest;
            if !released.is_empty() {
                // It is not resumed from its snapshot: that would be one more fault.
                fault.snapshot = None;
            }
            self.chaos.release(index, &released);
            released.into_iter().for_each(|node| self.lift(index, node));
        }
        for &node in &nodes {
            // Nobody waits any longer for one that has not stopped.
            if self.node(node).grace_ends.is_some() {
                self.crash_now(node, Unsynced::Kept);
            }
            if self.node(node).machine.is_none() && self.node(node).down == 0 {
                self.start(node);
            }
        }
        self.rebuild_network();
    }

    fn schedule_part(&mut self, at: Time, until: Time, fault: Fault, part: bool) -> FaultId {
        let index = self.chaos.faults.len();
        self.add(fault, until, part);
        self.schedule_event(at.max(self.now), Event::FaultBegins(index));
        self.schedule_event(until.max(self.now), Event::FaultEnds(index));
        FaultId(index)
    }

    /// # Panics
    /// If the fault makes no sense in this world: see `Fault::validate`, and [`World::declare`].
    fn add(&mut self, fault: Fault, until: Time, part: bool) {
        if let Err(why) = fault.validate(self.numbers()) {
            panic!("{why}");
        }
        self.assert_declared(&fault);
        self.chaos.faults.push(Scheduled {
            fault,
            part,
            until,
            counted: None,
            ended: None,
            on: false,
            cut: true,
            hits: Vec::new(),
            other_side: Vec::new(),
            sides: Arc::default(),
            snapshot: None,
            capacity: None,
        });
    }

    pub(crate) fn begin_fault(&mut self, index: usize) {
        let fault = self.chaos.faults[index].fault.clone();
        let (hits, other_side) = self.aim(&fault);
        if hits.is_empty() && !fault.may_name_nobody() {
            return;
        }
        let scheduled = &mut self.chaos.faults[index];
        scheduled.on = true;
        scheduled.hits.clone_from(&hits);
        scheduled.other_side.clone_from(&other_side);
        scheduled.sides = Sides::of(&hits, &other_side);
        let (part, until) = (scheduled.part, scheduled.until);
        self.chaos.hit(index, &hits);
        let nodes = hits.iter().chain(&other_side).copied().collect();
        self.record(|| Moment::FaultBegins { nodes, text: fault.to_string() });
        if self.take_effect(index, &fault, &hits, &other_side, until) && !part {
            self.count(index);
        }
        self.rebuild(&fault, &hits);
    }

    /// What a fault does at its beginning; true where that hits something. All others are counted when they do.
    fn take_effect(
        &mut self,
        index: usize,
        fault: &Fault,
        hits: &[NodeId],
        other_side: &[NodeId],
        until: Time,
    ) -> bool {
        let was_up = hits.iter().any(|&node| self.node(node).machine.is_some());
        let harm = |world: &mut Self, harmed| {
            world.chaos.harms.extend(bool::then_some(harmed, (hits[0], index)));
            false
        };
        match fault {
            Fault::RollingRestart { .. } if self.chaos.faults[index].part => {
                for &node in hits {
                    self.node_mut(node).down += 1;
                    self.tell_to_stop(node);
                }
                was_up
            }
            Fault::RollingRestart { .. } => {
                self.restart_in_turn(hits, until);
                was_up
            }
            Fault::LinkReset { .. } => {
                let mut any = false;
                for (a, b) in pairs(hits, other_side) {
                    any |= self.is_exposed((a, b)) && self.reset_link(a, b);
                }
                any
            }
            Fault::FlappingLink { period_ns, .. } => {
                let at = Time(self.now.0 + period_ns / 2);
                self.schedule_event(at, Event::Flap(index));
                false
            }
            Fault::SnapshotResumed { .. } => {
                self.chaos.faults[index].snapshot = self.node(hits[0]).snapshot(self.now);
                false
            }
            Fault::FullDisk { room, .. } => {
                let capacity = self.node(hits[0]).disk.used().saturating_add(*room);
                self.chaos.faults[index].capacity = Some(capacity);
                false
            }
            Fault::SlowDisk { .. } | Fault::HungDisk { .. } => {
                !self.node(hits[0]).disk_ops.is_empty()
            }
            Fault::BitRot { bits, prefix, .. } => {
                let harmed = self.node_mut(hits[0]).disk.rot(*bits, prefix.as_deref());
                harm(self, harmed)
            }
            Fault::BadSector { sectors, prefix, .. } => {
                let harmed = self.node_mut(hits[0]).disk.spoil(*sectors, prefix.as_deref());
                harm(self, harmed)
            }
            Fault::FileCut { prefix, .. } => {
                self.apply(fault, hits[0]);
                self.node_mut(hits[0]).disk.cut(prefix.as_deref())
            }
            Fault::FileMissing { prefix, .. } => {
                self.apply(fault, hits[0]);
                self.node_mut(hits[0]).disk.miss(prefix.as_deref())
            }
            _ => {
                hits.iter().for_each(|&node| self.apply(fault, node));
                // A disk is replaced whether its node runs or not.
                matches!(fault, Fault::DiskReplaced { .. }) || was_up && fault.hits_at_once()
            }
        }
    }

    pub(crate) fn end_fault(&mut self, index: usize) {
        let scheduled = &mut self.chaos.faults[index];
        if !std::mem::take(&mut scheduled.on) {
            return;
        }
        scheduled.ended = Some(self.now);
        let (fault, hits) = (scheduled.fault.clone(), std::mem::take(&mut scheduled.hits));
        let nodes = hits.iter().chain(&scheduled.other_side).copied().collect();
        self.chaos.release(index, &hits);
        self.record(|| Moment::FaultEnds { nodes, text: fault.to_string() });
        hits.iter().for_each(|&node| self.lift(index, node));
        self.rebuild(&fault, &hits);
    }

    pub(crate) fn flap(&mut self, index: usize) {
        let scheduled = &mut self.chaos.faults[index];
        if let (true, Fault::FlappingLink { period_ns, .. }) = (scheduled.on, &scheduled.fault) {
            scheduled.cut = !scheduled.cut;
            let at = Time(self.now.0 + period_ns / 2);
            self.schedule_event(at, Event::Flap(index));
            self.rebuild_network();
        }
    }

    /// Can a fault touch this link? Not where both ends were healed, nor within a node.
    fn is_exposed(&self, (a, b): (NodeId, NodeId)) -> bool {
        a != b && !(self.is_healed(a) && self.is_healed(b))
    }

    /// Is there a link from one that is not healed, on the first side, to another on the second?
    fn reaches(&self, side: &[NodeId], other: &[NodeId]) -> bool {
        let Some((least, most)) = other.iter().min().zip(other.iter().max()) else { return false };
        side.iter().any(|&node| !self.is_healed(node) && (least != most || *least != node))
    }

    /// Looks up the nodes that a fault hits; none, where only healed nodes and links among them are left.
    fn aim(&self, fault: &Fault) -> (Vec<NodeId>, Vec<NodeId>) {
        use Fault::*;
        let find = |targets: &[Target]| -> Vec<NodeId> {
            targets.iter().filter_map(|target| self.find(target)).collect()
        };
        match fault {
            Partition { a, b }
            | OneWayPartition { from: a, to: b }
            | FlappingLink { a, b, .. }
            | SlowLink { a, b, .. }
            | LossyLink { a, b, .. }
            | LinkReset { a, b } => {
                let (a, b) = (find(a), find(b));
                let hit = self.reaches(&a, &b) || self.reaches(&b, &a);
                if hit { (a, b) } else { (Vec::new(), Vec::new()) }
            }
            Loss { nodes, .. }
            | Duplication { nodes, .. }
            | Reordering { nodes, .. }
            | Delay { nodes, .. } => {
                let exposed = (0..self.len() as u32).any(|node| !self.is_healed(NodeId(node)));
                (if exposed { find(nodes) } else { Vec::new() }, Vec::new())
            }
            MessageFilter { from, to, .. } => (find(from), find(to)),
            ZoneLoss { zone } => {
                let all = (0..self.len() as u32).map(NodeId);
                let here = |&node: &NodeId| self.network.conditions.zone(node) == *zone;
                let hit = all.filter(|&node| self.has(node)).filter(here);
                (hit.filter(|&node| !self.is_healed(node)).collect(), Vec::new())
            }
            _ => {
                let mut hits: Vec<NodeId> =
                    fault.targets().into_iter().filter_map(|target| self.find(target)).collect();
                hits.retain(|&node| !self.is_healed(node));
                (hits, Vec::new())
            }
        }
    }

    fn find(&self, target: &Target) -> Option<NodeId> {
        match target {
            // Who has not joined yet is not hit.
            Target::Node(node) => Some(*node).filter(|&node| self.has(node)),
            Target::Role(target) => {
                let (role, group) = role_of(target)?;
                let has_it = |&node: &NodeId| {
                    let mut found = false;
                    self.see_roles(node, &mut |has, place| {
                        found |= has == role && (group.is_none() || group == place);
                    });
                    found
                };
                (0..self.len() as u32).map(NodeId).find(has_it)
            }
        }
    }

    /// What a fault does to one node at its beginning, beyond what [`World::rebuild`] derives.
    fn apply(&mut self, fault: &Fault, node: NodeId) {
        if let Some(unsynced) = fault.takes_down() {
            self.node_mut(node).down += 1;
            if self.node(node).machine.is_some() {
                self.crash_now(node, unsynced);
            } else {
                // The page cache of a node that is down already.
                let now = self.now;
                let in_flight = self.node_mut(node).disk_ops.drain();
                self.node_mut(node).disk.crash(now, in_flight, unsynced);
            }
        }
        match fault {
            Fault::DiskReplaced { .. } => self.node_mut(node).disk.replaced(),
            Fault::Pause { .. } => self.node_mut(node).paused += 1,
            _ => {}
        }
    }

    /// A fault ends for one node.
    fn lift(&mut self, index: usize, node: NodeId) {
        let Scheduled { fault, part, .. } = &self.chaos.faults[index];
        let (fault, part) = (fault.clone(), *part);
        let was_told_to_stop = part && matches!(fault, Fault::RollingRestart { .. });
        // One that has not stopped yet starts again when it has.
        if fault.takes_down().is_some() || was_told_to_stop {
            self.node_mut(node).down -= 1;
            if self.node(node).down == 0 && self.node(node).machine.is_none() {
                self.start(node);
            }
        }
        match fault {
            Fault::Pause { .. } => {
                self.node_mut(node).paused -= 1;
                self.drain_inbox(node);
            }
            Fault::SnapshotResumed { .. } => self.resume(index, node),
            Fault::ClockDrift { .. } | Fault::ClockSmear { .. } => {
                let now = self.now;
                self.rebuild_clock(node);
                self.node_mut(node).clock.discipline(now);
            }
            _ => {}
        }
        self.rebuild_node(node);
    }

    fn resume(&mut self, index: usize, id: NodeId) {
        let now = self.now;
        let Some(snapshot) = self.chaos.faults[index].snapshot.take() else { return };
        if !self.node_mut(id).resume(now, snapshot) {
            return;
        }
        self.reached.push(id);
        self.count(index);
        self.record(|| Moment::Resumed { node: id });
        self.arm(id);
        self.reschedule_disk(id);
        // Its peers have packets that the node, as it is now, has not sent.
        self.network.lanes.begin_anew(id);
        for peer in self.network.lanes.peers(id) {
            self.reset_link(id, peer);
        }
        self.drain_inbox(id);
    }

    fn restart_in_turn(&mut self, nodes: &[NodeId], until: Time) {
        let span = until.since(self.now).min(Duration::from_secs(86_400));
        let slot = span / nodes.len() as u32;
        for (turn, &node) in nodes.iter().enumerate() {
            let down = self.now + slot * turn as u32;
            let fault = Fault::RollingRestart { nodes: vec![node.into()] };
            self.schedule_part(down, down + slot / 2, fault, true);
        }
    }
}
