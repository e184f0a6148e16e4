//! How a broker stands, for whoever watches it.

use machine::NodeId;

use super::Broker;
use crate::cluster::Partition;
use crate::words::{Name, Offset, TopicPartition};

/// How a broker stands. Partitions are counted by the broker that leads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Partitions that it leads.
    pub leads: usize,
    /// Those of them of which a replica is not in sync; one that is being added is none yet.
    pub under_replicated: usize,
    /// Those of them with fewer in sync than the topic asks for: no acks=all is answered.
    pub under_min_isr: usize,
    /// Partitions of the cluster that nobody leads, as far as this broker knows.
    pub offline: usize,
    /// What became of the ISRs of partitions that it led.
    pub isr_changes: IsrChanges,
    /// Topic, partition, and how far consumers may read, of those that it leads.
    pub ends: Vec<(Name, u32, Offset)>,
    /// Group, topic, partition, and how far the group has read, of groups that it coordinates.
    pub committed: Vec<(Name, Name, u32, Offset)>,
}

/// How often ISRs lost and won members, since the broker booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IsrChanges {
    /// A member went.
    pub shrinks: u64,
    /// One came.
    pub expansions: u64,
}

impl IsrChanges {
    /// A partition that was so becomes this.
    pub(super) fn count(&mut self, me: NodeId, was: Option<&Partition>, is: &Partition) {
        let Some(was) = was.filter(|_| is.leader == Some(me)) else { return };
        let lacks = |one: &Partition, other: &Partition| {
            other.isr.iter().any(|member| !one.isr.contains(member))
        };
        self.shrinks += u64::from(lacks(is, was));
        self.expansions += u64::from(lacks(was, is));
    }
}

impl Broker {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing { isr_changes: self.isr_changes, ..Standing::default() };
        for (place, topic, partition) in self.view.partitions() {
            standing.offline += usize::from(partition.leader.is_none());
            if partition.leader != Some(self.id) {
                continue;
            }
            let Partition { replicas, adding, isr, .. } = partition;
            let lacks = |node: &NodeId| !adding.contains(node) && !isr.contains(node);
            let min = topic.settings.min_insync_replicas as usize;
            standing.leads += 1;
            standing.under_replicated += usize::from(replicas.iter().any(lacks));
            standing.under_min_isr += usize::from(isr.len() < min);
            let TopicPartition { partition, .. } = place;
            if let Some(replica) = self.replicas.get(&place) {
                standing.ends.push((topic.name.clone(), partition, replica.high_watermark()));
            }
        }
        standing.committed = self.coordinator.offsets().collect();
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(leader: u32, isr: &[u32]) -> Partition {
        let isr = isr.iter().copied().map(NodeId).collect();
        Partition { isr, leader: Some(NodeId(leader)), ..Partition::default() }
    }

    #[test]
    fn a_leader_counts_who_comes_into_its_isr_and_who_goes() {
        let mut changes = IsrChanges::default();
        let mut counted = |was: &[u32], leader, is: &[u32]| {
            changes.count(NodeId(1), Some(&partition(1, was)), &partition(leader, is));
            (changes.shrinks, changes.expansions)
        };
        assert_eq!(counted(&[1, 2, 3], 1, &[1, 2]), (1, 0));
        assert_eq!(counted(&[1, 2], 1, &[1, 2]), (1, 0), "nothing happened to it");
        assert_eq!(counted(&[1, 2], 1, &[1, 3]), (2, 1));
        assert_eq!(counted(&[1, 3], 2, &[2]), (2, 1), "another leads, and counts");
        changes.count(NodeId(1), None, &partition(1, &[1]));
        assert_eq!(changes.shrinks + changes.expansions, 3, "it is new");
    }
}
