//! JSON lines: one object a line, in UTF-8.

use std::io::{self, BufRead, Write};

use super::text::{Text, line_end};
use super::{Kept, LONGEST_LINE, Malformed, Record};

/// Reads them.
pub(super) struct Reader<R>(Text<R>);

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Reader<R> {
        Reader(Text::new(from))
    }

    /// The link on the next line that is not empty.
    pub(super) fn read(&mut self) -> Result<Option<(u64, Record)>, Malformed> {
        loop {
            let line = self.0.line();
            let text = self.0.ahead().map_err(|error| Malformed::unread(line, &error))?;
            if text.is_empty() {
                return Ok(None);
            }
            let end = line_end(text);
            if end > LONGEST_LINE {
                self.0.skip_line().map_err(|error| Malformed::unread(line, &error))?;
                return Err(Malformed::too_long(line));
            }
            let text = text[..end].trim_ascii();
            let record = (!text.is_empty()).then(|| serde_json::from_slice(text));
            self.0.take(end);
            if let Some(record) = record {
                let malformed = |why: serde_json::Error| Malformed::new(line, why.to_string());
                return record.map(|record| Some((line, record))).map_err(malformed);
            }
        }
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
    use super::super::{Form, read};
    use super::*;

    /// The code of each line, or a dash.
    fn codes(bytes: &[u8]) -> Vec<(u64, String)> {
        let found = read(Form::JsonLines, bytes).map(|found| match found {
            Ok((line, record)) => (line, record.code),
            Err(malformed) => (malformed.line, "-".to_owned()),
        });
        found.collect()
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_is_read() {
        let text = "{\"code\":\"a\",\"url\":\"https://a.example\",\"clicks\":3}\n\n{\"code\":1}\nx\n\
                    {\"code\":\"b\",\"url\":\"https://b.example\",\"ip\":\"192.0.2.1\"}\n\u{ff}\n\
                    {\"code\":\"c\",\"url\":\"https://c.example\"}";
        let bytes: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
        let expected = [(1, "a"), (3, "-"), (4, "-"), (5, "-"), (6, "-"), (7, "c")];
        assert_eq!(codes(&bytes), expected.map(|(line, code)| (line, code.to_owned())));
        let fifth = read(Form::JsonLines, &bytes[..]).nth(3).unwrap();
        assert!(fifth.unwrap_err().to_string().contains("line 5: unknown field `ip`"));
    }

    #[test]
    fn a_mark_before_the_text_and_every_end_of_a_line_are_understood() {
        let link = |code: char| format!("{{\"code\":\"{code}\",\"url\":\"https://a.example\"}}");
        let text = format!("\u{FEFF}{}\r{}\r\n{}\n{}", link('a'), link('b'), link('c'), link('d'));
        let expected = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
        assert_eq!(codes(text.as_bytes()), expected.map(|(line, code)| (line, code.to_owned())));
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_the_rest_is_read() {
        let link = "{\"code\":\"a\",\"url\":\"https://a.example\"}";
        for length in [LONGEST_LINE, 10 * LONGEST_LINE] {
            let text = format!("{link}\n{}\n{link}\n", "x".repeat(length));
            let found = codes(text.as_bytes());
            assert_eq!(found, [(1, "a".to_owned()), (2, "-".to_owned()), (3, "a".to_owned())]);
        }
        let endless = io::BufReader::new(io::Read::take(io::repeat(b'x'), 100 << 20));
        let why = read(Form::JsonLines, endless).next().unwrap().unwrap_err();
        assert_eq!(why.to_string(), "line 1: it has more than 65536 bytes");
    }
}
