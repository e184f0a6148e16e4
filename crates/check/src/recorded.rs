//! The events of a recorded history.
//!
//! An event is the beginning (`invoke`) or the end of a process's operation: `ok`, `fail` (it
//! certainly did nothing) or `info` (nobody knows; it stays open).

use std::fmt;

use crate::failure::cut;
use crate::value::Value;

/// An event of a recorded history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its position in the order of the events: its line where each event has a line of its own, its
    /// number from 1 where several share a line.
    pub position: u64,
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
        Recorded { line, position: line, process, kind, f, key, value: None, matched: None }
    }

    /// The event makes no sense.
    pub(crate) fn malformed(&self, why: String) -> Malformed {
        let why = match self.position == self.line {
            true => why,
            false => format!("event {}: {why}", self.position),
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

/// Characters of what is wrong that are shown: it may quote the file.
const WIDEST: usize = 400;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, cut(&self.why, WIDEST))
    }
}

impl std::error::Error for Malformed {}
