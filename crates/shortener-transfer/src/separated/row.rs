//! A row of fields with something between them, as RFC 4180 has it, and as PHP writes it.

use super::super::text::line_end;

/// How a quotation mark is written within a quotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Twice, as the standard says.
    Doubled,
    /// Or behind a backslash, as PHP and MySQL do.
    Escaped,
}

/// The first row of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) fields: Vec<Vec<u8>>,
    /// Where it ends; it may have several lines.
    pub(super) end: usize,
}

impl Row {
    /// The row with which this text begins; none where a quotation has no end, or more than an end of
    /// its field behind it.
    pub(super) fn of(text: &[u8], separator: u8, quoting: Quoting) -> Option<Row> {
        let (mut fields, mut at) = (Vec::new(), 0);
        loop {
            let field = match text.get(at) {
                Some(b'"') => {
                    let (field, end) = quoted(&text[at + 1..], quoting)?;
                    at += 1 + end;
                    field
                }
                _ => {
                    let ends = |byte: &u8| matches!(byte, b'\n' | b'\r') || *byte == separator;
                    let length = text[at..].iter().position(ends).unwrap_or(text.len() - at);
                    at += length;
                    text[at - length..at].to_vec()
                }
            };
            fields.push(field);
            match text.get(at) {
                Some(byte) if *byte == separator => at += 1,
                None | Some(b'\n' | b'\r') => {
                    return Some(Row { fields, end: at + line_end(&text[at..]) });
                }
                Some(_) => return None,
            }
        }
    }

    /// The fields as text, if they are UTF-8.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        self.fields.iter().map(|field| std::str::from_utf8(field).ok()).collect()
    }
}

/// What is quoted, and where the quotation is over.
fn quoted(text: &[u8], quoting: Quoting) -> Option<(Vec<u8>, usize)> {
    let (mut field, mut at) = (Vec::new(), 0);
    loop {
        let mark = text[at..].iter().position(|byte| *byte == b'"')?;
        field.extend_from_slice(&text[at..at + mark]);
        at += mark + 1;
        if quoting == Quoting::Escaped && field.pop_if(|last| *last == b'\\').is_some() {
            field.push(b'"');
        } else if text.get(at) == Some(&b'"') {
            field.push(b'"');
            at += 1;
        } else {
            return Some((field, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str, quoting: Quoting) -> Option<(Vec<String>, usize)> {
        let row = Row::of(text.as_bytes(), b',', quoting)?;
        let texts = row.texts().unwrap().into_iter().map(str::to_owned).collect();
        Some((texts, row.end))
    }

    fn doubled(text: &str) -> Option<(Vec<String>, usize)> {
        fields(text, Quoting::Doubled)
    }

    fn row(fields: &[&str], end: usize) -> Option<(Vec<String>, usize)> {
        Some((fields.iter().map(|field| (*field).to_owned()).collect(), end))
    }

    #[test]
    fn a_row_ends_with_its_line_or_with_the_line_in_which_its_last_quotation_ends() {
        assert_eq!(doubled("a,b\nc"), row(&["a", "b"], 4));
        assert_eq!(doubled("a,b\rc"), row(&["a", "b"], 4));
        assert_eq!(doubled("a,b\r\nc"), row(&["a", "b"], 5));
        assert_eq!(doubled("a,\"x\ny\r\n,\"\"z\"\"\"\nc"), row(&["a", "x\ny\r\n,\"z\""], 16));
        assert_eq!(doubled("a,"), row(&["a", ""], 2));
        assert_eq!(doubled("\"\",\"\""), row(&["", ""], 5));
    }

    #[test]
    fn a_quotation_begins_where_a_field_does_and_nowhere_else() {
        assert_eq!(doubled("5\" disk,\nb"), row(&["5\" disk", ""], 9));
        assert_eq!(doubled("a,\"b\nc"), None);
        assert_eq!(doubled("\"a\" b,c"), None);
    }

    #[test]
    fn a_backslash_keeps_a_quotation_open_for_those_who_write_so() {
        let php = r#""say \"hi\"","and ""so""",x"#;
        assert_eq!(doubled(php), None);
        assert_eq!(fields(php, Quoting::Escaped), row(&["say \"hi\"", "and \"so\"", "x"], 27));
        let path = r#""C:\",x"#;
        assert_eq!(doubled(path), row(&[r"C:\", "x"], 7));
        assert_eq!(fields(path, Quoting::Escaped), None);
    }

    proptest! {
        #[test]
        fn what_a_writer_of_the_standard_wrote_is_read(
            rows in proptest::collection::vec(
                proptest::collection::vec("[ab,;\"\\\\\r\n\u{fc}]{0,5}", 2..5), 1..4),
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let bytes = writer.into_inner().unwrap();
            let mut text = &bytes[..];
            for row in rows {
                let found = Row::of(text, b',', Quoting::Doubled).unwrap();
                prop_assert_eq!(found.texts().unwrap(), row);
                text = &text[found.end..];
            }
            prop_assert!(text.is_empty());
        }
    }
}
