//! The format file: whose folder it is, in which format.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Wrong;
use super::owner::FolderOwner;
use crate::files::{Readers, replace};

const FORMAT: u32 = 1;
pub(super) const FILE: &str = "format.json";
pub(super) const TEMPORARY: &str = "format.json.new";
/// A longer format file is not ours.
const LONGEST: u64 = 4096;

/// What it says, where it is one of this system.
#[derive(Debug)]
pub(super) enum Said<O> {
    /// It is a node's.
    Node {
        /// Drawn when the folder was made.
        disk: u64,
        owner: O,
    },
    /// It is that of all nodes of a process, each of which has a folder in it.
    Shared {
        system: String,
        /// Has it a list of them? One of an earlier version has none.
        lists_nodes: bool,
    },
}

#[derive(Serialize, Deserialize)]
struct Node<O> {
    format: u32,
    disk: u64,
    owner: O,
}

#[derive(Serialize)]
struct SharedFolder<'a> {
    format: u32,
    whole: bool,
    lists_nodes: bool,
    owner: System<'a>,
}

#[derive(Serialize)]
struct System<'a> {
    system: &'a str,
}

/// What the folder says of itself; nothing where it has no format file.
pub(super) fn read<O: FolderOwner>(folder: &Path) -> Result<Option<Said<O>>, Wrong> {
    let malformed = |error: serde_json::Error| Wrong::Malformed(FILE, error.to_string());
    let Some(text) = text(folder, FILE, LONGEST)? else { return Ok(None) };
    // The format first: another one may well have another shape.
    let value: Value = serde_json::from_str(&text).map_err(malformed)?;
    match value.get("format").and_then(Value::as_u64) {
        Some(format) if format != u64::from(FORMAT) => {
            return Err(Wrong::OtherFormat { theirs: format, ours: FORMAT });
        }
        _ => {}
    }
    // And the system before what only that one understands.
    let system = value.pointer("/owner/system").and_then(Value::as_str);
    let system = system.ok_or_else(|| Wrong::Malformed(FILE, "it names no system".to_owned()))?;
    if !O::SYSTEMS.contains(&system) {
        return Err(Wrong::OtherSystem(system.to_owned()));
    }
    let says = |word| value.get(word).and_then(Value::as_bool) == Some(true);
    if says("whole") {
        let lists_nodes = says("lists_nodes");
        return Ok(Some(Said::Shared { system: system.to_owned(), lists_nodes }));
    }
    let Node { disk, owner, .. } = serde_json::from_value(value).map_err(malformed)?;
    Ok(Some(Said::Node { disk, owner }))
}

/// Says whose disk of this identity it is.
pub(super) fn put_node<O: FolderOwner>(folder: &Path, disk: u64, owner: &O) -> io::Result<()> {
    put(folder, &Node { format: FORMAT, disk, owner })
}

/// Says that it is this system's, the folder and all that is in it.
pub(super) fn put_shared(folder: &Path, system: &str) -> io::Result<()> {
    let owner = System { system };
    put(folder, &SharedFolder { format: FORMAT, whole: true, lists_nodes: true, owner })
}

fn put(folder: &Path, format: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(format).map_err(io::Error::other)?;
    put_file(folder.join(TEMPORARY), folder.join(FILE), &text)
}

/// Puts a file in its place by way of another in the same folder.
pub(super) fn put_file(temporary: PathBuf, file: PathBuf, bytes: &[u8]) -> io::Result<()> {
    replace(&temporary, &file, bytes, Readers::Usual)
}

/// What is in a file that is no longer than this; nothing where there is none.
pub(super) fn text(
    folder: &Path,
    name: &'static str,
    longest: u64,
) -> Result<Option<String>, Wrong> {
    let mut text = String::new();
    let file = match File::open(folder.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let read = file.take(longest + 1).read_to_string(&mut text);
    read.map_err(|error| Wrong::Malformed(name, error.to_string()))?;
    match text.len() as u64 > longest {
        true => Err(Wrong::Malformed(name, "it is too long".to_owned())),
        false => Ok(Some(text)),
    }
}
