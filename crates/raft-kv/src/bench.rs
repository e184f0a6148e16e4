//! How many commands three replicas commit in the simulated world, within about three seconds.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::throughput::Throughput;

const ROUNDS: u32 = 40;
/// Of the world's time: some thousand commands.
const ROUND: Duration = Duration::from_millis(100);

/// What one core of this computer does.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Commits {
    commits_per_s: f64,
    replicas: u32,
}

/// Measures this computer; `stopwatch` says how long ago something was, it does not matter what.
pub fn bench(stopwatch: impl Fn() -> Duration) -> Commits {
    let mut load = Throughput::new(1);
    let mut round = || {
        let began = stopwatch();
        let committed = load.run(ROUND);
        committed as f64 / (stopwatch() - began).as_secs_f64()
    };
    let best = (0..ROUNDS).map(|_| round()).fold(0.0, f64::max).round();
    Commits { commits_per_s: best, replicas: 3 }
}

impl fmt::Display for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.0} commits a second on one core: three simulated replicas, commands of 100 bytes,\n\
             512 sessions, batches of at most 64; the best of {ROUNDS} rounds",
            self.commits_per_s
        )
    }
}
