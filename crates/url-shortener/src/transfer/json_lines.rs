//! JSON lines: one object a line, in UTF-8.

use std::io::{self, BufRead, Write};

use super::lines::Lines;
use super::{Kept, Malformed, Record};

/// Reads them.
pub(super) struct Reader<R> {
    lines: Lines<R>,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Reader<R> {
        Reader { lines: Lines::new(from), over: false }
    }

    /// The link on the next line that is not empty.
    fn read(&mut self) -> Result<Option<(u64, Record)>, Malformed> {
        loop {
            let mut bytes = Vec::new();
            if !self.lines.append(&mut bytes)? {
                return Ok(None);
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let line = self.lines.number();
            let malformed = |why: String| Malformed { line, why, is_last: false };
            let record = serde_json::from_slice(&bytes);
            return record
                .map(|record| Some((line, record)))
                .map_err(|why| malformed(why.to_string()));
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(u64, Record), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = read.as_ref().is_err_and(|malformed| malformed.is_last);
        read.transpose()
    }
}

/// Writes them.
pub struct Writer<W: Write>(W);

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> Writer<W> {
        Writer(to)
    }

    pub(super) fn write(&mut self, record: &Record) -> io::Result<Kept> {
        serde_json::to_writer(&mut self.0, record)?;
        self.0.write_all(b"\n")?;
        Ok(Kept::All)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_and_the_rest_is_read() {
        let text = "{\"code\":\"a\",\"url\":\"https://a.example\",\"clicks\":3}\n\n{\"code\":1}\nx\n\
                    {\"code\":\"b\",\"url\":\"https://b.example\",\"ip\":\"192.0.2.1\"}\n\u{ff}\n\
                    {\"code\":\"c\",\"url\":\"https://c.example\"}";
        let bytes: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
        let found: Vec<_> = Reader::new(&bytes[..]).collect();
        let lines: Vec<_> = found
            .iter()
            .map(|found| match found {
                Ok((line, record)) => (*line, record.code.as_str()),
                Err(malformed) => (malformed.line, "-"),
            })
            .collect();
        assert_eq!(lines, [(1, "a"), (3, "-"), (4, "-"), (5, "-"), (6, "-"), (7, "c")]);
        assert!(found[3].as_ref().unwrap_err().to_string().contains("line 5: unknown field `ip`"));
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_than_a_line() {
        let endless = io::repeat(b'x');
        let found: Vec<_> = Reader::new(io::BufReader::new(endless)).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].as_ref().unwrap_err().is_last);
    }
}
