//! JSON lines: one object a line, in UTF-8.

use std::io::{self, BufRead, Read, Write};

use super::{Kept, LONGEST_LINE, Malformed, Record};

/// Reads them.
pub(super) struct Reader<R> {
    from: R,
    line: u64,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Reader<R> {
        Reader { from, line: 0, over: false }
    }

    /// The next line that is not empty.
    fn next_line(&mut self) -> Result<Option<String>, Malformed> {
        loop {
            let mut bytes = Vec::new();
            self.line += 1;
            let read = (&mut self.from).take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut bytes);
            read.map_err(|error| self.last(error.to_string()))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if bytes.len() > LONGEST_LINE {
                return Err(self.last(format!("it has more than {LONGEST_LINE} bytes")));
            }
            let text = String::from_utf8(bytes);
            let text = text.map_err(|_| self.malformed("it is no text in UTF-8".to_owned()))?;
            if !text.trim().is_empty() {
                return Ok(Some(text));
            }
        }
    }

    fn malformed(&self, why: String) -> Malformed {
        Malformed { line: self.line, why, is_last: false }
    }

    /// Nobody knows where the next one begins.
    fn last(&mut self, why: String) -> Malformed {
        self.over = true;
        Malformed { is_last: true, ..self.malformed(why) }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(u64, Record), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let text = match self.next_line() {
            Ok(text) => text?,
            Err(malformed) => return Some(Err(malformed)),
        };
        let record = serde_json::from_str(&text);
        Some(match record {
            Ok(record) => Ok((self.line, record)),
            Err(why) => Err(self.malformed(why.to_string())),
        })
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
