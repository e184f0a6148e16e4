//! Data folders: whose they are, the whole of them and their parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use host::{Folder, FolderOwner, SharedFolder};
use serde::{Deserialize, Serialize};

use crate::scratch::Scratch;

/// A node of the system `talk`.
#[derive(PartialEq, Serialize, Deserialize)]
struct Talker {
    system: String,
    node: u32,
    /// Its disk began with the file `mark`.
    #[serde(default)]
    marked: bool,
}

/// A server of another system, whose owners say less.
#[derive(PartialEq, Serialize, Deserialize)]
struct Walker {
    system: String,
}

impl FolderOwner for Talker {
    const SYSTEMS: &'static [&'static str] = &["talk"];

    fn is(&self, other: &Talker) -> bool {
        self.node == other.node
    }

    fn stands_for(&self, file: &str) -> Option<Bytes> {
        (!self.marked && file == "mark").then(|| "of before".into())
    }

    fn name(&self) -> String {
        format!("{}, node {}", self.system, self.node)
    }

    fn arguments(&self) -> String {
        format!("--node {}", self.node)
    }

    fn with_another_folder(&self) -> &'static str {
        "and another number"
    }
}

impl FolderOwner for Walker {
    const SYSTEMS: &'static [&'static str] = &["walk"];

    fn name(&self) -> String {
        self.system.clone()
    }

    fn arguments(&self) -> String {
        String::new()
    }

    fn with_another_folder(&self) -> &'static str {
        ""
    }
}

fn talker(node: u32) -> Talker {
    Talker { system: "talk".to_owned(), node, marked: true }
}

fn walker() -> Walker {
    Walker { system: "walk".to_owned() }
}

/// All files below, with what is in them.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
            found.insert(name, Vec::new());
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

/// It must fail, say this, and leave the folder as it was.
#[track_caller]
fn refused<T>(folder: &Path, open: impl FnOnce() -> Result<T, host::FolderError>, words: &[&str]) {
    let before = files(folder);
    let why = open().err().expect("it is not ours").to_string();
    for words in words {
        assert!(why.contains(words), "{words:?} is not in {why:?}");
    }
    assert!(!why.contains("  ") && !why.ends_with(' '), "{why:?}");
    assert_eq!(files(folder), before, "it was left as it was");
}

#[test]
fn a_whole_folder_belongs_to_one_system() {
    let scratch = Scratch::new("whole");
    let data = scratch.0.join("data");
    let whole = SharedFolder::open::<Talker>(&data, &[], &[]).unwrap();
    let part = whole.part("n0", talker(0), &[]).unwrap();
    drop((part, whole));
    refused(&data, || SharedFolder::open::<Walker>(&data, &[], &[]), &["was made for talk,"]);
    refused(&data, || Folder::open(&data, walker(), &[]), &["was made for talk,"]);
    refused(&data, || Folder::open(&data.join("n0"), walker(), &[]), &["was made for talk,"]);
    refused(&data, || Folder::open(&data, talker(0), &[]), &["all nodes of talk in one process"]);
    let alone = data.join("n0");
    refused(
        &alone,
        || SharedFolder::open::<Talker>(&alone, &[], &[]),
        &["was made for talk, node 0, alone"],
    );
    Folder::open(&alone, talker(0), &[]).unwrap();
    SharedFolder::open::<Talker>(&data, &[], &[]).unwrap();
}

#[test]
fn a_folder_is_locked_as_long_as_a_part_of_it_is_in_use() {
    let scratch = Scratch::new("whole-locked");
    let data = scratch.0.join("data");
    let whole = SharedFolder::open::<Talker>(&data, &[], &[]).unwrap();
    let part = whole.part("n0", talker(0), &[]).unwrap();
    drop(whole);
    refused(
        &data,
        || SharedFolder::open::<Talker>(&data, &[], &[]),
        &["belongs to a server that is running"],
    );
    refused(&data, || Folder::open(&data.join("n0"), talker(0), &[]), &["is running"]);
    drop(part);
    SharedFolder::open::<Talker>(&data, &[], &[]).unwrap();
}

/// Of a version that kept no list it is all that is there.
#[test]
fn a_whole_folder_without_a_list_is_given_one() {
    let scratch = Scratch::new("whole-unlisted");
    let data = scratch.0.join("data");
    let open = || SharedFolder::open::<Talker>(&data, &[], &[]);
    drop(open().unwrap().part("n0", talker(0), &[]).unwrap());
    let format = fs::read_to_string(data.join("format.json")).unwrap();
    fs::write(data.join("format.json"), format.replace("\"lists_nodes\": true,", "")).unwrap();
    fs::remove_file(data.join("nodes.json")).unwrap();
    drop(open().unwrap());
    fs::remove_dir_all(data.join("n0")).unwrap();
    refused(&data, open, &["has lost the folder n0"]);
    fs::remove_file(data.join("nodes.json")).unwrap();
    refused(&data, open, &["has lost its file nodes.json"]);
}

/// Before whole folders said whose they are there were only their parts.
#[test]
fn a_folder_with_parts_alone_is_taken_over_by_the_system_of_the_parts() {
    let scratch = Scratch::new("whole-parts");
    let data = scratch.0.join("data");
    for node in 0..3 {
        Folder::open(&data.join(format!("n{node}")), talker(node), &[]).unwrap();
    }
    // A start that was cut short, and what these servers keep beside their folders.
    fs::create_dir_all(data.join("n3/disk")).unwrap();
    fs::write(data.join("secret"), "kept").unwrap();
    refused(
        &data,
        || SharedFolder::open::<Walker>(&data, &["secret"], &[]),
        &["data/n", "made for talk,"],
    );
    refused(
        &data,
        || SharedFolder::open::<Talker>(&data, &[], &[]),
        &["data has other files in it"],
    );
    let whole = SharedFolder::open::<Talker>(&data, &["secret"], &[]).unwrap();
    (0..4).for_each(|node| drop(whole.part(&format!("n{node}"), talker(node), &[]).unwrap()));
    drop(whole);
    refused(
        &data,
        || SharedFolder::open::<Walker>(&data, &["secret"], &[]),
        &["data was made for talk,"],
    );
}

#[test]
fn a_folder_with_parts_of_two_systems_is_nobodys() {
    let scratch = Scratch::new("whole-mixed");
    let data = scratch.0.join("data");
    Folder::open(&data.join("n0"), talker(0), &[]).unwrap();
    Folder::open(&data.join("legs"), walker(), &[]).unwrap();
    refused(
        &data,
        || SharedFolder::open::<Talker>(&data, &[], &[]),
        &["data/legs was made for walk,"],
    );
    refused(
        &data,
        || SharedFolder::open::<Walker>(&data, &[], &[]),
        &["data/n0 was made for talk,"],
    );
    fs::remove_dir_all(data.join("legs")).unwrap();
    fs::write(data.join("n0/format.json"), "{\"format\":1}").unwrap();
    refused(
        &data,
        || SharedFolder::open::<Talker>(&data, &[], &[]),
        &["data/n0 has a damaged format.json"],
    );
    fs::write(data.join("n0/format.json"), "{\"format\":2}").unwrap();
    refused(&data, || SharedFolder::open::<Talker>(&data, &[], &[]), &["data/n0 has format 2"]);
}

/// What is on the list and not there is no new node's folder.
#[test]
fn a_node_whose_folder_is_gone_begins_anew_only_where_the_operator_says_so() {
    let scratch = Scratch::new("whole-gone");
    let data = scratch.0.join("data");
    let open = |replace: &[&str]| {
        let replace: Vec<_> = replace.iter().map(|name| (*name).to_owned()).collect();
        SharedFolder::open::<Talker>(&data, &[], &replace)
    };
    let part = |whole: &SharedFolder, node| whole.part(&format!("n{node}"), talker(node), &[]);
    let whole = open(&[]).unwrap();
    let disks = [0, 1].map(|node| part(&whole, node).unwrap().disk());
    drop(whole);
    refused(&data, || open(&["n1"]), &["still has the folder n1", "leave out --replace n1"]);
    refused(&data, || open(&["n7"]), &["never had a node n7", "(n0, n1)"]);
    // Moved away, or wiped.
    fs::rename(data.join("n1"), scratch.0.join("kept")).unwrap();
    let sentence = ["data has lost the folder n1", "restore that folder", "with --replace n1"];
    refused(&data, || open(&[]), &sentence);
    fs::create_dir(data.join("n1")).unwrap();
    refused(&data, || open(&[]), &sentence);
    fs::remove_dir(data.join("n1")).unwrap();
    fs::rename(scratch.0.join("kept"), data.join("n1")).unwrap();
    assert_eq!(part(&open(&[]).unwrap(), 1).unwrap().disk(), disks[1], "restored");
    fs::remove_dir_all(data.join("n1")).unwrap();
    let whole = open(&["n1"]).unwrap();
    assert_ne!(part(&whole, 1).unwrap().disk(), disks[1], "a new disk");
    assert_eq!(part(&whole, 0).unwrap().disk(), disks[0]);
    // One that joins is listed as well.
    part(&whole, 2).unwrap();
    drop(whole);
    fs::remove_dir_all(data.join("n2")).unwrap();
    refused(&data, || open(&[]), &["has lost the folder n2"]);
    let list = fs::read_to_string(data.join("nodes.json")).unwrap();
    fs::write(data.join("nodes.json"), &list[1..]).unwrap();
    refused(&data, || open(&["n2"]), &["has a damaged nodes.json"]);
    fs::remove_file(data.join("nodes.json")).unwrap();
    refused(&data, || open(&["n2"]), &["has lost its file nodes.json"]);
}

/// The version before had no such file, and its folder says so: it gets one, once. Afterwards it is a loss like any.
#[test]
fn a_first_file_of_this_version_is_put_into_a_folder_of_the_one_before() {
    let scratch = Scratch::new("first-of-before");
    let (data, first) = (scratch.0.join("data"), [("mark".into(), "new".into())]);
    let before = Talker { marked: false, ..talker(0) };
    let disk = Folder::open(&data, before, &[]).unwrap().disk();
    fs::write(data.join("disk/log"), "kept").unwrap();
    refused(&data, || Folder::open(&data, talker(1), &first), &["was made for talk, node 0"]);
    assert_eq!(Folder::open(&data, talker(0), &first).unwrap().disk(), disk);
    let found = files(&data);
    assert_eq!(
        (&found["disk/mark"][..], &found["disk/log"][..]),
        (&b"of before"[..], &b"kept"[..])
    );
    fs::remove_file(data.join("disk/mark")).unwrap();
    refused(&data, || Folder::open(&data, talker(0), &first), &["has lost its file disk/mark"]);
}
