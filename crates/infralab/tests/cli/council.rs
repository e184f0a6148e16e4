//! Three authorities that act as one: real processes, killed and started again.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::client::try_ask;
use crate::lab::{Scratch, refused};
use crate::leasing::{free_port, worker};
use crate::replicas::patiently;
use crate::server::{Server, number};

/// Three processes of one cluster.
struct Council {
    scratch: Scratch,
    authorities: [Option<Server>; 3],
    nodes: [SocketAddr; 3],
    admins: [SocketAddr; 3],
}

impl Council {
    /// With these lines about workers in the cluster file.
    fn start(test: &str, workers: &str) -> Council {
        let scratch = Scratch::new(test);
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (nodes, admins) = ([(); 3].map(|()| address()), [(); 3].map(|()| address()));
        let mut text = format!("system = \"snowflake\"\n{workers}");
        for id in 0..3 {
            let (nodes, admin) = (nodes[id], admins[id]);
            text += &format!(
                "[[node]]\nid = {id}\ndata = \"n{id}\"\naddresses = {{ nodes = \"{nodes}\", admin = \
                 \"{admin}\" }}\n"
            );
        }
        std::fs::write(scratch.join("lab.toml"), text).unwrap();
        let mut council = Council { scratch, authorities: [None, None, None], nodes, admins };
        (0..3).for_each(|id| council.boot(id));
        council
    }

    fn boot(&mut self, id: usize) {
        let (file, node) = (self.scratch.text("lab.toml"), id.to_string());
        let server = Server::run(&["snowflake", "authority", "--cluster", &file, "--node", &node]);
        assert_eq!(server.address, self.nodes[id]);
        self.authorities[id] = Some(server);
    }

    /// The one that acts.
    fn acting(&self) -> usize {
        let acts = |id: &usize| {
            let health = try_ask(self.admins[*id], &["GET /health HTTP/1.1", "Host: localhost"]);
            health.is_ok_and(|health| health.body.starts_with("authority: "))
        };
        patiently(|| (0..3).filter(|id| self.authorities[*id].is_some()).find(acts))
    }

    fn kill(&mut self, id: usize) {
        self.authorities[id].take().unwrap().kill();
    }

    /// The addresses, as a worker is told them.
    fn addresses(&self) -> String {
        self.nodes.map(|node| node.to_string()).join(",")
    }
}

/// In milliseconds.
fn time(id: u64) -> u64 {
    id >> 22
}

/// Ten, if it mints.
fn mint(from: &Server) -> Vec<u64> {
    match from.try_get("/ids?count=10") {
        Ok(reply) if reply.status == 200 => {
            reply.json()["ids"].as_array().unwrap().iter().map(number).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_worker_mints_on_when_the_acting_authority_is_killed() {
    let mut council = Council::start("council-killed", "");
    let holder =
        Server::start(&council.scratch.text("worker"), &["--authority", &council.addresses()]);
    let mut ids = patiently(|| Some(mint(&holder)).filter(|ids| !ids.is_empty()));
    for round in 0..2 {
        let acting = council.acting();
        let other = council.authorities[(acting + 1) % 3].as_mut().unwrap();
        let log = (round == 0).then(|| other.log());
        council.kill(acting);
        if let Some(log) = log {
            log.until(&format!("has lost its leader, node {acting}"));
        }
        // Until three leases later.
        let end = time(ids[ids.len() - 1]) + 3_000;
        patiently(|| {
            ids.extend(mint(&holder));
            (time(ids[ids.len() - 1]) > end).then_some(())
        });
        assert_ne!(council.acting(), acting);
        council.boot(acting);
    }
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    assert!(ids.is_sorted(), "each is above all before");
    assert!(ids.iter().all(|&id| worker(id) == worker(ids[0])), "it is given what it had");

    // A minority gives nothing, and the holder stops with its lease.
    let acting = council.acting();
    council.kill(acting);
    council.kill((acting + 1) % 3);
    patiently(|| (holder.get("/id").status == 503).then_some(()));
    holder.get("/id").refuses(503, "may not mint yet");
    council.boot(acting);
    let after = patiently(|| mint(&holder).pop());
    assert!(after > ids[ids.len() - 1]);
    assert_eq!(holder.signal("TERM").code(), Some(0));
    let last = council.authorities[acting].take().unwrap();
    assert_eq!(last.signal("TERM").code(), Some(0));
}

#[test]
fn a_cluster_file_may_name_several_authorities() {
    let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
    let node = |id| {
        let clients = address();
        format!(
            "[[node]]\nid = {id}\ndata = \"n{id}\"\naddresses = {{ clients = \"{clients}\" }}\n"
        )
    };
    let mut council = Council::start("council-file", &(node(7) + &node(8)));
    let file = council.scratch.text("lab.toml");
    let serve = |id| Server::run(&["snowflake", "serve", "--cluster", &file, "--node", id]);
    let (seven, eight) = (serve("7"), serve("8"));
    let number = |server| patiently(|| mint(server).pop().map(worker));
    assert_ne!(number(&seven), number(&eight));

    let authority = ["snowflake", "authority", "--cluster", &file];
    let with = |more: &[&'static str]| [&authority[..], more].concat();
    refused(&with(&["--node", "7"]), 2, &["node 7", "it is a worker"]);
    refused(&with(&["--node", "3"]), 2, &["has no node 3"]);
    refused(&with(&["--node", "1", "--workers", "60000"]), 2, &["at most", "60000"]);
    council.kill(1);
    let its_own = "use authority --node 1 --workers 1024";
    refused(&with(&["--node", "1", "--workers", "9"]), 2, &["node 1, workers 1024", its_own]);
    serve("1").kill();
    let low = std::fs::read_to_string(&file).unwrap().replace("id = 7", "id = 1\n#");
    std::fs::write(&file, low.replace("id = 1\ndata = \"n1\"", "id = 9\ndata = \"n9\"")).unwrap();
    refused(&with(&["--node", "0"]), 2, &["authority 9 has a higher number than the worker 1"]);
    refused(&["snowflake", "authority", "--node", "1"], 2, &["--cluster"]);
}
