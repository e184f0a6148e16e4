//! Faults as sentences: `world.partition([1, 2], [3])` holds from now on, and
//! `draft.between(from, until).partition(["leader"], [0])` in a plan, from one moment to another.
//!
//! Numbers are nodes and words are roles. What each fault does is said at [`Fault`].

use std::time::Duration;

use machine::{Machine, NodeId, Time, nanos};

use crate::chaos::FaultId;
use crate::cluster::Shape;
use crate::draft::Draft;
use crate::fault::{Fault, Target};
use crate::world::World;

/// What faults can be injected into: a world, or an interval of a plan. Chances are in a million.
///
/// # Panics
/// In a world, if the fault makes no sense there: it names a node that is not there, or a chance
/// above a million.
pub trait Script: Sized {
    /// What injecting a fault gives: in a world, the number with which to end it.
    type Handle;

    /// Injects a fault.
    fn inject(&mut self, fault: Fault) -> Self::Handle;

    /// Nothing passes between the two sides.
    fn partition<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
    ) -> Self::Handle {
        self.inject(Fault::Partition { a: targets(a), b: targets(b) })
    }

    /// Nothing passes in this direction.
    fn one_way_partition<A: Into<Target>, B: Into<Target>>(
        &mut self,
        from: impl IntoIterator<Item = A>,
        to: impl IntoIterator<Item = B>,
    ) -> Self::Handle {
        self.inject(Fault::OneWayPartition { from: targets(from), to: targets(to) })
    }

    /// The links between the two sides are cut and healed in turn.
    fn flapping_link<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
        period: Duration,
    ) -> Self::Handle {
        let (a, b) = (targets(a), targets(b));
        self.inject(Fault::FlappingLink { a, b, period_ns: nanos(period) })
    }

    /// The links between the two sides are so many times as slow.
    fn slow_link<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
        times: u32,
    ) -> Self::Handle {
        self.inject(Fault::SlowLink { a: targets(a), b: targets(b), times })
    }

    /// The links between the two sides lose what loss would take from all links of a node.
    fn lossy_link<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
        ppm: u32,
    ) -> Self::Handle {
        self.inject(Fault::LossyLink { a: targets(a), b: targets(b), ppm })
    }

    /// Messages that this filter of the system picks are dropped, on their way from these to those; nobody
    /// named is anybody.
    fn drop_messages<A: Into<Target>, B: Into<Target>>(
        &mut self,
        filter: &str,
        from: impl IntoIterator<Item = A>,
        to: impl IntoIterator<Item = B>,
    ) -> Self::Handle {
        let (filter, from, to) = (filter.into(), targets(from), targets(to));
        self.inject(Fault::MessageFilter { filter, from, to, delay_ns: 0 })
    }

    /// The same, and they come so much later.
    ///
    /// # Panics
    /// If they are not late.
    fn delay_messages<A: Into<Target>, B: Into<Target>>(
        &mut self,
        filter: &str,
        from: impl IntoIterator<Item = A>,
        to: impl IntoIterator<Item = B>,
        by: Duration,
    ) -> Self::Handle {
        assert!(!by.is_zero(), "messages that are not late are not delayed");
        let (filter, from, to) = (filter.into(), targets(from), targets(to));
        self.inject(Fault::MessageFilter { filter, from, to, delay_ns: nanos(by) })
    }

    /// A node that is neither up nor down: every input takes it 2 ms, its disk is 20 times as slow, and its links
    /// to the others lose one message in fifty.
    fn gray_failure<B: Into<Target>>(
        &mut self,
        node: impl Into<Target>,
        others: impl IntoIterator<Item = B>,
    ) -> [Self::Handle; 3] {
        let node = node.into();
        [
            self.slow_node(node.clone(), Duration::from_millis(2)),
            self.slow_disk(node.clone(), 20),
            self.lossy_link([node], others, 20_000),
        ]
    }

    /// Lanes between the two sides are reset.
    fn link_reset<A: Into<Target>, B: Into<Target>>(
        &mut self,
        a: impl IntoIterator<Item = A>,
        b: impl IntoIterator<Item = B>,
    ) -> Self::Handle {
        self.inject(Fault::LinkReset { a: targets(a), b: targets(b) })
    }

    /// Datagrams from and to these are lost.
    fn loss<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        ppm: u32,
    ) -> Self::Handle {
        self.inject(Fault::Loss { nodes: targets(nodes), ppm })
    }

    /// Datagrams from and to these arrive twice.
    fn duplication<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        ppm: u32,
    ) -> Self::Handle {
        self.inject(Fault::Duplication { nodes: targets(nodes), ppm })
    }

    /// Some datagrams from and to these are overtaken by those sent so much later.
    fn reordering<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        ppm: u32,
        by: Duration,
    ) -> Self::Handle {
        self.inject(Fault::Reordering { nodes: targets(nodes), ppm, by_ns: nanos(by) })
    }

    /// Messages from and to these take so much longer.
    fn delay<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
        by: Duration,
    ) -> Self::Handle {
        self.inject(Fault::Delay { nodes: targets(nodes), by_ns: nanos(by) })
    }

    /// The process dies, and starts again when the fault ends.
    fn crash(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::Crash { node: node.into() })
    }

    /// The power goes: each unsynced write survives or not.
    fn power_loss(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::PowerLoss { node: node.into() })
    }

    /// The power goes in the middle of writes.
    fn torn_write(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::TornWrite { node: node.into() })
    }

    /// These are stopped and started one after the other.
    fn rolling_restart<T: Into<Target>>(
        &mut self,
        nodes: impl IntoIterator<Item = T>,
    ) -> Self::Handle {
        self.inject(Fault::RollingRestart { nodes: targets(nodes) })
    }

    /// A whole zone loses power.
    fn zone_loss(&mut self, zone: u8) -> Self::Handle {
        self.inject(Fault::ZoneLoss { zone })
    }

    /// The node does nothing; its clocks go on.
    fn pause(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::Pause { node: node.into() })
    }

    /// Every input takes the node so long.
    fn slow_node(&mut self, node: impl Into<Target>, service: Duration) -> Self::Handle {
        self.inject(Fault::SlowNode { node: node.into(), service_ns: nanos(service) })
    }

    /// A snapshot is taken now, and the node is back in it when the fault ends.
    fn snapshot_resumed(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::SnapshotResumed { node: node.into() })
    }

    /// Writes land elsewhere in their file.
    fn misdirected_write(&mut self, node: impl Into<Target>, ppm: u32) -> Self::Handle {
        self.inject(Fault::MisdirectedWrite { node: node.into(), ppm, prefix: None })
    }

    /// Writes to files whose names begin so land elsewhere in their file.
    fn misdirected_write_in(
        &mut self,
        node: impl Into<Target>,
        prefix: &str,
        ppm: u32,
    ) -> Self::Handle {
        let prefix = Some(prefix.into());
        self.inject(Fault::MisdirectedWrite { node: node.into(), ppm, prefix })
    }

    /// So many bits of what is on the device flip, at once.
    fn bit_rot(&mut self, node: impl Into<Target>, bits: u32) -> Self::Handle {
        self.inject(Fault::BitRot { node: node.into(), bits, prefix: None })
    }

    /// So many bits flip of the files whose names begin so.
    fn bit_rot_in(&mut self, node: impl Into<Target>, prefix: &str, bits: u32) -> Self::Handle {
        self.inject(Fault::BitRot { node: node.into(), bits, prefix: Some(prefix.into()) })
    }

    /// So many sectors cannot be read, until they are written anew.
    fn bad_sector(&mut self, node: impl Into<Target>, sectors: u32) -> Self::Handle {
        self.inject(Fault::BadSector { node: node.into(), sectors, prefix: None })
    }

    /// So many sectors of files whose names begin so cannot be read.
    fn bad_sector_in(
        &mut self,
        node: impl Into<Target>,
        prefix: &str,
        sectors: u32,
    ) -> Self::Handle {
        self.inject(Fault::BadSector { node: node.into(), sectors, prefix: Some(prefix.into()) })
    }

    /// What the disk holds now is all that it has space for.
    fn full_disk(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::FullDisk { node: node.into(), room: 0 })
    }

    /// The disk has space for so many bytes more than it holds now.
    fn little_room(&mut self, node: impl Into<Target>, room: u64) -> Self::Handle {
        self.inject(Fault::FullDisk { node: node.into(), room })
    }

    /// No disk operation ends.
    fn hung_disk(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::HungDisk { node: node.into() })
    }

    /// The process dies; when it is back, a synced file whose name begins so is shorter than it was.
    fn file_cut(&mut self, node: impl Into<Target>, prefix: &str) -> Self::Handle {
        self.inject(Fault::FileCut { node: node.into(), prefix: Some(prefix.into()) })
    }

    /// The process dies; when it is back, a synced file whose name begins so is gone.
    fn file_missing(&mut self, node: impl Into<Target>, prefix: &str) -> Self::Handle {
        self.inject(Fault::FileMissing { node: node.into(), prefix: Some(prefix.into()) })
    }

    /// Disk operations take so many times as long.
    fn slow_disk(&mut self, node: impl Into<Target>, times: u32) -> Self::Handle {
        self.inject(Fault::SlowDisk { node: node.into(), times })
    }

    /// Disk operations fail.
    fn failing_disk(&mut self, node: impl Into<Target>, ppm: u32) -> Self::Handle {
        self.inject(Fault::FailingDisk { node: node.into(), ppm })
    }

    /// The node stops, and starts with an empty disk when the fault ends.
    fn disk_replaced(&mut self, node: impl Into<Target>) -> Self::Handle {
        self.inject(Fault::DiskReplaced { node: node.into() })
    }

    /// The wall clock is ahead by so much.
    fn clock_jump(&mut self, node: impl Into<Target>, by: Duration) -> Self::Handle {
        self.inject(Fault::ClockJump { node: node.into(), by_ns: nanos(by) })
    }

    /// The wall clock is behind by so much.
    fn clock_rollback(&mut self, node: impl Into<Target>, by: Duration) -> Self::Handle {
        self.inject(Fault::ClockRollback { node: node.into(), by_ns: nanos(by) })
    }

    /// Both clocks run too fast or, below zero, too slowly.
    fn clock_drift(&mut self, node: impl Into<Target>, ppm: i32) -> Self::Handle {
        self.inject(Fault::ClockDrift { node: node.into(), ppm })
    }

    /// Only the wall clock does.
    fn clock_smear(&mut self, node: impl Into<Target>, ppm: i32) -> Self::Handle {
        self.inject(Fault::ClockSmear { node: node.into(), ppm })
    }
}

fn targets<T: Into<Target>>(nodes: impl IntoIterator<Item = T>) -> Vec<Target> {
    nodes.into_iter().map(Into::into).collect()
}

/// From now on, until [`World::end`].
impl<M: Machine> Script for World<M> {
    type Handle = FaultId;

    fn inject(&mut self, fault: Fault) -> FaultId {
        self.begin(fault)
    }
}

/// An interval of a plan; [`Draft::between`] and [`Draft::lasting`] give it.
#[derive(Debug)]
pub struct Interval<'a, O, C> {
    draft: &'a mut Draft<O, C>,
    at: Time,
    until: Time,
}

impl<O, C: Shape> Script for Interval<'_, O, C> {
    type Handle = ();

    fn inject(&mut self, fault: Fault) {
        self.draft.fault(self.at, self.until, fault);
    }
}

impl<O, C: Shape> Interval<'_, O, C> {
    /// A zone loses power: the first of these of which a node is up then, as far as the faults tell that were drawn
    /// before.
    pub fn zone_loss_of(&mut self, zones: &[u8]) {
        let zone = self.draft.first_up(self.at, zones);
        self.zone_loss(zone);
    }
}

impl<O, C: Shape> Draft<O, C> {
    /// Faults that are injected into it hold from one moment to the other.
    pub fn between(&mut self, at: Time, until: Time) -> Interval<'_, O, C> {
        Interval { draft: self, at, until }
    }

    /// Somewhere in the safety phase, for a time between `least` and `most`.
    pub fn lasting(&mut self, least: Duration, most: Duration) -> Interval<'_, O, C> {
        let (at, until) = self.interval(least, most);
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
