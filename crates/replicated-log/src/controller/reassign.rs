//! A partition moves: replicas are added, catch up, and take the places of others in one entry.
//!
//! The law: no replica goes before all that are to stay are in sync. Until then the partition has both.

use machine::NodeId;

use crate::cluster::Partition;

/// The partition with these replicas to be, in the place of whatever it was to become before.
pub(crate) fn begin(partition: &mut Partition, target: &[NodeId]) {
    let Partition { replicas, adding, removing, isr, elr, .. } = partition;
    // Of those that were being added, who has come so far that it counts stays until the end.
    let counts = |node: &NodeId| isr.contains(node) || elr.contains(node);
    replicas.retain(|node| !adding.contains(node) || counts(node));
    *adding = target.iter().filter(|node| !replicas.contains(node)).copied().collect();
    *removing = replicas.iter().filter(|node| !target.contains(node)).copied().collect();
    *replicas = target.iter().chain(&*removing).copied().collect();
}

/// Ends the move, if all that are to stay are in sync and live.
pub(crate) fn advance(partition: &mut Partition, lives: impl Fn(NodeId) -> bool) {
    let Partition { replicas, adding, removing, isr, elr, .. } = partition;
    let stays = |node: &NodeId| !removing.contains(node);
    let is_ready = |node: &NodeId| isr.contains(node) && lives(*node);
    let moves = !adding.is_empty() || !removing.is_empty();
    if moves && replicas.iter().filter(|node| stays(node)).all(is_ready) {
        [replicas, isr, elr].into_iter().for_each(|nodes| nodes.retain(stays));
        adding.clear();
        removing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::elect::Rules;
    use super::super::tests::nodes;
    use super::*;
    use machine::Switches;

    fn partition(replicas: &str, isr: &str) -> Partition {
        let leader = nodes(isr).first().copied();
        let (replicas, isr) = (nodes(replicas), nodes(isr));
        Partition { replicas, isr, leader, leader_epoch: 1, ..Partition::default() }
    }

    fn settle(partition: &mut Partition, living: &str) {
        let living = nodes(living);
        let lives = |node| living.contains(&node);
        Rules { lives, min: 2, switches: Switches::ALL_ON }.settle(partition);
    }

    fn lists(partition: &Partition) -> [&[NodeId]; 4] {
        [&partition.replicas, &partition.adding, &partition.removing, &partition.isr]
    }

    #[test]
    fn all_are_replaced_in_one_step_when_the_last_new_one_is_in_sync() {
        let mut moved = partition("123", "123");
        begin(&mut moved, &nodes("456"));
        assert_eq!(
            lists(&moved),
            ["456123", "456", "123", "123"].map(nodes).each_ref().map(|l| &l[..])
        );
        for in_sync in ["1234", "12346"] {
            moved.isr = nodes(in_sync);
            settle(&mut moved, "123456");
            assert_eq!((moved.replicas.len(), moved.leader), (6, Some(NodeId(1))));
        }
        moved.isr = nodes("13456");
        settle(&mut moved, "12356");
        assert_eq!(moved.replicas.len(), 6, "4 does not live, and would lead");
        settle(&mut moved, "123456");
        assert_eq!(lists(&moved), ["456", "", "", "456"].map(nodes).each_ref().map(|l| &l[..]));
        assert_eq!((moved.leader, moved.leader_epoch), (Some(NodeId(4)), 2));
    }

    #[test]
    fn an_order_or_fewer_replicas_are_a_step_of_their_own() {
        let mut ordered = partition("123", "123");
        begin(&mut ordered, &nodes("321"));
        settle(&mut ordered, "123");
        assert_eq!(lists(&ordered), ["321", "", "", "123"].map(nodes).each_ref().map(|l| &l[..]));
        assert_eq!(ordered.leader, Some(NodeId(1)), "it moves when leaders do");
        let mut fewer = partition("123", "12");
        begin(&mut fewer, &nodes("23"));
        settle(&mut fewer, "123");
        assert_eq!(fewer.replicas.len(), 3, "3 is not in sync");
        fewer.isr = nodes("123");
        settle(&mut fewer, "123");
        assert_eq!(lists(&fewer), ["23", "", "", "23"].map(nodes).each_ref().map(|l| &l[..]));
        assert_eq!(fewer.leader, Some(NodeId(2)));
    }

    #[test]
    fn another_move_takes_the_place_of_one_that_does_not_end() {
        let mut moved = partition("123", "123");
        begin(&mut moved, &nodes("145"));
        moved.isr = nodes("1234");
        // 5 never comes. 4 counts by now, and stays until the others are in sync.
        begin(&mut moved, &nodes("126"));
        assert_eq!(
            lists(&moved),
            ["12643", "6", "43", "1234"].map(nodes).each_ref().map(|l| &l[..])
        );
        begin(&mut moved, &nodes("123"));
        settle(&mut moved, "1234");
        assert_eq!(lists(&moved), ["123", "", "", "123"].map(nodes).each_ref().map(|l| &l[..]));
    }
}
