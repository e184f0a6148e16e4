//! Our own histories as EDN, so that Jepsen's tools read them, and [`crate::read`] too: the twin of
//! `recorded.rs`.
//!
//! Where a client crashed, or does not know what came of its operation, its next one has another
//! process, as in Jepsen's histories: a process has at most one end that is missing, its last.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Event, Noted, pairs};
use crate::kv::{KvInput, KvOutput};
use crate::recorded::Kind;
use crate::value::Value;

/// Writes events, in the order in which they were noted, as one EDN map a line.
///
/// A compare-and-swap that did not match is an answer, `:ok` with `:matched false`; `:fail` says of
/// anything that it did nothing, and not why.
pub fn write(events: &[Noted<KvInput, KvOutput>]) -> String {
    let clients = events.iter().map(|noted| noted.process + 1).max().unwrap_or(0);
    let mut processes: BTreeMap<u64, u64> = BTreeMap::new();
    let mut crashed = BTreeSet::new();
    let mut lines = BTreeMap::new();
    for (begin, input, end) in pairs(events) {
        let ended = end.map(|end| &events[end].event);
        let client = events[begin].process;
        let process = processes.entry(client).or_insert(client);
        if crashed.remove(&client) {
            *process += clients;
        }
        if matches!(ended, None | Some(Event::Unknown)) {
            crashed.insert(client);
        }
        let (kind, output) = match ended {
            Some(Event::Failed) => (Kind::Fail, None),
            Some(Event::Ok(output)) => (Kind::Ok, Some(output)),
            _ => (Kind::Info, None),
        };
        lines.insert(begin, line(*process, Kind::Invoke, input, None));
        lines.extend(end.map(|end| (end, line(*process, kind, input, output))));
    }
    let numbered = lines.into_iter().enumerate().map(|(index, (noted, line))| {
        format!("{{{line}, :time {}, :index {index}}}\n", events[noted].nanos)
    });
    numbered.collect()
}

fn line(process: u64, kind: Kind, input: &KvInput, output: Option<&KvOutput>) -> String {
    let text = |text: &String| Value::Text(text.clone());
    let (f, key, value) = match input {
        KvInput::Get { key } => ("get", key, Value::Nil),
        KvInput::Put { key, value } => ("put", key, text(value)),
        KvInput::Append { key, value } => ("append", key, text(value)),
        KvInput::Cas { key, from, to } => ("cas", key, Value::List(vec![text(from), text(to)])),
        KvInput::Delete { key } => ("delete", key, Value::Nil),
    };
    let value = match output {
        Some(KvOutput::Value(read)) => text(read),
        _ => value,
    };
    let (kind, key) = (kind.word(), text(key));
    let matched = match output {
        Some(KvOutput::Swapped(false)) => ", :matched false",
        _ => "",
    };
    format!(":process {process}, :type :{kind}, :f :{f}, :key {key}, :value {value}{matched}")
}
