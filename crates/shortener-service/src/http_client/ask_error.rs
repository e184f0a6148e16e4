//! Why a server that was asked did not do it.

use std::error::Error;
use std::fmt;

/// Why there is no such answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// What was asked for cannot be, as the sentence says: ask for something else.
    Refused(String),
    /// The server cannot be reached, is overloaded or stopping, or speaks otherwise. A change may have been
    /// made.
    Failed {
        /// Where it failed.
        what: String,
        /// Why.
        why: String,
    },
}

impl AskError {
    pub(super) fn refused(why: impl fmt::Display) -> AskError {
        AskError::Refused(why.to_string())
    }

    pub(super) fn failed(what: impl fmt::Display, why: impl fmt::Display) -> AskError {
        AskError::Failed { what: what.to_string(), why: why.to_string() }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Refused(why) => f.write_str(why),
            AskError::Failed { what, why } => write!(f, "{what}: {why}"),
        }
    }
}

impl Error for AskError {}
