//! CSV: rows of fields with commas, semicolons or tabs between them, as shorteners export links.
//!
//! The first row names the columns, in any order. Without such a row, they are those of YOURLS:
//! `keyword,url,title,timestamp,ip,clicks`. These are also written, without the addresses of makers,
//! which are private.
//!
//! After an invalid row, the next row begins at the next line: an unclosed quote costs one line, and not
//! all lines after it.

mod columns;
mod moment;
mod row;

use std::io::{self, BufRead, Write};

use jiff::ToSpan;
use jiff::tz::Offset;
use machine::Wall;

use super::text::{Text, line_end};
use super::{Kept, LONGEST_LINE, Malformed, Record, quoted, too_long};
use columns::{Columns, Says, YOURLS};
use moment::{MOMENT, moment};
use row::{Quoting, Row};
use shortener_api::Timestamp;

/// What may stand between fields.
const SEPARATORS: [u8; 3] = *b",;\t";

/// Reads them.
pub(super) struct Reader<R> {
    text: Text<R>,
    layout: Option<Layout>,
}

/// How the rows of a file are laid out.
#[derive(Clone, Debug)]
struct Layout {
    separator: u8,
    columns: Columns,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Reader<R> {
        Reader { text: Text::new(from), layout: None }
    }

    /// The names of the columns of which nothing is read, once the first row was.
    pub(super) fn unread(&self) -> Vec<String> {
        self.layout.as_ref().map(|layout| layout.columns.unread()).unwrap_or_default()
    }

    /// The link of the next row that is not the names of the columns.
    pub(super) fn read(&mut self) -> Result<Option<(u64, Record)>, Malformed> {
        loop {
            let line = self.text.line();
            let lost = |error: io::Error| Malformed::unread(line, &error);
            let text = self.text.ahead().map_err(lost)?;
            if text.is_empty() {
                return Ok(None);
            }
            let first = line_end(text);
            if text[..first].trim_ascii().is_empty() && first <= LONGEST_LINE {
                self.text.take(first);
                continue;
            }
            let Some(layout) = &self.layout else {
                let (layout, header) = Layout::of(text)
                    .map_err(|why| Malformed { is_last: true, ..Malformed::new(line, why) })?;
                self.layout = Some(layout);
                self.text.take(header);
                continue;
            };
            let found = match layout.row(text) {
                Ok(row) => {
                    self.text.take(row.end);
                    layout.record(&row)
                }
                Err(why) => {
                    self.text.skip_line().map_err(lost)?;
                    Err(why)
                }
            };
            return found.map(|link| Some((line, link))).map_err(|why| Malformed::new(line, why));
        }
    }
}

impl Layout {
    /// That of a file which begins with this text, and where the names of its columns end.
    ///
    /// # Errors
    /// If it names columns, and not those without which there is no link.
    fn of(text: &[u8]) -> Result<(Layout, usize), String> {
        let rows = SEPARATORS.iter().filter_map(|separator| {
            let row = Row::of(text, *separator, Quoting::Doubled)?;
            let columns = Columns::named(&row.texts()?);
            Some((Layout { separator: *separator, columns }, row.end))
        });
        let mut lacking = None;
        let mut separator = b',';
        for (layout, end) in rows {
            let columns = &layout.columns;
            let (code, url) = (columns.has(Says::Code), columns.has(Says::Url));
            match columns.names().contains("://") {
                false if code && url => return Ok((layout, end)),
                false if code || url => {
                    lacking = Some((if url { "codes" } else { "addresses" }, columns.names()))
                }
                _ if columns.count() == YOURLS.len() => separator = layout.separator,
                _ => {}
            }
        }
        match lacking {
            Some((what, names)) => Err(format!(
                "no column of these is known to have the {what} of links: {}; name one of them \
                 as in: short code,long url,title,created,visits",
                quoted(&names)
            )),
            None => Ok((Layout { separator, columns: Columns::named(&YOURLS) }, 0)),
        }
    }

    /// The row with which this text begins, be its quotations as the standard or as PHP writes them.
    fn row(&self, text: &[u8]) -> Result<Row, String> {
        let row = |quoting| Row::of(text, self.separator, quoting);
        let fits = |row: &Row| row.end <= LONGEST_LINE && row.fields.len() == self.columns.count();
        let (standard, escaped) = (row(Quoting::Doubled), || row(Quoting::Escaped));
        let has_fields = standard.as_ref().map(|row| row.fields.len());
        if let Some(row) = standard.filter(fits).or_else(|| escaped().filter(fits)) {
            return Ok(row);
        }
        Err(match has_fields {
            _ if line_end(text) > LONGEST_LINE => too_long(),
            Some(fields) if fields != self.columns.count() => {
                let (count, names) = (self.columns.count(), self.columns.names());
                format!("it has {fields} fields and not {count}: {names}")
            }
            _ => "a quotation has no end, or its field goes on behind it".to_owned(),
        })
    }

    fn record(&self, row: &Row) -> Result<Record, String> {
        let fields = row.texts().ok_or("it is no text in UTF-8")?;
        let said = |says| self.columns.get(says, &fields);
        let code = said(Says::Code).map(bare_code).filter(|code| !code.is_empty());
        let clicks = said(Says::Clicks).map_or("0", str::trim);
        let domain = said(Says::Domain).map(str::trim).filter(|domain| !domain.is_empty());
        Ok(Record {
            code: code.ok_or("it has no code")?.to_owned(),
            domain: domain.map(str::to_owned),
            url: said(Says::Url).ok_or("it leads nowhere")?.to_owned(),
            title: said(Says::Title).map(str::to_owned),
            created_at: said(Says::Created).map_or(Ok(None), moment)?,
            expires_at: said(Says::Expires).map_or(Ok(None), moment)?,
            status: None,
            forward_query: None,
            tags: said(Says::Tags).map(tags).unwrap_or_default(),
            clicks: clicks
                .parse()
                .map_err(|_| format!("{} is no number of clicks", quoted(clicks)))?,
        })
    }
}

/// Where a column has whole short links, or paths, the code is what comes last in them.
fn bare_code(text: &str) -> &str {
    let text = text.trim();
    let link = text.split_once("://").map_or(text, |(_, link)| link);
    let path = link.split_once('/').filter(|(host, _)| host.contains('.') || link != text);
    path.map_or(link, |(_, path)| path).trim_matches('/')
}

/// Shlink parts them by bars, others by commas.
fn tags(text: &str) -> Vec<String> {
    let separator = if text.contains('|') { '|' } else { ',' };
    let tags = text.split(separator).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

/// Writes them, as YOURLS does.
pub struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> io::Result<Writer<W>> {
        let mut rows = csv::Writer::from_writer(to);
        rows.write_record(YOURLS)?;
        Ok(Writer(rows))
    }

    /// A link of a custom domain is left out: the form has one domain, in which its code may be
    /// another's.
    pub(super) fn write(&mut self, record: &Record) -> io::Result<Kept> {
        let Record { code, domain, url, title, created_at, clicks, .. } = record;
        let Record { expires_at, status, tags, forward_query, .. } = record;
        if domain.is_some() {
            return Ok(Kept::Nothing);
        }
        let created = created_at.map(written).transpose().map_err(io::Error::other)?;
        let created = created.unwrap_or_default();
        let title = title.as_deref().unwrap_or_default();
        self.0.write_record([code, url, title, &created, "", &clicks.to_string()])?;
        let plain = status.is_none() && forward_query.is_none() && tags.is_empty();
        let all = plain && expires_at.is_none();
        Ok(if all { Kept::All } else { Kept::Part })
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// To the second, which is as much as there is room for.
fn written(at: Timestamp) -> Result<String, jiff::Error> {
    let seconds = (Wall::from(at).millis() / 1000).cast_signed().seconds();
    let stamp = jiff::Timestamp::UNIX_EPOCH.checked_add(seconds)?;
    Ok(Offset::UTC.to_datetime(stamp).strftime(MOMENT).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{Form, read};
    use super::*;

    /// What each row says, or what is wrong with it.
    fn said(bytes: &[u8]) -> Vec<String> {
        let found = read(Form::Csv, bytes).map(|found| match found {
            Ok((line, record)) => format!("{line} {} {}", record.code, record.clicks),
            Err(malformed) => malformed.to_string(),
        });
        found.collect()
    }

    fn records(text: &str) -> Vec<Record> {
        let found: Result<Vec<_>, _> = read(Form::Csv, text.as_bytes()).collect();
        found.unwrap().into_iter().map(|(_, record)| record).collect()
    }

    #[test]
    fn an_export_of_yourls_is_read() {
        let text = "keyword,url,title,timestamp,ip,clicks\n\
            ozh,http://ozh.org/,\"Ozh \"\"the\"\" one, and\nonly\",2013-05-04 12:34:56,192.0.2.7,1042\n\
            b,https://b.example,,2020-01-01 00:00:00,,0\n";
        assert_eq!(said(text.as_bytes()), ["2 ozh 1042", "4 b 0"]);
        let found = records(text);
        assert_eq!(found[0].title.as_deref(), Some("Ozh \"the\" one, and\nonly"));
        assert_eq!(found[0].created_at.unwrap().to_string(), "2013-05-04T12:34:56Z");
        assert_eq!(found[1].title, None);
        let without = text.split_once('\n').unwrap().1;
        assert_eq!(records(without), found, "the names may be missing");
        let marked = format!("\u{FEFF}{}", text.replace('\n', "\r"));
        assert_eq!(records(&marked).len(), 2, "and the ends of lines be old ones");
        assert_eq!(records(&format!("\u{FEFF}{without}")), found);
    }

    #[test]
    fn exports_of_other_shorteners_are_read_by_the_names_of_their_columns() {
        let link = |code: &str, created: Option<&str>, title: Option<&str>, clicks| Record {
            code: code.to_owned(),
            domain: None,
            url: "https://a.example/Path".to_owned(),
            title: title.map(str::to_owned),
            created_at: created.map(|at| at.parse().unwrap()),
            expires_at: None,
            status: None,
            forward_query: None,
            tags: Vec::new(),
            clicks,
        };
        let moment = Some("2024-09-12T07:29:42Z");
        let tagged = |record: Record| Record { tags: vec!["x".into(), "y".into()], ..record };
        for (name, text, expected) in [
            (
                "Shlink's importer",
                "Long URL;Short code;Title;Tags\nhttps://a.example/Path;a;T;x|y\n",
                tagged(link("a", None, Some("T"), 0)),
            ),
            (
                "Shlink's client",
                "\"createdAt\",\"domain\",\"shortCode\",\"shortUrl\",\"longUrl\",\"title\",\"tags\",\"visits\"\n\
                 \"2024-09-12T09:29:42+02:00\",\"\",\"a\",\"https://s.example/a\",\"https://a.example/Path\",\
                 \"T\",\"x|y\",\"7\"\n",
                tagged(link("a", moment, Some("T"), 7)),
            ),
            (
                "a plug-in of YOURLS",
                "source,target,hits\r\n/a/,https://a.example/Path,7\r\n",
                link("a", None, None, 7),
            ),
            (
                "Polr, out of its database",
                "id\tshort_url\tlong_url\tip\tclicks\tcreated_at\n\
                 1\ta\thttps://a.example/Path\t192.0.2.1\t7\t2024-09-12 07:29:42\n",
                link("a", moment, None, 7),
            ),
            (
                "Kutt, out of its programming interface",
                "id,address,description,link,target,visit_count,created_at\n\
                 1,a,T,https://kutt.example/a,https://a.example/Path,7,2024-09-12T07:29:42.000Z\n",
                link("a", moment, Some("T"), 7),
            ),
            (
                "Bitly",
                "link,long_url,title,created_at,custom_bitlink,tags\n\
                 https://bit.ly/3abc,https://a.example/Path,,2024-09-12T07:29:42+0000,bit.ly/a,\"x,y\"\n",
                tagged(link("a", moment, None, 0)),
            ),
        ] {
            assert_eq!(records(text), [expected], "{name}");
        }
    }

    #[test]
    fn columns_of_which_nothing_is_read_are_told() {
        let text = "Slug;URL;Password;ip\na;https://a.example;secret;192.0.2.1\n";
        let mut reader = read(Form::Csv, text.as_bytes());
        assert!(reader.next().unwrap().is_ok());
        assert_eq!(reader.unread(), ["Password"]);
    }

    #[test]
    fn a_file_whose_columns_have_no_code_or_no_address_is_refused_as_a_whole() {
        for (text, what) in [
            ("title;url\nT;https://a.example\n", "the codes of links: \"title,url\""),
            ("keyword,name\na,x\n", "the addresses of links: \"keyword,name\""),
        ] {
            let found = said(text.as_bytes());
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }

    #[test]
    fn a_bad_row_is_named_and_the_rest_is_read() {
        let text = "a,https://a.example,,2020-01-01 00:00:00,,1\nb,https://b.example\n\
            c,https://c.example,,yesterday,,1\nd,https://d.example,,2020-01-01 00:00:00,,many\n\
            \n\u{e4},x,,2020-01-01 00:00:00,,1\ne,https://e.example,,2020-01-01 00:00:00,,2\n\
            f,https://f.example,,2999-01-01 00:00:00,,2\n,https://g.example,,,,\nh,,,,,\n\
            i,https://i.example,,,,\n";
        let bytes: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
        let expected = [
            "1 a 1",
            "line 2: it has 2 fields and not 6: keyword,url,title,timestamp,ip,clicks",
            "line 3: \"yesterday\" is no moment such as 2030-01-31 12:00:00",
            "line 4: \"many\" is no number of clicks",
            "line 6: it is no text in UTF-8",
            "7 e 2",
            "line 8: \"2999-01-01 00:00:00\" is no moment such as 2030-01-31 12:00:00: it is before \
             1970 or after 2554",
            "line 9: it has no code",
            "line 10: it leads nowhere",
            "11 i 0",
        ];
        assert_eq!(said(&bytes), expected);
    }

    const ENDLESS: &str = "a quotation has no end, or its field goes on behind it";

    #[test]
    fn a_quotation_without_an_end_or_a_row_that_is_too_long_costs_its_line_alone() {
        let row = |code: &str| format!("{code},https://{code}.example,,,,1\n");
        let many: String = (0..3_000).map(|number| row(&format!("n{number}"))).collect();
        for (bad, why) in [
            ("x,https://x.example,\"open,,,1\n".to_owned(), ENDLESS),
            ("x,https://x.example,\"a\" b,,,1\n".to_owned(), ENDLESS),
            (row(&"x".repeat(LONGEST_LINE)), "it has more than 65536 bytes"),
            (format!("x,\"{}\n", "y".repeat(LONGEST_LINE)), "it has more than 65536 bytes"),
        ] {
            for rest in [&many, &row("b")] {
                let found = said(format!("{}{bad}{rest}", row("a")).as_bytes());
                assert_eq!((found.len(), &*found[0]), (rest.lines().count() + 2, "1 a 1"));
                assert_eq!(found[1], format!("line 2: {why}"));
                assert!(found[2..].iter().all(|said| !said.contains("line")), "{:?}", found[2]);
            }
        }
        // Those between two of them are not taken for what is quoted.
        let open = "x,https://x.example,\"open,,,1\n";
        let found = said(format!("{open}{}{open}{}", row("a"), row("b")).as_bytes());
        assert_eq!(
            found,
            [&format!("line 1: {ENDLESS}"), "2 a 1", &format!("line 3: {ENDLESS}"), "4 b 1"]
        );
    }

    #[test]
    fn quotation_marks_behind_backslashes_are_understood() {
        let text = "a,https://a.example,\"say \\\"hi\\\", and\",2020-01-01 00:00:00,,1\n\
                    b,https://b.example,\"C:\\\",2020-01-01 00:00:00,,1\n";
        let titles: Vec<_> = records(text).into_iter().map(|link| link.title.unwrap()).collect();
        assert_eq!(titles, ["say \"hi\", and", "C:\\"]);
    }

    #[test]
    fn what_has_no_place_is_told() {
        let plain = records("a,https://a.example,,2020-01-01 00:00:00,,1").remove(0);
        let mut writer = Writer::new(Vec::new()).unwrap();
        assert_eq!(writer.write(&plain).unwrap(), Kept::All);
        let tagged = Record { tags: vec!["t".to_owned()], ..plain.clone() };
        assert_eq!(writer.write(&tagged).unwrap(), Kept::Part);
        let elsewhere = Record { domain: Some("go.example".to_owned()), ..plain };
        assert_eq!(writer.write(&elsewhere).unwrap(), Kept::Nothing);
        let text = String::from_utf8(writer.0.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
