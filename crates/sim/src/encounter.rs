//! Which faults hit something. One that is on and hits nobody (a bad sector that is never read, a cut between two
//! who have nothing to say) shows nothing, and is not counted: so each is counted when a message, an input or an
//! operation first meets it.

use machine::{Machine, NodeId, Time};

use crate::chaos::{Chaos, Scheduled};
use crate::conditions::{Befell, Sides};
use crate::fault::{Fault, FaultKind};
use crate::history::Counts;
use crate::world::World;

impl<M: Machine> Scheduled<M> {
    /// Is the message that this befell, on its way from one node to the other, one that it hits?
    fn is_met_by(&self, from: NodeId, to: NodeId, befell: Befell) -> bool {
        use Fault::*;
        let Sides { a, .. } = &*self.sides;
        let between = self.sides.lead(from, to) || self.sides.lead(to, from);
        let at_an_end = a.has(from) || a.has(to);
        match self.fault {
            Partition { .. } | FlappingLink { .. } => befell.cut && between,
            OneWayPartition { .. } => befell.cut && self.sides.lead(from, to),
            SlowLink { .. } => befell.slowed && between,
            LossyLink { .. } => befell.lost && between,
            Loss { .. } => befell.lost && at_an_end,
            Duplication { .. } => befell.doubled && at_an_end,
            Reordering { .. } => befell.late && at_an_end,
            Delay { .. } => befell.delayed && at_an_end,
            _ => false,
        }
    }
}

impl<M: Machine> World<M> {
    /// How many faults of each kind have hit something: a message, an input, an operation, a process that ran.
    pub fn fault_counts(&self) -> &Counts {
        &self.chaos.counts
    }

    /// When each counted fault was first met, and when it ended: now, if it is still on.
    pub fn faults_counted(&self) -> impl Iterator<Item = (Time, Time)> {
        let span = |fault: &Scheduled<M>| Some((fault.counted?, fault.ended.unwrap_or(self.now)));
        self.chaos.faults.iter().filter_map(span)
    }

    /// The fault has hit something.
    pub(crate) fn count(&mut self, index: usize) {
        let scheduled = &mut self.chaos.faults[index];
        scheduled.counted = Some(self.now);
        if !scheduled.on {
            scheduled.ended = Some(self.now);
        }
        *self.chaos.counts.entry(scheduled.fault.kind().name().into()).or_default() += 1;
    }

    /// An input of this node, or an operation of its disk, met the faults of this kind.
    #[cold]
    pub(crate) fn met(&mut self, node: NodeId, kind: FaultKind) {
        let Chaos { faults, hitting, harms, .. } = &mut self.chaos;
        let is_it = |index: usize| faults[index].fault.kind() == kind;
        let met: Vec<usize> = if matches!(kind, FaultKind::BitRot | FaultKind::BadSector) {
            let here = harms.extract_if(.., |harm| harm.0 == node && is_it(harm.1));
            here.map(|(_, index)| index).collect()
        } else {
            let hitting = hitting[node.0 as usize].iter().copied();
            hitting.filter(|&index| is_it(index) && !faults[index].is_counted()).collect()
        };
        met.into_iter().for_each(|index| self.count(index));
    }

    /// A message met the faults of its link.
    #[cold]
    pub(crate) fn meet(&mut self, from: NodeId, to: NodeId, befell: Befell) {
        let of_links = self.chaos.of_links.iter().copied();
        let met: Vec<usize> = of_links
            .filter(|&index| {
                let fault = &self.chaos.faults[index];
                !fault.is_counted() && fault.is_met_by(from, to, befell)
            })
            .collect();
        if !met.is_empty() {
            met.into_iter().for_each(|index| self.count(index));
            self.derive_links();
        }
    }
}
