//! Little movement: only keys of the node that came or went move, whatever came and went before.

use hash_ring::{Algorithm, Maglev, Node, Nodes, Placement, Refused, Ring};
use proptest::prelude::*;

use crate::fleets::{
    Change, LITTLE_MOVEMENT, WEIGHTED, apply, changes, fleet, keys, owner_names, owners,
};

/// Of the keys that move, those that neither come from the node nor go to it; and all that move.
fn strays(before: &[String], after: &[String], node: &str) -> (usize, usize) {
    let moves = before.iter().zip(after).filter(|(before, after)| before != after);
    let stray = moves.clone().filter(|(before, after)| *before != node && *after != node);
    (stray.count(), moves.count())
}

fn only_its_keys_move(algorithm: Algorithm, first: u32, changes: &[Change]) {
    let weighted = WEIGHTED.contains(&algorithm);
    let mut placement = algorithm.build(fleet(first)).expect("a placement");
    let keys = keys(300);
    for change in changes {
        let before = owner_names(&*placement, &keys);
        let Ok(node) = apply(&mut *placement, change, weighted) else {
            assert_eq!(before, owner_names(&*placement, &keys), "a refusal moves nothing");
            continue;
        };
        let after = owner_names(&*placement, &keys);
        let (strays, _) = strays(&before, &after, &node);
        assert_eq!(strays, 0, "{algorithm:?} after {change:?} of {node}");
        let gone = placement.nodes().find(&node).is_none();
        assert!(!gone || !after.contains(&node), "{algorithm:?} kept keys on {node}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_keys_of_the_node_that_came_or_went_move(first in 1u32..20, changes in changes()) {
        for algorithm in LITTLE_MOVEMENT {
            only_its_keys_move(algorithm, first, &changes);
        }
    }

    /// Ring, rendezvous and maglev are functions of the nodes that there are.
    #[test]
    fn history_does_not_matter_where_it_should_not(changes in changes()) {
        for algorithm in [Algorithm::Ring, Algorithm::Rendezvous, Algorithm::Maglev] {
            let mut placement = algorithm.build(fleet(4)).expect("a placement");
            for change in &changes {
                let _ = apply(&mut *placement, change, true);
            }
            let mut nodes: Vec<Node> =
                placement.nodes().iter().map(|(_, node)| node.clone()).collect();
            nodes.reverse();
            let anew = algorithm.build(Nodes::new(nodes).expect("nodes")).expect("a placement");
            let keys = keys(300);
            prop_assert_eq!(owner_names(&*placement, &keys), owner_names(&*anew, &keys));
        }
    }

    /// Those whose state is a list of indices take one with gaps in it.
    #[test]
    fn a_list_with_gaps_is_as_good(changes in changes()) {
        let mut ring = Algorithm::Ring.build(fleet(9)).expect("a placement");
        for change in &changes {
            let _ = apply(&mut *ring, change, false);
        }
        for algorithm in Algorithm::ALL {
            let mut placement = algorithm.build(ring.nodes().clone()).expect("a placement");
            placement.add(Node::new("late").expect("a name")).expect("room");
            for key in keys(100) {
                let owner = placement.locate(key);
                prop_assert!(placement.nodes().get(owner).is_some());
            }
        }
    }
}

/// Among 240,000 points some share their place; who owns it must not hang on the order of the list.
#[test]
fn the_order_of_the_list_does_not_matter_even_where_points_meet() {
    let forth: Vec<Node> = fleet(1_500).iter().map(|(_, node)| node.clone()).collect();
    let back: Vec<Node> = forth.iter().rev().cloned().collect();
    let points = |nodes: Vec<Node>| -> Vec<(u32, String)> {
        let ring = Ring::new(Nodes::new(nodes).expect("nodes")).expect("a ring");
        let named = |(at, owner)| (at, ring.nodes()[owner].name().to_owned());
        ring.continuum().map(named).collect()
    };
    let (forth, back) = (points(forth), points(back));
    assert!(forth.windows(2).any(|pair| pair[0].0 == pair[1].0), "no points meet");
    assert!(forth == back);
}

/// How much moves, against the part of the keys that has to: to the node that comes, and from it when
/// it goes again.
#[test]
fn a_node_takes_its_share_and_gives_it_back() {
    let keys = keys(100_000);
    let share = keys.len() as f64 / 101.0;
    for algorithm in LITTLE_MOVEMENT.into_iter().filter(|a| *a != Algorithm::Range) {
        let mut placement = algorithm.build(fleet(100)).expect("a placement");
        let before = owners(&*placement, &keys);
        let index = placement.add(Node::new("one-more").expect("a name")).expect("room");
        let taken = owners(&*placement, &keys).iter().filter(|owner| **owner == index).count();
        let part = taken as f64 / share;
        assert!((0.7..1.3).contains(&part), "{algorithm:?} moved {part} times what it must");
        placement.remove("one-more").expect("it is there");
        if algorithm != Algorithm::Directory {
            assert_eq!(before, owners(&*placement, &keys), "{algorithm:?}");
        }
    }
}

/// Equal nodes have 160 points at all of these numbers of nodes, so ketama moves no more than it must.
#[test]
fn ketama_moves_little_between_equal_nodes() {
    let keys = keys(20_000);
    let mut placement = Algorithm::Ketama.build(fleet(20)).expect("a placement");
    for number in 20..50 {
        let before = owner_names(&*placement, &keys);
        let name = format!("node-{number}");
        placement.add(Node::new(&name).expect("a name")).expect("room");
        assert_eq!(strays(&before, &owner_names(&*placement, &keys), &name).0, 0);
    }
}

#[test]
fn modulo_moves_nearly_everything() {
    let keys = keys(20_000);
    let mut placement = Algorithm::Modulo.build(fleet(20)).expect("a placement");
    let before = owner_names(&*placement, &keys);
    placement.add(Node::new("one-more").expect("a name")).expect("room");
    let (strays, moved) = strays(&before, &owner_names(&*placement, &keys), "one-more");
    assert!(moved > 18_500 && strays > 17_500, "{moved} moved, {strays} for nothing");
}

/// Maglev moves a little more than it must; fewer slots a node make it worse.
#[test]
fn maglevs_disruption_is_bounded() {
    let keys = keys(50_000);
    let share_of_strays = |slots| {
        let mut placement = Maglev::with_slots(fleet(100), slots).expect("a table");
        let before = owner_names(&placement, &keys);
        placement.remove("node-50").expect("it is there");
        let (strays, _) = strays(&before, &owner_names(&placement, &keys), "node-50");
        strays as f64 / keys.len() as f64
    };
    let (coarse, fine) = (share_of_strays(1_009), share_of_strays(65_521));
    assert!(fine < 0.01, "{fine} of the keys moved for nothing");
    assert!(fine < coarse && coarse < 0.1, "{coarse}, and {fine} with more slots");
}

#[test]
fn jump_lets_only_the_last_go() {
    let mut jump = Algorithm::Jump.build(fleet(3)).expect("a placement");
    let refused = jump.remove("node-1").expect_err("it is not the last");
    assert!(matches!(&refused, Refused::OnlyTheLast { last, .. } if last == "node-2"));
    assert_eq!(jump.remove("node-9"), Err(Refused::NotThere { name: "node-9".to_owned() }));
    for name in ["node-2", "node-1"] {
        jump.remove(name).expect("the last");
    }
    assert_eq!(jump.remove("node-0"), Err(Refused::LastNode { name: "node-0".to_owned() }));
}
