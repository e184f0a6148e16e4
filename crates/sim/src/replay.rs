//! A saved run: everything needed to see it again, and refused where it would not be the same.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A larger file is not one of ours.
const LARGEST: usize = 32 << 20;
/// Worlds differ from version to version; so do the runs of one seed. The last number is raised with
/// every change that changes runs, which the test that compares recorded traces demands, or how a plan is
/// written.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+runs.12");

/// A run as a file: version, world seed and plan are all there is to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRun {
    /// Of the lab that made it.
    pub version: String,
    /// The system's name.
    pub system: String,
    /// The scenario's name.
    pub scenario: String,
    /// What the world drew its delays and losses from.
    pub world_seed: u64,
    /// Mechanisms that were left out.
    pub without: Vec<String>,
    /// The hash over every event, in hexadecimal.
    pub trace_hash: String,
    /// Faults and operations, in the scenario's own words.
    pub plan: Value,
}

impl SavedRun {
    /// Reads a saved run. It is not trusted, and the plan is
    /// checked again by the system that runs it.
    ///
    /// # Errors
    /// If it is too large, not a saved run, or another version's.
    pub fn parse(bytes: &[u8]) -> Result<SavedRun, ReplayError> {
        if bytes.len() > LARGEST {
            return Err(ReplayError::TooLarge);
        }
        // Some editors put the mark of UTF-8 before a text.
        let text = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
        let value: Value =
            serde_json::from_slice(text).map_err(|why| ReplayError::Malformed(why.to_string()))?;
        // The version first: another version's file may well have another shape.
        match value.get("version").and_then(Value::as_str) {
            Some(VERSION) => {}
            Some(other) => return Err(ReplayError::OtherVersion(other.chars().take(40).collect())),
            None => return Err(ReplayError::Malformed("it names no version".into())),
        }
        serde_json::from_value(value).map_err(|why| ReplayError::Malformed(why.to_string()))
    }

    /// The file's content.
    pub fn to_json(&self) -> String {
        // A value made of strings and numbers always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// Why a file cannot be replayed. The file is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// No saved run is this large.
    TooLarge,
    /// Not a saved run, or damaged.
    Malformed(String),
    /// Made by this other version, in which the same seed is another run.
    OtherVersion(String),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::TooLarge => write!(f, "the file is over {} MiB", LARGEST >> 20),
            ReplayError::Malformed(why) => write!(f, "the file is not a saved run: {why}"),
            ReplayError::OtherVersion(other) => write!(
                f,
                "the run was saved by version {other} and this is {VERSION}, in which the same \
                 seed is another run: replay it with that version"
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> SavedRun {
        SavedRun {
            version: VERSION.into(),
            system: "snowflake".into(),
            scenario: "overload".into(),
            world_seed: u64::MAX,
            without: vec!["sequence-wait".into()],
            trace_hash: "00ff".into(),
            plan: serde_json::json!({"steps": []}),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(SavedRun::parse(saved().to_json().as_bytes()), Ok(saved()));
        let marked = format!("\u{FEFF}{}", saved().to_json());
        assert_eq!(
            SavedRun::parse(marked.as_bytes()),
            Ok(saved()),
            "an editor put a mark before it"
        );
    }

    #[test]
    fn strangers_files_are_refused_with_a_sentence() {
        let other = SavedRun { version: "9.9.9".into(), ..saved() };
        let refused = SavedRun::parse(other.to_json().as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("saved by version 9.9.9"), "{refused}");
        let deep = "[".repeat(1_000_000);
        for hostile in ["", "{}", "[1]", "\u{0}", &deep, "{\"version\":7}"] {
            assert!(matches!(SavedRun::parse(hostile.as_bytes()), Err(ReplayError::Malformed(_))));
        }
        let text = saved().to_json();
        for cut in 0..text.len() - 2 {
            assert!(SavedRun::parse(&text.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
    }
}
