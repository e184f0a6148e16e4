//! Which brokers keep a new partition.
//!
//! The law: no rack has two replicas of a partition while another, with a broker that lives, has none. Leaders go
//! around all brokers, and the followers of one leader around all others.

use std::collections::BTreeMap;

use machine::NodeId;

use crate::cluster::Cluster;

/// The replicas of a partition, the one that leads first; those that live before others. `turn` is how many partitions
/// were placed before. Nothing where there are not so many brokers, or none that lives.
pub(crate) fn place(cluster: &Cluster, turn: usize, replicas: usize) -> Option<Vec<NodeId>> {
    let ring = ring(cluster);
    let lives = |node: &NodeId| cluster.may_lead(*node);
    let living: Vec<_> = ring.iter().filter(|node| lives(node)).collect();
    if replicas == 0 || replicas > ring.len() || living.is_empty() {
        return None;
    }
    let leader = *living[turn % living.len()];
    let start = ring.iter().position(|node| *node == leader)? + 1;
    let others = ring.len() - 1;
    let around =
        |step: usize| ring[(start + (turn / ring.len() + step) % others.max(1)) % ring.len()];
    let mut left: Vec<NodeId> = (0..others).map(around).collect();
    let rack = |node: &NodeId| cluster.brokers[node].rack.as_ref();
    let mut chosen = vec![leader];
    while chosen.len() < replicas {
        let taken = |node: &NodeId| chosen.iter().filter(|other| rack(other) == rack(node)).count();
        let best = (0..left.len()).min_by_key(|at| (!lives(&left[*at]), taken(&left[*at])))?;
        chosen.push(left.remove(best));
    }
    Some(chosen)
}

/// All brokers, racks in turn: the first of each rack, then the second of each.
fn ring(cluster: &Cluster) -> Vec<NodeId> {
    let mut places = BTreeMap::new();
    let mut ring: Vec<_> = cluster
        .brokers
        .iter()
        .map(|(id, broker)| {
            let place: &mut u32 = places.entry(&broker.rack).or_default();
            *place += 1;
            (*place, &broker.rack, *id)
        })
        .collect();
    ring.sort_unstable();
    ring.into_iter().map(|(_, _, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::BrokerState;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Brokers from 1 on, each in a rack, and fenced or not.
    fn cluster(brokers: &[(Option<&str>, bool)]) -> Cluster {
        let brokers = (1..).zip(brokers).map(|(id, (rack, fenced))| {
            let rack = rack.map(Into::into);
            let disk = machine::DiskId(id.into());
            let (epoch, boot) = (id.into(), 1);
            let (addresses, fenced, stopping) = (None, *fenced, false);
            (NodeId(id), BrokerState { epoch, boot, disk, rack, addresses, fenced, stopping })
        });
        Cluster { brokers: brokers.collect(), ..Cluster::default() }
    }

    fn placed(cluster: &Cluster, turn: usize, replicas: usize) -> Vec<u32> {
        place(cluster, turn, replicas).unwrap().iter().map(|node| node.0).collect()
    }

    #[test]
    fn leaders_and_then_followers_go_around() {
        let four = cluster(&[(None, false); 4]);
        let turns: Vec<_> = (0..6).map(|turn| placed(&four, turn, 2)).collect();
        assert_eq!(turns, [[1, 2], [2, 3], [3, 4], [4, 1], [1, 3], [2, 4]]);
    }

    #[test]
    fn who_does_not_live_follows_where_nobody_else_is_there() {
        let one_fenced = cluster(&[(None, true), (None, false), (None, false)]);
        assert_eq!(placed(&one_fenced, 0, 2), [2, 3]);
        assert_eq!(placed(&one_fenced, 1, 3), [3, 2, 1]);
        assert_eq!(place(&one_fenced, 0, 4), None);
        assert_eq!(place(&one_fenced, 0, 0), None);
        assert_eq!(place(&cluster(&[(None, true)]), 0, 1), None);
        assert_eq!(placed(&cluster(&[(None, false)]), 7, 1), [1]);
    }

    proptest! {
        #[test]
        fn no_rack_twice_while_another_has_none(
            racks in prop::collection::vec(0..4_usize, 1..9),
            turn in 0..50_usize,
            replicas in 1..9_usize,
        ) {
            let names = ["a", "b", "c", "d"];
            let all: Vec<_> = racks.iter().map(|rack| (Some(names[*rack]), false)).collect();
            let found = place(&cluster(&all), turn, replicas);
            prop_assert_eq!(found.is_some(), replicas <= racks.len());
            let chosen = found.unwrap_or_default();
            let distinct: BTreeSet<_> = chosen.iter().collect();
            prop_assert_eq!(distinct.len(), chosen.len());
            let used: BTreeSet<_> = chosen.iter().map(|node| racks[node.0 as usize - 1]).collect();
            let there: BTreeSet<_> = racks.iter().collect();
            prop_assert_eq!(used.len(), chosen.len().min(there.len()));
        }
    }
}
