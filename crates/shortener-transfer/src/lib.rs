//! Links as files: imported from other shorteners, and exported, with their clicks.
//!
//! The law: input is untrusted, so every line is bounded. An invalid line is reported by its number, and
//! reading goes on. What a form has no place for is reported, and never lost silently.
//!
//! Two forms: CSV, as shorteners export it, and JSON lines, which keep all of a link.

mod json_lines;
mod record;
mod separated;
mod text;

use std::fmt;
use std::io::{BufRead, Write};

pub use record::{Kept, Record};

/// How links are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Read as any shortener exports them, and written as YOURLS does.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// The longest line, in bytes.
pub const LONGEST_LINE: usize = 64 << 10;

/// The links of a file, with the numbers of their lines, one after the other.
pub fn read<R: BufRead>(form: Form, from: R) -> Reader<R> {
    let rows = match form {
        Form::Csv => Rows::Csv(separated::Reader::new(from)),
        Form::JsonLines => Rows::JsonLines(json_lines::Reader::new(from)),
    };
    Reader { rows, is_over: false }
}

/// Reads links.
pub struct Reader<R> {
    rows: Rows<R>,
    is_over: bool,
}

enum Rows<R> {
    Csv(separated::Reader<R>),
    JsonLines(json_lines::Reader<R>),
}

impl<R: BufRead> Reader<R> {
    /// The names of columns of which nothing is read, once the first link was.
    pub fn unread(&self) -> Vec<String> {
        match &self.rows {
            Rows::Csv(rows) => rows.unread(),
            Rows::JsonLines(_) => Vec::new(),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(u64, Record), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = match &mut self.rows {
            Rows::Csv(rows) => rows.read(),
            Rows::JsonLines(lines) => lines.read(),
        };
        self.is_over = read.as_ref().is_err_and(|malformed| malformed.is_last);
        read.transpose()
    }
}

/// Writes links down.
pub enum Writer<W: Write> {
    /// As YOURLS does.
    Csv(Box<separated::Writer<W>>),
    /// One JSON object a line.
    JsonLines(json_lines::Writer<W>),
}

impl<W: Write> Writer<W> {
    /// A file in this form.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn new(form: Form, to: W) -> std::io::Result<Writer<W>> {
        Ok(match form {
            Form::Csv => Writer::Csv(Box::new(separated::Writer::new(to)?)),
            Form::JsonLines => Writer::JsonLines(json_lines::Writer::new(to)),
        })
    }

    /// Writes this link down, and says how much of it was kept.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, record: &Record) -> std::io::Result<Kept> {
        match self {
            Writer::Csv(writer) => writer.write(record),
            Writer::JsonLines(writer) => writer.write(record),
        }
    }

    /// Everything is written.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn finish(self) -> std::io::Result<()> {
        match self {
            Writer::Csv(writer) => writer.finish(),
            Writer::JsonLines(writer) => writer.finish(),
        }
    }
}

/// A line that is no link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its number; the first is 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
    /// Can nothing be read after it?
    pub is_last: bool,
}

impl Malformed {
    fn new(line: u64, why: impl Into<String>) -> Malformed {
        Malformed { line, why: why.into(), is_last: false }
    }

    fn too_long(line: u64) -> Malformed {
        Malformed::new(line, too_long())
    }

    /// Nothing after it can be read.
    fn unread(line: u64, error: &std::io::Error) -> Malformed {
        Malformed { is_last: true, ..Malformed::new(line, error.to_string()) }
    }
}

fn too_long() -> String {
    format!("it has more than {LONGEST_LINE} bytes")
}

/// The beginning of untrusted text, for an error.
fn quoted(text: &str) -> String {
    let mut letters = text.chars();
    let begins: String = letters.by_ref().take(40).collect();
    format!("{begins:?}{}", if letters.next().is_some() { "..." } else { "" })
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Wall;
    use proptest::prelude::*;
    use shortener_api::Timestamp;

    fn records() -> impl Strategy<Value = Record> {
        let text = || proptest::option::of("\\PC{1,20}|a,\"b\"|line\nline");
        let moment = || proptest::option::of(0..4_000_000_000_u64);
        (
            ("[a-zA-Z0-9_-]{1,9}", "https?://[a-z]{1,5}/[a-z?,\"]{0,9}"),
            text(),
            moment(),
            moment(),
            any::<u64>(),
            text(),
        )
            .prop_map(|((code, url), title, created, expires, clicks, tag)| Record {
                code,
                domain: None,
                url,
                title,
                created_at: created.map(|at| Timestamp::from(Wall::from_millis(at * 1000))),
                expires_at: expires.map(|at| Timestamp::from(Wall::from_millis(at))),
                status: None,
                tags: tag.into_iter().collect(),
                forward_query: None,
                clicks,
            })
    }

    fn written(form: Form, records: &[Record]) -> (Vec<u8>, Vec<Kept>) {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(form, &mut bytes).unwrap();
        let kept = records.iter().map(|record| writer.write(record).unwrap()).collect();
        writer.finish().unwrap();
        (bytes, kept)
    }

    proptest! {
        #[test]
        fn json_lines_keep_everything(records in proptest::collection::vec(records(), 0..8)) {
            let (bytes, kept) = written(Form::JsonLines, &records);
            prop_assert!(kept.iter().all(|kept| *kept == Kept::All));
            let back: Vec<_> = read(Form::JsonLines, &bytes[..]).collect();
            let numbered = records.into_iter().zip(1..).map(|(record, line)| Ok((line, record)));
            prop_assert_eq!(back, numbered.collect::<Vec<_>>());
        }

        /// What CSV has no place for is what was told; all else comes back.
        #[test]
        fn csv_keeps_what_it_says(records in proptest::collection::vec(records(), 0..8)) {
            let (bytes, kept) = written(Form::Csv, &records);
            let back: Result<Vec<_>, _> = read(Form::Csv, &bytes[..]).collect();
            let back = back.unwrap();
            prop_assert_eq!(back.len(), records.len());
            for ((record, kept), (_, back)) in records.into_iter().zip(kept).zip(back) {
                let lost = record.expires_at.is_some() || !record.tags.is_empty();
                prop_assert_eq!(kept == Kept::Part, lost);
                let plain = Record { expires_at: None, tags: vec![], ..record };
                prop_assert_eq!(back, plain);
            }
        }

        #[test]
        fn no_file_makes_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for form in [Form::Csv, Form::JsonLines] {
                for found in read(form, &bytes[..]) {
                    let line = found.map_or_else(|malformed| malformed.line, |(line, _)| line);
                    prop_assert!((1..=bytes.len() as u64).contains(&line));
                }
            }
        }
    }
}
