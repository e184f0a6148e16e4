//! Who leads a partition: of the in-sync replicas (ISR) one that lives, else of the eligible ones (ELR), else nobody.
//!
//! # The law
//!
//! Whoever is in the ISR or in the ELR has all that was acknowledged. A leader's watermark stands still while the ISR is
//! below the minimum, so who leaves it then goes on having everything, and stays eligible (KIP-966). When the ISR has
//! the minimum again the watermark may rise, and the ELR is empty.

use machine::{NodeId, Switches};

use crate::cluster::{Cluster, Partition};
use crate::entry::Changes;
use crate::mechanism::Mechanism;
use crate::words::TopicPartition;

/// By what partitions are settled.
#[derive(Clone, Copy)]
pub(crate) struct Rules<L> {
    /// Who may lead?
    pub(crate) lives: L,
    /// In-sync replicas without which nothing is acknowledged.
    pub(crate) min: u32,
    pub(crate) switches: Switches,
}

impl<L: Fn(NodeId) -> bool> Rules<L> {
    /// Replicas leave the ISR: they were silent, fell behind or stop; or they are unclean and have lost something, so
    /// that they may not be eligible either.
    pub(crate) fn leave(&self, partition: &mut Partition, leavers: &[NodeId], clean: bool) {
        let eligible = Mechanism::EligibleLeaders.on(self.switches);
        if clean && !eligible && partition.isr == leavers {
            return;
        }
        let leaves = |node: &mut NodeId| leavers.contains(node);
        let left: Vec<NodeId> = partition.isr.extract_if(.., leaves).collect();
        if !clean {
            partition.elr.retain(|node| !leavers.contains(node));
        } else if eligible && !self.has_min(partition) {
            partition.elr.extend(left);
        }
    }

    /// After whatever happened: a move that can end ends, somebody leads if somebody may, and eligible leaders are
    /// remembered only as long as the watermark stands still.
    pub(crate) fn settle(&self, partition: &mut Partition) {
        super::reassign::advance(partition, &self.lives);
        self.elect(partition);
        if self.has_min(partition) {
            partition.elr.clear();
        }
    }

    fn elect(&self, partition: &mut Partition) {
        let of = |among: &[NodeId]| {
            let may = |node: &&NodeId| among.contains(node) && (self.lives)(**node);
            partition.replicas.iter().find(may).copied()
        };
        let leader = partition.leader;
        if leader.is_some_and(|leader| of(&[leader]).is_some() && partition.isr.contains(&leader)) {
            return;
        }
        let in_sync = of(&partition.isr);
        let eligible = in_sync.or_else(|| of(&partition.elr));
        let anybody = || of(&partition.replicas);
        let unclean = !Mechanism::CleanElection.on(self.switches);
        let elected = eligible.or_else(|| anybody().filter(|_| unclean));
        if let (Some(leader), None) = (elected, in_sync) {
            // Those that were in sync and do not live have what it has, as far as it was acknowledged.
            partition.elr.append(&mut partition.isr);
            partition.elr.retain(|other| eligible.is_some() && *other != leader);
            partition.isr.push(leader);
        }
        partition.leader = elected;
        partition.leader_epoch += u32::from(elected.is_some());
    }

    fn has_min(&self, partition: &Partition) -> bool {
        partition.isr.len() >= self.min as usize
    }
}

/// What an event does to partitions, given who may lead after it: those that it makes others, each in its next version.
pub(crate) fn changes(
    cluster: &Cluster,
    lives: impl Fn(NodeId) -> bool + Copy,
    switches: Switches,
    event: impl Fn(TopicPartition, &mut Partition, &Rules<&dyn Fn(NodeId) -> bool>),
) -> Changes {
    let mut changes = Changes::new();
    for (place, topic, partition) in cluster.partitions() {
        let lives: &dyn Fn(NodeId) -> bool = &lives;
        let rules = Rules { lives, min: topic.settings.min_insync_replicas, switches };
        let mut next = partition.clone();
        event(place, &mut next, &rules);
        rules.settle(&mut next);
        if next != *partition {
            next.version += 1;
            changes.push((place, next));
        }
    }
    changes
}

/// Leaders go where they are preferred, if they are in sync there: so load is spread again after restarts.
pub(crate) fn preferred(cluster: &Cluster, switches: Switches) -> Changes {
    let lives = |node| cluster.may_lead(node);
    changes(cluster, lives, switches, |_, partition, _| {
        let Some(&first) = partition.replicas.first() else { return };
        let elsewhere = partition.leader.is_some_and(|leader| leader != first);
        if elsewhere && partition.isr.contains(&first) && lives(first) {
            partition.leader = Some(first);
            partition.leader_epoch += 1;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(text: &str) -> Vec<NodeId> {
        text.bytes().map(|digit| NodeId((digit - b'0').into())).collect()
    }

    /// Replicas 1, 2 and 3; as `12|3` with the ISR before the bar and the ELR behind it.
    fn partition(state: &str) -> Partition {
        let (isr, elr) = state.split_once('|').unwrap();
        let (isr, elr) = (nodes(isr), nodes(elr));
        let leader = isr.first().copied();
        Partition {
            replicas: nodes("123"),
            isr,
            elr,
            leader,
            leader_epoch: 5,
            ..Partition::default()
        }
    }

    fn state(partition: &Partition) -> String {
        let digits =
            |nodes: &[NodeId]| nodes.iter().map(|node| node.0.to_string()).collect::<String>();
        format!("{}|{}", digits(&partition.isr), digits(&partition.elr))
    }

    /// After it left, clean or not, while the others that are named live: ISR and ELR, who leads, in which epoch.
    fn left(
        from: &str,
        leaver: u32,
        clean: bool,
        living: &str,
        off: Switches,
    ) -> (String, u32, u32) {
        let living = nodes(living);
        let rules = Rules { lives: |node| living.contains(&node), min: 2, switches: off };
        let mut next = partition(from);
        rules.leave(&mut next, &[NodeId(leaver)], clean);
        rules.settle(&mut next);
        (state(&next), next.leader.map_or(0, |leader| leader.0), next.leader_epoch)
    }

    #[test]
    fn who_leaves_an_isr_below_the_minimum_stays_eligible_unless_unclean() {
        let all = Switches::ALL_ON;
        let without = Mechanism::EligibleLeaders.off();
        for (from, leaver, clean, living, switches, after) in [
            // A follower leaves; the ISR has the minimum without it, or not.
            ("123|", 3, true, "12", all, ("12|", 1, 5)),
            ("12|", 2, true, "1", all, ("1|2", 1, 5)),
            ("12|", 2, false, "1", all, ("1|", 1, 5)),
            ("12|", 2, true, "1", without, ("1|", 1, 5)),
            // The leader leaves, and the next in order leads; with the minimum or below it.
            ("123|", 1, true, "23", all, ("23|", 2, 6)),
            ("132|", 1, true, "23", all, ("32|", 2, 6)),
            ("12|", 1, true, "23", all, ("2|1", 2, 6)),
            // The last one leaves: it stays eligible, or whoever is already leads.
            ("1|", 1, true, "3", all, ("|1", 0, 5)),
            ("1|", 1, false, "3", all, ("|", 0, 5)),
            ("1|2", 1, true, "23", all, ("2|1", 2, 6)),
            ("1|2", 1, false, "23", all, ("2|", 2, 6)),
            // Without that it stays in the ISR, and nobody leads.
            ("1|", 1, true, "3", without, ("1|", 0, 5)),
            // Who is eligible and loses what it had is so no longer.
            ("1|23", 2, false, "13", all, ("1|3", 1, 5)),
            ("1|23", 2, true, "13", all, ("1|23", 1, 5)),
            // Anybody who lives leads, and nobody else has what counts from then on.
            ("1|", 1, true, "3", Mechanism::CleanElection.off(), ("3|", 3, 6)),
        ] {
            let case = format!("{leaver} leaves {from}, {living} live");
            let (state, leader, epoch) = left(from, leaver, clean, living, switches);
            assert_eq!((&*state, leader, epoch), after, "{case}");
        }
    }

    #[test]
    fn an_eligible_one_leads_while_the_in_sync_ones_are_away_and_they_stay_eligible() {
        let rules = Rules { lives: |node| node == NodeId(2), min: 2, switches: Switches::ALL_ON };
        let mut next = Partition { leader: None, ..partition("1|2") };
        rules.settle(&mut next);
        assert_eq!((&*state(&next), next.leader, next.leader_epoch), ("2|1", Some(NodeId(2)), 6));
    }

    #[test]
    fn nobody_is_remembered_once_the_watermark_may_rise() {
        let mut next = partition("12|3");
        let rules = Rules { lives: |_| true, min: 2, switches: Switches::ALL_ON };
        rules.settle(&mut next);
        assert_eq!(state(&next), "12|");
    }
}
