//! Histories that others recorded, event by event: Jepsen's log, its history.txt, EDN maps and JSON
//! objects.
//!
//! An event is the beginning (`invoke`) or the end of a process's operation: `ok`, `fail` (it
//! certainly did nothing) or `info` (nobody knows; it stays open). The file may be a stranger's: what
//! makes no sense is refused by its line, and what is not understood is never guessed.

use std::fmt;

use crate::failure::cut;
use crate::value::Value;
use crate::{edn, json, log};

/// An event of a recorded history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its place among the events: its line where each event has one of its own, its number from 1
    /// where several share a line.
    pub place: u64,
    /// Whose it is.
    pub process: u64,
    /// `invoke`, `ok`, `fail` or `info`.
    pub kind: Kind,
    /// What is done.
    pub f: String,
    /// Of which key; nil where there are no keys.
    pub key: Value,
    /// With what, or what came of it, where it says so.
    pub value: Option<Value>,
    /// Did the value of a compare-and-swap match, where it says so?
    pub matched: Option<bool>,
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

    pub(crate) fn of(word: &str) -> Result<Kind, String> {
        let kinds = [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];
        let kind = kinds.into_iter().find(|kind| kind.word() == word);
        kind.ok_or_else(|| format!("the type is {word:?}, not invoke, ok, fail or info"))
    }
}

impl Recorded {
    pub(crate) fn new(line: u64, process: u64, kind: Kind, f: &str) -> Self {
        let (f, key) = (f.into(), Value::Nil);
        Recorded { line, place: line, process, kind, f, key, value: None, matched: None }
    }

    /// The event makes no sense.
    pub(crate) fn malformed(&self, why: String) -> Malformed {
        let why = match self.place == self.line {
            true => why,
            false => format!("event {}: {why}", self.place),
        };
        Malformed { line: self.line, why }
    }
}

/// A line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// From 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Letters of what is wrong that are shown: it may quote the stranger.
const WIDEST: usize = 400;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, cut(&self.why, WIDEST))
    }
}

impl std::error::Error for Malformed {}

/// Reads a history, whichever form it has. What the nemesis does is passed over.
///
/// # Errors
/// At the first line that is an operation's and makes no sense, or where the text is no history.
pub fn read(text: &str) -> Result<Vec<Recorded>, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut events = Vec::new();
    let mut newest = None;
    let take = |line, map: &Value| -> Result<(), String> {
        if let Some(event) = event(line, map, &mut newest)? {
            events.push(event);
        }
        Ok(())
    };
    match form(text) {
        Form::Edn => edn::each(text, take)?,
        Form::Json => json::each(text, take)?,
        Form::Lines => events = lines(text)?,
    }
    if events.windows(2).any(|pair| pair[0].line == pair[1].line) {
        (1..).zip(&mut events).for_each(|(place, event)| event.place = place);
    }
    Ok(events)
}

enum Form {
    Edn,
    Json,
    Lines,
}

/// How the first value begins says which it is.
fn form(text: &str) -> Form {
    let mut rest = text.trim_start_matches(edn::is_space);
    while rest.starts_with(';') {
        let (_, after) = rest.split_once('\n').unwrap_or_default();
        rest = after.trim_start_matches(edn::is_space);
    }
    let mut signs = rest.chars().filter(|&c| !edn::is_space(c));
    match (signs.next(), signs.next(), signs.next()) {
        (Some('{'), Some('"'), _) | (Some('['), Some('{'), Some('"')) => Form::Json,
        (None | Some('{'), ..) => Form::Edn,
        (Some('[' | '('), None | Some('{' | '#' | ';' | ']' | ')'), _) => Form::Edn,
        // A tag, and not a comment of a shell.
        (Some('#'), ..) if !rest[1..].starts_with([' ', '#', '!']) => Form::Edn,
        _ => Form::Lines,
    }
}

/// A log says other things too; where nobody logs, each line is an event.
fn lines(text: &str) -> Result<Vec<Recorded>, Malformed> {
    let is_log = text.lines().any(|line| log::logged(line).is_some());
    let mut events = Vec::new();
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        let said = match is_log {
            true => log::logged(text).filter(|said| !log::is_sentence(said)),
            false => Some(text).filter(|text| !text.starts_with(';')),
        };
        let Some(said) = said.filter(|said| !said.is_empty()) else { continue };
        if log::is_sentence(said) {
            let why = "it is no operation: wanted are lines of Jepsen's log or history.txt, EDN maps \
                       or JSON objects with process, type, f and value";
            return Err(Malformed { line, why: why.into() });
        }
        events.extend(log::operation(line, said).map_err(|why| Malformed { line, why })?);
    }
    Ok(events)
}

/// An event from a map; none where it is not a client's. `newest` is the index of the one before.
fn event(line: u64, map: &Value, newest: &mut Option<i64>) -> Result<Option<Recorded>, String> {
    let Value::Map(pairs) = map else { return Err(format!("an event is a map, and not {map}")) };
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
        Some(Value::Word(name) | Value::Text(name)) if name == "nemesis" => return Ok(None),
        Some(other) => return Err(format!("process is {other}, not a number")),
        None => return Err("process is missing".into()),
    };
    if let Some(&Value::Int(index)) = get("index")
        && let Some(before) = newest.replace(index).filter(|&before| before >= index)
    {
        return Err(format!("index {index} comes after {before}: sort the events by it"));
    }
    let mut event = Recorded::new(line, process, Kind::of(word("type")?)?, word("f")?);
    event.key = get("key").cloned().unwrap_or(Value::Nil);
    event.value = get("value").cloned();
    event.matched = match get("matched") {
        None | Some(Value::Nil) => None,
        Some(_) if event.kind != Kind::Ok || event.f != "cas" => {
            return Err("matched is said of a cas that is ok, and of nothing else".into());
        }
        Some(Value::Literal(matched)) if matched == "true" => Some(true),
        Some(Value::Literal(matched)) if matched == "false" => Some(false),
        Some(other) => return Err(format!("matched is {other}, not true or false")),
    };
    Ok(Some(event))
}
