//! Bounded loads: no request is admitted above the bound, in any sequence.

use hash_ring::{BoundedRing, Node, NodeIndex, Placement, Refused, Ring};
use proptest::prelude::*;

use crate::fleets::{fleet, weighing};

#[derive(Clone, Debug)]
enum Step {
    Admit { key: u64 },
    Release { which: usize },
    Add { weight: f64 },
    Remove { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few different keys: the same ones come again and again, as hot keys do.
    let step = prop_oneof![
        20 => (0u64..8).prop_map(|key| Step::Admit { key: hash_ring::hash(&[key as u8]) }),
        8 => any::<usize>().prop_map(|which| Step::Release { which }),
        1 => (0.1..5.0f64).prop_map(|weight| Step::Add { weight }),
        1 => any::<usize>().prop_map(|which| Step::Remove { which }),
    ];
    prop::collection::vec(step, 1..300)
}

/// ceil(bound x average x weight), written down once more, with the loads as the test counted them.
fn most(ring: &BoundedRing, bound: f64, total: usize, node: NodeIndex) -> u64 {
    let weight = ring.nodes()[node].weight();
    (bound * total as f64 * weight / ring.nodes().weight()).ceil() as u64
}

fn run(weights: &[f64], bound: f64, steps: &[Step]) {
    let ring = Ring::with_vnodes(weighing(weights), 8).expect("a ring");
    let mut ring = BoundedRing::with_bound(ring, bound).expect("a bound");
    let mut open: Vec<NodeIndex> = vec![];
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Admit { key } => {
                let (expected, node) = (ring.locate(*key), ring.admit(*key));
                assert_eq!(node, expected, "locate says what admit does");
                open.push(node);
                let load = open.iter().filter(|other| **other == node).count() as u64;
                assert!(load <= most(&ring, bound, open.len(), node), "step {at}: {load}");
            }
            Step::Release { which } if !open.is_empty() => {
                let node = open.swap_remove(which % open.len());
                ring.release(node).expect("it has one");
            }
            Step::Add { weight } => {
                let node = Node::new(&format!("more-{at}")).expect("a name");
                ring.add(node.with_weight(*weight).expect("a weight")).expect("room");
            }
            Step::Remove { which } => {
                let (index, node) = {
                    let nodes = ring.nodes();
                    nodes.iter().nth(which % nodes.count()).expect("below the count")
                };
                let name = node.name().to_owned();
                if ring.remove(&name).is_ok() {
                    open.retain(|node| *node != index);
                }
            }
            Step::Release { .. } => {}
        }
        assert_eq!(ring.total(), open.len() as u64);
        for (index, _) in ring.nodes().iter() {
            let load = open.iter().filter(|node| **node == index).count() as u64;
            assert_eq!(ring.load(index), load);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_request_is_admitted_above_the_bound(
        weights in prop::collection::vec(prop_oneof![Just(1.0), 0.1..9.0f64], 1..12),
        bound in prop_oneof![Just(1.0), Just(1.25), 1.0..3.0f64],
        steps in steps(),
    ) {
        run(&weights, bound, &steps);
    }

    /// Without releases the average only grows, and so no node is ever above the bound.
    #[test]
    fn without_releases_no_node_is_ever_above(keys in prop::collection::vec(any::<u64>(), 1..200)) {
        let mut ring = BoundedRing::new(fleet(7)).expect("a ring");
        for (done, key) in keys.iter().enumerate() {
            ring.admit(*key);
            for (index, _) in ring.nodes().iter() {
                let most = most(&ring, BoundedRing::BOUND, done + 1, index);
                prop_assert!(ring.load(index) <= most);
            }
        }
    }
}

/// One key that everybody wants: the ring drowns its node, the bounded ring shares it out.
#[test]
fn a_hot_key_spreads() {
    let mut ring = BoundedRing::new(fleet(10)).expect("a ring");
    for _ in 0..1_000 {
        ring.admit(7);
    }
    let loads: Vec<u64> = ring.nodes().iter().map(|(index, _)| ring.load(index)).collect();
    assert_eq!(loads.iter().max(), Some(&125), "{loads:?}");
}

/// While there is room at home, a request stays there.
#[test]
fn a_wide_bound_is_the_plain_ring() {
    let plain = Ring::new(fleet(10)).expect("a ring");
    let mut bounded = BoundedRing::with_bound(plain.clone(), 1e9).expect("a bound");
    for key in crate::fleets::keys(1_000) {
        assert_eq!(plain.locate(key), bounded.admit(key));
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let ring = || Ring::new(fleet(2)).expect("a ring");
    for bound in [0.99, -1.0, f64::NAN, f64::INFINITY] {
        let refused = BoundedRing::with_bound(ring(), bound);
        assert!(matches!(refused, Err(Refused::BadBound { .. })), "{bound}");
    }
    let mut ring = BoundedRing::with_bound(ring(), 1.0).expect("a bound");
    let node = ring.admit(1);
    ring.release(node).expect("it has one");
    let again = ring.release(node);
    assert!(matches!(again, Err(Refused::NothingToRelease { .. })));
    assert!(ring.release(NodeIndex(99)).is_err());
    assert_eq!(ring.total(), 0);
}
