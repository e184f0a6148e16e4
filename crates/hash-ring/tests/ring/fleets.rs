//! Random fleets, changes and keys for the property tests.

use std::collections::BTreeMap;

use hash_ring::{Algorithm, Node, NodeIndex, Nodes, Placement, Refused};
use proptest::prelude::*;

/// The algorithms that promise: only keys of the node that came or went move.
pub(crate) const LITTLE_MOVEMENT: [Algorithm; 6] = [
    Algorithm::Ring,
    Algorithm::Jump,
    Algorithm::Rendezvous,
    Algorithm::Anchor,
    Algorithm::Range,
    Algorithm::Directory,
];

/// The algorithms that have weights and promise balance.
pub(crate) const WEIGHTED: [Algorithm; 7] = [
    Algorithm::Ring,
    Algorithm::Ketama,
    Algorithm::Rendezvous,
    Algorithm::Maglev,
    Algorithm::Bounded,
    Algorithm::Range,
    Algorithm::Directory,
];

/// One thing that happens to a fleet. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Add { name: u32, weight: f64 },
    Remove { which: usize },
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let weight = prop_oneof![Just(1.0), 0.1..4.0f64];
    let add = (0u32..60, weight).prop_map(|(name, weight)| Change::Add { name, weight });
    let remove = any::<usize>().prop_map(|which| Change::Remove { which });
    prop::collection::vec(prop_oneof![add, remove], 1..12)
}

/// Hashes of numbered keys.
pub(crate) fn keys(count: u32) -> Vec<u64> {
    (0..count).map(|key| hash_ring::hash(&key.to_le_bytes())).collect()
}

pub(crate) fn owners(placement: &dyn Placement, keys: &[u64]) -> Vec<NodeIndex> {
    keys.iter().map(|key| placement.locate(*key)).collect()
}

pub(crate) fn owner_names(placement: &dyn Placement, keys: &[u64]) -> Vec<String> {
    keys.iter().map(|key| placement.nodes()[placement.locate(*key)].name().to_owned()).collect()
}

/// How many keys each node has, by name.
pub(crate) fn counts(placement: &mut dyn Placement, keys: &[u64]) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<_, _> =
        placement.nodes().iter().map(|(_, node)| (node.name().to_owned(), 0.0)).collect();
    for key in keys {
        let index = placement.admit(*key);
        *counts.get_mut(placement.nodes()[index].name()).expect("it is there") += 1.0;
    }
    counts
}

/// Makes a change, where the algorithm can: without weights every node weighs 1, and jump's last node
/// goes instead of another. The node that came or went, by name.
pub(crate) fn apply(
    placement: &mut dyn Placement,
    change: &Change,
    weighted: bool,
) -> Result<String, Refused> {
    match change {
        Change::Add { name, weight } => {
            let node = Node::new(&format!("n{name}"))?;
            let node = if weighted { node.with_weight(*weight)? } else { node };
            placement.add(node)?;
            Ok(format!("n{name}"))
        }
        Change::Remove { which } => {
            let count = placement.nodes().count();
            let (_, node) = placement.nodes().iter().nth(which % count).expect("below the count");
            let name = node.name().to_owned();
            match placement.remove(&name) {
                Err(Refused::OnlyTheLast { last, .. }) => {
                    placement.remove(&last)?;
                    Ok(last)
                }
                result => result.map(|_| name),
            }
        }
    }
}

pub(crate) fn fleet(count: u32) -> Nodes {
    Nodes::numbered(count).expect("at least one")
}

/// Nodes with weights, `a` first.
pub(crate) fn weighing(weights: &[f64]) -> Nodes {
    let names = ('a'..='z').map(String::from);
    let nodes = names.zip(weights).map(|(name, weight)| Node::new(&name)?.with_weight(*weight));
    Nodes::new(nodes.collect::<Result<Vec<_>, _>>().expect("weights")).expect("nodes")
}
