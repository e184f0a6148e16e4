//! The store with many links: memory, the start of a process that knows nothing, and reads.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::links::Links;
use crate::ours::Ours;
use crate::{ROUNDS, best, create, folder, reads, size};

/// Of the process that only starts.
pub const OPEN: &str = "open";
const FEW: u64 = 100_000;

pub fn measure(count: u64) {
    let (few, many) = (Links::new(FEW), Links::new(count));
    let (small, large) = (folder("small"), folder("large"));
    let mut with_few = Ours::open(&small);
    create(&mut with_few, &few);
    let before = resident();
    let mut with_many = Ours::open(&large);
    let created = create(&mut with_many, &many);
    let memory = (resident() - before) as f64 / count as f64;
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let turn =
            (reads(&mut with_few, &few, round as u64), reads(&mut with_many, &many, round as u64));
        if round > 0 {
            of_few.push(turn.0);
            of_many.push(turn.1);
        }
    }
    drop(with_many);
    let (of_few, of_many) = (best(&of_few), best(&of_many));
    let bytes = size(&large) as f64 / count as f64;
    println!("{count} links: {created:.0} creations a second, {bytes:.1} bytes a link on disk");
    println!("{memory:.1} bytes of memory a link while it is filled");
    println!(
        "{of_many:.0} reads a second; {of_few:.0} with {FEW} links: {:.2} times",
        of_few / of_many
    );
    let started = start(&large);
    println!(
        "a process that knows nothing starts in {} s, and has {} bytes of memory a link then",
        started["seconds"], started["bytes_of_memory_per_link"]
    );
    let reads = json!({ "few": FEW, "reads_per_s_few": of_few, "reads_per_s": of_many });
    println!(
        "{}",
        json!({
            "links": count, "creations_per_s": created, "bytes_per_link": bytes,
            "bytes_of_memory_per_link": memory, "reads": reads, "start": started,
        })
    );
    let _ = std::fs::remove_dir_all(crate::FOLDER);
}

/// Starts a store on this folder in another process, whose files are in the page cache.
fn start(folder: &Path) -> Value {
    let ourselves = std::env::current_exe().expect("a program");
    let output = Command::new(ourselves).arg(OPEN).arg(folder).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("its numbers")
}

/// In that process.
pub fn open(folder: &Path) {
    let before = resident();
    let began = Instant::now();
    let ours = Ours::open(folder);
    let seconds = began.elapsed().as_secs_f64();
    let memory = (resident() - before) as f64 / ours.keys() as f64;
    println!("{}", json!({ "seconds": seconds, "bytes_of_memory_per_link": memory }));
}

/// The bytes of memory that this process has, as the system counts them.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
