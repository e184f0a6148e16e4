//! Lines of a file, none of which takes more memory than a line may.

use std::io::{BufRead, Read};

use super::{LONGEST_LINE, Malformed};

/// A file, line by line.
pub(super) struct Lines<R> {
    from: R,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Lines<R> {
        Lines { from, read: 0 }
    }

    /// The number of the line that was read last; the first is 1.
    pub(super) fn number(&self) -> u64 {
        self.read
    }

    /// Appends the next line, with its end; false where there is none.
    ///
    /// # Errors
    /// If what there is then is longer than a line may be, or cannot be read: nobody knows where the
    /// next line begins.
    pub(super) fn append(&mut self, text: &mut Vec<u8>) -> Result<bool, Malformed> {
        let last = |line, why| Malformed { line, why, is_last: true };
        let room = (LONGEST_LINE + 1).saturating_sub(text.len()) as u64;
        let read = (&mut self.from).take(room).read_until(b'\n', text);
        let bytes = read.map_err(|error| last(self.read + 1, error.to_string()))?;
        if bytes == 0 && room > 0 {
            return Ok(false);
        }
        self.read += 1;
        match text.len() > LONGEST_LINE {
            true => Err(last(self.read, format!("it has more than {LONGEST_LINE} bytes"))),
            false => Ok(true),
        }
    }
}
