//! The list of all nodes whose folders a whole folder ever had. What it names and is not there was lost: it is
//! never taken for what never was.
//!
//! A node is listed when its folder is made, and before the node has it. So one that is on no list has promised
//! nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Wrong;
use super::format::{put_file, text};
use super::is_new;

pub(super) const FILE: &str = "nodes.json";
pub(super) const TEMPORARY: &str = "nodes.json.new";
/// A longer list is not ours.
const LONGEST: u64 = 1 << 20;

/// By the names of their folders.
pub(super) type Nodes = BTreeSet<String>;

#[derive(Serialize, Deserialize)]
struct List {
    nodes: Nodes,
}

/// Those that are listed; none where there is no list.
pub(super) fn read(folder: &Path) -> Result<Option<Nodes>, Wrong> {
    let Some(text) = text(folder, FILE, LONGEST)? else { return Ok(None) };
    let list: Result<List, _> = serde_json::from_str(&text);
    Ok(Some(list.map_err(|error| Wrong::Malformed(FILE, error.to_string()))?.nodes))
}

/// Lists these, durably.
pub(super) fn put(folder: &Path, nodes: &Nodes) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(&List { nodes: nodes.clone() })?;
    put_file(folder.join(TEMPORARY), folder.join(FILE), &text)
}

/// Those that have a folder, where there is no list yet.
pub(super) fn found(folder: &Path) -> io::Result<Nodes> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let theirs = entries.iter().filter(|entry| entry.path().join(super::format::FILE).exists());
    Ok(theirs.filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Is each of them there, but for those that are to begin anew, and are gone?
pub(super) fn check(folder: &Path, nodes: &Nodes, replace: &[String]) -> Result<(), Wrong> {
    let is_gone = |name: &String| {
        let part = folder.join(name);
        Ok::<_, io::Error>(!part.is_dir() || is_new(&part, &[])?)
    };
    for name in replace {
        if !nodes.contains(name) {
            let known = nodes.iter().cloned().collect::<Vec<_>>().join(", ");
            return Err(Wrong::NoNode { name: name.clone(), known });
        }
        if !is_gone(name)? {
            return Err(Wrong::NotGone(name.clone()));
        }
    }
    for name in nodes.iter().filter(|name| !replace.contains(name)) {
        if is_gone(name)? {
            return Err(Wrong::Gone(name.clone()));
        }
    }
    Ok(())
}
