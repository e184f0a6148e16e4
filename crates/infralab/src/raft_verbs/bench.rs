//! `bench`: what three replicas commit in the simulated world, within about three seconds.

use std::time::Duration;

use raft::Throughput;
use serde_json::json;

use crate::clock::stopwatch;
use crate::exit::{Outcome, print};
use crate::progress;

const ROUNDS: u32 = 40;
/// Of the world's time: some thousand commands.
const ROUND: Duration = Duration::from_millis(100);

pub(super) fn bench(json: bool) -> Outcome {
    let mut load = Throughput::new(1);
    let stopwatch = stopwatch();
    let mut round = || {
        let began = stopwatch();
        let committed = load.run(ROUND);
        committed as f64 / (stopwatch() - began).as_secs_f64()
    };
    let busy = progress::busy("committing in the simulated world");
    let best = (0..ROUNDS).map(|_| round()).fold(0.0, f64::max).round();
    drop(busy);
    if json {
        return print(&format!("{}\n", json!({ "commits_per_s": best, "replicas": 3 })));
    }
    print(&format!(
        "{best:.0} commits a second on one core: three simulated replicas, commands of 100 bytes,\n\
         512 sessions, batches of at most 64; the best of {ROUNDS} rounds\n"
    ))
}
