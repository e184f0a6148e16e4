//! Every algorithm measured in the same way: how even, how much a change moves, how fast, how large.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use serde::Serialize;

use crate::algorithm::Algorithm;
use crate::error::Refused;
use crate::hash::nth;
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;
use crate::{
    Anchor, BoundedRing, Directory, Jump, Ketama, Maglev, Modulo, Range, Rendezvous, Ring,
};

pub use crate::plot::plot;

/// What was measured of one algorithm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is called.
    pub algorithm: &'static str,
    /// How many nodes of the same weight it had.
    pub nodes: u32,
    /// How many keys it placed: fewer than asked for, where every key costs a look at every node.
    pub keys: usize,
    /// The keys of the fullest node, in averages. Chance alone makes it larger than 1.
    pub peak_to_mean: f64,
    /// The standard deviation of the numbers of keys, in averages.
    pub deviation: f64,
    /// The part of the keys that moved when a node came.
    pub moved_by_adding: f64,
    /// What had to move then: one in nodes + 1.
    pub optimum_adding: f64,
    /// The part of the keys that moved when a node went, from the middle where any can go.
    pub moved_by_removing: f64,
    /// What had to move then: one in nodes.
    pub optimum_removing: f64,
    /// Of the keys that moved, the part that neither came from the node that went nor went to the one
    /// that came: moves for nothing.
    pub strays: f64,
    /// Time on the processor for a look-up, the hashing of the key left out.
    pub lookup_ns: f64,
    /// Time to build it.
    pub build_ms: f64,
    /// Bytes on the heap for a node, its name left out.
    pub bytes_per_node: f64,
}

/// Keys times nodes that are looked at where every key is a look at every node.
const PATIENCE: usize = 300_000_000;
const TIMED_KEYS: usize = 1 << 16;
const ROUNDS: u32 = 3;

/// Measures every algorithm with nodes of the same weight; at least two, so that one can go. All but
/// the times follows from the seed; `stopwatch` says how long ago something was, it does not matter
/// what.
pub fn compare(
    nodes: u32,
    keys: usize,
    seed: u64,
    stopwatch: &mut dyn FnMut() -> Duration,
) -> Result<Vec<Row>, Refused> {
    let nodes = Nodes::numbered(nodes)?;
    let keys: Vec<u64> = (0..keys.max(1) as u64).map(|at| nth(seed, at)).collect();
    let few = &keys[..keys.len().min((PATIENCE / nodes.count()).max(1))];
    Ok(vec![
        measure(Algorithm::Ring, Ring::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Ketama, Ketama::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Jump, Jump::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Rendezvous, Rendezvous::new, &nodes, few, stopwatch)?,
        measure(Algorithm::Maglev, Maglev::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Anchor, Anchor::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Bounded, BoundedRing::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Modulo, Modulo::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Range, Range::new, &nodes, &keys, stopwatch)?,
        measure(Algorithm::Directory, Directory::new, &nodes, &keys, stopwatch)?,
    ])
}

/// The rows as text, a line each.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<10} {:>9} {:>9} {:>6} {:>8} {:>8} {:>7} {:>9} {:>9} {:>10}",
        "",
        "keys",
        "peak/mean",
        "sd",
        "adding",
        "removing",
        "strays",
        "look-up",
        "build",
        "bytes/node"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:<10} {:>9} {:>9.3} {:>5.1}% {:>7.2}% {:>7.2}% {:>6.1}% {:>6.1} ns {:>6.2} ms {:>10.1}",
            row.algorithm,
            row.keys,
            row.peak_to_mean,
            row.deviation * 100.0,
            row.moved_by_adding * 100.0,
            row.moved_by_removing * 100.0,
            row.strays * 100.0,
            row.lookup_ns,
            row.build_ms,
            row.bytes_per_node,
        );
    }
    if let Some(row) = rows.first() {
        let (adding, removing) = (row.optimum_adding * 100.0, row.optimum_removing * 100.0);
        let _ = writeln!(text, "{:<37} {adding:>7.2}% {removing:>7.2}%", "at best");
    }
    text
}

fn measure<P: Placement + Clone>(
    algorithm: Algorithm,
    build: fn(Nodes) -> Result<P, Refused>,
    nodes: &Nodes,
    keys: &[u64],
    stopwatch: &mut dyn FnMut() -> Duration,
) -> Result<Row, Refused> {
    let (list, began) = (nodes.clone(), stopwatch());
    let mut placement = build(list)?;
    let build_time = stopwatch().saturating_sub(began);
    let (count, empty) = (nodes.count() as f64, placement.clone());
    let owners = place(&mut placement, keys);
    let (peak_to_mean, deviation) = balance(&owners, nodes.count());
    let added = after_adding(empty.clone(), &owners, keys)?;
    let removed = after_removing(empty, &owners, keys)?;
    let moved = added.moved + removed.moved;
    Ok(Row {
        algorithm: algorithm.name(),
        nodes: nodes.count() as u32,
        keys: keys.len(),
        peak_to_mean,
        deviation,
        moved_by_adding: added.moved as f64 / keys.len() as f64,
        optimum_adding: 1.0 / (count + 1.0),
        moved_by_removing: removed.moved as f64 / keys.len() as f64,
        optimum_removing: 1.0 / count,
        strays: (added.strays + removed.strays) as f64 / moved.max(1) as f64,
        lookup_ns: speed(&placement, keys, stopwatch),
        build_ms: build_time.as_secs_f64() * 1_000.0,
        bytes_per_node: placement.bytes() as f64 / count,
    })
}

fn place(placement: &mut impl Placement, keys: &[u64]) -> Vec<NodeIndex> {
    keys.iter().map(|key| placement.admit(*key)).collect()
}

/// Peak and standard deviation of the numbers of keys, in averages.
fn balance(owners: &[NodeIndex], nodes: usize) -> (f64, f64) {
    let mut counts = vec![0u64; nodes];
    for owner in owners {
        counts[owner.at()] += 1;
    }
    let mean = owners.len() as f64 / nodes as f64;
    let peak = counts.iter().max().map_or(0.0, |peak| *peak as f64);
    let squares: f64 = counts.iter().map(|count| (*count as f64 - mean).powi(2)).sum();
    (peak / mean, (squares / nodes as f64).sqrt() / mean)
}

/// What a change moved, in keys.
struct Moves {
    moved: usize,
    strays: usize,
}

impl Moves {
    fn between(before: &[NodeIndex], after: &[NodeIndex], changed: NodeIndex) -> Moves {
        let moves = before.iter().zip(after).filter(|(before, after)| before != after);
        let stray = |(from, to): &(&NodeIndex, &NodeIndex)| **from != changed && **to != changed;
        Moves { moved: moves.clone().count(), strays: moves.filter(stray).count() }
    }
}

fn after_adding<P: Placement>(
    mut placement: P,
    before: &[NodeIndex],
    keys: &[u64],
) -> Result<Moves, Refused> {
    let added = placement.add(Node::new("one-more")?)?;
    Ok(Moves::between(before, &place(&mut placement, keys), added))
}

fn after_removing<P: Placement>(
    mut placement: P,
    before: &[NodeIndex],
    keys: &[u64],
) -> Result<Moves, Refused> {
    let end = placement.nodes().count();
    let name = |at: usize| placement.nodes()[NodeIndex(at as u32)].name().to_owned();
    let (middle, last) = (name(end / 2), name(end - 1));
    let removed = match placement.remove(&middle) {
        Err(Refused::OnlyTheLast { .. }) => placement.remove(&last).map(|_| end - 1)?,
        result => result.map(|_| end / 2)?,
    };
    Ok(Moves::between(before, &place(&mut placement, keys), NodeIndex(removed as u32)))
}

/// Nanoseconds a look-up in the best of a few rounds.
fn speed(placement: &impl Placement, keys: &[u64], stopwatch: &mut dyn FnMut() -> Duration) -> f64 {
    let few = PATIENCE / 10 / placement.nodes().count();
    let keys = &keys[..keys.len().min(TIMED_KEYS).min(few.max(1))];
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = stopwatch();
        for key in keys {
            black_box(placement.locate(*key));
        }
        best = best.min(stopwatch().saturating_sub(began));
    }
    best.as_nanos() as f64 / keys.len() as f64
}
