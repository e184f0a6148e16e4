//! Measures the replicated store beside etcd: three processes on loopback with synced files, the same
//! puts, from one client and from 64. As a table and as one line of JSON.
//!
//! `cargo run --release --bin etcd_ratio [-- PATH_TO_INFRALAB]`
//!
//! It needs etcd on the PATH (Debian's etcd-server), and a release build of infralab. All clients ask
//! the leader. etcd is asked twice: by its JSON gateway, which is HTTP as infralab's but costs it a
//! call to itself, and by gRPC, its own protocol, which is the fair one. Contestants take turns; the
//! median of the rounds counts. All processes are ended when it is over.

mod clusters;
mod load;
mod protocols;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clusters::Cluster;
use load::{Measured, measure};
use protocols::Protocol;
use serde_json::json;

const ROUNDS: usize = 3;
const CLIENTS: [usize; 2] = [1, 64];
const FOLDER: &str = "target/etcd-ratio";

fn main() {
    let infralab = std::env::args().nth(1).unwrap_or_else(|| "../target/release/infralab".into());
    let sync = fdatasync(Path::new(FOLDER));
    println!(
        "an fdatasync of 4 KiB takes {:.0} us at the median, {:.0} us at p99\n",
        sync.0, sync.1
    );
    let contestants = [Protocol::Kv, Protocol::Gateway, Protocol::Grpc];
    let mut rows: Vec<(Protocol, usize, Vec<Measured>)> = contestants
        .iter()
        .flat_map(|protocol| CLIENTS.map(|clients| (*protocol, clients, Vec::new())))
        .collect();
    for round in 0..ROUNDS {
        for protocol in contestants {
            let folder = PathBuf::from(format!("{FOLDER}/{}-{round}", protocol.name()));
            let _ = std::fs::remove_dir_all(&folder);
            let cluster = match protocol {
                Protocol::Kv => Cluster::infralab(&infralab, &folder),
                Protocol::Gateway | Protocol::Grpc => Cluster::etcd(&folder),
            };
            let leader = cluster.leader();
            for (_, clients, measured) in rows.iter_mut().filter(|row| row.0 == protocol) {
                measured.push(measure(protocol, leader, *clients));
            }
            drop(cluster);
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    report(rows, sync);
}

fn report(rows: Vec<(Protocol, usize, Vec<Measured>)>, sync: (f64, f64)) {
    println!("{:<22} {:>8} {:>12} {:>10} {:>10}", "", "clients", "commits/s", "p50 ms", "p99 ms");
    let mut all = Vec::new();
    for (protocol, clients, mut measured) in rows {
        measured.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        let Measured { per_second, p50_ms, p99_ms } = measured[measured.len() / 2];
        let name = protocol.name();
        println!("{name:<22} {clients:>8} {per_second:>12.0} {p50_ms:>10.2} {p99_ms:>10.2}");
        all.push((name, clients, per_second, p50_ms, p99_ms));
    }
    let rate = |name: &str, clients| {
        let row = all.iter().find(|row| row.0 == name && row.1 == clients).expect("a row");
        row.2
    };
    let ours = Protocol::Kv.name();
    let ratio = |clients| {
        let etcd = |protocol: Protocol| rate(protocol.name(), clients);
        rate(ours, clients) / etcd(Protocol::Grpc).max(etcd(Protocol::Gateway))
    };
    let ratios = CLIENTS.map(ratio);
    println!(
        "\ninfralab commits {:.2} times as much as etcd (the better of its two) with 1 client, {:.2} \
         times with 64",
        ratios[0], ratios[1]
    );
    let rows: Vec<_> = all
        .iter()
        .map(|(name, clients, rate, p50, p99)| {
            json!({ "name": name, "clients": clients, "commits_per_s": rate, "p50_ms": p50,
                    "p99_ms": p99 })
        })
        .collect();
    let sync = json!({ "p50": sync.0, "p99": sync.1 });
    println!(
        "{}",
        json!({ "rows": rows, "fdatasync_us": sync, "ratio_1": ratios[0],
                           "ratio_64": ratios[1] })
    );
}

/// Microseconds for a write of 4 KiB at the end of a file and its fdatasync: median and p99.
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures the disk")]
fn fdatasync(folder: &Path) -> (f64, f64) {
    use std::io::Write;
    std::fs::create_dir_all(folder).expect("a folder for the data");
    let path = folder.join("synced");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("a disk that works");
            began.elapsed()
        })
        .collect();
    let _ = std::fs::remove_file(path);
    times.sort();
    let us = |place: usize| times[place].as_secs_f64() * 1e6;
    (us(250), us(495))
}
