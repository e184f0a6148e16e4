//! Balance: how full the fullest node is, and whether weights are honoured.

use hash_ring::{Algorithm, BoundedRing, Placement, Refused, Ring};

use crate::fleets::{WEIGHTED, counts, fleet, keys, weighing};

/// Peak over mean of 100,000 keys on 100 nodes; chance alone makes it about 1.08.
fn peak(placement: &mut dyn Placement) -> f64 {
    let keys = keys(100_000);
    let counts = counts(placement, &keys);
    let peak = counts.values().copied().fold(0.0, f64::max);
    peak * counts.len() as f64 / keys.len() as f64
}

#[test]
fn no_algorithm_is_fuller_than_it_promises() {
    for (algorithm, most) in [
        (Algorithm::Ring, 1.35),
        (Algorithm::Ketama, 1.35),
        (Algorithm::Jump, 1.12),
        (Algorithm::Rendezvous, 1.12),
        (Algorithm::Maglev, 1.12),
        (Algorithm::Anchor, 1.12),
        (Algorithm::Bounded, 1.25),
        (Algorithm::Modulo, 1.12),
        (Algorithm::Range, 1.12),
        (Algorithm::Directory, 1.12),
    ] {
        let peak = peak(&mut *algorithm.build(fleet(100)).expect("a placement"));
        assert!((1.0..=most).contains(&peak), "{algorithm:?}: {peak}");
    }
}

/// What virtual nodes are for: one point a node leaves some node with several times its share.
#[test]
fn virtual_nodes_make_a_ring_even() {
    let peak = |vnodes| peak(&mut Ring::with_vnodes(fleet(100), vnodes).expect("a ring"));
    let (one, some, many) = (peak(1), peak(160), peak(2_000));
    assert!(one > 3.0 && some < 1.35 && many < 1.15, "{one}, {some}, {many}");
}

#[test]
fn weights_are_honoured() {
    let weights = [1.0, 2.0, 4.0, 0.5, 2.5];
    let keys = keys(100_000);
    for algorithm in WEIGHTED {
        let mut placement = algorithm.build(weighing(&weights)).expect("a placement");
        let counts = counts(&mut *placement, &keys);
        for (count, weight) in counts.values().zip(weights) {
            let part = count / (keys.len() as f64 * weight / 10.0);
            assert!((0.75..1.25).contains(&part), "{algorithm:?}: {part} of the share of {weight}");
        }
    }
}

/// A node that was added by its weight has its share, too, whatever came before.
#[test]
fn weights_are_honoured_after_changes() {
    let keys = keys(100_000);
    for algorithm in WEIGHTED.into_iter().filter(|a| *a != Algorithm::Range) {
        let mut placement = algorithm.build(weighing(&[1.0; 6])).expect("a placement");
        placement.remove("b").expect("it is there");
        let heavy = hash_ring::Node::new("z").expect("a name").with_weight(5.0).expect("a weight");
        placement.add(heavy).expect("room");
        placement.remove("c").expect("it is there");
        let counts = counts(&mut *placement, &keys);
        let part = counts["z"] / (keys.len() as f64 * 5.0 / 9.0);
        assert!((0.85..1.15).contains(&part), "{algorithm:?}: {part}");
    }
}

/// The range that is split is the widest for its weight, not the widest: b has two shares, a four of
/// its four.
#[test]
fn a_new_node_helps_the_fullest() {
    let mut range = Algorithm::Range.build(weighing(&[4.0, 1.0, 1.0])).expect("a placement");
    range.remove("c").expect("it is there");
    let added = range.add(hash_ring::Node::new("d").expect("a name")).expect("room");
    assert_eq!(range.locate(u64::MAX), added);
    let counts = counts(&mut *range, &keys(60_000));
    for (name, share) in [("a", 40_000.0), ("b", 10_000.0), ("d", 10_000.0)] {
        assert!((counts[name] / share - 1.0).abs() < 0.05, "{counts:?}");
    }
}

#[test]
fn algorithms_without_weights_refuse_them() {
    let uneven = weighing(&[2.0, 2.0, 3.0]);
    let even = weighing(&[2.0, 2.0, 2.0]);
    for algorithm in [Algorithm::Jump, Algorithm::Anchor, Algorithm::Modulo] {
        let Err(Refused::NoWeights { name, .. }) = algorithm.build(uneven.clone()) else {
            panic!("{algorithm:?} took weights");
        };
        assert_eq!(name, "c");
        let mut placement = algorithm.build(even.clone()).expect("the same weight all around");
        let light = hash_ring::Node::new("light").expect("a name");
        assert!(matches!(placement.add(light), Err(Refused::NoWeights { .. })));
        assert_eq!(placement.nodes().count(), 3);
    }
}

#[test]
fn a_ring_has_so_many_points_and_no_more() {
    let heavy = weighing(&[1e6, 1.0]);
    let refused = Ring::new(heavy.clone()).map(|_| ()).expect_err("too many points");
    assert!(matches!(refused, Refused::TooManyPoints { .. }));
    let mut ring = Ring::new(fleet(2)).expect("a ring");
    let node = hash_ring::Node::new("heavy").expect("a name").with_weight(1e6).expect("a weight");
    assert!(ring.add(node).is_err());
    assert_eq!(ring.nodes().count(), 2, "what was refused changed nothing");
    assert!(BoundedRing::new(heavy).is_err());
}
