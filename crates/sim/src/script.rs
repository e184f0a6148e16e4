//! Faults as sentences: `world.partition([1, 2], [3])` holds from now on, and
//! `draft.between(from, until).partition(["leader"], [0])` in a plan, from one moment to another.
//!
//! Numbers are nodes and words are roles. What each fault does is told at [`Fault`].

use std::time::Duration;

use machine::{Machine, NodeId, Time, nanos};

use crate::chaos::FaultId;
use crate::cluster::Shape;
use crate::draft::Draft;
use crate::fault::{Fault, Target};
use crate::world::World;

/// Something that faults can be told to. Chances are in a million.
///
/// # Panics
/// In a world, if the fault makes no sense there: it names a node that is not there, or a chance
/// above a million.
pub trait Script: Sized {
    /// What telling a fault gives: in a world, the number with which to end it.
    type Told;

    /// Tells a fault.
    fn tell_fault(&mut self, fault: Fault) -> Self::Told;

    /// Nothing passes between the two sides.
    fn partition<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
    ) -> Self::Told {
        self.tell_fault(Fault::Partition { a: targets(a), b: targets(b) })
    }

    /// Nothing passes in this direction.
    fn one_way_partition<A: Into<Target>, B: Into<Target>>(
        &mut self,
        from: impl IntoIterator<Item = A>,
        to: impl IntoIterator<Item = B>,
    ) -> Self::Told {
        self.tell_fault(Fault::OneWayPartition { from: targets(from), to: targets(to) })
    }

    /// The links between the two sides are cut and healed in turn.
    fn flapping_link<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
        period: Duration,
    ) -> Self::Told {
        let (a, b) = (targets(a), targets(b));
        self.tell_fault(Fault::FlappingLink { a, b, period_ns: nanos(period) })
    }

    /// Streams between the two sides are reset.
    fn link_reset<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
    ) -> Self::Told {
        self.tell_fault(Fault::LinkReset { a: targets(a), b: targets(b) })
    }

    /// Datagrams from and to these are lost.
    fn loss<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        ppm: u32,
    ) -> Self::Told {
        self.tell_fault(Fault::Loss { nodes: targets(nodes), ppm })
    }

    /// Datagrams from and to these arrive twice.
    fn duplication<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        ppm: u32,
    ) -> Self::Told {
        self.tell_fault(Fault::Duplication { nodes: targets(nodes), ppm })
    }

    /// Some datagrams from and to these are overtaken by those sent so much later.
    fn reordering<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        ppm: u32,
        by: Duration,
    ) -> Self::Told {
        self.tell_fault(Fault::Reordering { nodes: targets(nodes), ppm, by_ns: nanos(by) })
    }

    /// Messages from and to these take so much longer.
    fn delay<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        by: Duration,
    ) -> Self::Told {
        self.tell_fault(Fault::Delay { nodes: targets(nodes), by_ns: nanos(by) })
    }

    /// The process dies, and starts again when the fault ends.
    fn crash(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::Crash { node: node.into() })
    }

    /// The power goes: each unsynced write survives or not.
    fn power_loss(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::PowerLoss { node: node.into() })
    }

    /// The power goes in the middle of writes.
    fn torn_write(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::TornWrite { node: node.into() })
    }

    /// These are stopped and started one after the other.
    fn rolling_restart<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
    ) -> Self::Told {
        self.tell_fault(Fault::RollingRestart { nodes: targets(nodes) })
    }

    /// A whole zone loses power.
    fn zone_loss(&mut self, zone: u8) -> Self::Told {
        self.tell_fault(Fault::ZoneLoss { zone })
    }

    /// The node does nothing; its clocks go on.
    fn pause(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::Pause { node: node.into() })
    }

    /// Every input takes the node so long.
    fn slow_node(&mut self, node: impl Into<Target>, service: Duration) -> Self::Told {
        self.tell_fault(Fault::SlowNode { node: node.into(), service_ns: nanos(service) })
    }

    /// A snapshot is taken now, and the node is back in it when the fault ends.
    fn snapshot_resumed(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::SnapshotResumed { node: node.into() })
    }

    /// Writes land elsewhere in their file.
    fn misdirected_write(&mut self, node: impl Into<Target>, ppm: u32) -> Self::Told {
        self.tell_fault(Fault::MisdirectedWrite { node: node.into(), ppm })
    }

    /// So many bits of what is on the device flip, at once.
    fn bit_rot(&mut self, node: impl Into<Target>, bits: u32) -> Self::Told {
        self.tell_fault(Fault::BitRot { node: node.into(), bits })
    }

    /// Writes find no space.
    fn full_disk(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::FullDisk { node: node.into() })
    }

    /// Disk operations take so many times as long.
    fn slow_disk(&mut self, node: impl Into<Target>, times: u32) -> Self::Told {
        self.tell_fault(Fault::SlowDisk { node: node.into(), times })
    }

    /// Disk operations fail.
    fn failing_disk(&mut self, node: impl Into<Target>, ppm: u32) -> Self::Told {
        self.tell_fault(Fault::FailingDisk { node: node.into(), ppm })
    }

    /// The node stops, and starts with an empty disk when the fault ends.
    fn disk_replaced(&mut self, node: impl Into<Target>) -> Self::Told {
        self.tell_fault(Fault::DiskReplaced { node: node.into() })
    }

    /// The wall clock is ahead by so much.
    fn clock_jump(&mut self, node: impl Into<Target>, by: Duration) -> Self::Told {
        self.tell_fault(Fault::ClockJump { node: node.into(), by_ns: nanos(by) })
    }

    /// The wall clock is behind by so much.
    fn clock_rollback(&mut self, node: impl Into<Target>, by: Duration) -> Self::Told {
        self.tell_fault(Fault::ClockRollback { node: node.into(), by_ns: nanos(by) })
    }

    /// Both clocks run too fast or, below zero, too slowly.
    fn clock_drift(&mut self, node: impl Into<Target>, ppm: i32) -> Self::Told {
        self.tell_fault(Fault::ClockDrift { node: node.into(), ppm })
    }

    /// Only the wall clock does.
    fn clock_smear(&mut self, node: impl Into<Target>, ppm: i32) -> Self::Told {
        self.tell_fault(Fault::ClockSmear { node: node.into(), ppm })
    }
}

fn targets<T: Into<Target>>(nodes: impl IntoIterator<Item = T>) -> Vec<Target> {
    nodes.into_iter().map(Into::into).collect()
}

/// From now on, until [`World::end`].
impl<M: Machine> Script for World<M> {
    type Told = FaultId;

    fn tell_fault(&mut self, fault: Fault) -> FaultId {
        self.begin(fault)
    }
}

/// A stretch of a plan; [`Draft::between`] and [`Draft::lasting`] give it.
#[derive(Debug)]
pub struct During<'a, O, C> {
    draft: &'a mut Draft<O, C>,
    at: Time,
    until: Time,
}

impl<O, C: Shape> Script for During<'_, O, C> {
    type Told = ();

    fn tell_fault(&mut self, fault: Fault) {
        self.draft.fault(self.at, self.until, fault);
    }
}

impl<O, C: Shape> Draft<O, C> {
    /// What is told of it holds from one moment to the other.
    pub fn between(&mut self, at: Time, until: Time) -> During<'_, O, C> {
        During { draft: self, at, until }
    }

    /// Somewhere in the safety phase, for a time between `least` and `most`.
    pub fn lasting(&mut self, least: Duration, most: Duration) -> During<'_, O, C> {
        let (at, until) = self.stretch(least, most);
        self.between(at, until)
    }
}

impl From<u32> for Target {
    fn from(node: u32) -> Target {
        Target::Node(NodeId(node))
    }
}

impl From<NodeId> for Target {
    fn from(node: NodeId) -> Target {
        Target::Node(node)
    }
}

impl From<&str> for Target {
    fn from(role: &str) -> Target {
        Target::Role(role.into())
    }
}
