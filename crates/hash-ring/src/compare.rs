//! Every algorithm measured in the same way: how even, how much a change moves, how fast, how large.

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

/// What was measured of one algorithm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is called.
    pub algorithm: &'static str,
    /// How many nodes of the same weight it had.
    pub nodes: u32,
    /// How many keys it placed. Where a look-up visits every node they may be fewer than asked for;
    /// then only the times are meaningful, and not how even it is or how much moves.
    pub keys: u64,
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
    /// Time to build it from a list of nodes.
    pub build_ms: f64,
    /// Bytes on the heap for a node, the list of nodes left out, which all of them need.
    pub bytes_per_node: f64,
}

/// Whether a row says how even and how steady its algorithm is: if it placed as many keys as others.
pub(crate) fn tells(row: &Row, rows: &[Row]) -> bool {
    rows.iter().all(|other| other.keys <= row.keys)
}

/// The most keys times nodes where a look-up visits every node.
const PATIENCE: u64 = 1_000_000_000;
/// The same where only the time is measured.
const GLANCE: u64 = PATIENCE / 100;
const TIMED_KEYS: u64 = 1 << 16;
const ROUNDS: u32 = 3;

/// Measures every algorithm with nodes of the same weight; at least two, so that one can go. All but
/// the times follows from the seed; `stopwatch` gives the time since any fixed moment. The keys are not kept,
/// so that there may be any number of them.
pub fn compare(
    nodes: u32,
    keys: u64,
    seed: u64,
    stopwatch: &mut dyn FnMut() -> Duration,
) -> Result<Vec<Row>, Refused> {
    let nodes = Nodes::numbered(nodes)?;
    let keys = Keys { seed, count: keys.max(1) };
    let looks = keys.count.saturating_mul(nodes.count() as u64);
    let few = if looks > PATIENCE { keys.first(GLANCE / nodes.count() as u64) } else { keys };
    Ok(vec![
        measure(Algorithm::Ring, Ring::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Ketama, Ketama::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Jump, Jump::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Rendezvous, Rendezvous::new, &nodes, few, stopwatch)?,
        measure(Algorithm::Maglev, Maglev::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Anchor, Anchor::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Bounded, BoundedRing::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Modulo, Modulo::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Range, Range::new, &nodes, keys, stopwatch)?,
        measure(Algorithm::Directory, Directory::new, &nodes, keys, stopwatch)?,
    ])
}

/// Random numbers, the same each time.
#[derive(Clone, Copy)]
struct Keys {
    seed: u64,
    count: u64,
}

impl Keys {
    /// The first of them: so many, if there are, but one at least.
    fn first(self, count: u64) -> Keys {
        Keys { count: self.count.min(count.max(1)), ..self }
    }

    fn iter(self) -> impl Iterator<Item = u64> {
        (0..self.count).map(move |at| nth(self.seed, at))
    }
}

fn measure<P: Placement + Clone>(
    algorithm: Algorithm,
    build: fn(Nodes) -> Result<P, Refused>,
    nodes: &Nodes,
    keys: Keys,
    stopwatch: &mut dyn FnMut() -> Duration,
) -> Result<Row, Refused> {
    let placement = build(nodes.clone())?;
    let count = nodes.count() as f64;
    let build_time = best(stopwatch, || nodes.clone(), build);
    let lookup_ns = lookup_ns(&placement, keys, stopwatch);
    let bytes_per_node = placement.bytes() as f64 / count;
    let Placed { loads, adding, removing } = place_keys(placement, keys)?;
    let (peak_to_mean, deviation) = balance(&loads);
    let moved = adding.moved + removing.moved;
    Ok(Row {
        algorithm: algorithm.name(),
        nodes: nodes.count() as u32,
        keys: keys.count,
        peak_to_mean,
        deviation,
        moved_by_adding: adding.moved as f64 / keys.count as f64,
        optimum_adding: 1.0 / (count + 1.0),
        moved_by_removing: removing.moved as f64 / keys.count as f64,
        optimum_removing: 1.0 / count,
        strays: (adding.strays + removing.strays) as f64 / moved.max(1) as f64,
        lookup_ns,
        build_ms: build_time.as_secs_f64() * 1_000.0,
        bytes_per_node,
    })
}

/// Where the keys went, and what a change moved.
struct Placed {
    loads: Vec<u64>,
    adding: Moves,
    removing: Moves,
}

/// Gives every key its node in three fleets side by side: this one, one with a node more, and one with
/// a node less.
fn place_keys<P: Placement + Clone>(mut placement: P, keys: Keys) -> Result<Placed, Refused> {
    let (mut more, mut less) = (placement.clone(), placement.clone());
    let mut adding = Moves::of(more.add(Node::new("one-more")?)?);
    let mut removing = Moves::of(remove_one(&mut less)?);
    let mut loads = vec![0; placement.nodes().count()];
    for key in keys.iter() {
        let owner = placement.admit(key);
        loads[owner.at()] += 1;
        adding.count(owner, more.admit(key));
        removing.count(owner, less.admit(key));
    }
    Ok(Placed { loads, adding, removing })
}

/// Removes the node in the middle or, where that cannot go, the last.
fn remove_one(placement: &mut impl Placement) -> Result<NodeIndex, Refused> {
    let nodes = placement.nodes();
    let (middle, last) = (nodes.count() / 2, nodes.count() - 1);
    let [middle, last] = [middle, last].map(|at| NodeIndex(at as u32));
    let name = |at| nodes[at].name().to_owned();
    let (name_of_middle, name_of_last) = (name(middle), name(last));
    match placement.remove(&name_of_middle) {
        Err(Refused::OnlyTheLast { .. }) => placement.remove(&name_of_last).map(|_| last),
        result => result.map(|_| middle),
    }
}

/// What a change moved, in keys.
struct Moves {
    /// The node that came or went.
    changed: NodeIndex,
    moved: u64,
    strays: u64,
}

impl Moves {
    fn of(changed: NodeIndex) -> Moves {
        Moves { changed, moved: 0, strays: 0 }
    }

    fn count(&mut self, from: NodeIndex, to: NodeIndex) {
        self.moved += u64::from(from != to);
        self.strays += u64::from(from != to && from != self.changed && to != self.changed);
    }
}

/// Peak and standard deviation of the numbers of keys, in averages.
fn balance(loads: &[u64]) -> (f64, f64) {
    let nodes = loads.len() as f64;
    let mean = loads.iter().sum::<u64>() as f64 / nodes;
    let peak = loads.iter().max().map_or(0.0, |peak| *peak as f64);
    let squares: f64 = loads.iter().map(|load| (*load as f64 - mean).powi(2)).sum();
    (peak / mean, (squares / nodes).sqrt() / mean)
}

fn lookup_ns(
    placement: &impl Placement,
    keys: Keys,
    stopwatch: &mut dyn FnMut() -> Duration,
) -> f64 {
    let few = GLANCE / placement.nodes().count() as u64;
    let keys: Vec<u64> = keys.first(few.min(TIMED_KEYS)).iter().collect();
    let look_up = |()| {
        for key in &keys {
            black_box(placement.locate(*key));
        }
    };
    best(stopwatch, || (), look_up).as_nanos() as f64 / keys.len() as f64
}

/// How long something takes in the best of a few rounds.
fn best<I, O>(
    stopwatch: &mut dyn FnMut() -> Duration,
    prepare: impl Fn() -> I,
    work: impl Fn(I) -> O,
) -> Duration {
    let mut round = || {
        let input = prepare();
        let began = stopwatch();
        let output = black_box(work(input));
        let took = stopwatch().saturating_sub(began);
        drop(output);
        took
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}
