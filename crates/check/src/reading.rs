//! Reads the histories that others recorded: Jepsen's log, its history.txt, EDN maps and JSON objects.
//!
//! The file is not trusted: what makes no sense is refused by its line, and what is not understood is never
//! guessed.

use crate::recorded::{Kind, Malformed, Recorded};
use crate::value::Value;
use crate::{edn, json, log};

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
        (1..).zip(&mut events).for_each(|(number, event)| event.position = number);
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
