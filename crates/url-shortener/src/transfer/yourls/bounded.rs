//! A reader that gives a row no more than a line's worth of bytes: a quotation mark that is never
//! closed would otherwise make all of a file one field.

use std::io::{self, Read};

use super::LONGEST_LINE;

/// How far the parser reads ahead at most; what it has of the next rows counts for this one.
const AHEAD: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Bounded<R> {
    from: R,
    /// Since the row began.
    given: usize,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(from: R) -> Bounded<R> {
        Bounded { from, given: 0 }
    }

    /// The next row begins.
    pub(super) fn begin_row(&mut self) {
        self.given = 0;
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given > LONGEST_LINE + AHEAD {
            let why = format!("it has more than {LONGEST_LINE} bytes, or its quotation has no end");
            return Err(io::Error::other(why));
        }
        let read = self.from.read(into)?;
        self.given += read;
        Ok(read)
    }
}
