//! What an operator sees of a cluster of brokers, while one of them is down.

#![expect(clippy::disallowed_methods, reason = "three processes start at the same time")]

use std::collections::BTreeSet;

use crate::kafka::Kafka;
use crate::lab::{Scratch, lab};
use crate::leasing::free_port;
use crate::replicas::patiently;
use crate::server::Server;
use crate::serving::look;

/// A broker, and where it shows its numbers.
struct Broker {
    id: u32,
    server: Server,
    admin: std::net::SocketAddr,
}

impl Broker {
    fn start(file: &str, id: u32) -> Broker {
        let node = id.to_string();
        let serve = ["replicated-log", "serve", "--cluster", file, "--node", &node];
        let server = Server::run(&[&serve[..], &["--admin", "127.0.0.1:0"]].concat());
        let admin = server.admin();
        Broker { id, server, admin }
    }

    /// The number of this line.
    fn number(&self, line: &str) -> u64 {
        let text = look(self.admin, "/metrics").body;
        let value = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

fn sum(brokers: &[Broker], line: &str) -> u64 {
    brokers.iter().map(|broker| broker.number(line)).sum()
}

fn start(scratch: &Scratch) -> (String, Vec<Broker>) {
    let file = scratch.text("cluster.toml");
    let node = |id: u32| {
        let [nodes, clients] = [(); 2].map(|()| free_port());
        format!(
            "[[node]]\nid = {id}\ndata = \"n{id}\"\n\
             addresses = {{ nodes = \"127.0.0.1:{nodes}\", clients = \"127.0.0.1:{clients}\" }}\n"
        )
    };
    let nodes: String = (1..=3).map(node).collect();
    std::fs::write(&file, format!("system = \"replicated-log\"\n{nodes}")).unwrap();
    let brokers = std::thread::scope(|scope| {
        let starting = [1, 2, 3].map(|id| {
            scope.spawn({
                let file = &file;
                move || Broker::start(file, id)
            })
        });
        starting.map(|broker| broker.join().unwrap())
    });
    (file, brokers.into())
}

#[test]
fn a_broker_that_is_down_is_seen_and_so_is_a_group_that_is_behind() {
    let scratch = Scratch::new("watched");
    let (file, mut brokers) = start(&scratch);
    let verb = |verb: &[&str], at: &Broker| {
        let server = at.server.address.to_string();
        let said = lab(&[&["replicated-log"], verb, &["--server", &server]].concat());
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{verb:?}");
    };
    verb(&["topics", "create", "events", "--partitions", "3"], &brokers[0]);
    let create = ["topics", "create", "alone", "--partitions", "3", "--replication-factor", "1"];
    verb(&create, &brokers[0]);
    verb(&["groups", "reset", "billing", "--topic", "events", "--to", "0"], &brokers[0]);
    // Whoever leads partition 0 takes it.
    patiently(|| {
        let produced =
            |broker: &Broker| Kafka::at(broker.server.address).produce("events", 5, 1, 9);
        brokers.iter().any(|broker| produced(broker) == 0).then_some(())
    });
    let end = r#"log_partition_end_offset{topic="events",partition="0"}"#;
    let read = r#"log_group_offset{group="billing",topic="events",partition="0"}"#;
    verb(&["groups", "reset", "billing", "--topic", "events", "--to", "latest"], &brokers[0]);
    verb(&["groups", "reset", "billing", "--topic", "events", "--to", "earliest"], &brokers[0]);
    assert_eq!((sum(&brokers, end), sum(&brokers, read)), (5, 0), "five behind");
    let is_settled = |brokers: &[Broker]| {
        sum(brokers, "log_under_replicated_partitions") == 0
            && brokers.iter().all(|broker| broker.number("log_partitions_led") > 0)
    };
    patiently(|| is_settled(&brokers).then_some(()));
    assert_eq!(sum(&brokers, "log_offline_partitions"), 0);

    let Broker { id, server, .. } = brokers.remove(0);
    let shrunk = sum(&brokers, "log_isr_shrinks_total");
    let grown = sum(&brokers, "log_isr_expansions_total");
    server.kill();
    // All three of `events`, and eight of what groups have committed, lack one; one of `alone` has nobody.
    patiently(|| {
        let lacks = sum(&brokers, "log_under_replicated_partitions") >= 11;
        let offline = brokers.iter().all(|broker| broker.number("log_offline_partitions") == 1);
        (lacks && offline).then_some(())
    });
    assert_eq!(sum(&brokers, "log_under_min_isr_partitions"), 0, "two of three are enough");
    assert!(sum(&brokers, "log_isr_shrinks_total") >= shrunk + 11);

    brokers.push(Broker::start(&file, id));
    patiently(|| is_settled(&brokers).then_some(()));
    assert_eq!(sum(&brokers, "log_offline_partitions"), 0);
    assert!(sum(&brokers, "log_isr_expansions_total") >= grown + 11);
    every_rule_is_about_something(&brokers[0]);
}

/// A rule about a number that nobody counts never fires.
fn every_rule_is_about_something(broker: &Broker) {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/replicated-log-alerts.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let words = rules.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
    let wanted: BTreeSet<_> = words.filter(|word| word.starts_with("log_")).collect();
    assert!(wanted.len() >= 6, "{wanted:?}");
    let counted = look(broker.admin, "/metrics").body;
    for name in wanted {
        let line = format!("# TYPE {name} ");
        assert!(counted.contains(&line), "{name} is in a rule, and nobody counts it: {counted}");
    }
}
