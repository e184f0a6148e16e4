//! A data folder belongs to one system, the whole of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::lab::{Scratch, refused};
use crate::server::Server;

/// Every server that keeps data, by what its folder calls it, first those with a folder for each node.
const SERVERS: [(&str, &[&str]); 4] = [
    ("raft", &["raft", "serve"]),
    ("url-shortener", &["url-shortener", "serve"]),
    ("snowflake", &["snowflake", "serve"]),
    ("the authority of snowflake", &["snowflake", "authority"]),
];

fn on<'a>(verb: &[&'a str], data: &'a str) -> Vec<&'a str> {
    [verb, &["--listen", "127.0.0.1:0", "--data", data]].concat()
}

/// All names below, with how long the files are.
fn names(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let below = if path.is_dir() { names(&path) } else { BTreeMap::new() };
        found.extend(below.into_iter().map(|(file, length)| (format!("{name}/{file}"), length)));
        found.insert(name, entry.metadata().unwrap().len());
    }
    found
}

/// `url-shortener serve --data infralab-data/raft` once started, and put its files among the replicas'.
#[test]
fn no_server_starts_on_anothers_folder() {
    for (owner, verb) in SERVERS {
        let scratch = Scratch::new(&format!("owner-{}", verb.join("-")));
        let data = scratch.text("data");
        Server::run(&on(verb, &data)).signal("TERM");
        let before = names(&scratch.join("data"));
        for (_, other) in SERVERS.into_iter().filter(|(other, _)| *other != owner) {
            let sentence = [&format!("{data} was made for {owner}"), "left as it is", "--data"];
            refused(&on(other, &data), 2, &sentence);
        }
        assert_eq!(names(&scratch.join("data")), before, "{owner}");
        Server::run(&on(verb, &data)).kill();
    }
}

/// Folders with parts alone were made by version 0.1: the mark of the whole one is taken away here.
#[test]
fn a_folder_from_before_is_taken_over_by_its_own_system_alone() {
    for (owner, verb) in &SERVERS[..2] {
        let scratch = Scratch::new(&format!("before-{owner}"));
        let data = scratch.text("data");
        Server::run(&on(verb, &data)).signal("TERM");
        let mark = scratch.join("data/format.json");
        let text = fs::read_to_string(&mark).unwrap();
        for file in ["format.json", "lock"] {
            fs::remove_file(mark.with_file_name(file)).unwrap();
        }
        for (_, other) in SERVERS.iter().filter(|(other, _)| other != owner) {
            // One that has no folders in its own does not look into them to see whose they are.
            let code = if other[0] == "snowflake" { 4 } else { 2 };
            refused(&on(other, &data), code, &["left as it is", "--data"]);
        }
        Server::run(&on(verb, &data)).kill();
        assert_eq!(fs::read_to_string(&mark).unwrap(), text, "it is marked again");
        fs::write(scratch.join("data/photo.jpg"), "of somebody").unwrap();
        Server::run(&on(verb, &data)).kill();
        fs::remove_file(&mark).unwrap();
        refused(&on(verb, &data), 4, &["has other files in it"]);
    }
}

#[test]
fn a_whole_folder_has_one_server_at_a_time() {
    for (owner, verb) in &SERVERS[..2] {
        let scratch = Scratch::new(&format!("locked-{owner}"));
        let data = scratch.text("data");
        let server = Server::run(&on(verb, &data));
        refused(&on(verb, &data), 4, &[&format!("{data} belongs to a server that is running")]);
        server.kill();
        Server::run(&on(verb, &data)).kill();
    }
}

#[test]
fn a_nodes_folder_is_none_of_a_whole_cluster_and_the_other_way_round() {
    let scratch = Scratch::new("node-or-whole");
    let data = scratch.text("data");
    Server::run(&on(&["raft", "serve"], &data)).kill();
    let file = scratch.text("lab.toml");
    let text = r#"system = "raft"
        node = [
            { id = 0, data = "n0", addresses = { nodes = "127.0.0.1:1", clients = "127.0.0.1:2" } },
            { id = 1, data = "n1", addresses = { clients = "127.0.0.1:3" } },
        ]"#;
    fs::write(&file, text).unwrap();
    let one = ["raft", "serve", "--node", "1", "--cluster", &file];
    refused(&on(&one, &data), 2, &["all nodes of raft in one process", "one of the folders in it"]);
    let part = scratch.text("data/n1");
    refused(&on(&["raft", "serve"], &part), 2, &["made for raft, node 1, alone"]);
    Server::run(&on(&one, &part)).kill();
}

/// Tried live: a tally without its folder counted from 0, and nobody was told.
#[test]
fn a_node_whose_folder_is_gone_begins_anew_only_where_the_operator_says_so() {
    for (verb, node) in [(SERVERS[0].1, "n1"), (SERVERS[1].1, "tally"), (SERVERS[1].1, "shard-0")] {
        let scratch = Scratch::new(&format!("gone-{}-{node}", verb[0]));
        let data = scratch.text("data");
        Server::run(&on(verb, &data)).signal("TERM");
        let replacing = |node| [&on(verb, &data)[..], &["--replace", node]].concat();
        refused(&replacing(node), 2, &[&format!("still has the folder {node}")]);
        refused(&replacing("n9"), 2, &["never had a node n9"]);
        fs::remove_dir_all(scratch.join("data").join(node)).unwrap();
        let before = names(&scratch.join("data"));
        let (gone, anew) =
            (format!("{data} has lost the folder {node}"), format!("--replace {node}"));
        refused(&on(verb, &data), 4, &[&gone, "left as it is", "restore that folder", &anew]);
        assert_eq!(names(&scratch.join("data")), before);
        Server::run(&replacing(node)).signal("TERM");
        Server::run(&on(verb, &data)).kill();
    }
}
