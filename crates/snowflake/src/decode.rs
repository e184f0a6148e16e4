//! Ids that people write.

use std::error::Error;
use std::fmt;

use crate::error::IdError;
use crate::id::Id;
use crate::layout::{Decoded, Layout};

/// A longer text is no id and is not repeated, in bytes.
const LONGEST: usize = 1_000;

/// Takes the id that a text is apart.
///
/// # Errors
/// If it is none, or none of this layout.
pub fn decode_text(text: &str, layout: &Layout) -> Result<Decoded, BadText> {
    if text.len() > LONGEST {
        return Err(BadText::TooLong);
    }
    let id: Id = text.parse().map_err(BadText::Id)?;
    layout.decode(id).map_err(BadText::Id)
}

/// Why a text is no id of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadText {
    /// It is much longer than any id.
    TooLong,
    /// It is no id, or of another layout.
    Id(IdError),
}

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadText::TooLong => write!(f, "an id is at most {}, and this is longer", u64::MAX),
            BadText::Id(error @ IdError::ForeignBits { .. }) => {
                write!(f, "{error}; name another layout with --layout")
            }
            BadText::Id(error) => write!(f, "{error}"),
        }
    }
}

impl Error for BadText {}
