//! Histories that others recorded: Jepsen's log lines, EDN maps and JSON objects, one event a line.
//!
//! An event is the beginning (`invoke`) or the end of a process's operation: `ok`, `fail` (it
//! certainly did nothing) or `info` (nobody knows; it stays open). The file may be a stranger's: a
//! line that makes no sense is refused by its number.

use std::collections::BTreeMap;
use std::fmt;

use crate::edn;
use crate::history::Operation;
use crate::kv::{KvInput, KvOutput};
use crate::register::{RegisterInput, RegisterOutput};

/// What stands in a history. Integers beyond 64 bits are words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value {
    Nil,
    Int(i64),
    Text(String),
    Word(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&edn::write(self))
    }
}

/// An event of a recorded history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it stands, from 1.
    pub line: u64,
    /// Whose it is.
    pub process: u64,
    /// `invoke`, `ok`, `fail` or `info`.
    pub kind: Kind,
    /// What is done.
    pub f: String,
    /// Of which key, where there are keys.
    pub key: Value,
    /// With what, or what came of it.
    pub value: Value,
}

/// Beginning or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Jepsen's words")]
pub enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Kind {
    /// As histories spell it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
        }
    }
}

/// A line that makes no sense, or a history without operations (line 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// From 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for Malformed {}

/// What Jepsen's log puts before an event.
const LOGGED: &str = "jepsen.util - ";

/// Reads a history, whichever of the three forms it has.
///
/// # Errors
/// At the first line that is an operation's and makes no sense, or if there is no operation.
pub fn read(text: &str) -> Result<Vec<Recorded>, Malformed> {
    let mut events = Vec::new();
    // A log says other things too; a file of maps or objects holds nothing else.
    let lines = || text.lines().map(str::trim);
    // A value that is written there may say the same.
    let is_logged = |text: &str| !text.starts_with(['{', '#', ';']) && text.contains(LOGGED);
    let is_log = lines().any(is_logged);
    for (line, text) in (1..).zip(lines()) {
        let event = match text.chars().next() {
            _ if is_logged(text) => jepsen(line, text),
            _ if is_log => Ok(None),
            None | Some(';') => Ok(None),
            Some('{') if text[1..].trim_start().starts_with('"') => json(line, text),
            Some(_) => edn::parse(text).and_then(|map| event(line, &map)),
        };
        events.extend(event.map_err(|why| Malformed { line, why })?);
    }
    match events.is_empty() {
        true => {
            let why = "there is no operation in it: wanted are lines of Jepsen's log, EDN maps or \
                       JSON objects with process, type, f and value";
            Err(Malformed { line: 0, why: why.into() })
        }
        false => Ok(events),
    }
}

/// `INFO  jepsen.util - 3<tab>:invoke<tab>:cas<tab>[1 4]`
fn jepsen(line: u64, text: &str) -> Result<Option<Recorded>, String> {
    let (_, said) = text.split_once(LOGGED).unwrap_or_default();
    let mut words = said.trim().splitn(4, char::is_whitespace);
    let process = words.next().unwrap_or_default();
    if process.is_empty() || !process.bytes().all(|byte| byte.is_ascii_digit()) {
        // The nemesis, or a sentence.
        return Ok(None);
    }
    let process = process.parse().map_err(|_| format!("{process} is no process"))?;
    let mut word = |what| {
        let word = words.next().map(str::trim).unwrap_or_default();
        word.strip_prefix(':').ok_or_else(|| format!("{what} is missing"))
    };
    let (kind, f) = (kind_of(word("the type")?)?, word("the function")?.to_string());
    let value = edn::parse(words.next().unwrap_or("nil"))?;
    Ok(Some(Recorded { line, process, kind, f, key: Value::Nil, value }))
}

fn json(line: u64, text: &str) -> Result<Option<Recorded>, String> {
    let parsed: serde_json::Value =
        serde_json::from_str(text).map_err(|why| format!("it is no JSON object: {why}"))?;
    event(line, &from_json(parsed))
}

fn from_json(value: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Word(truth.to_string()),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Word(number.to_string()),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(values) => Value::List(values.into_iter().map(from_json).collect()),
        Json::Object(map) => {
            let pair = |(key, value)| (Value::Word(key), from_json(value));
            Value::Map(map.into_iter().map(pair).collect())
        }
    }
}

/// An event from a map; none where it is not a client's.
fn event(line: u64, map: &Value) -> Result<Option<Recorded>, String> {
    let Value::Map(pairs) = map else { return Err("it is no map".into()) };
    let get = |name: &str| {
        pairs.iter().find(|(key, _)| matches!(key, Value::Word(key) if key == name)).map(|(_, v)| v)
    };
    let word = |name: &str| match get(name) {
        Some(Value::Word(word) | Value::Text(word)) => Ok(word.as_str()),
        Some(other) => Err(format!("{name} is {other}, not a word")),
        None => Err(format!("{name} is missing")),
    };
    let process = match get("process") {
        Some(Value::Int(process)) => {
            u64::try_from(*process).map_err(|_| format!("{process} is no process"))?
        }
        Some(Value::Word(_) | Value::Text(_)) => return Ok(None),
        Some(other) => return Err(format!("process is {other}, not a number")),
        None => return Err("process is missing".into()),
    };
    let (kind, f) = (kind_of(word("type")?)?, word("f")?.to_string());
    let value = |name| get(name).cloned().unwrap_or(Value::Nil);
    Ok(Some(Recorded { line, process, kind, f, key: value("key"), value: value("value") }))
}

fn kind_of(word: &str) -> Result<Kind, String> {
    let kinds = [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];
    let kind = kinds.into_iter().find(|kind| kind.word() == word);
    kind.ok_or_else(|| format!("the type is {word:?}, not invoke, ok, fail or info"))
}

/// What came of an operation, as [`pair`] finds it.
enum Ended<'a> {
    Ok(&'a Value),
    Failed,
    Open,
}

/// Brings beginnings and ends together; `end` makes an operation of them, or none where it tells
/// nothing.
fn pair<I, O>(
    events: &[Recorded],
    mut end: impl FnMut(&Recorded, Ended<'_>) -> Result<Option<(I, Option<O>)>, String>,
) -> Result<Vec<Operation<I, O>>, Malformed> {
    let mut begun: BTreeMap<u64, &Recorded> = BTreeMap::new();
    let mut operations = Vec::new();
    let mut finish = |begin: &Recorded, line, ended| -> Result<(), Malformed> {
        let made = end(begin, ended).map_err(|why| Malformed { line, why })?;
        operations.extend(made.map(|(input, output)| Operation {
            process: begin.process,
            input,
            invoked: begin.line,
            returned: output.map(|output| (line, output)),
        }));
        Ok(())
    };
    for event in events {
        let line = event.line;
        if event.kind == Kind::Invoke {
            if let Some(earlier) = begun.insert(event.process, event) {
                let (process, earlier) = (event.process, earlier.line);
                let why =
                    format!("process {process} has not ended what it began in line {earlier}");
                return Err(Malformed { line, why });
            }
            continue;
        }
        let Some(begin) = begun.remove(&event.process) else {
            let why = format!("process {} ends what it has not begun", event.process);
            return Err(Malformed { line, why });
        };
        if begin.f != event.f {
            let why = format!("a {} ends as a {}", begin.f, event.f);
            return Err(Malformed { line, why });
        }
        let ended = match event.kind {
            Kind::Ok => Ended::Ok(&event.value),
            Kind::Fail => Ended::Failed,
            Kind::Info | Kind::Invoke => Ended::Open,
        };
        finish(begin, line, ended)?;
    }
    for begin in begun.into_values() {
        finish(begin, begin.line, Ended::Open)?;
    }
    Ok(operations)
}

/// The operations of a register: `read`, `write` and `cas`.
///
/// # Errors
/// At the first line that is not about a register.
pub fn register_history(
    events: &[Recorded],
) -> Result<Vec<Operation<RegisterInput, RegisterOutput>>, Malformed> {
    use RegisterOutput::{Read, Swapped, Written};
    pair(events, |begin, ended| {
        let done = match begin.f.as_str() {
            "read" => match ended {
                Ended::Ok(value) => Some((RegisterInput::Read, Some(Read(value.clone())))),
                Ended::Failed | Ended::Open => None,
            },
            "write" => {
                let write = RegisterInput::Write(begin.value.clone());
                match ended {
                    Ended::Ok(_) => Some((write, Some(Written))),
                    Ended::Failed => None,
                    Ended::Open => Some((write, None)),
                }
            }
            "cas" => {
                let (from, to) = two(&begin.value)?;
                let cas = RegisterInput::Cas { from: from.clone(), to: to.clone() };
                Some((cas, swapped(ended).map(Swapped)))
            }
            other => return Err(format!("a register knows read, write and cas, not {other:?}")),
        };
        Ok(done)
    })
}

/// The operations of a key-value store: `get`, `put`, `append`, `cas` and `delete`.
///
/// # Errors
/// At the first line that is not about a key-value store.
pub fn kv_history(events: &[Recorded]) -> Result<Vec<Operation<KvInput, KvOutput>>, Malformed> {
    pair(events, |begin, ended| {
        let key = match &begin.key {
            Value::Nil => return Err("key is missing".into()),
            key => text(key),
        };
        let value = || text(&begin.value);
        let input = match begin.f.as_str() {
            "get" => {
                return Ok(match ended {
                    Ended::Ok(value) => {
                        Some((KvInput::Get { key }, Some(KvOutput::Value(text(value)))))
                    }
                    Ended::Failed | Ended::Open => None,
                });
            }
            "cas" => {
                let (from, to) = two(&begin.value)?;
                let cas = KvInput::Cas { key, from: text(from), to: text(to) };
                return Ok(Some((cas, swapped(ended).map(KvOutput::Swapped))));
            }
            "put" => KvInput::Put { key, value: value() },
            "append" => KvInput::Append { key, value: value() },
            "delete" => KvInput::Delete { key },
            other => {
                let known = "get, put, append, cas and delete";
                return Err(format!("a key-value store knows {known}, not {other:?}"));
            }
        };
        Ok(match ended {
            Ended::Ok(_) => Some((input, Some(KvOutput::Done))),
            Ended::Failed => None,
            Ended::Open => Some((input, None)),
        })
    })
}

/// A compare-and-swap that failed is one that did not match.
fn swapped(ended: Ended<'_>) -> Option<bool> {
    match ended {
        Ended::Ok(_) => Some(true),
        Ended::Failed => Some(false),
        Ended::Open => None,
    }
}

fn two(value: &Value) -> Result<(&Value, &Value), String> {
    match value {
        Value::List(values) => match values.as_slice() {
            [from, to] => Ok((from, to)),
            _ => Err(format!("a cas is from one value to another, not {value}")),
        },
        _ => Err(format!("a cas is from one value to another, not {value}")),
    }
}

/// Text as it is, nothing as the empty text, anything else as it is written.
fn text(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        Value::Text(text) => text.clone(),
        other => other.to_string(),
    }
}
