//! Measures hash-ring and its peers: look-ups in interleaved rounds, the best of the times on
//! the processor and their ratios; the heap, everything counted; and how even keys fall. As tables and as one line of JSON.
//!
//! `cargo run --release --bin ring_ratios`

use std::alloc::System;

use peers::placements::{ALL, ANCHORHASH, CRC32, KETAMA, MAGLEV, PINGORA, Placer, RANDOM};
use peers::rounds::{Contestant, measure_alone};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 21;
const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];
/// Where balance is judged.
const NODES: u32 = 1_000;
const KEYS: u64 = 10_000_000;
const SEEDS: u64 = 10;

fn main() {
    let (speed, size) = (speed(), size());
    let balance = balance();
    println!("{}", json!({ "lookup_ns": speed, "bytes_per_node": size, "balance": balance }));
}

/// Nanoseconds a look-up by the number of nodes.
fn speed() -> Value {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut names = Vec::new();
    for nodes in SIZES {
        let mut all: Vec<Contestant> = ALL.iter().map(|build| build(nodes).contestant()).collect();
        columns.push(measure_alone(&mut all, ROUNDS));
        names = all.into_iter().map(|contestant| contestant.name).collect();
    }
    println!("{:<32} {:>9} {:>9} {:>9} {:>9}", "ns a look-up; nodes:", 10, 100, 1_000, 10_000);
    for (at, name) in names.iter().enumerate() {
        let row: String = columns.iter().map(|ns| format!(" {:>9.2}", ns[at])).collect();
        println!("{name:<32}{row}");
    }
    let last = columns.last().expect("sizes");
    let ns = |name: &str| last[names.iter().position(|other| other == name).expect("a row")];
    let (maglev, ketama) = (ns(MAGLEV) / ns(ANCHORHASH), (ns(PINGORA) - ns(CRC32)) / ns(KETAMA));
    println!("\nat 10000 nodes a look-up in maglev takes {maglev:.3} of anchorhash's time");
    println!("and ketama is {ketama:.1} times as fast as pingora-ketama without its hash\n");
    json!({
        "nodes": SIZES, "rows": names.iter().enumerate().map(|(at, name)| {
            json!({ "name": name, "ns": columns.iter().map(|ns| ns[at]).collect::<Vec<_>>() })
        }).collect::<Vec<_>>(),
        "maglev_of_anchorhash": maglev, "ketama_over_pingora": ketama,
    })
}

/// Bytes on the heap for a node at the largest size: with the list of nodes and their names in ours.
fn size() -> Value {
    let nodes = SIZES[SIZES.len() - 1];
    assert!(!RANDOM.is_empty(), "the keys are there before anything is counted");
    println!("{:<32} {:>9}", "bytes a node, all told", nodes);
    let mut rows = Vec::new();
    for build in ALL {
        let heap = Region::new(HEAP);
        let placer = build(nodes);
        let change = heap.change();
        let taken = change.bytes_allocated - change.bytes_deallocated;
        let (name, bytes) = (&placer.name, taken as f64 / f64::from(nodes));
        if name != CRC32 {
            println!("{name:<32} {bytes:>9.1}");
            rows.push(json!({ "name": name, "bytes": bytes }));
        }
    }
    println!();
    json!(rows)
}

/// Peak over mean of ten million keys on a thousand nodes.
fn balance() -> Value {
    let sampling = mean(|seed| peak(seed, |hash| (hash % u64::from(NODES)) as usize));
    println!("{:<32} {:>9} {:>9}", "the fullest of 1000 nodes", "in means", "/ chance");
    println!("{:<32} {sampling:>9.4} {:>9.4}", "chance alone, 10 seeds", 1.0);
    let mut rows = vec![json!({ "name": "chance", "peak_to_mean": sampling })];
    for build in ALL {
        let Placer { name, way } = build(NODES);
        let locate = |hash| way.locate(hash);
        let peak = match name.as_str() {
            CRC32 | "infralab rendezvous" => continue,
            MAGLEV => mean(|seed| peak(seed, locate)),
            _ => peak(0, locate),
        };
        let (seeds, part) = (if name == MAGLEV { SEEDS } else { 1 }, peak / sampling);
        println!("{:<32} {peak:>9.4} {part:>9.4}", format!("{name}, {seeds} seed(s)"));
        rows.push(json!({ "name": name, "seeds": seeds, "peak_to_mean": peak, "of_chance": part }));
    }
    println!();
    json!(rows)
}

fn mean(of: impl Fn(u64) -> f64) -> f64 {
    (0..SEEDS).map(of).sum::<f64>() / SEEDS as f64
}

/// The keys of the fullest node, in averages; keys are numbers, hashed with a seed.
fn peak(seed: u64, locate: impl Fn(u64) -> usize) -> f64 {
    let mut loads = vec![0u64; NODES as usize];
    for key in 0..KEYS {
        let hash = hash_ring::hash(&(u128::from(seed) << 64 | u128::from(key)).to_le_bytes());
        loads[locate(hash)] += 1;
    }
    let fullest = loads.into_iter().max().unwrap_or_default();
    fullest as f64 * f64::from(NODES) / KEYS as f64
}
