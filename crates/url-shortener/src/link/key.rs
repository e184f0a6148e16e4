//! The key of a link: a domain and a code.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Link;

/// The longest code, in bytes.
pub const MAX_CODE_BYTES: usize = 64;
/// The longest name of a domain that DNS has room for, in bytes.
pub const MAX_DOMAIN_BYTES: usize = 253;

/// The key of a link. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The custom domain, in lower case; empty for the service's own.
    pub domain: Arc<str>,
    /// Letters, digits, `-` and `_`; case matters.
    pub code: Arc<str>,
}

impl Key {
    /// The key of this code in this domain.
    pub fn new(domain: &str, code: &str) -> Key {
        Key { domain: domain.into(), code: code.into() }
    }

    /// The custom domain, for display: none for the service's own.
    pub fn custom_domain(&self) -> Option<String> {
        Some(self.domain.to_string()).filter(|domain| !domain.is_empty())
    }

    /// Its canonical bytes, `domain/code`, as shards, stores and hashes use them.
    pub fn bytes(&self) -> Vec<u8> {
        [self.domain.as_bytes(), b"/", self.code.as_bytes()].concat()
    }

    /// Parses canonical bytes. Neither domains nor codes contain `/`.
    pub fn of_bytes(bytes: &[u8]) -> Option<Key> {
        let (domain, code) = std::str::from_utf8(bytes).ok()?.split_once('/')?;
        Some(Key::new(domain, code))
    }
}

/// Is this a well-formed code? A redirect checks only this; [`check_code`](crate::check_code) says which
/// codes a new link may have.
pub fn is_code(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Identifies a link for its lifetime: a link made under the key of a deleted one is another link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// Its key.
    pub key: Key,
    /// As [`Link::incarnation`].
    pub incarnation: u64,
}

impl LinkId {
    /// The id of this link under this key.
    pub fn of(key: Key, link: &Link) -> LinkId {
        LinkId { key, incarnation: link.incarnation }
    }
}

/// As diagrams write it: the key, and the last digits of the incarnation.
impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            0 => write!(f, "{:?}", self.key),
            incarnation => write!(f, "{:?}#{}", self.key, incarnation % 10_000),
        }
    }
}

/// As diagrams and logs write it: `domain/code`.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.code)
    }
}
