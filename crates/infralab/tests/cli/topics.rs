//! Topics and groups of a cluster that runs, as people see and change them.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "something that is no broker listens, too"
)]

use std::io::Write;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::kafka::Kafka;
use crate::lab::{self, Said, Scratch, lab, refused};
use crate::replicas::patiently;
use crate::server::Server;

/// A cluster in one process.
fn cluster(scratch: &Scratch, brokers: &str) -> Server {
    let serve = ["replicated-log", "serve", "--brokers", brokers, "--listen", "127.0.0.1:0"];
    let data = scratch.text("data");
    Server::run(&[&serve[..], &["--admin", "127.0.0.1:0", "--data", &data]].concat())
}

/// A verb of this server.
struct At(String);

impl At {
    fn of(server: &Server) -> At {
        At(server.address.to_string())
    }

    fn arguments<'a>(&'a self, verb: &'a [&'a str]) -> Vec<&'a str> {
        [&["replicated-log"], verb, &["--server", &self.0]].concat()
    }

    #[track_caller]
    fn says(&self, verb: &[&str]) -> String {
        let Said { code, stdout, stderr } = lab(&self.arguments(verb));
        assert_eq!((code, &*stderr), (Some(0), ""), "{verb:?}");
        assert!(stdout.lines().all(|line| line.chars().count() <= 80), "{stdout}");
        stdout
    }

    fn json(&self, verb: &[&str]) -> Value {
        lab::json(&[&self.arguments(verb)[..], &["--json"]].concat())
    }

    #[track_caller]
    fn refuses(&self, verb: &[&str], sentence: &[&str]) {
        refused(&self.arguments(verb), 2, sentence);
    }
}

#[test]
fn topics_are_made_shown_and_deleted() {
    let scratch = Scratch::new("topics");
    let server = cluster(&scratch, "3");
    let at = At::of(&server);
    assert_eq!(at.json(&["topics", "list"]), json!({"topics": []}));
    let made = at.says(&[
        "topics",
        "create",
        "events",
        "--partitions",
        "2",
        "--set",
        "min.insync.replicas=3",
        "--set",
        "retention.bytes=1000000",
    ]);
    assert_eq!(made, "events: 2 partitions, 3 replicas each\n");
    let made = at.json(&["topics", "create", "alone", "--replication-factor", "1"]);
    assert_eq!(made, json!({"topic": "alone", "partitions": 1, "replication_factor": 1}));

    let list = at.says(&["topics", "list"]);
    let rows: Vec<Vec<_>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PARTITIONS", "REPLICAS", "UNDER-REPLICATED", "OFFLINE", "TOPIC"]);
    assert_eq!(rows[1..], [["1", "1", "0", "0", "alone"], ["2", "3", "0", "0", "events"]]);
    let described = at.says(&["topics", "describe", "events", "alone"]);
    for line in ["events", "  min.insync.replicas = 3", "  retention.bytes = 1000000", "alone"] {
        assert!(described.lines().any(|found| found == line), "{line} is not in {described}");
    }
    let described = at.json(&["topics", "describe", "events"]);
    let topic = &described["topics"][0];
    assert_eq!(topic["settings"]["min.insync.replicas"], "3");
    let mut replicas: Vec<u64> =
        serde_json::from_value(topic["partitions"][1]["replicas"].clone()).unwrap();
    assert_eq!(topic["partitions"][1]["leader"], replicas[0]);
    replicas.sort_unstable();
    assert_eq!(replicas, [101, 102, 103]);

    at.refuses(&["topics", "create", "events"], &["events", "there already"]);
    at.refuses(&["topics", "create", "a/b"], &["a-z, A-Z"]);
    let wrong = ["topics", "create", "other", "--set", "cleanup.policy=compact"];
    at.refuses(&wrong, &["cannot have cleanup.policy = compact"]);
    at.refuses(&["topics", "create", "other", "--set", "x"], &["retention.bytes=1000"]);
    at.refuses(&["topics", "describe", "events", "nothing"], &["no topic nothing", "topics list"]);
    assert_eq!(at.says(&["topics", "delete", "alone"]), "alone: deleted\n");
    at.refuses(&["topics", "delete", "alone"], &["no topic alone", "topics list"]);
    assert_eq!(at.json(&["topics", "list"])["topics"].as_array().unwrap().len(), 1);
}

#[test]
fn a_partition_moves_by_the_admin_address_while_clients_go_on() {
    let scratch = Scratch::new("topics-moved");
    let server = cluster(&scratch, "3");
    let (at, admin) = (At::of(&server), server.admin().to_string());
    at.says(&["topics", "create", "moved", "--replication-factor", "1"]);
    let replicas = || {
        let described = at.json(&["topics", "describe", "moved"]);
        let partition = &described["topics"][0]["partitions"][0];
        assert_eq!(partition["offline"], json!([]));
        (partition["replicas"].clone(), partition["isr"].clone())
    };
    let (was, _) = replicas();
    let to = if was == json!([101]) { "102,103" } else { "101" };
    let to_json: Value = serde_json::from_str(&format!("[{to}]")).unwrap();
    let reassign = ["replicated-log", "topics", "reassign"];
    let moves = |rest: &[&str]| lab(&[&reassign, rest, &["--admin", &admin]].concat());
    let said = moves(&["moved", &format!("0={to}")]);
    assert_eq!((said.code, &*said.stderr), (Some(0), ""));
    assert_eq!(said.stdout, format!("moved 0: moves to {to}\n"));
    patiently(|| (replicas() == (to_json.clone(), to_json.clone())).then_some(()));
    let back = was[0].to_string();
    let said = moves(&["moved", &format!("0={back}"), "--json"]);
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(object, json!({"topic": "moved", "replicas": {"0": was}}));
    patiently(|| (replicas() == (was.clone(), was.clone())).then_some(()));

    for (rest, sentence) in [
        (&["nothing", "0=101"][..], &["there is no such topic", "nothing was changed"][..]),
        (&["moved", "7=101"], &["moved 7", "no such partition"]),
        (&["moved", "0=101,109"], &["brokers that have registered"]),
        (&["moved", "0=101", "0=102"], &["named twice"]),
        (&["moved", "0"], &["0=101,102,103"]),
    ] {
        let said = moves(rest);
        assert_eq!(said.code, Some(2), "{said:?}");
        said.complains(sentence);
    }
    let nobody = [&reassign[..], &["moved", "0=101", "--admin", "127.0.0.1:1"]].concat();
    refused(&nobody, 4, &["127.0.0.1:1", "--admin 127.0.0.1:1"]);
}

#[test]
fn groups_are_shown_and_go_on_where_they_are_told_to() {
    let scratch = Scratch::new("groups");
    let server = cluster(&scratch, "1");
    let at = At::of(&server);
    at.says(&["topics", "create", "events"]);
    let mut kafka = Kafka::at(server.address);
    // Three records of a second, and three of the next.
    for second in [1, 2] {
        // A broker may hear later than who made the topic that it leads there.
        let time = 1_767_225_600_000 + second * 1_000;
        patiently(|| (kafka.produce("events", 3, time, 10) == 0).then_some(()));
    }
    at.refuses(&["groups", "describe", "billing"], &["no group billing", "groups list"]);
    at.refuses(&["groups", "reset", "billing", "--to", "latest"], &["nothing", "--topic"]);
    let reset = |to: &str| at.json(&["groups", "reset", "billing", "--to", to]);
    let moved = |was: Value, is: u64| {
        json!({"group": "billing", "partitions": [
            {"topic": "events", "partition": 0, "was": was, "is": is}]})
    };
    let first = ["groups", "reset", "billing", "--topic", "events", "--to", "earliest"];
    assert_eq!(at.json(&first), moved(Value::Null, 0));
    for (to, was, is) in [
        ("latest", 0, 6),
        ("2", 6, 2),
        ("2026-01-01T00:00:01.5Z", 2, 3),
        ("2026-01-01T02:00:01+02:00", 3, 0),
        ("2030-01-01T00:00:00Z", 0, 6),
        ("4", 6, 4),
    ] {
        assert_eq!(reset(to), moved(json!(was), is), "{to}");
    }
    at.refuses(&["groups", "reset", "billing", "--to", "7"], &["begins at 0 and ends at 6"]);
    at.refuses(&["groups", "reset", "billing", "--to", "soon"], &["earliest, latest", "soon"]);
    let nowhere =
        ["groups", "reset", "billing", "--topic", "events", "--partition", "3", "--to", "0"];
    at.refuses(&nowhere, &["no 3", "nothing was changed"]);

    let list = at.says(&["groups", "list"]);
    let row: Vec<_> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["Empty", "101", "billing"]);
    let mut member = Kafka::at(server.address);
    assert_eq!(member.join("billing", "events"), 0);
    let described = at.json(&["groups", "describe", "billing"]);
    let id = &described["members"][0]["member"];
    let partition = json!({"topic": "events", "partition": 0, "committed": 4, "end": 6, "lag": 2,
        "member": id});
    assert_eq!(described["partitions"], json!([partition]));
    assert_eq!((&described["state"], &described["assignor"]), (&json!("Stable"), &json!("range")));
    let described = at.says(&["groups", "describe", "billing"]);
    let last: Vec<_> = described.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["1", "0", "4", "6", "2", "events"], "{described}");
    let reset = ["groups", "reset", "billing", "--to", "earliest"];
    at.refuses(&reset, &["billing has a member", "stop it first", "nothing was changed"]);
}

#[test]
fn offsets_are_those_of_topics_that_are_there() {
    let scratch = Scratch::new("groups-topics");
    let server = cluster(&scratch, "1");
    let at = At::of(&server);
    at.says(&["topics", "create", "events"]);
    at.json(&["groups", "reset", "billing", "--topic", "events", "--to", "0"]);
    let mut kafka = Kafka::at(server.address);
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    assert_eq!(kafka.commit("billing", "nothing", 0), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(kafka.commit("billing", "events", 0), 0);
    at.says(&["topics", "delete", "events"]);
    patiently(|| {
        at.json(&["groups", "list"])["groups"].as_array().unwrap().is_empty().then_some(())
    });
    // One that is made anew begins with nothing.
    at.says(&["topics", "create", "events"]);
    at.refuses(&["groups", "describe", "billing"], &["no group billing"]);
}

#[test]
fn a_server_that_is_none_is_told_as_such() {
    for verb in [&["topics", "list"][..], &["groups", "list"]] {
        let nobody = [&["replicated-log"], verb, &["--server", "127.0.0.1:1"]].concat();
        refused(&nobody, 4, &["127.0.0.1:1", "infralab replicated-log serve starts one"]);
        // Four bytes that claim more than there will ever be, and what no broker says.
        for nonsense in
            [&[0x7F, 0xFF, 0xFF, 0xFF][..], b"\0\0\0\x08\0\0\0\x01\x7F\xFF\xFF\xFF", b""]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(nonsense).unwrap();
            });
            let arguments = [&["replicated-log"], verb, &["--server", &address]].concat();
            refused(&arguments, 4, &[&address]);
            server.join().unwrap();
        }
    }
}
