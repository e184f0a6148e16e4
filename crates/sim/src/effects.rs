//! What follows from the set of faults that are on: the state of links, disks and clocks.
//!
//! It is derived anew whenever a fault begins or ends, so that faults may overlap in any way and any
//! of them may be left out.

use machine::{Machine, NodeId, Time};

use crate::chaos::Chaos;
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

    /// Derives the state of all links, and lets go on what nothing cuts off any more.
    pub(crate) fn rebuild_network(&mut self) {
        self.find_faults_of_links();
        self.derive_links();
        for (from, to) in self.network.ways_to_release() {
            let at = Time(self.now.0 + self.network.travel_time(from, to));
            self.schedule_event(at, Event::ReleaseHeld { from, to });
        }
    }

    fn find_faults_of_links(&mut self) {
        let Chaos { faults, of_links, filters, .. } = &mut self.chaos;
        let on = |&index: &usize| faults[index].on && faults[index].fault.is_of_links();
        *of_links = (0..faults.len()).filter(on).collect();
        let picks = |&&index: &&usize| matches!(faults[index].fault, Fault::MessageFilter { .. });
        *filters = of_links.iter().filter(picks).copied().collect();
    }

    pub(crate) fn derive_links(&mut self) {
        let (mut between, mut link_faults) = (Vec::new(), vec![LinkFaults::NONE; self.len()]);
        for &index in &self.chaos.of_links {
            let scheduled = &self.chaos.faults[index];
            let unmet = !scheduled.is_counted();
            let mut add = |both_ways, what| {
                let sides = scheduled.sides.clone();
                between.push(Between { sides, both_ways, what, unmet });
            };
            let mut here = LinkFaults::NONE;
            match scheduled.fault {
                Fault::Partition { .. } => add(true, Wrong::Cut),
                Fault::FlappingLink { .. } if scheduled.cut => add(true, Wrong::Cut),
                Fault::OneWayPartition { .. } => add(false, Wrong::Cut),
                Fault::SlowLink { times, .. } => {
                    add(true, Wrong::Faults(LinkFaults { slow: times, ..LinkFaults::NONE }));
                }
                Fault::LossyLink { ppm, .. } => {
                    add(true, Wrong::Faults(LinkFaults { loss_ppm: ppm, ..LinkFaults::NONE }));
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
                here.unmet = unmet;
                let hits = scheduled.hits.iter();
                hits.for_each(|node| link_faults[node.0 as usize].combine(&here));
            }
        }
        self.network.conditions.set(between, link_faults);
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
