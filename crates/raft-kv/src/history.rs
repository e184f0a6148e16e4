//! What clients asked and were told, for checkers outside the lab.
//!
//! Reads that may be stale promise nothing, and a range is about several keys at once, which histories
//! by key cannot say: both are left out. The promise `linearizable` looks at ranges too.

use std::collections::{BTreeMap, BTreeSet};

use check::{Event, KvInput, KvOutput, Noted};
use sim::{Entry, History};

use crate::message::{Ask, Note, ReadMode};
use crate::promise::linearizable::{text, told, write};

/// The history as EDN, one event a line.
pub(crate) fn edn<'a>(notes: &'a History<Note>) -> String {
    let mut asked: BTreeMap<u64, &Ask> = BTreeMap::new();
    let event = |entry: &'a Entry<Note>| {
        let event = match &entry.note {
            Note::Invoked { operation, ask } => {
                let input = input(ask)?;
                asked.insert(*operation, ask);
                Event::Invoked(input)
            }
            Note::Answered { operation, answer } => {
                let ask = asked.remove(operation)?;
                let output = told(ask, answer, &BTreeSet::new()).pop();
                output.map_or(Event::Unknown, |(_, output)| Event::Ok(output))
            }
            Note::Failed { operation } => asked.remove(operation).map(|_| Event::Failed)?,
            Note::GivenUp { operation } => asked.remove(operation).map(|_| Event::Unknown)?,
            Note::Sometimes(_) => return None,
        };
        Some(Noted { nanos: entry.at.0, process: u64::from(entry.node.0), event })
    };
    let events: Vec<Noted<KvInput, KvOutput>> = notes.iter().filter_map(event).collect();
    check::write(&events)
}

fn input(ask: &Ask) -> Option<KvInput> {
    match ask {
        Ask::Get { read: ReadMode::Stale, .. } => None,
        Ask::Get { key, .. } => Some(KvInput::Get { key: text(key) }),
        _ => write(ask),
    }
}
