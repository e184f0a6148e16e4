//! For how long nobody is answered when the leader of three processes on loopback goes, because it was told
//! to (SIGTERM) or killed (SIGKILL).

#![expect(clippy::disallowed_methods, reason = "what is measured is real processes, in real time")]

use std::fmt;
use std::io::Result;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::processes::Cluster;

/// A node that has not answered by then is asked again, or another is.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// How long nobody was answered, round by round, the shortest first.
#[derive(Clone, Debug, Serialize)]
pub struct Gaps {
    told_ms: Vec<f64>,
    killed_ms: Vec<f64>,
}

/// Measures so many rounds. `serve` is the command that serves the node of this number of the cluster in
/// this file, prints a line when it takes requests, and stops when its standard input ends.
///
/// # Errors
/// If the processes could not be started, or nobody answered for half a minute.
pub fn stops(rounds: u32, serve: impl Fn(usize, &Path) -> Command) -> Result<Gaps> {
    let (mut told, mut killed) = (Vec::new(), Vec::new());
    let mut cluster = Cluster::start(serve)?;
    for _ in 0..rounds {
        told.push(gap(&mut cluster, "-TERM")?);
        killed.push(gap(&mut cluster, "-KILL")?);
    }
    Ok(Gaps { told_ms: ms(told), killed_ms: ms(killed) })
}

/// In order.
fn ms(mut gaps: Vec<Duration>) -> Vec<f64> {
    gaps.sort_unstable();
    gaps.into_iter().map(|gap| (gap.as_secs_f64() * 1e4).round() / 10.0).collect()
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "without an answer, of three processes, when their leader is")?;
        for (how, gaps) in [("told to stop", &self.told_ms), ("killed", &self.killed_ms)] {
            let (median, longest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
            writeln!(f, "{how:<14} {median:>7.1} ms at the median {longest:>7.1} ms at most")?;
        }
        writeln!(f, "the median of {} rounds", self.told_ms.len())
    }
}

/// The time from the last answer of a leader that is sent this signal to the first of another. The client
/// asks again at once, and always one node after the other.
fn gap<S>(cluster: &mut Cluster<S>, signal: &str) -> Result<Duration>
where
    S: Fn(usize, &Path) -> Command,
{
    // Whoever was started last has to have caught up.
    sleep(Duration::from_secs(1));
    let (leader, _) = cluster.until(|_| true, ANSWER_WITHIN)?;
    let mut last = Instant::now();
    let process = cluster.processes[leader].id().to_string();
    let mut sent = Command::new("kill").args([signal, &process]).spawn()?;
    while cluster.put(leader, ANSWER_WITHIN) {
        last = Instant::now();
    }
    let (_, answered) = cluster.until(|id| id != leader, ANSWER_WITHIN)?;
    sent.wait()?;
    cluster.processes[leader].wait()?;
    cluster.processes[leader] = cluster.boot(leader)?;
    Ok(answered - last)
}
