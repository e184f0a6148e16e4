//! What a link is found by: a domain and a code.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Link;

/// The longest code, in bytes.
pub const LONGEST_CODE: usize = 64;
/// The longest name of a domain that DNS has room for, in bytes.
pub const LONGEST_DOMAIN: usize = 253;

/// The name of a link. Cheap to clone.
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

    /// As those have it who show it: none for the service's own.
    pub fn custom_domain(&self) -> Option<String> {
        Some(self.domain.to_string()).filter(|domain| !domain.is_empty())
    }

    /// Its one spelling in bytes, by which shards, stores and hashes know it: `domain/code`.
    pub fn bytes(&self) -> Vec<u8> {
        [self.domain.as_bytes(), b"/", self.code.as_bytes()].concat()
    }

    /// The key whose spelling this is, if it is one. Neither domains nor codes have a `/` in them.
    pub fn of_bytes(bytes: &[u8]) -> Option<Key> {
        let (domain, code) = std::str::from_utf8(bytes).ok()?.split_once('/')?;
        Some(Key::new(domain, code))
    }
}

/// A link for as long as it is there: one that is made under the name of one that was taken away is another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// Its name.
    pub key: Key,
    /// As [`Link::incarnation`].
    pub incarnation: u64,
}

impl LinkId {
    /// That of the link which is there under this name.
    pub fn of(key: Key, link: &Link) -> LinkId {
        LinkId { key, incarnation: link.incarnation }
    }
}

/// As diagrams write it: its name, and the last figures of what tells it from others of that name.
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
