//! The lines of Jepsen's log, and of the history.txt that it writes.
//!
//! `INFO  jepsen.util - 3 :invoke :cas [1 4]`, in which newer versions say more before the operation,
//! and history.txt nothing:
//! `INFO [2024-01-01 12:00:00,000] jepsen worker 3 - jepsen.util 3 :invoke :cas [1 4]` and
//! `2024-01-01 12:00:00,000{GMT} INFO [jepsen worker 3] jepsen.util: 3 :invoke :cas [1 4]`.
//! Fields are parted by any white space. Behind the value of an operation that did not end well stands
//! its error, which may be anything.

use crate::edn;
use crate::recorded::{Kind, Recorded};

/// Who logs operations.
const LOGGER: &str = "jepsen.util";

/// What a line of a log says of an operation, if it says anything of one.
pub(crate) fn logged(line: &str) -> Option<&str> {
    let (before, said) = line.split_once(LOGGER)?;
    let is_prefix = before.split_whitespace().any(|word| word == "INFO") && !before.contains('"');
    let said = said.strip_prefix(':').unwrap_or(said);
    let logs = is_prefix && before.ends_with(char::is_whitespace);
    let said = said.starts_with(char::is_whitespace).then(|| said.trim_start())?;
    logs.then(|| said.strip_prefix("- ").unwrap_or(said).trim())
}

/// The operation of a client, none where somebody else does something.
///
/// # Errors
/// If that is no operation.
pub(crate) fn operation(line: u64, said: &str) -> Result<Option<Recorded>, String> {
    let (process, rest) = word(said);
    let (kind, rest) = word(rest);
    let kind = kind.strip_prefix(':').ok_or_else(|| "the type is missing".to_string());
    if process == ":nemesis" {
        return kind.and_then(Kind::of).map(|_| None);
    }
    let number = process.parse().map_err(|_| format!("process is {process}, not a number"))?;
    let kind = kind.and_then(Kind::of)?;
    let (f, rest) = word(rest);
    let f = f.strip_prefix(':').ok_or("the function is missing")?;
    let mut event = Recorded::new(line, number, kind, f);
    if matches!(kind, Kind::Invoke | Kind::Ok) && !rest.is_empty() {
        event.value = Some(edn::parse(rest)?);
    }
    Ok(Some(event))
}

/// Is it a sentence, and nobody's operation?
pub(crate) fn is_sentence(said: &str) -> bool {
    let (first, rest) = word(said);
    let kind = word(rest).0.strip_prefix(':');
    first.parse::<u64>().is_err() && kind.is_none_or(|kind| Kind::of(kind).is_err())
}

/// The first word, and what comes after it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (word, rest.trim_start())
}
