//! Look-ups by the line: a list of nodes and keys as files have them, and the names of the nodes of each key.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Read};

use crate::algorithm::Algorithm;
use crate::error::{FileError, Refused};
use crate::nodes::Nodes;
use crate::placement::Placement;

/// The largest list of nodes that is read, in bytes.
const LONGEST_LIST: u64 = 1 << 28;
/// The longest key, in bytes.
const LONGEST_KEY: usize = 1 << 16;
/// How much of a bad key an error shows, in characters.
const SHOWN: usize = 40;
/// The byte order mark that some editors put before a text.
const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Answers keys, each with the names of so many nodes.
pub struct Lookup {
    placement: Box<dyn Placement>,
    replicas: usize,
    raw_hash: bool,
}

impl Lookup {
    /// With `raw_hash` a key is its own hash: a number below 2^64.
    ///
    /// # Errors
    /// If the algorithm refuses these nodes.
    pub fn new(
        algorithm: Algorithm,
        nodes: Nodes,
        replicas: usize,
        raw_hash: bool,
    ) -> Result<Lookup, Refused> {
        Ok(Lookup { placement: algorithm.build(nodes)?, replicas, raw_hash })
    }

    /// The hash of a key.
    ///
    /// # Errors
    /// If it is its own hash, and is no number.
    pub fn hash(&self, key: &str) -> Result<u64, BadKey> {
        if !self.raw_hash {
            return Ok(self.placement.hash(key.as_bytes()));
        }
        let digits = key.bytes().all(|byte| byte.is_ascii_digit());
        let number = key.parse().ok().filter(|_| digits);
        number.ok_or_else(|| BadKey::NotAHash { start: key.chars().take(SHOWN).collect() })
    }

    /// The names of the nodes of the key with this hash. The key is one request, of the first of them.
    pub fn nodes(&mut self, hash: u64) -> Vec<&str> {
        let owners = if self.replicas == 1 {
            vec![self.placement.admit(hash)]
        } else {
            let owners = self.placement.replicas(hash, self.replicas);
            self.placement.admit(hash);
            owners
        };
        owners.into_iter().map(|owner| self.placement.nodes()[owner].name()).collect()
    }
}

/// Reads a list of nodes, as [`Nodes::parse`] has it.
///
/// # Errors
/// If it is none.
pub fn read_nodes(from: impl Read) -> Result<Nodes, BadList> {
    let mut bytes = Vec::new();
    from.take(LONGEST_LIST + 1).read_to_end(&mut bytes).map_err(BadList::Unreadable)?;
    if bytes.len() as u64 > LONGEST_LIST {
        return Err(BadList::TooLong);
    }
    let text = str::from_utf8(&bytes).map_err(|why| {
        let line = bytes[..why.valid_up_to()].split(|byte| *byte == b'\n').count();
        BadList::NotText { line }
    })?;
    Nodes::parse(text).map_err(BadList::Malformed)
}

/// Keys, a line each, as they come: there may be more of them than fit in memory.
pub struct KeyLines<R> {
    from: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> KeyLines<R> {
    /// Reads none yet.
    pub fn new(from: R) -> KeyLines<R> {
        KeyLines { from, number: 0, line: Vec::new() }
    }

    /// Goes on to the next key, past empty lines; says whether there was one.
    ///
    /// # Errors
    /// If the line is no key.
    pub fn advance(&mut self) -> Result<bool, BadKey> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut line = self.from.by_ref().take(LONGEST_KEY as u64 + 2);
            if line.read_until(b'\n', &mut self.line).map_err(BadKey::Unreadable)? == 0 {
                return Ok(false);
            }
            if self.number == 1 && self.line.starts_with(MARK) {
                self.line.drain(..MARK.len());
            }
            // Windows ends a line with two characters.
            for end in [b'\n', b'\r'] {
                self.line.pop_if(|last| *last == end);
            }
            if !self.line.is_empty() {
                break;
            }
        }
        if self.line.len() > LONGEST_KEY {
            return Err(BadKey::TooLong);
        }
        str::from_utf8(&self.line).map(|_| true).map_err(|_| BadKey::NotText)
    }

    /// The key.
    pub fn key(&self) -> &str {
        // It was checked when it was read; before the first, and after a bad one, there is none.
        str::from_utf8(&self.line).unwrap_or_default()
    }

    /// The number of its line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Why a line is no key. Those before it stand.
#[derive(Debug)]
pub enum BadKey {
    /// It could not be read.
    Unreadable(io::Error),
    /// It has too many bytes.
    TooLong,
    /// It is not UTF-8.
    NotText,
    /// It is to be its own hash, and is no such number.
    NotAHash {
        /// How it begins.
        start: String,
    },
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadKey::Unreadable(error) => write!(f, "{error}"),
            BadKey::TooLong => {
                write!(f, "a key has at most {LONGEST_KEY} bytes; this one has more")
            }
            BadKey::NotText => write!(f, "the key is not UTF-8; write it in hexadecimal, say"),
            BadKey::NotAHash { start } => {
                let most = u64::MAX;
                write!(f, "with --raw-hash a key is a number from 0 to {most}, not {start:?}")
            }
        }
    }
}

impl Error for BadKey {}

/// Why a file is no list of nodes.
#[derive(Debug)]
pub enum BadList {
    /// It could not be read.
    Unreadable(io::Error),
    /// It has too many bytes.
    TooLong,
    /// A line of it is not UTF-8.
    NotText {
        /// Its number, from 1.
        line: usize,
    },
    /// It does not say which nodes there are.
    Malformed(FileError),
}

impl fmt::Display for BadList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadList::Unreadable(error) => write!(f, "{error}"),
            BadList::TooLong => write!(f, "a list of nodes has at most {LONGEST_LIST} bytes"),
            BadList::NotText { line } => {
                write!(f, "line {line} is not UTF-8; save the file in that encoding")
            }
            BadList::Malformed(error) => write!(f, "{error}"),
        }
    }
}

impl Error for BadList {}
