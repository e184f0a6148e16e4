//! Layouts of all shapes, and what moves between them.

use proptest::prelude::*;

use super::*;

const CODES: [Code; 4] = [
    Code { data: 4, parity: 2 },
    Code { data: 1, parity: 2 },
    Code { data: 2, parity: 1 },
    Code { data: 1, parity: 0 },
];
const GROUPS: Group = 64;

/// So many nodes in each zone.
fn nodes(zones: &[u32]) -> BTreeMap<NodeId, u8> {
    let zone = |(zone, count): (u8, &u32)| {
        (0..*count).map(move |n| (NodeId(100 * u32::from(zone) + n), zone))
    };
    (0..).zip(zones).flat_map(zone).collect()
}

fn most_in_a_zone(layout: &Layout, places: &[NodeId]) -> usize {
    let crowd = |zone: u8| places.iter().filter(|&&node| layout.zone(node) == Some(zone)).count();
    (0..=u8::MAX).map(crowd).max().unwrap_or_default()
}

/// The least that any table moves: what those who went had, and what those have who came.
fn least_moved(before: &Layout, after: &Layout) -> usize {
    let had = |layout: &Layout, other: &Layout| {
        let places = layout.rows.iter().flat_map(|row| &row.places);
        places.filter(|node| !other.zones.contains_key(node)).count()
    };
    had(before, after).max(had(after, before))
}

#[test]
fn slots_are_of_different_nodes_and_no_zone_has_more_than_the_parity() {
    for code in CODES {
        let layout = Layout::first(code, GROUPS, nodes(&[3, 3, 3])).unwrap();
        for group in 0..GROUPS {
            let mut places = layout.places(group).to_vec();
            assert!(most_in_a_zone(&layout, &places) <= usize::from(code.parity).max(1));
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), usize::from(code.shards()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whoever_comes_or_goes_no_more_moves_than_must_and_a_tenth(
        zones in prop::collection::vec(3_u32..7, 3),
        code in prop::sample::select(CODES.to_vec()),
        zone in 0_usize..3,
        comes in any::<bool>(),
    ) {
        let few = Layout::first(code, GROUPS, nodes(&zones)).unwrap();
        let mut more = zones.clone();
        more[zone] += 1;
        let (before, after) = if comes {
            (few.clone(), few.next(nodes(&more)).unwrap())
        } else {
            let many = Layout::first(code, GROUPS, nodes(&more)).unwrap();
            let fewer = many.next(nodes(&zones)).unwrap();
            (many, fewer)
        };
        let (moved, least) = (before.moved(&after).count(), least_moved(&before, &after));
        prop_assert!(10 * moved <= 11 * least, "{moved} moved, {least} must");
        prop_assert_eq!(after.number, before.number + 1);
        for group in 0..GROUPS {
            let most = most_in_a_zone(&after, after.places(group));
            prop_assert!(most <= usize::from(code.parity).max(1));
        }
        prop_assert_eq!(before.next(before.zones().clone()).unwrap().moved(&before).count(), 0);
    }

    #[test]
    fn a_substitute_is_there_has_no_shard_and_keeps_zones_apart_where_it_can(
        away in prop::collection::btree_set(0_usize..9, 0..6),
        group in 0..GROUPS,
    ) {
        let code = CODES[0];
        let layout = Layout::first(code, GROUPS, nodes(&[3, 3, 3])).unwrap();
        let ids: Vec<_> = layout.zones().keys().copied().collect();
        let is_there = |node: NodeId| !away.iter().any(|&at| ids[at] == node);
        let mut holders: Vec<_> =
            layout.places(group).iter().copied().filter(|&node| is_there(node)).collect();
        while holders.len() < 6 {
            let free = |node: &NodeId| is_there(*node) && !holders.contains(node);
            let found = layout.substitute(group, &holders, is_there);
            prop_assert_eq!(found.is_some(), ids.iter().any(free));
            let Some(node) = found else { break };
            prop_assert!(free(&node));
            let crowd = |node: NodeId| holders.iter().filter(|&&it| layout.zone(it) == layout.zone(node)).count();
            let apart = ids.iter().filter(|node| free(node)).any(|&node| crowd(node) < 2);
            prop_assert!(!apart || crowd(node) < 2);
            holders.push(node);
        }
    }
}

#[test]
fn shards_that_cannot_be_kept_apart_are_refused() {
    let refused = Layout::first(CODES[0], GROUPS, nodes(&[2, 2, 1]));
    assert_eq!(refused, Err(TooFewNodes { nodes: 5, code: CODES[0] }));
}

#[test]
fn keys_are_spread_over_all_groups_and_a_bucket_is_no_part_of_a_key() {
    let layout = Layout::first(CODES[3], 8, nodes(&[1])).unwrap();
    let groups: std::collections::BTreeSet<_> =
        (0..100).map(|key| layout.group("b", &format!("{key}"))).collect();
    assert_eq!(groups.len(), 8);
    let same =
        (0..20).all(|n| layout.group("b", &format!("k{n}")) == layout.group("bk", &format!("{n}")));
    assert!(!same);
}
