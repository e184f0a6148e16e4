//! Moments as exports write them. Those without an offset are taken as UTC.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::super::quoted;
use shortener_api::Timestamp;

/// How the CSV of YOURLS has it.
pub(super) const MOMENT: &str = "%Y-%m-%d %H:%M:%S";

/// The moment that this is; none where it says that there is none.
///
/// # Errors
/// If it is no moment, or none that a link can have.
pub(super) fn moment(text: &str) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if matches!(text, "" | "null" | "NULL" | r"\N" | "0000-00-00 00:00:00") {
        return Ok(None);
    }
    let wrong =
        |why: &str| format!("{} is no moment such as 2030-01-31 12:00:00{why}", quoted(text));
    let stamp = since_1970(text).or_else(|| text.parse().ok()).or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(civil).ok()
    });
    let when = Timestamp::try_from(stamp.ok_or_else(|| wrong(""))?);
    when.map(Some).map_err(|why| wrong(&format!(": {why}")))
}

/// Seconds or milliseconds, by how many there are: dates without marks are shorter.
fn since_1970(text: &str) -> Option<jiff::Timestamp> {
    let number = text.parse::<i64>().ok()?;
    match text.len() {
        9..=11 => jiff::Timestamp::from_second(number).ok(),
        12..=14 => jiff::Timestamp::from_millisecond(number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_exports_write_them() {
        for (text, expected) in [
            ("2013-05-04 12:34:56", "2013-05-04T12:34:56Z"),
            ("2020-10-26T17:20:40+0000", "2020-10-26T17:20:40Z"),
            ("2020-10-26T17:20:40+02:00", "2020-10-26T15:20:40Z"),
            ("2024-09-12T07:29:42.811Z", "2024-09-12T07:29:42.811Z"),
            ("2024-09-12", "2024-09-12T00:00:00Z"),
            ("1367670896", "2013-05-04T12:34:56Z"),
            ("1367670896000", "2013-05-04T12:34:56Z"),
        ] {
            assert_eq!(moment(text).unwrap().unwrap().to_string(), expected, "{text}");
        }
        for nothing in ["", " ", "null", "0000-00-00 00:00:00"] {
            assert_eq!(moment(nothing), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn what_no_link_can_have_is_refused_and_never_another_moment() {
        for text in ["2999-01-01 00:00:00", "1969-12-31 23:59:59", "2999-01-01T00:00:00Z"] {
            let why = moment(text).unwrap_err();
            assert!(why.contains("before 1970 or after 2554"), "{why}");
        }
        for text in ["yesterday", "2030-02-30 00:00:00", "12", "01/02/2020"] {
            assert!(moment(text).unwrap_err().contains("is no moment such as"), "{text}");
        }
        assert!(moment(&"9".repeat(60_000)).unwrap_err().len() < 200);
    }
}
