//! Maglev's table: full, even, and as even as chance under load.

use hash_ring::{Algorithm, Maglev, Node, Nodes, Placement, Refused};
use proptest::prelude::*;

use crate::fleets::{fleet, weighing};

fn slots(maglev: &Maglev) -> Vec<u32> {
    let mut counts =
        vec![0; 1 + maglev.slots().map(|owner| owner.0).max().expect("slots") as usize];
    for owner in maglev.slots() {
        assert!(maglev.nodes().get(owner).is_some(), "a slot without a node");
        counts[owner.0 as usize] += 1;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every slot is filled, and no node has two more than another.
    #[test]
    fn the_table_is_full_and_even(
        nodes in 1u32..200,
        prime in prop::sample::select(vec![211u32, 257, 509, 1_021, 4_093]),
    ) {
        let counts = slots(&Maglev::with_slots(fleet(nodes), prime).expect("a table"));
        prop_assert_eq!(counts.iter().sum::<u32>(), prime);
        prop_assert_eq!(counts.len() as u32, nodes);
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{least} to {most}");
    }

    /// With weights a node has its part of the slots, less two at the most. What is left over where the
    /// last round of turns falls short is less than a slot a node, and goes to all by their weight: so
    /// a heavy node among many light ones can have several more than its part.
    #[test]
    fn turns_follow_the_weights(weights in prop::collection::vec(0.1..10.0f64, 1..20)) {
        let total: f64 = weights.iter().sum();
        let mut counts = slots(&Maglev::with_slots(weighing(&weights), 4_093).expect("a table"));
        counts.resize(weights.len(), 0);
        for (count, weight) in counts.iter().zip(&weights) {
            let over = f64::from(*count) - 4_093.0 * weight / total;
            let most = 1.0 + weights.len() as f64 * weight / total;
            prop_assert!(-2.0 < over && over < most + 1e-6, "{count} are {over} over, not {most}");
        }
    }
}

#[test]
fn a_table_takes_a_prime_that_is_large_enough() {
    for slots in [0, 1, 4, 65_536, 7, 67_108_879] {
        let refused = Maglev::with_slots(fleet(10), slots).map(|_| ());
        assert_eq!(refused, Err(Refused::BadTable { slots, most: 1 << 26 }), "{slots}");
    }
    let mut full = Maglev::with_slots(fleet(11), 11).expect("a table");
    let refused = full.add(Node::new("one-more").expect("a name"));
    assert_eq!(refused, Err(Refused::Full { capacity: 11 }));
}

/// The table is what the look-up is fast for: it has to stay in the cache. With the list of nodes
/// beside it.
#[test]
fn ten_thousand_nodes_take_less_than_150_bytes_each() {
    let maglev = Maglev::new(fleet(10_000)).expect("a table");
    let bytes = maglev.bytes() + maglev.nodes().bytes();
    assert!(bytes <= 150 * 10_000, "{bytes} bytes");
}

/// About sixteen slots a node at the least, whatever the number of nodes, and not many sizes of tables.
#[test]
fn tables_grow_in_steps() {
    for (nodes, slots) in
        [(1, 65_521), (4_096, 65_521), (4_097, 98_299), (6_144, 98_299), (6_145, 131_071)]
    {
        let maglev = Maglev::new(fleet(nodes)).expect("a table");
        assert_eq!(maglev.slots().count(), slots, "{nodes} nodes");
    }
}

/// A node that has nearly every turn does not keep the others from their own, nor the caller waiting.
#[test]
fn one_heavy_node_among_many_light_ones() {
    let mut text: String = (0..3_000).map(|node| format!("n{node} 1e-9\n")).collect();
    text += "heavy 1e9";
    let maglev = Maglev::new(Nodes::parse(&text).expect("nodes")).expect("a table");
    assert!(maglev.slots().all(|owner| maglev.nodes()[owner].name() == "heavy"));
}

/// The fullest of 1,000 nodes has hardly more than chance alone would give it.
#[test]
fn the_table_is_as_even_as_chance() {
    const NODES: usize = 1_000;
    const KEYS: u64 = 1_000_000;
    let maglev = Algorithm::Maglev.build(fleet(NODES as u32)).expect("a table");
    let (mut by_table, mut by_chance) = (0, 0);
    for seed in 0..4u64 {
        let mut counts = [[0u64; NODES]; 2];
        for key in seed * KEYS..(seed + 1) * KEYS {
            let hash = hash_ring::hash(&key.to_le_bytes());
            counts[0][maglev.locate(hash).0 as usize] += 1;
            counts[1][(hash % NODES as u64) as usize] += 1;
        }
        by_table += counts[0].iter().max().unwrap();
        by_chance += counts[1].iter().max().unwrap();
    }
    let excess = by_table as f64 / by_chance as f64;
    assert!(excess < 1.03, "{excess} times what chance gives");
}
