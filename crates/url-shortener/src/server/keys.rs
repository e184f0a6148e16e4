//! API keys: they allow their owners to make, change and look at links.
//!
//! The law: keys are compared in constant time, and never printed.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// A shorter one can be guessed.
const MIN_KEY_BYTES: usize = 16;
const MAX_KEY_BYTES: usize = 256;

/// Keys, any of which opens the programming interface. Without keys it is open to all.
#[derive(Clone, Default)]
pub struct Keys(Vec<Box<str>>);

impl Keys {
    /// Reads keys, one on each line. Empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// If a line is not a key, with its number.
    pub fn parse(text: &str) -> Result<Keys, MalformedKey> {
        let lines = text.lines().map(str::trim).zip(1..);
        let keys = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        keys.map(|(key, line)| match is_key(key) {
            true => Ok(key.into()),
            false => Err(MalformedKey { line }),
        })
        .collect::<Result<_, _>>()
        .map(Keys)
    }

    /// The keys of both.
    pub fn and(mut self, others: Keys) -> Keys {
        self.0.extend(others.0);
        self
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is it one of them?
    pub fn has(&self, guess: &[u8]) -> bool {
        // All keys are compared, so that the time does not reveal which one matched. Only lengths can
        // leak.
        let none = Choice::from(0);
        self.0.iter().fold(none, |found, key| found | key.as_bytes().ct_eq(guess)).into()
    }

    /// Does this `Authorization` header have a valid key?
    pub(super) fn admit(&self, authorization: Option<&[u8]>) -> bool {
        let bearer = |header: &[u8]| {
            let (scheme, key) = header.split_at_checked(BEARER.len())?;
            scheme.eq_ignore_ascii_case(BEARER).then(|| self.has(key))
        };
        self.is_empty() || authorization.and_then(bearer).unwrap_or(false)
    }
}

const BEARER: &[u8] = b"Bearer ";

/// Shows how many keys there are, and none of them.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// Is this a key, of characters that any header can carry?
fn is_key(key: &str) -> bool {
    (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A line that is not a key. The error does not show it, because it may be a key with a typo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedKey {
    line: usize,
}

impl fmt::Display for MalformedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: a key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} characters, none of them a blank; draw one \
             with: openssl rand -hex 16",
            self.line
        )
    }
}

impl std::error::Error for MalformedKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_key_opens() {
        let keys = Keys::parse("# ours\n\n  0123456789abcdef\nfedcba9876543210ff\n").unwrap();
        for good in ["Bearer 0123456789abcdef", "bearer fedcba9876543210ff"] {
            assert!(keys.admit(Some(good.as_bytes())), "{good}");
        }
        for bad in [
            "",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer # ours",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "Bearer  0123456789abcdef",
        ] {
            assert!(!keys.admit(Some(bad.as_bytes())), "{bad}");
        }
        assert!(!keys.admit(None) && Keys::default().admit(None));
        assert_eq!(format!("{keys:?}"), "2 keys");
    }

    #[test]
    fn what_can_be_guessed_is_no_key() {
        for (text, line) in [
            ("short", 1),
            ("\n0123456789 abcdef", 2),
            ("0123456789abcdef\n\u{fc}0123456789abcdef", 2),
        ] {
            assert_eq!(Keys::parse(text).unwrap_err(), MalformedKey { line }, "{text}");
        }
    }
}
