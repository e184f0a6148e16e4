//! Whether a leader keeps its place while its store grows: three processes on loopback, one client, one put after
//! the other, while nothing fails.
//!
//! Nothing may be waited for much longer than the disk itself makes anybody wait: beside the puts a file of the
//! same disk is written and synced all the time, and the longest of those syncs is shown too.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is measured is real processes, in real time"
)]

use std::fmt;
use std::fs::File;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::processes::{Cluster, Connection};

/// Nobody who leads takes longer, on any disk that is measured.
const PATIENCE: Duration = Duration::from_secs(10);
/// As many connections put all keys once, before anything is measured.
const FILLING: u64 = 32;
const BETWEEN_SYNCS: Duration = Duration::from_millis(10);
const SYNCED_BYTES: [u8; 4096] = [b's'; 4096];

/// What is put, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Puts {
    /// How long, in seconds.
    pub seconds: u64,
    /// Of each value.
    pub value_bytes: usize,
    /// They are put one after the other, again and again; all are there before anything is measured.
    pub keys: u64,
}

/// What the client saw.
#[derive(Clone, Debug, Serialize)]
pub struct Steadiness {
    value_bytes: usize,
    keys: u64,
    seconds: u64,
    puts: u64,
    /// Answered otherwise than with 200, or not at all.
    failed: u64,
    /// The longest time between two answers.
    longest_gap_ms: f64,
    /// Of a file beside the journals.
    longest_sync_ms: f64,
    first_term: u64,
    last_term: u64,
}

impl fmt::Display for Steadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value_bytes, keys, seconds, puts, failed, .. } = self;
        writeln!(
            f,
            "{puts} puts of {value_bytes} bytes to {keys} keys in {seconds} s, {failed} failed"
        )?;
        writeln!(f, "longest time between two answers {:>10.1} ms", self.longest_gap_ms)?;
        writeln!(f, "longest sync of a file beside    {:>10.1} ms", self.longest_sync_ms)?;
        writeln!(f, "terms                            {} to {}", self.first_term, self.last_term)
    }
}

/// Measures it. `serve` is the command that serves the node of this number of the cluster in this file,
/// prints a line when it takes requests, and stops when its standard input ends.
///
/// # Errors
/// If the processes could not be started, a file beside them could not be written, or nobody answered for half a
/// minute.
pub fn steady(puts: Puts, serve: impl Fn(usize, &Path) -> Command) -> Result<Steadiness> {
    let cluster = Cluster::start(serve)?;
    let (leader, _) = cluster.until(|_| true, PATIENCE)?;
    fill(cluster.clients[leader], puts)?;
    let (leader, _) = cluster.until(|_| true, PATIENCE)?;
    let first_term = term(cluster.clients[leader])?;
    let over = AtomicBool::new(false);
    let (seen, longest_sync) = scope(|scope| {
        let syncs = scope.spawn(|| longest_sync(&cluster.folder.join("beside"), &over));
        let seen = put_for(&cluster, leader, puts);
        over.store(true, Ordering::Relaxed);
        (seen, syncs.join())
    });
    let (count, failed, gap) = seen?;
    let sync = longest_sync.map_err(|_| Error::other("the syncs beside were not measured"))??;
    let (leader, _) = cluster.until(|_| true, PATIENCE)?;
    Ok(Steadiness {
        value_bytes: puts.value_bytes,
        keys: puts.keys,
        seconds: puts.seconds,
        puts: count,
        failed,
        longest_gap_ms: ms(gap),
        longest_sync_ms: ms(sync),
        first_term,
        last_term: term(cluster.clients[leader])?,
    })
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

/// Puts every key once, over several connections.
fn fill(leader: SocketAddr, puts: Puts) -> Result<()> {
    let value = vec![b'v'; puts.value_bytes];
    let share = |first: u64| -> Result<()> {
        let mut connection = Connection::open(leader, PATIENCE)?;
        for key in (first..puts.keys).step_by(FILLING as usize) {
            let status = connection.ask("PUT", &format!("/kv/{key}"), &value)?.status;
            if status != 200 {
                return Err(Error::other(format!("the store was not filled: {status}")));
            }
        }
        Ok(())
    };
    let share = &share;
    scope(|scope| {
        let shares: Vec<_> = (0..FILLING).map(|first| scope.spawn(move || share(first))).collect();
        shares
            .into_iter()
            .try_for_each(|one| one.join().map_err(|_| Error::other("the store was not filled"))?)
    })
}

/// How many puts, how many of them failed, and the longest time between two that did not.
fn put_for<S>(cluster: &Cluster<S>, leader: usize, puts: Puts) -> Result<(u64, u64, Duration)>
where
    S: Fn(usize, &Path) -> Command,
{
    let value = vec![b'w'; puts.value_bytes];
    let mut connection = Connection::open(cluster.clients[leader], PATIENCE)?;
    let (mut done, mut failed, mut longest) = (0, 0, Duration::ZERO);
    let began = Instant::now();
    let mut last = began;
    while began.elapsed() < Duration::from_secs(puts.seconds) {
        let path = format!("/kv/{}", done % puts.keys);
        if connection.ask("PUT", &path, &value).is_ok_and(|answer| answer.status == 200) {
            let now = Instant::now();
            longest = longest.max(now - last);
            (done, last) = (done + 1, now);
        } else {
            failed += 1;
            let (leader, _) = cluster.until(|_| true, PATIENCE)?;
            connection = Connection::open(cluster.clients[leader], PATIENCE)?;
        }
    }
    Ok((done, failed, longest))
}

/// Writes and syncs a file at this path, until it is over.
fn longest_sync(path: &Path, over: &AtomicBool) -> Result<Duration> {
    let file = File::create(path)?;
    let mut longest = Duration::ZERO;
    let mut offset = 0;
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        file.write_all_at(&SYNCED_BYTES, offset)?;
        file.sync_data()?;
        longest = longest.max(began.elapsed());
        offset += SYNCED_BYTES.len() as u64;
        sleep(BETWEEN_SYNCS);
    }
    Ok(longest)
}

/// The one that this node knows of.
fn term(node: SocketAddr) -> Result<u64> {
    let status = Connection::open(node, PATIENCE)?.ask("GET", "/status", b"")?;
    let status: Value = serde_json::from_slice(&status.body)?;
    status["term"].as_u64().ok_or_else(|| Error::other("its status shows no term"))
}
