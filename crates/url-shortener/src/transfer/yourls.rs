//! The CSV that YOURLS exports: `keyword,url,title,timestamp,ip,clicks`.
//!
//! YOURLS writes its moments without an offset; they are taken as UTC. Whoever made a link is not our
//! business: its address is not looked at on the way in, and empty on the way out.

use std::io::{self, BufRead, Write};

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use machine::Wall;

use super::lines::Lines;
use super::{Kept, Malformed, Record};
use crate::wire::When;

const HEADER: [&str; 6] = ["keyword", "url", "title", "timestamp", "ip", "clicks"];
const MOMENT: &str = "%Y-%m-%d %H:%M:%S";

/// Reads it. The first line may name the columns; they are always in the same order.
pub(super) struct Reader<R> {
    lines: Lines<R>,
    begun: bool,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Reader<R> {
        Reader { lines: Lines::new(from), begun: false, over: false }
    }

    /// The link of the next row that is not the names of the columns.
    fn read(&mut self) -> Result<Option<(u64, Record)>, Malformed> {
        while let Some((line, text)) = self.next_row()? {
            let malformed = |why: String| Malformed { line, why, is_last: false };
            let row = row(&text).map_err(malformed)?;
            let first = !std::mem::replace(&mut self.begun, true);
            if !(first && row.iter().map(str::trim).eq(HEADER)) {
                return record(&row).map(|record| Some((line, record))).map_err(malformed);
            }
        }
        Ok(None)
    }

    /// A row that is not empty, and the number of its first line: a row is over at the end of a line
    /// up to which quotation marks come in pairs.
    fn next_row(&mut self) -> Result<Option<(u64, Vec<u8>)>, Malformed> {
        let mut text = Vec::new();
        while self.lines.append(&mut text)? {
            let first = self.lines.number();
            if text.trim_ascii().is_empty() {
                text.clear();
                continue;
            }
            let mut is_open = has_odd_quotes(&text);
            while is_open {
                let seen = text.len();
                let open = "a quotation has no end".to_owned();
                let endless = |why| Malformed { line: first, why, is_last: true };
                let more = self.lines.append(&mut text);
                if !more.map_err(|malformed| endless(format!("{open}: {}", malformed.why)))? {
                    return Err(endless(open));
                }
                is_open ^= has_odd_quotes(&text[seen..]);
            }
            return Ok(Some((first, text)));
        }
        Ok(None)
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

fn has_odd_quotes(text: &[u8]) -> bool {
    text.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// The fields of a row.
fn row(text: &[u8]) -> Result<csv::StringRecord, String> {
    let mut builder = csv::ReaderBuilder::new();
    let mut rows = builder.has_headers(false).flexible(true).from_reader(text);
    let mut row = csv::StringRecord::new();
    match rows.read_record(&mut row) {
        Ok(_) => Ok(row),
        Err(_) => Err("it is no text in UTF-8".to_owned()),
    }
}

fn record(row: &csv::StringRecord) -> Result<Record, String> {
    let fields: Vec<&str> = row.iter().collect();
    let [code, url, title, timestamp, _, clicks] = fields[..] else {
        return Err(format!("it has {} fields and not 6: {}", row.len(), HEADER.join(",")));
    };
    let clicks = clicks.trim();
    let clicks = clicks.parse().map_err(|_| format!("{clicks:.40?} is no number of clicks"))?;
    Ok(Record {
        code: code.to_owned(),
        domain: None,
        url: url.to_owned(),
        title: Some(title.to_owned()).filter(|title| !title.is_empty()),
        created_at: Some(moment(timestamp.trim())?),
        expires_at: None,
        status: None,
        tags: Vec::new(),
        clicks,
    })
}

fn moment(text: &str) -> Result<When, String> {
    let wrong = || format!("{text:.40?} is no moment; one is such as 2030-01-31 12:00:00");
    let civil = DateTime::strptime(MOMENT, text).map_err(|_| wrong())?;
    let stamp = Offset::UTC.to_timestamp(civil).map_err(|_| wrong())?;
    let millis = u64::try_from(stamp.as_millisecond()).map_err(|_| wrong())?;
    Ok(Wall::from_millis(millis).into())
}

/// Writes it.
pub struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> io::Result<Writer<W>> {
        let mut rows = csv::Writer::from_writer(to);
        rows.write_record(HEADER)?;
        Ok(Writer(rows))
    }

    /// A link of a custom domain is left out: the form has one domain, in which its code may be
    /// another's.
    pub(super) fn write(&mut self, record: &Record) -> io::Result<Kept> {
        let Record { code, domain, url, title, created_at, expires_at, status, tags, clicks } =
            record;
        if domain.is_some() {
            return Ok(Kept::Nothing);
        }
        let wall: Wall = created_at.map_or(Wall(0), Wall::from);
        let seconds = (wall.millis() / 1000).cast_signed().seconds();
        let stamp = Timestamp::UNIX_EPOCH.checked_add(seconds).map_err(io::Error::other)?;
        let moment = Offset::UTC.to_datetime(stamp).strftime(MOMENT).to_string();
        let title = title.as_deref().unwrap_or_default();
        self.0.write_record([code, url, title, &moment, "", &clicks.to_string()])?;
        let all = expires_at.is_none() && status.is_none() && tags.is_empty();
        Ok(if all { Kept::All } else { Kept::Part })
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_of_yourls_is_read() {
        let text = "keyword,url,title,timestamp,ip,clicks\n\
            ozh,http://ozh.org/,\"Ozh \"\"the\"\" one, and\nonly\",2013-05-04 12:34:56,192.0.2.7,1042\n\
            b,https://b.example,,2020-01-01 00:00:00,,0\n";
        let found: Result<Vec<_>, _> = Reader::new(text.as_bytes()).collect();
        let found = found.unwrap();
        let (line, first) = &found[0];
        assert_eq!((*line, first.code.as_str(), first.clicks), (2, "ozh", 1042));
        assert_eq!(first.title.as_deref(), Some("Ozh \"the\" one, and\nonly"));
        assert_eq!(first.created_at.unwrap().to_string(), "2013-05-04T12:34:56Z");
        assert_eq!((found[1].0, found[1].1.title.as_deref()), (4, None));
        let without = text.split_once('\n').unwrap().1;
        assert_eq!(Reader::new(without.as_bytes()).count(), 2, "the names may be missing");
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_is_read() {
        let text = "a,https://a.example,,2020-01-01 00:00:00,,1\nb,https://b.example\n\
            c,https://c.example,,yesterday,,1\nd,https://d.example,,2020-01-01 00:00:00,,many\n\
            \n\u{e4},x,,2020-01-01 00:00:00,,1\ne,https://e.example,,2020-01-01 00:00:00,,2\n";
        let bytes: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
        let said: Vec<_> = Reader::new(&bytes[..])
            .map(|found| match found {
                Ok((line, record)) => format!("{line} {}", record.code),
                Err(malformed) => malformed.to_string(),
            })
            .collect();
        let expected = [
            "1 a",
            "line 2: it has 2 fields and not 6: keyword,url,title,timestamp,ip,clicks",
            "line 3: \"yesterday\" is no moment; one is such as 2030-01-31 12:00:00",
            "line 4: \"many\" is no number of clicks",
            "line 6: it is no text in UTF-8",
            "7 e",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_quote_without_an_end_takes_no_more_than_a_line() {
        for (more, words) in
            [(b'x', "65536 bytes"), (b'\n', "no end: it has more than 65536 bytes")]
        {
            let endless = io::Read::chain(&b"a,\""[..], io::repeat(more));
            let found: Vec<_> = Reader::new(io::BufReader::new(endless)).collect();
            assert_eq!(found.len(), 1);
            let malformed = found[0].as_ref().unwrap_err();
            assert!(malformed.is_last && malformed.line == 1, "{malformed}");
            assert!(malformed.why.contains(words), "{malformed}");
        }
    }

    #[test]
    fn what_has_no_place_is_told() {
        let record = Reader::new(&b"a,https://a.example,,2020-01-01 00:00:00,,1"[..]).next();
        let (_, plain) = record.unwrap().unwrap();
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
