//! Reads the text of a file, with a bounded part of it in memory.
//!
//! A line ends with a line feed, a carriage return, or both: files come from all kinds of computers. What
//! some programs put before the text, the mark of UTF-8, is no part of it.

use std::io::{self, BufRead, Read};

use super::LONGEST_LINE;

/// Enough to see that a line is longer than it may be, and how its end is written.
const AHEAD: usize = LONGEST_LINE + 2;
/// What is read at a time: more, so that what is held is seldom moved.
const READ: usize = 4 * AHEAD;
const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// What follows in a file.
pub(super) struct Text<R> {
    from: R,
    held: Vec<u8>,
    /// How much of the buffer was consumed.
    taken: usize,
    line: u64,
    is_begun: bool,
    is_all: bool,
}

impl<R: BufRead> Text<R> {
    pub(super) fn new(from: R) -> Text<R> {
        Text { from, held: Vec::new(), taken: 0, line: 1, is_begun: false, is_all: false }
    }

    /// The number of the line that comes next; the first is 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// What comes next: longer than a line may be, or all that is left.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn ahead(&mut self) -> io::Result<&[u8]> {
        if !self.is_all && self.held.len() - self.taken < AHEAD {
            self.held.drain(..self.taken);
            self.taken = 0;
            let room = READ - self.held.len();
            let read = (&mut self.from).take(room as u64).read_to_end(&mut self.held)?;
            self.is_all = read < room;
            if !std::mem::replace(&mut self.is_begun, true) && self.held.starts_with(MARK) {
                self.taken = MARK.len();
            }
        }
        Ok(&self.held[self.taken..])
    }

    /// So many bytes of it are over.
    pub(super) fn take(&mut self, bytes: usize) {
        let (taken, rest) = self.held[self.taken..].split_at(bytes);
        let ends = taken.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => taken.get(at + 1).or(rest.first()) != Some(&b'\n'),
            _ => false,
        });
        self.line += ends.count() as u64;
        self.taken += bytes;
    }

    /// Goes on behind the end of the line, however far away it is.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let length = self.ahead()?.len();
            let end = line_end(&self.held[self.taken..]);
            if end < length || self.is_all {
                self.take(end);
                return Ok(());
            }
            // The last byte may be the first of the two of an end.
            self.take(length - 1);
        }
    }
}

/// Where the first line of this text ends, its end included.
pub(super) fn line_end(text: &[u8]) -> usize {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let is_pair = |at: usize| text[at..].starts_with(b"\r\n");
    end.map_or(text.len(), |at| at + 1 + usize::from(is_pair(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut text = Text::new(bytes);
        let mut lines = Vec::new();
        loop {
            let line = text.line();
            let ahead = text.ahead().unwrap();
            if ahead.is_empty() {
                return lines;
            }
            let end = line_end(ahead);
            lines.push((line, String::from_utf8_lossy(&ahead[..end]).trim_end().to_owned()));
            text.take(end);
        }
    }

    #[test]
    fn every_kind_of_end_ends_a_line_and_the_mark_is_no_part_of_the_first() {
        let found = lines(b"\xEF\xBB\xBFa\nb\r\nc\rd\r\r\n\xEF\xBB\xBFe");
        let expected = [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, ""), (6, "\u{FEFF}e")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_line_of_any_length_is_skipped_to_its_end_wherever_that_lies() {
        for end in ["\n", "\r", "\r\n"] {
            for length in (AHEAD - 3..AHEAD + 3).chain(READ - 3..READ + 3) {
                let long = format!("{}{end}next", "x".repeat(length));
                let mut text = Text::new(long.as_bytes());
                text.skip_line().unwrap();
                assert_eq!((text.line(), text.ahead().unwrap()), (2, &b"next"[..]), "{length}");
            }
        }
    }
}
