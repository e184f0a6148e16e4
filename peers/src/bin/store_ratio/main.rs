//! Measures the shortener's store beside embedded databases, in the same run and with the same links:
//! creations that are durable a thousand at a time; reads of one link after the other on one thread, the
//! best of five turns in time of the processor; and the bytes that a link takes. As a table and as one
//! line of JSON.
//!
//! `cargo run --release --bin store_ratio [-- LINKS]` (a million unless told otherwise), and
//! `cargo run --release --bin store_ratio -- scale [LINKS]` (ten million): the store alone, against
//! itself at 100,000 links; its memory; and how long a process that knows nothing takes to start on it.

#![expect(clippy::disallowed_methods, reason = "a comparison measures time")]

mod contestants;
mod links;
mod lmdb;
mod ours;
mod scale;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use contestants::{Contestant, Fjall, Redb, Sqlite};
use links::{Links, READS};
use lmdb::Lmdb;
use ours::Ours;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const FOLDER: &str = "target/store-ratio";
const BATCH: u64 = 1_000;
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, usual| arguments.get(at).map_or(usual, |text| text.parse().expect("a number"));
    match arguments.first().map(String::as_str) {
        Some("scale") => scale::measure(number(1, 10_000_000)),
        Some(scale::OPEN) => scale::open(Path::new(&arguments[1])),
        _ => compare(number(0, 1_000_000)),
    }
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(FOLDER).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn compare(count: u64) {
    let links = Links::new(count);
    let mut contestants: Vec<Box<dyn Contestant>> = vec![
        Box::new(Ours::open(&folder("ours"))),
        Box::new(Fjall::open(&folder("fjall"))),
        Box::new(Lmdb::open(&folder("lmdb"))),
        Box::new(Redb::open(&folder("redb"))),
        Box::new(Sqlite::open(&folder("sqlite"))),
    ];
    let created: Vec<f64> =
        contestants.iter_mut().map(|contestant| create(&mut **contestant, &links)).collect();
    let mut read = vec![Vec::new(); contestants.len()];
    for round in 0..=ROUNDS {
        for (contestant, read) in contestants.iter_mut().zip(&mut read) {
            let a_second = reads(&mut **contestant, &links, round as u64);
            if round > 0 {
                read.push(a_second);
            }
        }
    }
    println!("{count} links, {BATCH} creations to a batch");
    println!("{:<14} {:>12} {:>12} {:>10}", "", "creations/s", "reads/s", "bytes/link");
    let mut rows = Vec::new();
    for ((contestant, created), read) in contestants.into_iter().zip(created).zip(read) {
        let (name, read) = (contestant.name(), best(&read));
        // What it has in memory only is on the disk when it is closed.
        drop(contestant);
        let bytes = size(&Path::new(FOLDER).join(name)) as f64 / count as f64;
        println!("{name:<14} {created:>12.0} {read:>12.0} {bytes:>10.1}");
        rows.push(json!({
            "name": name, "creations_per_s": created, "reads_per_s": read, "bytes_per_link": bytes,
        }));
    }
    println!("{}", json!({ "links": count, "batch": BATCH, "stores": rows }));
    let _ = std::fs::remove_dir_all(FOLDER);
}

/// Keeps all links; how many a second.
fn create(contestant: &mut dyn Contestant, links: &Links) -> f64 {
    let began = Instant::now();
    for first in (0..links.count).step_by(BATCH as usize) {
        contestant.create(&links.range(first..links.count.min(first + BATCH)));
    }
    links.count as f64 / began.elapsed().as_secs_f64()
}

/// Reads links in no order; how many a second that the thread had a processor: what else runs on the
/// machine does not count.
fn reads(contestant: &mut dyn Contestant, links: &Links, round: u64) -> f64 {
    let keys = links.some_keys(round);
    let clock = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let began = clock();
    let bytes = contestant.read(&keys);
    let took = (clock() - began).as_secs_f64();
    assert!(bytes > 50 * READS, "every link was found");
    READS as f64 / took
}

/// The best of the rounds: others on the machine empty the caches, which is most of what a read costs.
fn best(rounds: &[f64]) -> f64 {
    rounds.iter().copied().fold(0.0, f64::max)
}

/// The bytes of blocks that the files of a folder take.
fn size(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let sizes = entries.map(|entry| match entry.metadata().expect("its metadata") {
        metadata if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.blocks() * 512,
    });
    sizes.sum()
}
