//! Who is there: the nodes in their zones, and who keeps which group.

use std::collections::BTreeMap;

use machine::NodeId;

use crate::layout::{Layout, TooFewNodes};
use crate::range::Ranges;
use crate::tuning::Tuning;
use crate::words::GroupNumber;

/// What all nodes are told when they start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Each node with its zone.
    pub zones: BTreeMap<NodeId, u8>,
    /// Of the groups.
    pub ranges: Ranges,
    /// Where shards lie.
    pub layout: Layout,
}

impl Cluster {
    /// A store of these nodes.
    ///
    /// # Errors
    /// If they are fewer than the shards of a put.
    pub fn new(
        zones: BTreeMap<NodeId, u8>,
        ranges: Ranges,
        tuning: &Tuning,
    ) -> Result<Cluster, TooFewNodes> {
        let layout = Layout::first(tuning.code, tuning.placement_groups, zones.clone())?;
        Ok(Cluster { zones, ranges, layout })
    }

    /// Who keeps a group: a node of each zone, taken in turns. Where there are fewer than three zones, three nodes all the
    /// same, if there are as many: two that lie in one zone are better than one.
    pub fn members(&self, group: GroupNumber) -> Vec<NodeId> {
        let mut zones: BTreeMap<u8, Vec<NodeId>> = BTreeMap::new();
        self.zones.iter().for_each(|(node, zone)| zones.entry(*zone).or_default().push(*node));
        let turn =
            |nodes: &Vec<NodeId>, more: usize| nodes[(usize::from(group) + more) % nodes.len()];
        let mut members: Vec<_> = zones.values().map(|nodes| turn(nodes, 0)).collect();
        for more in 1..3 {
            for node in zones.values().map(|nodes| turn(nodes, more)) {
                if members.len() < 3 && !members.contains(&node) {
                    members.push(node);
                }
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Code;

    fn cluster(zones: &[u8]) -> Cluster {
        let zones = (0..).map(NodeId).zip(zones.iter().copied()).collect();
        let tuning = Tuning { code: Code { data: 1, parity: 0 }, ..Tuning::default() };
        Cluster::new(zones, Ranges::by_letter(), &tuning).unwrap()
    }

    #[test]
    fn a_group_is_kept_by_a_node_of_each_zone_and_groups_by_all_nodes_in_turns() {
        let nine = cluster(&[0, 1, 2, 0, 1, 2, 0, 1, 2]);
        let ids = |nodes: [u32; 3]| nodes.map(NodeId).to_vec();
        assert_eq!(nine.members(0), ids([0, 1, 2]));
        assert_eq!(nine.members(1), ids([3, 4, 5]));
        assert_eq!(nine.members(5), ids([6, 7, 8]));
        assert_eq!(cluster(&[0, 0, 0, 0]).members(1), ids([1, 2, 3]));
        assert_eq!(cluster(&[0, 1, 1]).members(0).len(), 3);
        assert_eq!(cluster(&[0]).members(7), [NodeId(0)]);
    }
}
