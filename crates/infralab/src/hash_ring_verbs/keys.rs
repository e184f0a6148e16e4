//! Keys, a line each, as they come: there may be more of them than fit in memory.

use std::fmt::Display;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::exit::Failure;

/// The longest key, in bytes.
const LONGEST: usize = 1 << 16;

/// Reads key after key.
pub(super) struct Keys {
    lines: Box<dyn BufRead>,
    shown: String,
    number: u64,
    line: Vec<u8>,
}

impl Keys {
    /// The keys in a file, or those on standard input for `-`.
    pub(super) fn open(file: &Path) -> Result<Keys, Failure> {
        let lines: Box<dyn BufRead> = if is_standard_input(file) {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::with_capacity(1 << 16, open(file)?))
        };
        let shown = file.display().to_string();
        let shown = if is_standard_input(file) { "standard input".to_owned() } else { shown };
        Ok(Keys { lines, shown, number: 0, line: Vec::new() })
    }

    /// Goes on to the next key, past empty lines; says whether there was one.
    pub(super) fn advance(&mut self) -> Result<bool, Failure> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut line = self.lines.by_ref().take(LONGEST as u64 + 2);
            let read = line.read_until(b'\n', &mut self.line);
            if read.map_err(|why| self.refuse(why))? == 0 {
                return Ok(false);
            }
            if self.number == 1 && self.line.starts_with("\u{FEFF}".as_bytes()) {
                self.line.drain(.."\u{FEFF}".len());
            }
            // Windows ends a line with two characters.
            for end in [b'\n', b'\r'] {
                self.line.pop_if(|last| *last == end);
            }
            if !self.line.is_empty() {
                break;
            }
        }
        if self.line.len() > LONGEST {
            return Err(
                self.refuse(format!("a key has at most {LONGEST} bytes; this one has more"))
            );
        }
        match str::from_utf8(&self.line) {
            Ok(_) => Ok(true),
            Err(_) => Err(self.refuse("the key is not UTF-8; write it in hexadecimal, say")),
        }
    }

    /// The key.
    pub(super) fn key(&self) -> &str {
        str::from_utf8(&self.line).expect("it was looked at on the way here")
    }

    /// What is wrong with the key.
    pub(super) fn refuse(&self, why: impl Display) -> Failure {
        Failure::input(format!("{}: line {}: {why}", self.shown, self.number))
    }
}

/// Whether a second look finds the same: not so at standard input or in a pipe.
pub(super) fn can_be_read_twice(file: &Path) -> bool {
    !is_standard_input(file) && fs::metadata(file).is_ok_and(|about| about.is_file())
}

/// Opens a file that the user named.
#[expect(clippy::disallowed_types, reason = "no machine reads it, but the command line")]
pub(super) fn open(file: &Path) -> Result<fs::File, Failure> {
    fs::File::open(file).map_err(|why| Failure::input(format!("{}: {why}", file.display())))
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}
