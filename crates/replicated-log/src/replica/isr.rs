//! The in-sync replicas as their leader sees them, and what it proposes.
//!
//! The law: whoever is proposed counts as in sync until another version is committed: a proposal that was sent may be
//! taken at any time. One that is refused gives the partition another version, so no proposal is taken twice.

use std::collections::BTreeSet;

use machine::{NodeId, Switches};

use crate::cluster::Partition;
use crate::mechanism::Mechanism;
use crate::message::Alter;
use crate::words::BrokerEpoch;

/// The ISR of a partition that is led here.
#[derive(Clone, Debug)]
pub(crate) struct Isr {
    committed: BTreeSet<NodeId>,
    version: u32,
    /// The proposal of that version, and who is in it.
    asked: Option<(Alter, BTreeSet<NodeId>)>,
    switches: Switches,
}

impl Isr {
    pub(crate) fn new(partition: &Partition, switches: Switches) -> Isr {
        Isr {
            committed: partition.isr.iter().copied().collect(),
            version: partition.version,
            asked: None,
            switches,
        }
    }

    /// A version was committed.
    pub(crate) fn commit(&mut self, partition: &Partition) {
        if partition.version > self.version {
            *self = Isr::new(partition, self.switches);
        }
    }

    /// Those that are in it.
    pub(crate) fn committed(&self) -> &BTreeSet<NodeId> {
        match &self.asked {
            Some((_, own)) if !Mechanism::IsrCommit.on(self.switches) => own,
            _ => &self.committed,
        }
    }

    /// Those that must have a record before it is acknowledged.
    pub(crate) fn counted(&self) -> impl Iterator<Item = NodeId> + '_ {
        let committed = self.committed();
        let proposed = self.asked.iter().flat_map(|(_, proposed)| proposed);
        committed.iter().chain(proposed.filter(|node| !committed.contains(node))).copied()
    }

    /// Proposes that these be in sync; nothing where they are, or where the last proposal is not answered.
    pub(crate) fn propose(
        &mut self,
        isr: &[(NodeId, BrokerEpoch)],
        ask: impl FnOnce(u32) -> Alter,
    ) -> bool {
        let wanted: BTreeSet<NodeId> = isr.iter().map(|(node, _)| *node).collect();
        if self.asked.is_some() || wanted == *self.committed() {
            return false;
        }
        self.asked = Some((ask(self.version), wanted));
        true
    }

    /// What was asked and not answered.
    pub(crate) fn asked(&self) -> Option<&Alter> {
        self.asked.as_ref().map(|(asked, _)| asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{TopicId, TopicPartition};

    fn isr(nodes: &[u32], version: u32) -> Partition {
        let isr = nodes.iter().copied().map(NodeId).collect();
        Partition { isr, version, ..Partition::default() }
    }

    fn propose(isr: &mut Isr, nodes: &[u32]) -> bool {
        let wanted: Vec<_> = nodes.iter().map(|node| (NodeId(*node), 1)).collect();
        let partition = TopicPartition { topic: TopicId(1), partition: 0 };
        isr.propose(&wanted, |version| Alter {
            partition,
            leader_epoch: 1,
            version,
            isr: wanted.clone(),
        })
    }

    fn counted(isr: &Isr) -> Vec<u32> {
        isr.counted().map(|node| node.0).collect()
    }

    #[test]
    fn who_is_dropped_counts_until_that_is_committed() {
        let mut one = Isr::new(&isr(&[1, 2, 3], 4), Switches::ALL_ON);
        assert!(propose(&mut one, &[1, 2]));
        assert_eq!(counted(&one), [1, 2, 3]);
        one.commit(&isr(&[1, 2], 5));
        assert_eq!(counted(&one), [1, 2]);
        let mut own = Isr::new(&isr(&[1, 2, 3], 4), Mechanism::IsrCommit.off());
        assert!(propose(&mut own, &[1, 2]));
        assert_eq!(counted(&own), [1, 2], "left out, the leader takes its own word for it");
    }

    #[test]
    fn who_was_proposed_counts_until_another_version_is_committed() {
        let mut one = Isr::new(&isr(&[1, 2], 4), Switches::ALL_ON);
        assert!(propose(&mut one, &[1, 2, 3]));
        assert!(!propose(&mut one, &[1]), "one at a time");
        assert_eq!(counted(&one), [1, 2, 3]);
        one.commit(&isr(&[1, 2], 4));
        assert_eq!(counted(&one), [1, 2, 3], "that version was known");
        one.commit(&isr(&[1, 2], 5));
        assert_eq!(counted(&one), [1, 2], "it was refused");
    }
}
