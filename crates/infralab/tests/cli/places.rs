//! `hash-ring locate`: the nodes of keys, as other programs read them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::lab::{Said, Scratch, command, ended, json, lab};

pub(crate) const ALGORITHMS: [&str; 10] = [
    "ring",
    "ketama",
    "jump",
    "rendezvous",
    "maglev",
    "anchor",
    "bounded",
    "modulo",
    "range",
    "directory",
];

/// A file of nodes and one of keys.
pub(crate) struct Files {
    scratch: Scratch,
    nodes: String,
    keys: String,
}

impl Files {
    pub(crate) fn new(test: &str, nodes: impl AsRef<[u8]>, keys: impl AsRef<[u8]>) -> Files {
        let scratch = Scratch::new(test);
        let (nodes_file, keys_file) = (scratch.text("nodes.txt"), scratch.text("keys.txt"));
        fs::write(&nodes_file, nodes).unwrap();
        fs::write(&keys_file, keys).unwrap();
        Files { scratch, nodes: nodes_file, keys: keys_file }
    }

    /// The command, with more arguments.
    pub(crate) fn locate<'a>(&'a self, algorithm: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let files = ["--nodes", &self.nodes, "--keys", &self.keys];
        [&["hash-ring", "locate", "--algorithm", algorithm][..], &files, more].concat()
    }

    pub(crate) fn missing(&self) -> String {
        self.scratch.text("missing")
    }
}

/// What a command that must succeed prints.
fn printed(arguments: &[&str]) -> String {
    let said = lab(arguments);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    said.stdout
}

fn with_input(arguments: &[&str], input: &str) -> Said {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // It may have seen enough before the end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    ended(child, &format!("{arguments:?}")).into()
}

/// From the tests of Guava: keys 0 to 19 of 100 buckets, and one key of another test among 11.
#[test]
fn jump_gives_the_ith_line_of_the_file_for_bucket_i() {
    let of_100 = [0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83];
    let nodes: String = (0..100).map(|node| format!("n{node}\n")).collect();
    let keys: String = (0..20).map(|key| format!("{key}\n")).collect();
    let files = Files::new("jump", nodes, keys);
    let lines = of_100.iter().enumerate().map(|(key, bucket)| format!("{key}\tn{bucket}\n"));
    let expected: String = lines.collect();
    assert_eq!(printed(&files.locate("jump", &["--raw-hash"])), expected);
    let nodes: String = (0..11).map(|node| format!("{node}\n")).collect();
    let files = Files::new("jump-11", nodes, "10863919174838991\n2016238256797177309");
    assert_eq!(
        printed(&files.locate("jump", &["--raw-hash"])),
        "10863919174838991\t6\n2016238256797177309\t3\n"
    );
}

/// For libketama's own servers; its own test, with a million keys, is among the library's.
#[test]
fn ketama_hashes_keys_as_libketama_does() {
    let servers = "10.0.1.1:11211\t600\n10.0.1.2:11211\t300\n10.0.1.3:11211\t200\n\
                   10.0.1.4:11211\t350\n10.0.1.5:11211\t1000\n10.0.1.6:11211\t800\n\
                   10.0.1.7:11211\t950\n10.0.1.8:11211\t100\n";
    let files = Files::new("ketama", servers, "0\n1\n2\n3\n");
    let by_key = printed(&files.locate("ketama", &[]));
    // MD5("0") begins with cf cd 20 84, and so on: the four bytes as a number, the lowest first.
    let hashes = [0x8420_cdcfu32, 0x3842_cac4, 0x8d72_1ec8, 0x7ec8_cbec].map(u64::from);
    // The upper half of a raw hash does not count.
    let raw: String = hashes.map(|hash| format!("{}\n", hash | 7 << 32)).concat();
    let files = Files::new("ketama-raw", servers, raw);
    let by_hash = printed(&files.locate("ketama", &["--raw-hash"]));
    let owners = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_once('\t').unwrap().1.to_owned()).collect()
    };
    assert_eq!(owners(&by_key), owners(&by_hash));
    assert_eq!(owners(&by_key), KETAMA_OWNERS);
}

const KETAMA_OWNERS: [&str; 4] =
    ["10.0.1.1:11211", "10.0.1.5:11211", "10.0.1.6:11211", "10.0.1.6:11211"];

/// Every node within its share of the requests and a quarter, after each of them; the key that all of
/// them want is shared out.
#[test]
fn bounded_counts_each_key_as_a_request() {
    let files = Files::new("bounded", "a\nb\nc 2\n", "hot\n".repeat(400));
    let mut loads: BTreeMap<String, f64> = BTreeMap::new();
    for (done, line) in printed(&files.locate("bounded", &[])).lines().enumerate() {
        let node = line.strip_prefix("hot\t").unwrap();
        let weight = if node == "c" { 2.0 } else { 1.0 };
        let load = loads.entry(node.to_owned()).or_default();
        *load += 1.0;
        let most = (1.25 * (done + 1) as f64 * weight / 4.0).ceil();
        assert!(*load <= most, "{node} has {load} of {}", done + 1);
    }
    assert!(loads.len() > 1 && loads.values().all(|load| *load <= 250.0), "{loads:?}");
    let copies = printed(&files.locate("bounded", &["--replicas", "2"]));
    let first = |line: &str| line.split(',').next().unwrap().to_owned();
    let firsts: Vec<_> = copies.lines().map(first).collect();
    let alone: Vec<_> = printed(&files.locate("bounded", &[])).lines().map(first).collect();
    assert_eq!(firsts, alone, "copies are no requests");
}

#[test]
fn replicas_are_different_nodes_in_different_zones() {
    let nodes = "a 1 x\nb 1 x\nc 1 x\nd 1 y/1\ne 1 y/2\n";
    let zone = |name: &str| if "abc".contains(name) { "x" } else { "y" };
    let keys: String = (0..100).map(|key| format!("user:{key}\n")).collect();
    let files = Files::new("replicas", nodes, keys);
    for algorithm in ALGORITHMS {
        let one = printed(&files.locate(algorithm, &[]));
        let two = printed(&files.locate(algorithm, &["--replicas", "2"]));
        let all = printed(&files.locate(algorithm, &["--replicas", "5"]));
        for ((one, two), all) in one.lines().zip(two.lines()).zip(all.lines()) {
            let (_, names) = two.split_once('\t').unwrap();
            let (first, second) = names.split_once(',').unwrap();
            assert!(one.ends_with(&format!("\t{first}")) && zone(first) != zone(second), "{two}");
            assert!(all.starts_with(two), "{algorithm}: {all}");
            let mut names: Vec<_> = all.split_once('\t').unwrap().1.split(',').collect();
            names.sort_unstable();
            assert_eq!(names, ["a", "b", "c", "d", "e"]);
        }
    }
}

#[test]
fn json_says_the_same() {
    let files = Files::new("json", "a\nb\nc\n", "x\n\"quoted\"\nwith\ttab\n");
    let answer = json(&files.locate("ring", &["--replicas", "2", "--json"]));
    assert_eq!((&answer["algorithm"], &answer["nodes"]), (&"ring".into(), &3.into()));
    let keys = answer["keys"].as_array().unwrap();
    let named: Vec<_> = keys.iter().map(|key| key["key"].as_str().unwrap()).collect();
    assert_eq!(named, ["x", "\"quoted\"", "with\ttab"]);
    assert!(keys.iter().all(|key| key["nodes"].as_array().unwrap().len() == 2));
    let none = Files::new("json-none", "a\n", "");
    assert_eq!(json(&none.locate("ring", &["--json"]))["keys"], serde_json::json!([]));
}

/// Windows' ends of lines, marks of the byte order and empty lines are no parts of keys or names.
#[test]
fn files_from_other_systems_mean_the_same() {
    let here = Files::new("unix", "a 2 z\nb\n", "x\ny y\n");
    let there = Files::new("windows", "\u{FEFF}a 2 z\r\nb\r\n", "\u{FEFF}x\r\n\r\ny y\r\n");
    for algorithm in ["ring", "ketama", "maglev"] {
        assert_eq!(printed(&here.locate(algorithm, &[])), printed(&there.locate(algorithm, &[])));
    }
}

#[test]
fn keys_come_through_a_pipe_too() {
    let files = Files::new("pipe", "a\nb\nc\n", "x\ny\nz\n");
    let mut piped = files.locate("maglev", &[]);
    let at = piped.iter().position(|word| *word == "--keys").unwrap() + 1;
    piped[at] = "-";
    let said = with_input(&piped, "x\ny\nz");
    assert_eq!((said.code, said.stdout), (Some(0), printed(&files.locate("maglev", &[]))));
    piped.push("--raw-hash");
    let said = with_input(&piped, "7\nx\n");
    assert_eq!(said.code, Some(2));
    assert!(said.stdout.starts_with("7\t"), "what came before the bad line was answered");
    assert!(said.stderr.contains("standard input: line 2"), "{}", said.stderr);
}

#[test]
fn whoever_stops_reading_has_read_enough() {
    let keys: String = (0..200_000).map(|key| format!("{key}\n")).collect();
    let files = Files::new("enough", "a\nb\n", keys);
    let mut child = command(&files.locate("jump", &[])).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("0\t"));
    drop(lines);
    let said = Said::from(ended(child, "whose lines nobody reads"));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}
