//! The keys of those who may make, change and look at links.
//!
//! The law: a key is compared in a time that says nothing about how much of a guess was right, and
//! never printed.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// A shorter one can be guessed.
const SHORTEST: usize = 16;
const LONGEST: usize = 256;

/// Keys, any of which opens the programming interface. Where there are none it is open.
#[derive(Clone, Default)]
pub struct Keys(Vec<Box<str>>);

impl Keys {
    /// The keys in this text, one a line; lines that are empty or begin with `#` are for people.
    ///
    /// # Errors
    /// If a line is no key, with its number.
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

    /// Those of both.
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
        // All are compared, so that the time does not tell which one it was either. Only the length
        // of a key shows.
        let none = Choice::from(0);
        self.0.iter().fold(none, |found, key| found | key.as_bytes().ct_eq(guess)).into()
    }

    /// May who sends this `Authorization` come in?
    pub(super) fn admit(&self, authorization: Option<&[u8]>) -> bool {
        let bearer = |header: &[u8]| {
            let (scheme, key) = header.split_at_checked(BEARER.len())?;
            scheme.eq_ignore_ascii_case(BEARER).then(|| self.has(key))
        };
        self.is_empty() || authorization.and_then(bearer).unwrap_or(false)
    }
}

const BEARER: &[u8] = b"Bearer ";

/// How many there are, and not which.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// What a header can carry without a doubt.
fn is_key(key: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A line that is no key. It is not repeated, because it may be nearly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedKey {
    line: usize,
}

impl fmt::Display for MalformedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: a key has {SHORTEST} to {LONGEST} characters, none of them a blank; draw one \
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
