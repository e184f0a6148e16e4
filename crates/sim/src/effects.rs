//! What follows from the set of faults that are on: the state of links, disks and clocks.
//!
//! It is derived anew whenever a fault begins or ends, so that faults may overlap in any way and any
//! of them may be left out.

use machine::{Machine, NodeId, Time};

use crate::conditions::{Between, LinkFaults, Wrong};
use crate::disk::DiskFaults;
use crate::fault::Fault;
use crate::world::{Event, World};

impl<M: Machine> World<M> {
    /// Derives the state of all that the fault touches from the faults that are on.
    pub(crate) fn rebuild(&mut self, fault: &Fault, hits: &[NodeId]) {
        if fault.is_of_links() {
            self.rebuild_network();
        } else {
            hits.iter().for_each(|&node| self.rebuild_node(node));
        }
    }

    pub(crate) fn rebuild_network(&mut self) {
        let (mut between, mut link_faults) = (Vec::new(), vec![LinkFaults::NONE; self.len()]);
        for scheduled in self.chaos.faults.iter().filter(|scheduled| scheduled.on) {
            let (a, b) = (&scheduled.hits, &scheduled.other_side);
            let mut here = LinkFaults::NONE;
            match scheduled.fault {
                Fault::Partition { .. } => between.push(Between::new(a, b, true, Wrong::Cut)),
                Fault::FlappingLink { .. } if scheduled.cut => {
                    between.push(Between::new(a, b, true, Wrong::Cut));
                }
                Fault::OneWayPartition { .. } => {
                    between.push(Between::new(a, b, false, Wrong::Cut))
                }
                Fault::SlowLink { times, .. } => {
                    let slow = LinkFaults { slow: times, ..LinkFaults::NONE };
                    between.push(Between::new(a, b, true, Wrong::Faults(slow)));
                }
                Fault::LossyLink { ppm, .. } => {
                    let lossy = LinkFaults { loss_ppm: ppm, ..LinkFaults::NONE };
                    between.push(Between::new(a, b, true, Wrong::Faults(lossy)));
                }
                Fault::Loss { ppm, .. } => here.loss_ppm = ppm,
                Fault::Duplication { ppm, .. } => here.duplicate_ppm = ppm,
                Fault::Reordering { ppm, by_ns, .. } => {
                    (here.reorder_ppm, here.reorder_ns) = (ppm, by_ns);
                }
                Fault::Delay { by_ns, .. } => here.delay_ns = by_ns,
                _ => {}
            }
            if here != LinkFaults::NONE {
                a.iter().for_each(|node| link_faults[node.0 as usize].combine(&here));
            }
        }
        self.network.conditions.set(between, link_faults);
        for (from, to) in self.network.ways_to_release() {
            let at = Time(self.now.0 + self.network.travel_time(from, to));
            self.schedule_event(at, Event::ReleaseHeld { from, to });
        }
    }

    pub(crate) fn rebuild_node(&mut self, id: NodeId) {
        let (mut disk_faults, mut service) = (DiskFaults::NONE, 0);
        let mut hung = false;
        for scheduled in self.chaos.on(id) {
            match &scheduled.fault {
                Fault::SlowNode { service_ns, .. } => service = service.max(*service_ns),
                Fault::SlowDisk { times, .. } => disk_faults.times = disk_faults.times.max(*times),
                Fault::HungDisk { .. } => hung = true,
                Fault::FullDisk { .. } => {
                    let capacities = [disk_faults.capacity, scheduled.capacity];
                    disk_faults.capacity = capacities.into_iter().flatten().min();
                }
                Fault::FailingDisk { ppm, .. } => {
                    disk_faults.failing_ppm = disk_faults.failing_ppm.max(*ppm);
                }
                Fault::MisdirectedWrite { ppm, prefix, .. } => {
                    disk_faults.misdirected.push((*ppm, prefix.clone()));
                }
                _ => {}
            }
        }
        if hung {
            disk_faults.times = 0;
        }
        let now = self.now;
        let node = self.node_mut(id);
        node.service_ns = service;
        if node.disk.set_faults(now, disk_faults) {
            self.reschedule_disk(id);
        }
        self.rebuild_clock(id);
    }

    pub(crate) fn rebuild_clock(&mut self, id: NodeId) {
        let (mut offset, mut drift, mut slew) = (0i64, 0i32, 0i32);
        for scheduled in self.chaos.on(id) {
            match scheduled.fault {
                Fault::ClockJump { by_ns, .. } => offset = offset.saturating_add_unsigned(by_ns),
                Fault::ClockRollback { by_ns, .. } => {
                    offset = offset.saturating_sub_unsigned(by_ns)
                }
                Fault::ClockDrift { ppm, .. } => drift = drift.saturating_add(ppm),
                Fault::ClockSmear { ppm, .. } => slew = slew.saturating_add(ppm),
                _ => {}
            }
        }
        let now = self.now;
        let node = self.node_mut(id);
        node.clock.set_offset(offset);
        // Beyond these a clock would stand still.
        let timers_move = node.clock.set_rates(
            now,
            drift.clamp(-500_000, 500_000),
            slew.clamp(-400_000, 400_000),
        );
        if timers_move {
            node.void_alarm();
            self.arm(id);
        }
    }
}
