//! What an operator must act on: a line in the log and a number on the admin address.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;

use crate::client::ask;
use crate::lab::Scratch;
use crate::leasing::free_port;
use crate::links::make;
use crate::replicas::patiently;
use crate::server::Server;

/// The number under this name.
pub(crate) fn metric(admin: SocketAddr, name: &str) -> Option<u64> {
    let text = ask(admin, &["GET /metrics HTTP/1.1", &format!("Host: {admin}")]).body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.parse().ok()
}

#[test]
fn a_replica_that_lost_its_leader_says_so_and_when_it_has_one_again() {
    let scratch = Scratch::new("leader-lost");
    let file = scratch.text("lab.toml");
    let [nodes, zero, one] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
    let text = format!(
        r#"system = "raft"
        node = [
            {{ id = 0, data = "n0", addresses = {{ nodes = "{nodes}", clients = "{zero}" }} }},
            {{ id = 1, data = "n1", addresses = {{ clients = "{one}" }} }},
        ]"#
    );
    std::fs::write(&file, text).unwrap();
    let serve = ["raft", "serve", "--cluster", &file, "--node"];
    let mut watched = Server::run(&[&serve[..], &["0", "--admin", "127.0.0.1:0"]].concat());
    let admin = watched.admin();
    let without = || metric(admin, "raft_replicas_without_leader");
    assert_eq!(without(), Some(1), "it cannot elect itself");
    let other = Server::run(&[&serve[..], &["1"]].concat());
    patiently(|| (without() == Some(0)).then_some(()));
    assert_eq!(metric(admin, "raft_leader_losses_total"), Some(0));
    // Whoever of the two led, there is no majority now.
    other.kill();
    let lost = watched.log().until("has lost its leader");
    assert!(lost.contains("WARN") && lost.contains("node 0 has lost"), "{lost}");
    patiently(|| (without() == Some(1)).then_some(()));
    let _other = Server::run(&[&serve[..], &["1"]].concat());
    patiently(|| (without() == Some(0)).then_some(()));
}

/// What a power cut may leave of a write: some of it, behind what is durable.
#[test]
fn an_end_that_a_crash_tore_is_told_once_and_what_was_durable_is_there() {
    for (system, part, file, cut) in [
        ("raft", "n0", "journal-", "raft_notes_total{note=\"journal-cut\"}"),
        ("url-shortener", "shard-0", "segment-", "shortener_stores_cut_total"),
    ] {
        let scratch = Scratch::new(&format!("cut-{system}"));
        let data = scratch.text("data");
        let listen = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", &data];
        let serve = [&[system, "serve"][..], &listen].concat();
        let server = Server::run(&serve);
        if system == "url-shortener" {
            make(&server, &json!({"url": "https://a.example"}));
        }
        server.kill();
        let disk = scratch.join("data").join(part).join("disk");
        let names = std::fs::read_dir(&disk).unwrap().map(|entry| entry.unwrap().path());
        let is_log = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(file);
        let log = names.filter(is_log).max().expect("it has a log");
        let mut bytes = std::fs::read(&log).unwrap();
        bytes.extend([40, 0, 0, 0, 1, 2, 3]);
        std::fs::write(&log, bytes).unwrap();

        let mut server = Server::run(&serve);
        let line = server.log().until("was cut off");
        assert!(line.contains("WARN"), "{line}");
        assert_eq!(metric(server.admin(), cut), Some(1));
        server.kill();
        let server = Server::run(&serve);
        assert!(metric(server.admin(), cut).is_none_or(|times| times == 0), "told once");
    }
}
