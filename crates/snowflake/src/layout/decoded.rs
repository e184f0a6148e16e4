//! What an id says about its minting.

use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::{Layout, TIMESTAMP};
use crate::error::IdError;
use crate::id::Id;

/// An id taken apart. Its JSON is what `decode` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// The id.
    pub id: Id,
    /// The name of the layout it was read with. An id does not say which: the wrong one gives
    /// numbers that look as good.
    pub layout: String,
    /// When its tick began, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The same as RFC 3339 has it, in UTC.
    pub time: String,
    /// Every field but the timestamp, from the most significant.
    #[serde(serialize_with = "as_map")]
    pub fields: Vec<(String, u64)>,
}

impl Layout {
    /// Takes an id apart. Refused only where bits are set that no id of this layout has.
    pub fn decode(&self, id: Id) -> Result<Decoded, IdError> {
        let bits = self.bits();
        if id.0.checked_shr(bits).unwrap_or(0) != 0 {
            return Err(IdError::ForeignBits { id: id.0, layout: self.to_string(), bits });
        }
        // `Layout::new` saw to it that the last timestamp fits.
        let timestamp_ms = self.millis_of(self.timestamp(id)) as u64;
        let fields = self.fields().iter().filter(|field| field.name() != TIMESTAMP);
        Ok(Decoded {
            id,
            layout: self.name().to_owned(),
            timestamp_ms,
            time: rfc3339(timestamp_ms),
            fields: fields.map(|field| (field.name().to_owned(), field.read(id))).collect(),
        })
    }
}

fn as_map<S: Serializer>(fields: &[(String, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

/// Milliseconds since 1970 as RFC 3339 writes them. Time libraries end with the year 9999, and ids
/// of Mastodon's layout do not: later years are written with a sign, as ISO 8601 extends them.
///
/// The date is Hinnant's `civil_from_days`, for days since 1970 only
/// (howardhinnant.github.io/date_algorithms.html).
pub(crate) fn rfc3339(millis: u64) -> String {
    let (days, millis) = (millis / 86_400_000, millis % 86_400_000);
    // Days since 0000-03-01, in cycles of 400 years: years begin in March, leap days end them.
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + u64::from(month <= 2);

    let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
    let (second, millis) = (millis / 1_000 % 60, millis % 1_000);
    let sign = if year > 9_999 { "+" } else { "" };
    let mut text = String::with_capacity(24);
    let _ = write!(text, "{sign}{year:04}-{month:02}-{day:02}T");
    let _ = write!(text, "{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
    text
}
