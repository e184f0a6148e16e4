//! The ISR that the leader of a partition wants.
//!
//! # The law
//!
//! A proposal of the current version moves the version, whatever comes of it: one that cannot be gives the same ISR in
//! the next version. So whoever sees the version move knows that no copy of a proposal of his, late and over another
//! controller, can still be taken; until he sees that, everybody whom he has proposed may be in the ISR, and counts. A
//! refusal by a message could not say that.

use machine::{NodeId, Switches};

use super::elect::Rules;
use crate::cluster::{Cluster, Partition};
use crate::mechanism::Mechanism;
use crate::message::Alter;
use crate::words::BrokerEpoch;

/// The partition as it is after this proposal of a broker; nothing where the proposal is of another time, of which the
/// broker knows or will know.
pub(crate) fn alter(
    cluster: &Cluster,
    from: NodeId,
    alter: &Alter,
    switches: Switches,
) -> Option<Partition> {
    let partition = cluster.partition(alter.partition)?;
    let settings = cluster.topics.get(&alter.partition.topic)?.settings;
    let of_now = (Some(from), alter.leader_epoch, alter.version);
    if of_now != (partition.leader, partition.leader_epoch, partition.version) {
        return None;
    }
    let mut next = partition.clone();
    if may_be(cluster, partition, from, &alter.isr, switches) {
        let min = settings.min_insync_replicas;
        let rules = Rules { lives: |node| cluster.may_lead(node), min, switches };
        let wanted = |node: &NodeId| alter.isr.iter().any(|(member, _)| member == node);
        let leavers: Vec<_> = next.isr.iter().filter(|node| !wanted(node)).copied().collect();
        next.isr.extend(next.replicas.iter().filter(|node| wanted(node)));
        next.isr.sort_unstable();
        next.isr.dedup();
        next.elr.retain(|node| !wanted(node));
        rules.leave(&mut next, &leavers, true);
        rules.settle(&mut next);
    }
    next.version += 1;
    Some(next)
}

/// Those that are in it may stay, for they are in it because they have everything. Whoever comes in must be there, and
/// be the one that was seen to keep up: in a later broker epoch it may have lost what it had (KIP-903).
fn may_be(
    cluster: &Cluster,
    partition: &Partition,
    leader: NodeId,
    isr: &[(NodeId, BrokerEpoch)],
    switches: Switches,
) -> bool {
    let comes = |(node, epoch): &(NodeId, BrokerEpoch)| {
        let known = cluster.brokers.get(node).is_some_and(|broker| broker.epoch == *epoch);
        let is_it = known || !Mechanism::IsrEpoch.on(switches);
        partition.replicas.contains(node) && is_it && cluster.may_lead(*node)
    };
    isr.iter().any(|(node, _)| *node == leader)
        && isr.iter().all(|member| partition.isr.contains(&member.0) || comes(member))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PARTITION, cluster_of_three, nodes};
    use super::*;
    use crate::entry::Entry;

    /// Of the third version, by broker 1, which leads in the second epoch; members with their broker epochs.
    fn proposal(isr: &[(u32, u64)]) -> Alter {
        let isr = isr.iter().map(|(node, epoch)| (NodeId(*node), *epoch)).collect();
        Alter { partition: PARTITION, leader_epoch: 2, version: 3, isr }
    }

    fn cluster(isr: &str, elr: &str) -> Cluster {
        let (isr, elr) = (nodes(isr), nodes(elr));
        let partition = Partition {
            replicas: nodes("123"),
            isr,
            elr,
            leader: Some(NodeId(1)),
            leader_epoch: 2,
            version: 3,
            ..Partition::default()
        };
        cluster_of_three(partition)
    }

    fn after(
        cluster: &Cluster,
        proposal: &Alter,
        switches: Switches,
    ) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
        let next = alter(cluster, NodeId(1), proposal, switches)?;
        assert_eq!((next.leader, next.leader_epoch, next.version), (Some(NodeId(1)), 2, 4));
        Some((next.isr, next.elr))
    }

    #[test]
    fn the_isr_becomes_what_is_proposed_or_its_version_moves() {
        let all = Switches::ALL_ON;
        for (isr, elr, proposed, expected) in [
            ("12", "", &[(1, 1), (2, 2), (3, 3)][..], ("123", "")),
            ("123", "", &[(1, 1), (3, 3)], ("13", "")),
            // Below the minimum those who leave are eligible, one or two of them.
            ("12", "", &[(1, 1)], ("1", "2")),
            ("123", "", &[(1, 1)], ("1", "23")),
            // One in another's place: nobody was eligible in between.
            ("12", "", &[(1, 1), (3, 3)], ("13", "")),
            // With the minimum again nobody is.
            ("1", "23", &[(1, 1), (3, 3)], ("13", "")),
            // A member that registered anew and is still in it need not have been seen since.
            ("12", "", &[(1, 0), (2, 0), (3, 3)], ("123", "")),
            // The same again is taken, so that it voids what was proposed before.
            ("12", "", &[(1, 1), (2, 2)], ("12", "")),
            // In another epoch, not a replica, without the leader, with nobody: refused, and so moved.
            ("12", "", &[(1, 1), (2, 2), (3, 2)], ("12", "")),
            ("12", "", &[(1, 1), (2, 2), (4, 4)], ("12", "")),
            ("12", "", &[(2, 2), (3, 3)], ("12", "")),
            ("1", "2", &[], ("1", "2")),
        ] {
            let found = after(&cluster(isr, elr), &proposal(proposed), all);
            assert_eq!(
                found,
                Some((nodes(expected.0), nodes(expected.1))),
                "{isr}|{elr} {proposed:?}"
            );
        }
        let late = proposal(&[(1, 1), (2, 2), (3, 2)]);
        let found = after(&cluster("12", ""), &late, Mechanism::IsrEpoch.off());
        assert_eq!(found, Some((nodes("123"), nodes(""))), "nobody asks which one it was");
    }

    #[test]
    fn who_comes_into_an_isr_that_stays_below_the_minimum_is_not_eligible_besides() {
        let mut cluster = cluster("1", "23");
        cluster.topics.values_mut().for_each(|topic| topic.settings.min_insync_replicas = 3);
        let found = after(&cluster, &proposal(&[(1, 1), (2, 2)]), Switches::ALL_ON);
        assert_eq!(found, Some((nodes("12"), nodes("3"))));
    }

    #[test]
    fn who_is_fenced_or_stops_does_not_come_in_and_stays_where_it_is() {
        let (id, changes) = (NodeId(3), Vec::new());
        let all = proposal(&[(1, 1), (2, 2), (3, 3)]);
        for entry in
            [Entry::Fence { id, changes: changes.clone() }, Entry::Stopping { id, changes }]
        {
            let (mut out, mut inside) = (cluster("12", ""), cluster("13", ""));
            [&mut out, &mut inside].into_iter().for_each(|cluster| cluster.apply(9, &entry));
            let found = after(&out, &all, Switches::ALL_ON);
            assert_eq!(found, Some((nodes("12"), nodes(""))), "{entry:?}");
            let found = after(&inside, &all, Switches::ALL_ON);
            assert_eq!(found, Some((nodes("123"), nodes(""))), "{entry:?}");
        }
    }

    #[test]
    fn a_proposal_of_another_time_or_by_another_is_none() {
        let now = proposal(&[(1, 1)]);
        let cluster = cluster("12", "");
        let others = [
            Alter { version: 2, ..now.clone() },
            Alter { version: 4, ..now.clone() },
            Alter { leader_epoch: 1, ..now.clone() },
            Alter { leader_epoch: 3, ..now.clone() },
        ];
        for other in others {
            assert_eq!(alter(&cluster, NodeId(1), &other, Switches::ALL_ON), None, "{other:?}");
        }
        assert_eq!(alter(&cluster, NodeId(2), &now, Switches::ALL_ON), None);
    }
}
