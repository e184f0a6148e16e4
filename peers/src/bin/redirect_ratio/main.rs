//! Measures redirects beside a bare responder on the same HTTP stack (`host::http`), in the same run:
//! 64 connections on loopback, one request after the other on each. As a table and as one line of JSON.
//!
//! `cargo run --release --bin redirect_ratio [-- PATH_TO_INFRALAB]`
//!
//! It needs a release build of infralab. Both are processes of their own, and share the machine with
//! the load generator, which reads answers only as far as it must. The bare one answers each request
//! with the same bytes; ours finds the link in its cache, and its clicks are logged, synced and
//! counted while it goes on. They take turns; the median of the rounds counts. What processors worked
//! for each redirect stands beside it: it is the same on a machine that others use too, where the
//! rates are not. Both are ended when it is over.

mod contestants;
mod load;

use std::path::Path;
use std::time::Duration;

use contestants::Contestant;
use load::Measured;
use serde_json::json;

/// Many and short: what else the machine does comes and goes within seconds.
const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 64;
const FOLDER: &str = "target/redirect-ratio";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let infralab = match arguments.next() {
        Some(word) if word == contestants::BARE => return contestants::serve_bare(),
        Some(path) => path,
        None => "../target/release/infralab".to_owned(),
    };
    let _ = std::fs::remove_dir_all(FOLDER);
    let ours = Contestant::shortener(&infralab, Path::new(FOLDER));
    let bare = Contestant::bare();
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // Who comes first in one round comes second in the next.
        let turns = [(&bare, &mut of_bare), (&ours, &mut of_ours)];
        let measure = |(contestant, rounds): (&Contestant, &mut Vec<Measured>)| {
            let before = contestant.processor_time();
            let mut measured = load::measure(contestant.address(), CONNECTIONS, ROUND);
            let worked = (contestant.processor_time() - before).as_secs_f64();
            measured.processor_us = worked * 1e6 / measured.count as f64;
            // In the first one the caches fill.
            if round > 0 {
                rounds.push(measured);
            }
        };
        match round % 2 {
            0 => turns.into_iter().for_each(measure),
            _ => turns.into_iter().rev().for_each(measure),
        }
    }
    drop((ours, bare));
    let _ = std::fs::remove_dir_all(FOLDER);
    report(of_bare, of_ours);
}

fn report(of_bare: Vec<Measured>, of_ours: Vec<Measured>) {
    let mut ratios: Vec<f64> = of_ours
        .iter()
        .zip(&of_bare)
        .map(|(ours, bare)| ours.per_second / bare.per_second)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (bare, ours) = (median(of_bare), median(of_ours));
    println!(
        "{:<20} {:>14} {:>10} {:>10} {:>20}",
        "", "redirects/s", "p50 us", "p99 us", "processor us each"
    );
    for (name, measured) in [("bare responder", &bare), ("url-shortener", &ours)] {
        let Measured { per_second, p50_us, p99_us, processor_us, .. } = measured;
        println!(
            "{name:<20} {per_second:>14.0} {p50_us:>10.0} {p99_us:>10.0} {processor_us:>20.1}"
        );
    }
    let ratio = ratios[ratios.len() / 2];
    println!("\nwith {CONNECTIONS} connections, {ratio:.2} times as many as the bare responder");
    let row = |m: &Measured| json!({"per_s": m.per_second, "p50_us": m.p50_us, "p99_us": m.p99_us, "processor_us": m.processor_us});
    println!(
        "{}",
        json!({"bare": row(&bare), "shortener": row(&ours), "ratio": ratio, "ratios": ratios})
    );
}

fn median(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    rounds[rounds.len() / 2]
}
