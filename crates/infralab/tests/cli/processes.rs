//! A shortener over several processes: each may be asked for everything; one is killed, and takes the links of its own
//! shard along until it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde_json::json;

use crate::growing::{listed, settled};
use crate::lab::{Scratch, lab, refused};
use crate::leasing::free_port;
use crate::links::{counted, follow, make, say};
use crate::replicas::patiently;
use crate::server::Server;

const README: &str = include_str!("../../../url-shortener/README.md");

/// Processes of one cluster file.
struct Processes {
    scratch: Scratch,
    nodes: Vec<Option<Server>>,
}

impl Processes {
    /// So many nodes, of which these run; those from there on are spares.
    fn start(test: &str, nodes: usize, spares_from: usize, run: &[usize]) -> Processes {
        let scratch = Scratch::new(test);
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let node = |id: usize| {
            let (nodes, clients, spare) = (address(), address(), id >= spares_from);
            format!(
                "[[node]]\nid = {id}\ndata = \"n{id}\"\nspare = {spare}\naddresses = {{ nodes = \
                 \"{nodes}\", clients = \"{clients}\" }}\n"
            )
        };
        let text: String = (0..nodes).map(node).collect();
        std::fs::write(scratch.join("lab.toml"), "system = \"url-shortener\"\n".to_owned() + &text)
            .unwrap();
        let mut processes = Processes { scratch, nodes: (0..nodes).map(|_| None).collect() };
        run.iter().for_each(|id| processes.boot(*id));
        processes
    }

    /// How the node of this number is started.
    fn serve(&self, id: usize, more: &[&str]) -> Vec<String> {
        let (file, node) = (self.scratch.text("lab.toml"), id.to_string());
        let serve = ["url-shortener", "serve", "--cluster", &file, "--node", &node];
        serve.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    fn boot(&mut self, id: usize) {
        let arguments = self.serve(id, &["--rate", "1000000"]);
        let words: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.nodes[id] = Some(Server::run(&words));
    }

    fn kill(&mut self, id: usize) {
        self.nodes[id].take().unwrap().kill();
    }

    fn node(&self, id: usize) -> &Server {
        self.nodes[id].as_ref().unwrap()
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().flatten()
    }

    /// Until each that runs has links with all shards, and these stand so.
    fn until_shards_are(&self, states: &[&str]) {
        for server in self.running() {
            patiently(|| {
                let shards = server.get("/api/shards").json();
                let shards = shards["shards"].as_array().unwrap().iter();
                let seen: Vec<_> = shards.map(|shard| shard["state"].clone()).collect();
                (seen == states).then_some(())
            });
        }
    }

    fn refused(&self, id: usize, more: &[&str], code: i32, words: &[&str]) {
        let arguments = self.serve(id, more);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        refused(&arguments, code, words);
    }
}

/// Makes it under this alias, or under a code that is picked: that code, if it was acknowledged. Else nobody knows
/// more than that the shard is away.
fn try_make(server: &Server, alias: Option<String>, url: &str) -> Option<String> {
    let reply = say(server, "POST /api/links", &json!({"alias": alias, "url": url}));
    if reply.status == 503 {
        assert!(reply.head.contains("retry-after: 1"), "{reply:?}");
        return None;
    }
    assert_eq!(reply.status, 201, "{reply:?}");
    Some(reply.json()["code"].as_str().unwrap().to_owned())
}

/// Where it leads by this server; none while its shard is away.
fn looked_up(server: &Server, code: &str) -> Option<String> {
    let reply = server.get(&format!("/api/links/{code}"));
    if reply.status == 503 {
        assert!(reply.head.contains("retry-after: 1"), "{reply:?}");
        return None;
    }
    assert_eq!(reply.status, 200, "{code} was acknowledged: {reply:?}");
    Some(reply.json()["url"].as_str().unwrap().to_owned())
}

#[test]
fn who_is_killed_takes_its_own_links_along_until_it_is_back_and_loses_none() {
    let mut processes = Processes::start("processes", 3, 3, &[0, 1, 2]);
    processes.until_shards_are(&["settled"; 3]);
    let mut all = BTreeMap::new();
    for number in 0..90 {
        let (server, url) = (processes.node(number % 3), format!("https://a.example/{number}"));
        let alias = (number % 2 == 0).then(|| format!("link-{number}"));
        let code = try_make(server, alias, &url).expect("all shards are there");
        assert_eq!(all.insert(code, url), None, "a code was given away twice");
    }
    for server in processes.running() {
        assert_eq!(listed(server), all);
        assert_eq!(server.get("/").status, 200, "the page");
    }
    let entries = settled(processes.node(2));
    assert!(entries.iter().all(|entries| *entries > 10), "{entries:?}");
    make(processes.node(0), &json!({"alias": "followed", "url": "https://b.example"}));
    for server in processes.running() {
        assert_eq!(follow(server, "/followed").0, 302);
    }
    assert_eq!(counted(processes.node(1), "followed", 3)["clicks"], 3);

    processes.kill(1);
    processes.until_shards_are(&["settled", "stopped", "settled"]);
    let away = |server: &Server| -> BTreeSet<String> {
        let known = all.iter().filter(|(code, url)| match looked_up(server, code) {
            Some(seen) => {
                assert_eq!(seen, **url);
                false
            }
            None => true,
        });
        known.map(|(code, _)| code.clone()).collect()
    };
    let gone = away(processes.node(0));
    // What it has leased is an entry too.
    let of_shard = entries[1] - 1..=entries[1];
    assert!(of_shard.contains(&(gone.len() as u64)), "{} of {entries:?} are gone", gone.len());
    assert_eq!(away(processes.node(2)), gone);
    for code in &gone {
        let reply = processes.node(0).get(&format!("/{code}"));
        assert_eq!(reply.status, 503, "it was never followed, so there is no copy of it");
        assert!(reply.head.contains("retry-after: 1"), "{reply:?}");
    }
    let told = lab(&["url-shortener", "add-shard", "--server", &at(processes.node(0))]);
    assert!(told.code == Some(2) && told.stderr.contains("shard 1 is stopped"), "{told:?}");

    let mut since = BTreeMap::new();
    for number in 0..30 {
        let (server, url) = (processes.node(number % 2 * 2), format!("https://c.example/{number}"));
        let alias = (number % 3 == 0).then(|| format!("since-{number}"));
        since.extend(try_make(server, alias, &url).map(|code| (code, url)));
    }
    assert!((10..30).contains(&since.len()), "others are made all the same: {}", since.len());
    processes.boot(1);
    processes.until_shards_are(&["settled"; 3]);
    for server in processes.running() {
        for (code, url) in all.iter().chain(&since) {
            assert_eq!(looked_up(server, code).as_ref(), Some(url), "{code}");
        }
    }
}

/// It has the tally, and the key of codes.
#[test]
fn the_first_one_is_missed_for_counts_and_they_are_caught_up_with() {
    let mut processes = Processes::start("processes-first", 2, 2, &[0, 1]);
    processes.until_shards_are(&["settled"; 2]);
    let server = processes.node(1);
    let mut codes = Vec::new();
    while codes.len() < 20 {
        codes.extend(try_make(server, None, "https://a.example"));
    }
    processes.kill(0);
    let server = processes.node(1);
    let here: Vec<_> = codes.iter().filter(|code| looked_up(server, code).is_some()).collect();
    assert!(!here.is_empty() && here.len() < codes.len(), "{here:?}");
    assert_eq!(follow(server, &format!("/{}", here[0])).0, 302);
    server.get(&format!("/api/links/{}/stats", here[0])).refuses(503, "the tally");
    let picked = patiently(|| try_make(server, None, "https://b.example"));
    assert_eq!(follow(server, &format!("/{picked}")).0, 302);
    processes.boot(0);
    processes.until_shards_are(&["settled"; 2]);
    for code in [here[0].as_str(), &picked] {
        assert_eq!(counted(processes.node(0), code, 1)["clicks"], 1);
    }
    for code in &codes {
        assert!(looked_up(processes.node(0), code).is_some(), "{code} was acknowledged");
    }
}

#[test]
fn a_spare_joins_when_it_is_told_to_and_another_needs_a_line_in_the_file() {
    let mut processes = Processes::start("processes-growing", 3, 2, &[0, 1]);
    processes.until_shards_are(&["settled"; 2]);
    let links = (0..60).map(|number| {
        let (alias, url) = (format!("link-{number}"), format!("https://a.example/{number}"));
        make(processes.node(number % 2), &json!({"alias": alias, "url": url}));
        (alias, url)
    });
    let all: BTreeMap<_, _> = links.collect();
    let add = |processes: &Processes| {
        lab(&["url-shortener", "add-shard", "--server", &at(processes.node(1))])
    };
    let told = add(&processes);
    let missing = "node 2 of the cluster file, whose shard is the next one, did not join";
    assert!(told.code == Some(2) && told.stderr.contains(missing), "{told:?}");
    processes.boot(2);
    processes.until_shards_are(&["settled"; 2]);
    let joined = patiently(|| Some(add(&processes)).filter(|told| told.code == Some(0)));
    assert_eq!(joined.stdout.lines().count(), 3, "{joined:?}");
    let told = add(&processes);
    let way_out = ["have joined", "spare = true"];
    assert!(told.code == Some(2), "{told:?}");
    assert!(way_out.iter().all(|words| told.stderr.contains(words)), "{told:?}");
    processes.kill(2);
    processes.boot(2);
    processes.until_shards_are(&["settled"; 3]);
    for server in processes.running() {
        assert_eq!(listed(server), all);
        assert!(settled(server).iter().all(|entries| *entries > 5));
    }
}

/// What the README says, with other ports.
#[test]
fn the_example_of_the_manual_runs() {
    let (_, rest) = README.split_once("```toml\n").unwrap();
    let mut file = rest.split("```").next().unwrap().to_owned();
    let scratch = Scratch::new("processes-manual");
    for port in [7460, 7461, 7462, 7470, 7471, 7472] {
        file = file.replace(&format!(":{port}\""), &format!(":{}\"", free_port()));
    }
    std::fs::write(scratch.join("lab.toml"), file).unwrap();
    let mut processes = Processes { scratch, nodes: vec![None, None, None] };
    (0..3).for_each(|id| processes.boot(id));
    processes.until_shards_are(&["settled"; 2]);
    let say = |words: &[&str], id: usize| {
        let server = at(processes.node(id));
        let said = lab(&[&["url-shortener"], words, &["--server", &server]].concat());
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        said.stdout
    };
    let made = say(&["shorten", "https://example.com", "--alias", "ex"], 0);
    assert_eq!(made, format!("{}/ex\n", at(processes.node(0))));
    assert_eq!(say(&["expand", "ex"], 1), "https://example.com/\n");
    assert_eq!(say(&["add-shard"], 2).lines().count(), 3);
}

#[test]
fn folders_and_files_that_do_not_go_together() {
    let mut processes = Processes::start("processes-folders", 2, 2, &[0]);
    processes.kill(0);
    let (zero, file) = (processes.scratch.text("n0"), processes.scratch.text("lab.toml"));
    processes.refused(1, &["--data", &zero], 2, &["made for url-shortener", "--node 0"]);
    processes.refused(0, &["--shards", "2"], 2, &["--shards", "--cluster"]);
    processes.refused(0, &["--store", "postgres://a@127.0.0.1/b"], 2, &["--store", "--cluster"]);
    processes.refused(2, &[], 2, &["has no node 2"]);
    let whole = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &zero];
    refused(&whole, 2, &["made for url-shortener", "--node 0", "--cluster"]);
    // Another number of founders would be another ring.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("spare = false", "spare = true", 2)).unwrap();
    processes.refused(0, &[], 2, &["somebody must begin"]);
    let (first, second) = text.rsplit_once("spare = false").unwrap();
    std::fs::write(&file, format!("{first}spare = true{second}")).unwrap();
    processes.refused(0, &[], 2, &["with 2 nodes that are no spares"]);
    std::fs::write(&file, text.replace("nodes = ", "admin = ")).unwrap();
    processes.refused(0, &[], 2, &["node 0 no address for nodes"]);
}

fn at(server: &Server) -> String {
    format!("http://{}", server.address)
}
