//! Workers that lease their numbers from an authority.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::client::ask;
use crate::lab::{Scratch, refused};
use crate::replicas::patiently;
use crate::server::Server;
use crate::serving::{counts, look};

/// The worker number in a twitter id.
pub(crate) fn worker(id: u64) -> u64 {
    id >> 12 & 0x3ff
}

/// A worker of this authority.
fn leased(authority: &Server, data: &str) -> Server {
    Server::start(data, &["--authority", &authority.address.to_string()])
}

#[test]
fn workers_are_given_different_numbers_and_keep_them() {
    let scratch = Scratch::new("leases");
    let authority = Server::authority(&scratch.text("authority"), "127.0.0.1:0", &[]);
    let data = ["one", "two", "three"].map(|name| scratch.text(name));
    let workers = data.each_ref().map(|data| leased(&authority, data));
    let first = workers.each_ref().map(|worker| worker.ids(100));
    let numbers: BTreeSet<_> = first.iter().flatten().map(|&id| worker(id)).collect();
    assert_eq!(numbers.len(), 3);

    // Who comes back is known by its data folder, and is given what it had, above all it minted.
    let (before, [again, ..]) = (first[0][99], workers);
    again.kill();
    let again = leased(&authority, &data[0]);
    // Its clock has to pass what it may have minted before.
    patiently(|| (again.get("/id").status == 200).then_some(()));
    let id = again.id();
    assert_eq!(worker(id), worker(before));
    assert!(id > before);
}

#[test]
fn a_server_may_have_a_worker_for_each_thread() {
    let scratch = Scratch::new("threads");
    let authority = Server::authority(&scratch.text("authority"), "127.0.0.1:0", &[]);
    let address = authority.address.to_string();
    let more = ["--authority", &address, "--threads", "3", "--admin"];
    let server = Server::start(&scratch.text("data"), &[&more[..], &["127.0.0.1:0"]].concat());
    let all: Vec<u64> = (0..60).flat_map(|_| server.ids(100)).collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((distinct.len(), all.len()), (6_000, 6_000));
    let admin = server.admin();
    let health = ask(admin, &["GET /health HTTP/1.1", "Host: localhost"]).body;
    assert_eq!(health.lines().filter(|line| line.starts_with("holder: worker")).count(), 3);
    assert_eq!(server.signal("TERM").code(), Some(0));
    refused(&["snowflake", "serve", "--threads", "2"], 2, &["--authority"]);
}

#[test]
fn an_authority_that_was_killed_goes_on_where_it_was() {
    let scratch = Scratch::new("authority-killed");
    let data = scratch.text("authority");
    let authority = Server::authority(&data, "127.0.0.1:0", &[]);
    let address = authority.address.to_string();
    let more = ["--authority", &address, "--admin", "127.0.0.1:0", "--log", "info"];
    let mut holder = Server::start(&scratch.text("worker"), &more);
    let log = holder.log();
    let admin = log.admin();
    let before = holder.id();
    assert_eq!(look(admin, "/health").status, 200);
    assert!(!counts(admin, "snowflake_authority_distance_us 0"), "the way there alone is some");
    authority.kill();
    // The holder goes on for the rest of its lease, and then stops, and says so though nobody asks.
    log.until("a worker mints nothing until it is given a lease, as it holds none");
    assert_eq!(look(admin, "/health").status, 503);
    holder.get("/id").refuses(503, "may not mint yet");
    let authority = Server::authority(&data, &address, &[]);
    log.until("a worker mints again, after ");
    patiently(|| (holder.get("/id").status == 200).then_some(()));
    assert_eq!(look(admin, "/health").status, 200);
    let after = holder.id();
    assert_eq!(worker(after), worker(before));
    assert!(after > before);
    assert_eq!(authority.signal("TERM").code(), Some(0));
    assert_eq!(holder.signal("INT").code(), Some(0));
}

#[test]
fn a_worker_that_waits_for_an_authority_can_be_stopped() {
    let scratch = Scratch::new("no-authority");
    let arguments = ["--authority", "127.0.0.1:9", "--log", "info", "--admin", "127.0.0.1:0"];
    let mut waiting = Server::spawn(&scratch.text("data"), &arguments);
    // It logs where its metrics are before it waits.
    waiting.log().admin();
    assert_eq!(waiting.signal("TERM").code(), Some(0));
}

#[test]
fn folders_and_arguments_that_do_not_go_together() {
    let scratch = Scratch::new("lease-folders");
    let (data, fixed) = (scratch.text("authority"), scratch.text("fixed"));
    let sized = Server::authority(&data, "127.0.0.1:0", &["--workers", "8"]);
    sized.kill();
    let authority = ["snowflake", "authority", "--listen", "127.0.0.1:0", "--data"];
    let with = |more: &[&'static str]| [&authority[..], &[data.as_str()], more].concat();
    refused(&with(&["--workers", "9"]), 2, &["workers 8", "use authority --workers 8"]);
    refused(&with(&["--workers", "0"]), 2, &["--workers"]);
    std::fs::remove_file(scratch.join("authority/disk/leases")).unwrap();
    refused(&with(&["--workers", "8"]), 4, &["lost its file disk/leases"]);
    Server::start(&fixed, &[]).kill();
    let serve = ["snowflake", "serve", "--listen", "127.0.0.1:0", "--data", &fixed];
    let leased = [&serve[..], &["--authority", "127.0.0.1:9"]].concat();
    refused(
        &leased,
        2,
        &["made for snowflake, layout twitter, worker 0", "serve --layout twitter --worker 0"],
    );
    refused(&[&leased[..], &["--worker", "3"]].concat(), 2, &["--worker", "--authority"]);
    let open = ["snowflake", "authority", "--listen", "0.0.0.0:0", "--data", &fixed];
    refused(&open, 2, &["0.0.0.0:0", "--open-to-anyone"]);
}

#[test]
fn a_cluster_file_says_who_is_who() {
    let scratch = Scratch::new("cluster");
    let ports: Vec<_> = (0..3).map(|_| free_port()).collect();
    let text = format!(
        r#"system = "snowflake"
        node = [
            {{ id = 0, data = "zero", addresses = {{ nodes = "127.0.0.1:{}" }} }},
            {{ id = 4, data = "four", addresses = {{ clients = "127.0.0.1:{}" }} }},
            {{ id = 5, data = "five", addresses = {{ clients = "127.0.0.1:{}" }} }},
        ]"#,
        ports[0], ports[1], ports[2]
    );
    let file = scratch.text("lab.toml");
    std::fs::write(&file, text).unwrap();
    let authority = Server::run(&["snowflake", "serve", "--cluster", &file, "--node", "0"]);
    assert_eq!(authority.address.port(), ports[0]);
    let serve = |node| Server::run(&["snowflake", "serve", "--cluster", &file, "--node", node]);
    let (four, five) = (serve("4"), serve("5"));
    assert_eq!(four.address.port(), ports[1]);
    assert_ne!(worker(four.id()), worker(five.id()));
    assert!(scratch.join("four/format.json").exists(), "folders are seen from where the file is");

    let serve = ["snowflake", "serve", "--cluster", &file];
    refused(&[&serve[..], &["--node", "6"]].concat(), 2, &["has no node 6"]);
    refused(&serve, 2, &["--node"]);
    refused(&[&serve[..], &["--node", "4", "--worker", "1"]].concat(), 2, &["--worker"]);
    let other = ["snowflake", "authority", "--node", "0", "--cluster", "Cargo.toml"];
    refused(&other, 2, &["the cluster file Cargo.toml cannot be used", "unknown field"]);
    let none = ["snowflake", "authority", "--node", "0", "--cluster", "none"];
    refused(&none, 2, &["cannot be read"]);
}

/// One that nobody listens at, and that the system gives to nobody who asks it for any port: these begin at
/// 32,768 with Linux and at 49,152 elsewhere. A port that was only free a moment ago could be another test's
/// by the time its server listens.
#[expect(clippy::disallowed_types, reason = "the system knows which ports are free")]
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id() as u16;
    let mut ports = std::iter::repeat_with(|| TAKEN.fetch_add(1, Ordering::Relaxed))
        .take(20_000)
        .map(|taken| 12_000 + begin.wrapping_add(taken) % 20_000);
    let free = ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("one of 20,000 ports is free")
}
