//! A replicated store: real processes, killed and started again.

#![expect(clippy::disallowed_methods, reason = "a test waits for elections, but not for ever")]

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::client::{Reply, send};
use crate::lab::{Scratch, refused};
use crate::leasing::free_port;
use crate::server::Server;

/// Between two attempts, and how many there are: half a minute, which no election takes.
const PAUSE: Duration = Duration::from_millis(50);
const ATTEMPTS: usize = 600;

/// Three processes of one cluster.
struct Cluster {
    scratch: Scratch,
    nodes: [Option<Server>; 3],
    addresses: [SocketAddr; 3],
}

impl Cluster {
    fn start(test: &str) -> Cluster {
        let scratch = Scratch::new(test);
        let addresses = write_file(&scratch);
        let mut cluster = Cluster { scratch, nodes: [None, None, None], addresses };
        (0..3).for_each(|id| cluster.boot(id));
        cluster
    }

    fn boot(&mut self, id: usize) {
        let (file, node) = (self.scratch.text("lab.toml"), id.to_string());
        let server = Server::run(&["raft", "serve", "--cluster", &file, "--node-id", &node]);
        assert_eq!(server.address, self.addresses[id]);
        self.nodes[id] = Some(server);
    }

    fn status(&self, id: usize) -> Value {
        self.nodes[id].as_ref().unwrap().get("/status").json()
    }

    /// The node that leads, once all that run agree on it.
    fn leader(&self) -> usize {
        let up = || (0..3).filter(|id| self.nodes[*id].is_some());
        patiently(|| {
            let mut leaders: Vec<_> = up().map(|id| self.status(id)["leader"].as_u64()).collect();
            leaders.dedup();
            let leader = leaders.pop()?.filter(|_| leaders.is_empty())? as usize;
            self.nodes[leader].is_some().then_some(leader)
        })
    }
}

/// A cluster file; where its nodes listen for clients.
fn write_file(scratch: &Scratch) -> [SocketAddr; 3] {
    let mut text = "system = \"raft\"\n".to_owned();
    let addresses = [0, 1, 2].map(|id| {
        let (nodes, clients) = (free_port(), free_port());
        text += &format!(
            "[[node]]\nid = {id}\ndata = \"n{id}\"\naddresses = {{ nodes = \
             \"127.0.0.1:{nodes}\", clients = \"127.0.0.1:{clients}\" }}\n"
        );
        ([127, 0, 0, 1], clients).into()
    });
    std::fs::write(scratch.join("lab.toml"), text).unwrap();
    addresses
}

/// What this finds, in the end.
#[track_caller]
pub(crate) fn patiently<T>(mut find: impl FnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        match find() {
            Some(found) => return found,
            None => sleep(PAUSE),
        }
    }
    let waits = std::panic::Location::caller();
    panic!("what {waits} waits for does not happen in {ATTEMPTS} attempts, {PAUSE:?} apart")
}

/// Asks, follows redirects, and asks again while nobody leads.
fn ask(address: SocketAddr, request: &str, headers: &str, body: &str) -> Reply {
    let mut address = address;
    patiently(|| {
        let reply = send(address, request, headers, body).ok()?;
        match reply.status {
            307 => {
                address = location(&reply);
                None
            }
            503 | 504 => None,
            _ => Some(reply),
        }
    })
}

/// Where the answer says to ask.
fn location(reply: &Reply) -> SocketAddr {
    let line = reply.head.lines().find_map(|line| line.strip_prefix("location: http://"));
    let (address, _) = line.unwrap().split_once('/').unwrap();
    address.parse().unwrap()
}

#[test]
fn what_was_written_survives_the_leader_who_is_killed() {
    let mut cluster = Cluster::start("raft-killed");
    let first = cluster.leader();
    let follower = (first + 1) % 3;
    let elsewhere = send(cluster.addresses[follower], "PUT /kv/a?", "", "v").unwrap();
    assert_eq!((elsewhere.status, location(&elsewhere)), (307, cluster.addresses[first]));
    assert!(elsewhere.head.contains("/kv/a"), "the path and the query stay: {elsewhere:?}");
    for number in 0..100 {
        let request = format!("PUT /kv/key-{number:03}");
        let done = ask(cluster.addresses[follower], &request, "", &number.to_string());
        assert_eq!((done.status, done.body.as_str()), (200, r#"{"done":true}"#));
    }

    cluster.nodes[first].take().unwrap().kill();
    let second = cluster.leader();
    assert_ne!(second, first);
    for number in 0..100 {
        let request = format!("GET /kv/key-{number:03}");
        let read = ask(cluster.addresses[follower], &request, "", "");
        assert_eq!((read.status, read.body), (200, number.to_string()));
    }
    ask(cluster.addresses[follower], "PUT /kv/since", "", "then");

    cluster.boot(first);
    patiently(|| {
        let reply = send(cluster.addresses[first], "GET /kv/since?read=stale", "", "").unwrap();
        (reply.body == "then").then_some(())
    });
    let range = send(cluster.addresses[first], "GET /kv?start=key-&read=stale&limit=2", "", "");
    let range = range.unwrap().json();
    assert_eq!(range["pairs"][1]["value"], "1");
    assert_eq!(range["more"], true);
    let members = cluster.status(first);
    assert!(members["members"].as_array().unwrap().iter().all(|one| one["role"] == "voter"));
}

#[test]
fn each_request_does_what_it_says() {
    let scratch = Scratch::new("raft-whole");
    let data = scratch.text("data");
    let whole = ["raft", "serve", "--listen", "127.0.0.1:0", "--data", &data];
    let server = Server::run(&whole);
    let at = |server: &Server, request: &str, headers: &str, body: &str| {
        ask(server.address, request, headers, body)
    };
    let key = "Idempotency-Key: one\r\n";
    for _ in 0..2 {
        assert_eq!(at(&server, "POST /kv/a%2Fb/append", key, "x").status, 200);
    }
    assert_eq!(at(&server, "GET /kv/a%2Fb", "", "").body, "x", "it was done once");
    assert_eq!(at(&server, "POST /kv/a%2Fb/cas", "", r#"{"from":"x","to":"y"}"#).status, 200);
    at(&server, "POST /kv/a%2Fb/cas", "", r#"{"from":"x","to":"z"}"#).refuses(409, "from");
    assert_eq!(at(&server, "GET /kv/a%2Fb?read=lease", "", "").body, "y");
    assert_eq!(at(&server, "POST /kv/new/cas", "", r#"{"from":null,"to":"n"}"#).status, 200);
    assert_eq!(at(&server, "DELETE /kv/new", "", "").status, 200);
    at(&server, "GET /kv/new", "", "").refuses(404, "no such key");
    at(&server, "PATCH /kv/a", "", "").refuses(405, "GET, HEAD, PUT, DELETE");
    at(&server, "GET /elsewhere", "", "").refuses(404, "/kv/KEY");
    at(&server, "PUT /kv/long", "", &"x".repeat(200_000)).refuses(413, "131072");

    let leader = |server: &Server| server.get("/status").json()["leader"].as_u64();
    let before = leader(&server).unwrap();
    let to = (before + 1) % 3;
    assert_eq!(at(&server, "POST /transfer", "", &format!("{{\"to\":{to}}}")).status, 202);
    patiently(|| (leader(&server) == Some(to)).then_some(()));
    assert_eq!(at(&server, "PUT /members", "", r#"{"members":[0,1]}"#).status, 202);
    patiently(|| {
        let status = server.get("/status").json();
        (status["members"].as_array()?.len() == 2 && status["changing"] == false).then_some(())
    });

    assert_eq!(server.signal("TERM").code(), Some(0));
    let server = Server::run(&whole);
    assert_eq!(at(&server, "GET /kv/a%2Fb", "", "").body, "y");
    server.kill();
}

#[test]
fn what_cannot_be_served_is_refused() {
    let scratch = Scratch::new("raft-refused");
    let file = scratch.text("lab.toml");
    let serve = ["raft", "serve", "--cluster", &file, "--node-id"];
    let with = |id: &'static str| [&serve[..], &[id]].concat();
    refused(&with("0"), 2, &["cannot be read"]);
    let one = "system = \"raft\"\n[[node]]\nid = 0\ndata = \"n0\"\n";
    std::fs::write(&file, one).unwrap();
    refused(&with("0"), 2, &["node 0 no address for clients"]);
    refused(&with("7"), 2, &["has no node 7"]);
    let clients = "addresses = { clients = \"127.0.0.1:1\" }\n";
    std::fs::write(&file, format!("{one}{clients}spare = true\n")).unwrap();
    refused(&with("0"), 2, &["somebody must begin"]);
    refused(&["raft", "serve", "--node-id", "0"], 2, &["--cluster"]);
    refused(&["raft", "serve", "--nodes", "0"], 2, &["--nodes"]);
    refused(&["raft", "serve", "--listen", "127.0.0.1:65535"], 2, &["no 3 ports from 65535"]);
    refused(&["raft", "serve", "--listen", "0.0.0.0:0"], 2, &["--open-to-anyone"]);
    let (data, other) = (scratch.text("data"), scratch.text("data/n0"));
    Server::run(&["raft", "serve", "--listen", "127.0.0.1:0", "--data", &data]).kill();
    write_file(&scratch);
    refused(&[&with("1")[..], &["--data", &other]].concat(), 2, &["made for raft, node 0"]);
}
