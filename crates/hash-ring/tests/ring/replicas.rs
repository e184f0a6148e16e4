//! Copies: different nodes, in different zones and racks as far as there are some.

use std::collections::{BTreeMap, BTreeSet};

use hash_ring::{Algorithm, Node, Nodes, Placement};
use proptest::prelude::*;

use crate::fleets::{fleet, keys};

/// Nodes in zones 0 to 3 and racks 0 to 2 of them, some with no rack, some with nothing.
fn fleets() -> impl Strategy<Value = Nodes> {
    let location = prop_oneof![
        8 => (0u8..4, 0u8..3).prop_map(|(zone, rack)| Some(format!("z{zone}/r{rack}"))),
        2 => (0u8..4).prop_map(|zone| Some(format!("z{zone}"))),
        1 => Just(None),
    ];
    prop::collection::vec(location, 1..14).prop_map(|locations| {
        let node = |(at, location): (usize, Option<String>)| {
            let node = Node::new(&format!("n{at}")).expect("a name");
            match location {
                Some(location) => node.with_zone(&location).expect("a zone"),
                None => node,
            }
        };
        Nodes::new(locations.into_iter().enumerate().map(node)).expect("nodes")
    })
}

type Count<'a> = BTreeMap<(Option<&'a str>, Option<&'a str>), usize>;

/// How many of some nodes are in each place.
fn count<'a>(nodes: impl Iterator<Item = &'a Node>, racks: bool) -> Count<'a> {
    let mut count = Count::new();
    for node in nodes {
        *count.entry((node.zone(), node.rack().filter(|_| racks))).or_default() += 1;
    }
    count
}

/// No place has two more copies than another that has a node to spare.
fn assert_level(copies: &Count<'_>, nodes: &Count<'_>, what: &str) {
    for (place, most) in copies {
        for (other, room) in nodes {
            let there = copies.get(other).copied().unwrap_or(0);
            let same_zone = what == "zones" || place.0 == other.0;
            assert!(!same_zone || there == *room || there + 1 >= *most, "{what}: {copies:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn copies_are_apart(nodes in fleets(), wanted in 0usize..16) {
        for algorithm in Algorithm::ALL {
            let placement = algorithm.build(nodes.clone()).expect("a placement");
            for key in keys(20) {
                let copies = placement.replicas(key, wanted);
                prop_assert_eq!(copies.len(), wanted.min(nodes.count()));
                prop_assert_eq!(copies.iter().collect::<BTreeSet<_>>().len(), copies.len());
                prop_assert!(copies.iter().take(1).all(|first| *first == placement.locate(key)));
                let placed = || copies.iter().map(|index| &nodes[*index]);
                let all = || nodes.iter().map(|(_, node)| node);
                assert_level(&count(placed(), false), &count(all(), false), "zones");
                assert_level(&count(placed(), true), &count(all(), true), "racks");
            }
        }
    }

    /// Where an algorithm has an order of its own, a node that goes changes only the sets that it was
    /// in, and there is a place for it in them when it comes back.
    #[test]
    fn sets_change_only_with_their_nodes(gone in 0u32..20) {
        for algorithm in [Algorithm::Ring, Algorithm::Rendezvous] {
            let mut placement = algorithm.build(fleet(20)).expect("a placement");
            let sets = |p: &dyn Placement| -> Vec<Vec<String>> {
                let names = |key| p.replicas(key, 3).into_iter().map(|i| p.nodes()[i].name().into());
                keys(200).into_iter().map(|key| names(key).collect()).collect()
            };
            let before = sets(&*placement);
            let name = format!("node-{gone}");
            placement.remove(&name).expect("it is there");
            for (before, after) in before.iter().zip(sets(&*placement)) {
                let kept: Vec<_> = before.iter().filter(|node| **node != name).collect();
                prop_assert!(kept.iter().zip(&after).all(|(a, b)| *a == b), "{before:?} {after:?}");
            }
        }
    }
}

/// Every node is among the candidates of every key, in every algorithm, the owner first.
#[test]
fn candidates_name_every_node() {
    for algorithm in Algorithm::ALL {
        let mut placement = algorithm.build(fleet(300)).expect("a placement");
        for key in keys(5) {
            placement.admit(key);
            let mut candidates = placement.candidates(key);
            assert_eq!(candidates.next(), Some(placement.locate(key)), "{algorithm:?}");
            let others: BTreeSet<_> = candidates.collect();
            assert!(others.len() >= 299, "{algorithm:?}: {}", others.len());
        }
    }
}

/// A zone with a single node among hundreds elsewhere still gets its copy.
#[test]
fn a_lonely_zone_is_found() {
    let mut text: String = (0..500).map(|node| format!("n{node} 1 big\n")).collect();
    text += "lonely 1 small\n";
    let nodes = Nodes::parse(&text).expect("nodes");
    for algorithm in Algorithm::ALL {
        let placement = algorithm.build(nodes.clone()).expect("a placement");
        for key in keys(10) {
            let zones: BTreeSet<_> =
                placement.replicas(key, 2).into_iter().map(|node| nodes[node].zone()).collect();
            assert_eq!(zones.len(), 2, "{algorithm:?}");
        }
    }
}

/// A large weight beside the smallest: a node may have no keys, and still takes copies.
#[test]
fn a_node_without_keys_takes_copies() {
    let nodes = Nodes::parse("heavy 1e4\nlight 1e-9").expect("nodes");
    for algorithm in crate::fleets::WEIGHTED {
        let placement = algorithm.build(nodes.clone()).expect("a placement");
        for key in keys(10) {
            assert_eq!(placement.replicas(key, 2).len(), 2, "{algorithm:?}");
        }
    }
    let light = Nodes::parse("a 1e-9\nb 1e-9").expect("nodes");
    let ketama = Algorithm::Ketama.build(light).expect("a placement");
    assert_eq!(ketama.replicas(7, 2).len(), 2);
}
