//! Measures infralab and its peers in interleaved rounds; prints medians and their ratios, as a
//! table and as one line of JSON.
//!
//! `cargo run --release --bin ratios`

use peers::ids;
use peers::ping_pong::{DELIVERIES, PingPong, SHORT, SIZES, play};
use peers::rounds::{Contestant, measure};
use peers::simcore_ping_pong;
use serde_json::{Value, json};
use sim::{Seeds, register};

const ROUNDS: usize = 15;

fn main() {
    let simulator = simulator();
    let snowflake = snowflake();
    println!("{}", json!({ "simulator": simulator, "snowflake": snowflake }));
}

/// Nanoseconds an id: under the limit of Twitter's layout, from two threads, and of other kinds.
fn snowflake() -> Value {
    let mut rows = Vec::new();
    for (heading, mut contestants) in ids::groups() {
        let ns = measure(&mut contestants, ROUNDS);
        println!("\n{heading}, ns an id");
        for (contestant, ns) in contestants.iter().zip(ns) {
            println!("{:<36} {ns:>8.2}", contestant.name);
            rows.push(json!({ "group": heading, "name": contestant.name, "ns_per_id": ns }));
        }
    }
    json!(rows)
}

/// Deliveries a second by the number of nodes, and short runs a second.
fn simulator() -> Value {
    let system = register::<PingPong>();
    const RUNS: u64 = 100;
    let seeds = Seeds { first: 1, count: RUNS, jobs: 1 };
    let sweep = || system.sweep(SHORT, seeds, &[], &|_, _| {}).expect("the scenario is there");
    let mut contestants = Vec::new();
    for (nodes, scenario) in SIZES {
        let system = &system;
        contestants.push(Contestant::new(scenario, move || play(&**system, scenario, 1)));
        contestants.push(Contestant::new("simcore", move || {
            simcore_ping_pong::play(nodes, DELIVERIES, 1)
        }));
    }
    contestants.push(Contestant::new("sweep", || sweep().seeds));
    let ns = measure(&mut contestants, ROUNDS);

    println!("message deliveries, millions a second, one core");
    println!("{:>6} {:>10} {:>10} {:>7}", "nodes", "infralab", "simcore", "ratio");
    let mut rows = Vec::new();
    for ((nodes, _), ns) in SIZES.iter().zip(ns.chunks(2)) {
        let (ours, theirs, ratio) = (1e3 / ns[0], 1e3 / ns[1], ns[1] / ns[0]);
        println!("{nodes:>6} {ours:>10.2} {theirs:>10.2} {ratio:>7.2}");
        rows.push(json!({
            "nodes": nodes, "infralab_per_s": ours * 1e6, "simcore_per_s": theirs * 1e6, "ratio": ratio,
        }));
    }
    let slower = ns[6] / ns[4];
    println!("1000 nodes are {slower:.2} times as slow as 100");
    let (runs, events) = (1e9 / ns[8], sweep().events / RUNS);
    println!("{runs:.0} runs a second of {events} events each");
    json!({ "deliveries": rows, "slower_at_1000_than_at_100": slower, "runs_per_s": runs, "events_per_run": events })
}
