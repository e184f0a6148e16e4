//! A replicated store: real processes, killed and started again.

#![expect(clippy::disallowed_methods, reason = "a test waits for elections, but not for ever")]

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::alarms::metric;
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
    /// Where clients ask, and where what is counted is shown.
    addresses: [SocketAddr; 3],
    admins: [SocketAddr; 3],
}

impl Cluster {
    fn start(test: &str) -> Cluster {
        let scratch = Scratch::new(test);
        let (addresses, admins) = write_file(&scratch);
        let mut cluster = Cluster { scratch, nodes: [None, None, None], addresses, admins };
        (0..3).for_each(|id| cluster.boot(id));
        cluster
    }

    fn boot(&mut self, id: usize) {
        let (file, node) = (self.scratch.text("lab.toml"), id.to_string());
        let server = Server::run(&["raft", "serve", "--cluster", &file, "--node", &node]);
        assert_eq!(server.address, self.addresses[id]);
        self.nodes[id] = Some(server);
    }

    fn status(&self, id: usize) -> Value {
        self.nodes[id].as_ref().unwrap().get("/status").json()
    }

    /// The node that leads, once all members that run agree on it.
    fn leader(&self) -> usize {
        let up = || (0..3).filter(|id| self.nodes[*id].is_some()).map(|id| self.status(id));
        patiently(|| {
            let members = up().filter(|status| status["role"] != "removed");
            let mut leaders: Vec<_> = members.map(|status| status["leader"].as_u64()).collect();
            leaders.dedup();
            let leader = leaders.pop()?.filter(|_| leaders.is_empty())? as usize;
            self.nodes[leader].is_some().then_some(leader)
        })
    }

    /// Until all that run say so: only these nodes are members, and they vote.
    fn until_members_are(&self, wanted: &[usize]) {
        for id in wanted.iter().filter(|id| matches!(self.nodes.get(**id), Some(Some(_)))) {
            patiently(|| {
                let status = self.status(*id);
                let members = status["members"].as_array()?;
                let voters = members.iter().filter(|one| one["role"] == "voter");
                let voters: Vec<_> = voters.filter_map(|one| one["node"].as_u64()).collect();
                let all: Vec<_> = wanted.iter().map(|id| *id as u64).collect();
                (voters == all && members.len() == all.len()).then_some(())
            });
        }
    }

    /// Asks the leader, whoever that is.
    fn ask(&self, request: &str, headers: &str, body: &str) -> Reply {
        ask(self.addresses[self.leader()], request, headers, body)
    }

    /// How often a node has noted this about itself.
    fn noted(&self, id: usize, note: &str) -> u64 {
        let metrics = send(self.admins[id], "GET /metrics", "", "").unwrap().body;
        let line = format!("raft_notes_total{{note=\"{note}\"}} ");
        let count = metrics.lines().find_map(|text| text.strip_prefix(&line));
        count.map_or(0, |count| count.parse().unwrap())
    }
}

/// A cluster file; where its nodes listen for clients, and for those who watch them.
fn write_file(scratch: &Scratch) -> ([SocketAddr; 3], [SocketAddr; 3]) {
    let mut text = "system = \"raft\"\n".to_owned();
    let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (clients, admins) = ([(); 3].map(|()| address()), [(); 3].map(|()| address()));
    for id in 0..3 {
        let (nodes, clients, admin) = (address(), clients[id], admins[id]);
        text += &format!(
            "[[node]]\nid = {id}\ndata = \"n{id}\"\naddresses = {{ nodes = \"{nodes}\", clients = \
             \"{clients}\", admin = \"{admin}\" }}\n"
        );
    }
    std::fs::write(scratch.join("lab.toml"), text).unwrap();
    (clients, admins)
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

/// As long as an election timeout took: a leader that was told to stop was missed like one that was
/// killed, and reported as lost. A machine that stalls may miss it all the same, so it is tried a few times;
/// without the handing over it never goes well.
#[test]
fn a_leader_that_is_told_to_stop_hands_over_and_nobody_misses_it() {
    let mut cluster = Cluster::start("raft-told-to-stop");
    let smooth = (0..5).any(|round| {
        let (first, key) = (cluster.leader(), format!("PUT /kv/round-{round}"));
        assert_eq!(cluster.ask(&key, "", "v").status, 200);
        let others = [(first + 1) % 3, (first + 2) % 3];
        let missed = |cluster: &Cluster| {
            let losses = |id: usize| metric(cluster.admins[id], "raft_leader_losses_total");
            others.map(|id| (cluster.noted(id, "leader-missed"), losses(id)))
        };
        let (before, term) = (missed(&cluster), cluster.status(first)["term"].as_u64());
        assert_eq!(cluster.nodes[first].take().unwrap().signal("TERM").code(), Some(0));
        let next = cluster.leader();
        let handed_over = cluster.status(next)["term"].as_u64() == term.map(|term| term + 1);
        let unnoticed = handed_over && missed(&cluster) == before;
        cluster.boot(first);
        unnoticed
    });
    assert!(smooth, "an election timeout ran out each time");
}

/// Nobody is there to take over: it stops all the same.
#[test]
fn a_leader_without_followers_stops_when_it_is_told_to() {
    let mut cluster = Cluster::start("raft-alone");
    let first = cluster.leader();
    for other in [(first + 1) % 3, (first + 2) % 3] {
        cluster.nodes[other].take().unwrap().kill();
    }
    assert_eq!(cluster.nodes[first].take().unwrap().signal("TERM").code(), Some(0));
}

#[test]
fn a_removed_node_says_so_and_where_the_others_are() {
    let mut cluster = Cluster::start("raft-removed");
    let first = cluster.leader();
    let (gone, stays) = ((first + 1) % 3, (first + 2) % 3);
    let mut rest = [first, stays];
    rest.sort_unstable();
    // It is down meanwhile: its log does not say what happened.
    cluster.nodes[gone].take().unwrap().kill();
    let fewer = format!("{{\"members\":{rest:?}}}");
    assert_eq!(cluster.ask("PUT /members", "", &fewer).body, r#"{"begun":true}"#);
    cluster.until_members_are(&rest);
    let again = cluster.ask("PUT /members", "", &fewer);
    assert_eq!((again.status, again.body.as_str()), (200, r#"{"begun":false}"#));
    let to = |id: usize| format!("{{\"to\":{id}}}");
    cluster.ask("POST /transfer", "", &to(gone)).refuses(409, "nothing was begun");
    let leads = cluster.ask("POST /transfer", "", &to(cluster.leader()));
    assert_eq!((leads.status, leads.body.as_str()), (200, r#"{"begun":false}"#));

    for _ in 0..2 {
        cluster.boot(gone);
        patiently(|| (cluster.status(gone)["role"] == "removed").then_some(()));
        let members = cluster.status(gone)["members"].clone();
        let addresses = members.as_array().unwrap().iter().map(|one| one["address"].clone());
        let rest = rest.map(|id| Value::from(cluster.addresses[id].to_string()));
        assert_eq!(addresses.collect::<Vec<_>>(), rest);
        for request in ["GET /kv/a", "GET /kv/a?read=stale", "PUT /kv/a", "PUT /members"] {
            let body = if request.ends_with("members") { fewer.as_str() } else { "" };
            let reply = send(cluster.addresses[gone], request, "", body).unwrap();
            reply.refuses(307, "was removed from the group");
            assert!(rest.contains(&Value::from(location(&reply).to_string())), "{reply:?}");
        }
        cluster.nodes[gone].take().unwrap().kill();
    }

    // It may come back with the disk that it has.
    cluster.boot(gone);
    let all = r#"{"members":[0,1,2]}"#;
    patiently(|| (cluster.ask("PUT /members", "", all).status == 202).then_some(()));
    cluster.until_members_are(&[0, 1, 2]);
}

/// Those who are there have no line about it in their files, before and after they are killed.
#[test]
fn a_node_that_nobody_listed_joins_by_its_address() {
    let mut cluster = Cluster::start("raft-joins");
    let [nodes, clients] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let listed = std::fs::read_to_string(cluster.scratch.join("lab.toml")).unwrap();
    let file = cluster.scratch.text("joins.toml");
    let line = format!(
        "[[node]]\nid = 3\nspare = true\ndata = \"n3\"\naddresses = {{ nodes = \"{nodes}\", \
         clients = \"{clients}\" }}\n"
    );
    std::fs::write(&file, listed + &line).unwrap();
    let at = |address: &str| {
        format!(
            "{{\"members\":[0,1,2,3],\"addresses\":{{\"3\":{{\"nodes\":\"{address}\",\
             \"clients\":\"{clients}\"}}}}}}"
        )
    };
    cluster.ask("PUT /members", "", r#"{"members":[0,1,2,3]}"#).refuses(409, "say where it is");
    cluster.ask("PUT /members", "", &at("192.0.2.1:7")).refuses(400, "not on this computer");
    // It is met before it is there.
    assert_eq!(cluster.ask("PUT /members", "", &at(&nodes.to_string())).status, 202);
    let joined = Server::run(&["raft", "serve", "--cluster", &file, "--node", "3"]);
    cluster.until_members_are(&[0, 1, 2, 3]);
    let again = cluster.ask("PUT /members", "", &at(&nodes.to_string()));
    assert_eq!((again.status, again.body.as_str()), (200, r#"{"begun":false}"#));

    assert_eq!(cluster.ask("POST /transfer", "", r#"{"to":3}"#).status, 202);
    let elsewhere = patiently(|| {
        let reply = send(cluster.addresses[0], "PUT /kv/a", "", "v").unwrap();
        (reply.status == 307 && location(&reply) == clients).then_some(reply)
    });
    assert!(elsewhere.body.contains("another node leads"), "{elsewhere:?}");
    assert_eq!(ask(cluster.addresses[0], "PUT /kv/a", "", "v").status, 200);

    // Three of the four are a majority only where the fourth is reached by those who were started anew.
    (0..3).for_each(|id| cluster.nodes[id].take().unwrap().kill());
    (0..2).for_each(|id| cluster.boot(id));
    assert_eq!(ask(clients, "PUT /kv/b", "", "v").status, 200);
    assert_eq!(ask(cluster.addresses[1], "GET /kv/a", "", "").body, "v");
    joined.kill();
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
    at(&server, "POST /kv/a%2Fb/append", key, "y").refuses(422, "nothing was done");
    at(&server, "DELETE /kv/a%2Fb", key, "").refuses(422, "Idempotency-Key");
    assert_eq!(at(&server, "GET /kv/a%2Fb", "", "").body, "x", "nor was another");
    assert_eq!(at(&server, "POST /kv/a%2Fb/cas", "", r#"{"from":"x","to":"y"}"#).status, 200);
    at(&server, "POST /kv/a%2Fb/cas", "", r#"{"from":"x","to":"z"}"#).refuses(409, "from");
    assert_eq!(at(&server, "GET /kv/a%2Fb?read=lease", "", "").body, "y");
    assert_eq!(at(&server, "POST /kv/new/cas", "", r#"{"from":null,"to":"n"}"#).status, 200);
    assert_eq!(at(&server, "DELETE /kv/new", "", "").status, 200);
    at(&server, "GET /kv/new", "", "").refuses(404, "no such key");
    at(&server, "PATCH /kv/a", "", "").refuses(405, "GET, HEAD, PUT, DELETE");
    at(&server, "GET /elsewhere", "", "").refuses(404, "/kv/KEY");
    at(&server, "PUT /kv/long", "", &"x".repeat(200_000)).refuses(413, "131072");

    for byte in ["80", "81", "82", "83"] {
        assert_eq!(at(&server, &format!("PUT /kv/bin%{byte}"), "", byte).status, 200);
    }
    let page = at(&server, "GET /kv?start=bin%80&end=bin%83&limit=2", "", "").json();
    assert_eq!((&page["pairs"][1]["value"], &page["more"]), (&"81".into(), &true.into()));
    let page = at(&server, "GET /kv?start=bin%82&end=bin%83&limit=2", "", "").json();
    assert_eq!(page["pairs"][0]["key"], Value::from(b"bin\x82".to_vec()));
    assert_eq!((page["pairs"].as_array().unwrap().len(), &page["more"]), (1, &false.into()));

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
    let serve = ["raft", "serve", "--cluster", &file, "--node"];
    let with = |id: &'static str| [&serve[..], &[id]].concat();
    refused(&with("0"), 2, &["cannot be read"]);
    let one = "system = \"raft\"\n[[node]]\nid = 0\ndata = \"n0\"\n";
    std::fs::write(&file, one).unwrap();
    refused(&with("0"), 2, &["node 0 no address for clients"]);
    refused(&with("7"), 2, &["has no node 7"]);
    let clients = "addresses = { clients = \"127.0.0.1:1\" }\n";
    std::fs::write(&file, format!("{one}{clients}spare = true\n")).unwrap();
    refused(&with("0"), 2, &["somebody must begin"]);
    refused(&["raft", "serve", "--node", "0"], 2, &["--cluster"]);
    refused(&["raft", "serve", "--nodes", "0"], 2, &["--nodes"]);
    refused(&["raft", "serve", "--listen", "127.0.0.1:65535"], 2, &["no 3 ports from 65535"]);
    refused(&["raft", "serve", "--listen", "0.0.0.0:0"], 2, &["--open-to-anyone"]);
    let (data, other) = (scratch.text("data"), scratch.text("data/n0"));
    Server::run(&["raft", "serve", "--listen", "127.0.0.1:0", "--data", &data]).kill();
    write_file(&scratch);
    refused(&[&with("1")[..], &["--data", &other]].concat(), 2, &["made for raft, node 0"]);
}
