//! `locate`: the nodes of keys.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use hash_ring::{NodeIndex, Nodes, Placement};
use serde::Serialize;
use serde_json::json;

use super::LocateArguments;
use super::keys::{self, Keys};
use crate::exit::{Failure, Outcome, printed};

/// The largest file of nodes that is read, in bytes.
const LONGEST_LIST: u64 = 1 << 28;

pub(super) fn locate(arguments: &LocateArguments) -> Outcome {
    let nodes = read_nodes(&arguments.nodes)?;
    let count = nodes.count();
    if arguments.replicas as usize > count {
        return Err(Failure::input(format!(
            "--replicas {} takes as many nodes, and {} has {count}; name more there or ask for fewer",
            arguments.replicas,
            arguments.nodes.display(),
        )));
    }
    let mut placement = arguments.algorithm.build(nodes).map_err(Failure::input)?;
    // Where it can be known beforehand, a bad line in the middle does not cost half a result.
    if keys::can_be_read_twice(&arguments.keys) {
        let mut keys = Keys::open(&arguments.keys)?;
        while next(&mut keys, arguments, |_| 0)?.is_some() {}
    }
    place(arguments, &mut *placement)
}

/// Answers key after key.
fn place(arguments: &LocateArguments, placement: &mut dyn Placement) -> Outcome {
    let mut keys = Keys::open(&arguments.keys)?;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut written = if arguments.json { begin(arguments, placement, &mut out) } else { Ok(()) };
    let mut between = "";
    while let Some(hash) = next(&mut keys, arguments, |key| placement.hash(key.as_bytes()))? {
        let owners = owners(placement, hash, arguments.replicas as usize);
        let names = owners.iter().map(|owner| placement.nodes()[*owner].name());
        written = written.and_then(|()| match arguments.json {
            true => write_json(&mut out, std::mem::replace(&mut between, ","), keys.key(), names),
            false => write_line(&mut out, keys.key(), names),
        });
        if written.is_err() {
            return printed(written);
        }
    }
    if arguments.json {
        written = written.and_then(|()| out.write_all(b"]}\n"));
    }
    printed(written.and_then(|()| out.flush()))
}

/// The hash of the next key, if there is one: the key itself or what `hash` makes of it.
fn next(
    keys: &mut Keys,
    arguments: &LocateArguments,
    hash: impl Fn(&str) -> u64,
) -> Result<Option<u64>, Failure> {
    if !keys.advance()? {
        return Ok(None);
    }
    let key = keys.key();
    if !arguments.json && key.contains('\t') {
        let why = "the key has a tab in it, and would seem to end there; --json tells them apart";
        return Err(keys.refuse(why));
    }
    if !arguments.raw_hash {
        return Ok(Some(hash(key)));
    }
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    match key.parse() {
        Ok(hash) if digits => Ok(Some(hash)),
        _ => {
            let start: String = key.chars().take(40).collect();
            let why =
                format!("with --raw-hash a key is a number from 0 to {}, not {start:?}", u64::MAX);
            Err(keys.refuse(why))
        }
    }
}

/// The nodes of a key's copies. The key is one request, of the first of them.
fn owners(placement: &mut dyn Placement, hash: u64, replicas: usize) -> Vec<NodeIndex> {
    if replicas == 1 {
        return vec![placement.admit(hash)];
    }
    let owners = placement.replicas(hash, replicas);
    placement.admit(hash);
    owners
}

fn write_line<'a>(
    out: &mut impl Write,
    key: &str,
    names: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    out.write_all(key.as_bytes())?;
    for (before, name) in std::iter::once("\t").chain(std::iter::repeat(",")).zip(names) {
        out.write_all(before.as_bytes())?;
        out.write_all(name.as_bytes())?;
    }
    out.write_all(b"\n")
}

/// Everything before the first key. The rest follows key by key, so that the object fits in memory
/// however many there are.
fn begin(
    arguments: &LocateArguments,
    placement: &dyn Placement,
    out: &mut impl Write,
) -> io::Result<()> {
    let head = json!({
        "algorithm": arguments.algorithm.name(),
        "nodes": placement.nodes().count(),
        "replicas": arguments.replicas,
        "raw_hash": arguments.raw_hash,
    });
    let head = head.to_string();
    write!(out, "{},\"keys\":[", head.trim_end_matches('}'))
}

fn write_json<'a>(
    out: &mut impl Write,
    between: &str,
    key: &str,
    names: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    out.write_all(between.as_bytes())?;
    Ok(serde_json::to_writer(out, &Answer { key, nodes: names.collect() })?)
}

#[derive(Serialize)]
struct Answer<'a> {
    key: &'a str,
    nodes: Vec<&'a str>,
}

fn read_nodes(file: &Path) -> Result<Nodes, Failure> {
    let refuse = |why: &dyn std::fmt::Display| Failure::input(format!("{}: {why}", file.display()));
    let mut bytes = Vec::new();
    let mut start = keys::open(file)?.take(LONGEST_LIST + 1);
    start.read_to_end(&mut bytes).map_err(|why| refuse(&why))?;
    if bytes.len() as u64 > LONGEST_LIST {
        return Err(refuse(&format!("a list of nodes has at most {LONGEST_LIST} bytes")));
    }
    let text = str::from_utf8(&bytes).map_err(|why| {
        let line = bytes[..why.valid_up_to()].split(|byte| *byte == b'\n').count();
        refuse(&format!("line {line} is not UTF-8; save the file in that encoding"))
    })?;
    Nodes::parse(text).map_err(|why| refuse(&why))
}
