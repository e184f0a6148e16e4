//! The id itself: 64 bits whose meaning only a layout knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::IdError;

/// An id. Ids of one layout sort as numbers by the time of their minting.
///
/// As text it is a decimal number. In JSON it is a string, because a JavaScript number holds only
/// 53 bits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Id {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Id, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        // `u64::from_str` would take a plus sign, and an id has only one text.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(IdError::NotANumber { text: text.to_owned() });
        }
        text.parse().map(Id).map_err(|_| IdError::TooLarge { text: text.to_owned() })
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
