//! Whoever starts servers may be killed before it can end them.

#![expect(clippy::disallowed_methods, reason = "processes end in real time")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lab::{Scratch, command, ended, send_signal};

/// Longer than three servers take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The processes that were told of this file.
fn told_of(file: &Path) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbers = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
    let is_told = |process: &u32| {
        let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(file.to_str().unwrap())
    };
    numbers.filter(is_told).collect()
}

/// Waits until there are so many of them; those that are left where it waits in vain are killed.
#[track_caller]
fn until(file: &Path, count: usize) {
    let began = Instant::now();
    while told_of(file).len() != count {
        let left = told_of(file);
        if began.elapsed() > PATIENCE {
            left.iter().for_each(|&process| send_signal(process, "KILL"));
            panic!("{} servers run after {PATIENCE:?}, and not {count}", left.len());
        }
        sleep(Duration::from_millis(20));
    }
}

/// The servers of a bench once went on when it was killed, and nobody was left who knew of them.
#[test]
fn the_servers_of_a_bench_stop_when_it_is_killed() {
    let scratch = Scratch::new("orphans");
    for signal in ["KILL", "TERM"] {
        let mut bench = command(&["raft", "bench", "--steady", "60"]);
        let bench = bench.env("TMPDIR", scratch.text("")).spawn().unwrap();
        let file = scratch.join(&format!("raft-bench-{}/lab.toml", bench.id()));
        until(&file, 3);
        send_signal(bench.id(), signal);
        ended(bench, "a bench that was killed");
        until(&file, 0);
    }
}
