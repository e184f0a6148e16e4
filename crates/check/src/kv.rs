//! A key-value store with append and compare-and-swap. Values start empty.

use std::fmt;

use crate::model::Model;
use crate::recorded::Recorded;
use crate::recording::{Recording, asked, asks_nothing, found, from_to, repeats, swapped, unknown};
use crate::value::Value;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Kv;

/// What is asked of a store; each about one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum KvInput {
    Get { key: String },
    Put { key: String, value: String },
    Append { key: String, value: String },
    Cas { key: String, from: String, to: String },
    Delete { key: String },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KvOutput {
    /// What was read; empty where there is nothing.
    Value(String),
    /// It was done.
    Done,
    /// Did the value match, so that it was swapped?
    Swapped(bool),
}

impl fmt::Display for KvInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvInput::Get { key } => write!(f, "get {key:?}"),
            KvInput::Put { key, value } => write!(f, "put {key:?} {value:?}"),
            KvInput::Append { key, value } => write!(f, "append {key:?} {value:?}"),
            KvInput::Cas { key, from, to } => write!(f, "cas {key:?} {from:?} to {to:?}"),
            KvInput::Delete { key } => write!(f, "delete {key:?}"),
        }
    }
}

impl fmt::Display for KvOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvOutput::Value(value) => write!(f, "{value:?}"),
            KvOutput::Done => f.write_str("done"),
            KvOutput::Swapped(true) => f.write_str("swapped"),
            KvOutput::Swapped(false) => f.write_str("did not match"),
        }
    }
}

impl Kv {
    /// What is kept of a value: text as it is, nothing as the empty text, anything else as it is written.
    pub fn text(value: &Value) -> String {
        match value {
            Value::Nil => String::new(),
            Value::Text(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Model for Kv {
    type State = String;
    type Input = KvInput;
    type Output = KvOutput;
    type Key = String;

    fn initial() -> String {
        String::new()
    }

    fn key(input: &KvInput) -> String {
        match input {
            KvInput::Get { key }
            | KvInput::Put { key, .. }
            | KvInput::Append { key, .. }
            | KvInput::Cas { key, .. }
            | KvInput::Delete { key } => key.clone(),
        }
    }

    fn step(state: &String, input: &KvInput, output: Option<&KvOutput>) -> Option<String> {
        match (input, output) {
            (KvInput::Get { .. }, Some(KvOutput::Value(read))) => {
                (read == state).then(|| state.clone())
            }
            (KvInput::Get { .. }, _) => Some(state.clone()),
            (KvInput::Put { value, .. }, _) => Some(value.clone()),
            (KvInput::Append { value, .. }, _) => Some(format!("{state}{value}")),
            (KvInput::Delete { .. }, _) => Some(String::new()),
            (KvInput::Cas { from, to, .. }, output) => {
                let matches = from == state;
                let said = match output {
                    Some(KvOutput::Swapped(swapped)) => *swapped == matches,
                    _ => true,
                };
                said.then(|| if matches { to.clone() } else { state.clone() })
            }
        }
    }

    fn finds(input: &KvInput, output: Option<&KvOutput>) -> Option<String> {
        match (input, output) {
            (KvInput::Get { .. }, Some(KvOutput::Value(read))) => Some(read.clone()),
            (KvInput::Cas { .. }, Some(KvOutput::Swapped(false))) => None,
            (KvInput::Cas { from, .. }, _) => Some(from.clone()),
            _ => None,
        }
    }

    fn leaves(input: &KvInput) -> Option<String> {
        match input {
            KvInput::Put { value, .. } => Some(value.clone()),
            KvInput::Delete { .. } => Some(String::new()),
            _ => None,
        }
    }

    /// By appending, a value only grows.
    fn leads_to(from: &String, to: &String) -> bool {
        to.starts_with(from.as_str())
    }

    fn may_refuse(state: &String, input: &KvInput, output: Option<&KvOutput>) -> bool {
        match (input, output) {
            (KvInput::Cas { from, .. }, Some(KvOutput::Swapped(false))) => {
                Kv::leads_to(state, from)
            }
            _ => false,
        }
    }
}

impl Recording for Kv {
    const KEYED: bool = true;

    fn input(begin: &Recorded) -> Result<KvInput, String> {
        let key = match &begin.key {
            Value::Nil => {
                return Err("key is missing: if values are [key value], say --independent".into());
            }
            key => Kv::text(key),
        };
        let value = || asked(begin).map(Kv::text);
        Ok(match begin.f.as_str() {
            "get" => asks_nothing(begin).map(|()| KvInput::Get { key })?,
            "put" => KvInput::Put { key, value: value()? },
            "append" => KvInput::Append { key, value: value()? },
            "delete" => asks_nothing(begin).map(|()| KvInput::Delete { key })?,
            "cas" => {
                let (from, to) = from_to(begin)?;
                KvInput::Cas { key, from: Kv::text(from), to: Kv::text(to) }
            }
            _ => {
                let knows = "get, put, append, cas and delete";
                return Err(unknown("a key-value store", knows, begin));
            }
        })
    }

    fn output(begin: &Recorded, end: &Recorded) -> Result<KvOutput, String> {
        match begin.f.as_str() {
            "get" => found(end).map(|value| KvOutput::Value(Kv::text(value))),
            "cas" => swapped(begin, end).map(KvOutput::Swapped),
            _ => repeats(begin, end).map(|()| KvOutput::Done),
        }
    }

    fn reads(input: &KvInput) -> bool {
        matches!(input, KvInput::Get { .. })
    }
}
