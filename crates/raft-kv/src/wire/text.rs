//! Keys and values in JSON.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes in JSON: a string, or an array of numbers where they are no text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Text> for Bytes {
    fn from(text: Text) -> Bytes {
        match text {
            Text::Text(text) => text.into(),
            Text::Bytes(bytes) => bytes.into(),
        }
    }
}

impl From<&Bytes> for Text {
    fn from(bytes: &Bytes) -> Text {
        match std::str::from_utf8(bytes) {
            Ok(text) => Text::Text(text.to_owned()),
            Err(_) => Text::Bytes(bytes.to_vec()),
        }
    }
}
