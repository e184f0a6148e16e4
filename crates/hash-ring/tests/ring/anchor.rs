//! AnchorHash: whatever goes comes back as it was.

use std::collections::BTreeSet;

use hash_ring::{Anchor, Node, Nodes, Placement, Refused};
use proptest::prelude::*;

use crate::fleets::{counts, fleet, keys, owners};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After any number of removals, as many additions lead back through all earlier mappings.
    #[test]
    fn adding_undoes_the_last_removal(
        first in 2u32..30,
        room in 0u32..30,
        removals in prop::collection::vec(any::<usize>(), 1..29),
    ) {
        let mut anchor = Anchor::with_capacity(fleet(first), first + room).expect("room");
        let keys = keys(300);
        let mut history = vec![];
        for which in removals {
            let count = anchor.nodes().count();
            let (_, node) = anchor.nodes().iter().nth(which % count).expect("below the count");
            let name = node.name().to_owned();
            let before = owners(&anchor, &keys);
            if let Ok(node) = anchor.remove(&name) {
                history.push((before, node));
            }
        }
        for (before, node) in history.into_iter().rev() {
            anchor.add(node).expect("room");
            prop_assert_eq!(owners(&anchor, &keys), before);
        }
    }

    /// Nodes come and go in any order, and each look-up ends at one that is there. Whenever one is
    /// added, the mapping is that from before the last removal that was not undone yet.
    #[test]
    fn removals_are_undone_whatever_came_between(
        first in 2u32..30,
        room in 0u32..30,
        steps in prop::collection::vec((any::<bool>(), any::<usize>()), 1..80),
    ) {
        let mut anchor = Anchor::with_capacity(fleet(first), first + room).expect("room");
        let keys = keys(200);
        let mut undone = vec![];
        for (removes, which) in steps {
            let before = owners(&anchor, &keys);
            if removes {
                let count = anchor.nodes().count();
                let (_, node) = anchor.nodes().iter().nth(which % count).expect("below the count");
                let name = node.name().to_owned();
                undone.extend(anchor.remove(&name).map(|node| (before, node)));
            } else if let Some((before, node)) = undone.pop() {
                anchor.add(node).expect("room");
                prop_assert_eq!(owners(&anchor, &keys), before);
            }
            let there: BTreeSet<_> = anchor.nodes().iter().map(|(index, _)| index).collect();
            prop_assert!(owners(&anchor, &keys).iter().all(|owner| there.contains(owner)));
        }
    }

    /// Nodes that are added at the end beyond any removal do not differ from nodes of the start.
    #[test]
    fn nodes_of_the_start_are_nodes_that_were_added(first in 1u32..20, more in 0u32..20) {
        let grown = {
            let mut anchor = Anchor::with_capacity(fleet(first), 40).expect("room");
            for number in first..first + more {
                let node = Node::new(&format!("node-{number}")).expect("a name");
                anchor.add(node).expect("room");
            }
            anchor
        };
        let whole = Anchor::with_capacity(fleet(first + more), 40).expect("room");
        let keys = keys(300);
        prop_assert_eq!(owners(&grown, &keys), owners(&whole, &keys));
    }
}

/// The keys of nodes that went spread evenly, even after half of them went.
#[test]
fn what_is_left_stays_even() {
    let mut anchor = Anchor::new(fleet(100)).expect("room");
    for number in (0..100).step_by(2) {
        anchor.remove(&format!("node-{number}")).expect("it is there");
    }
    let keys = keys(200_000);
    let counts = counts(&mut anchor, &keys);
    let peak = counts.values().copied().fold(0.0, f64::max);
    let least = counts.values().copied().fold(f64::MAX, f64::min);
    assert_eq!(counts.len(), 50);
    assert!(peak < 4_000.0 * 1.06 && least > 4_000.0 * 0.94, "{least} to {peak}");
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let mut anchor = Anchor::with_capacity(fleet(3), 4).expect("room");
    anchor.add(Node::new("d").expect("a name")).expect("room");
    let refused = anchor.add(Node::new("e").expect("a name"));
    assert_eq!(refused, Err(Refused::Full { capacity: 4 }));
    assert_eq!(anchor.nodes().count(), 4);
    let uneven = Nodes::parse("a\nb 2").expect("nodes");
    assert!(matches!(Anchor::new(uneven), Err(Refused::NoWeights { name, .. }) if name == "b"));
}
