//! A layout as text: a well-known name, or
//! `custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12`, in which the order of
//! the fields is the order of the bits.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use machine::Wall;

use super::Layout;
use crate::error::LayoutError;

const CUSTOM: &str = "custom";

/// Larger units first: the text of a tick uses the first that divides it.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

impl FromStr for Layout {
    type Err = LayoutError;
    fn from_str(text: &str) -> Result<Layout, LayoutError> {
        if let Some(layout) = Layout::named(text) {
            return Ok(layout);
        }
        let unknown = || LayoutError::Unknown { text: text.to_owned() };
        let spec = text
            .strip_prefix(CUSTOM)
            .and_then(|rest| rest.strip_prefix(':'))
            .ok_or_else(unknown)?;
        let (mut epoch, mut tick, mut fields) = (None, None, Vec::new());
        for part in spec.split(',') {
            let Some((name, value)) = part.split_once('=') else {
                return Err(LayoutError::NotAPair { part: part.to_owned() });
            };
            let again = match name {
                "epoch" => epoch.replace(parse_epoch(value)?).is_some(),
                "tick" => tick.replace(parse_tick(value)?).is_some(),
                _ => {
                    fields.push((name.to_owned(), number(name, value)?));
                    false
                }
            };
            if again {
                return Err(LayoutError::Repeated { name: name.to_owned() });
            }
        }
        let epoch = epoch.ok_or(LayoutError::Missing { name: "epoch" })?;
        let tick = tick.ok_or(LayoutError::Missing { name: "tick" })?;
        Layout::new(CUSTOM, epoch, tick, fields)
    }
}

/// A text that parses to the same bits: the name where it is well known, else a specification.
impl TryFrom<String> for Layout {
    type Error = LayoutError;

    fn try_from(text: String) -> Result<Layout, LayoutError> {
        text.parse()
    }
}

impl From<Layout> for String {
    fn from(layout: Layout) -> String {
        layout.to_string()
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if Layout::named(self.name()).as_ref() == Some(self) {
            return f.write_str(self.name());
        }
        let divides = |unit: &(&str, u64)| self.tick.is_multiple_of(unit.1);
        let (unit, length) = UNITS.into_iter().find(divides).unwrap_or(("ns", 1));
        write!(f, "{CUSTOM}:epoch={},tick={}{unit}", self.epoch.millis(), self.tick / length)?;
        self.fields.iter().try_for_each(|field| write!(f, ",{}={}", field.name(), field.bits()))
    }
}

fn parse_epoch(value: &str) -> Result<Wall, LayoutError> {
    let millis: u64 = number("epoch", value)?;
    millis.checked_mul(1_000_000).map(Wall).ok_or(LayoutError::EpochTooLate)
}

fn parse_tick(value: &str) -> Result<Duration, LayoutError> {
    let bad = || LayoutError::BadTick { value: value.to_owned() };
    let unit_at = value.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (count, unit) = value.split_at(unit_at);
    let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
    let count: u64 = count.parse().map_err(|_| bad())?;
    let nanos = count.checked_mul(length).filter(|nanos| *nanos > 0).ok_or_else(bad)?;
    Ok(Duration::from_nanos(nanos))
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, LayoutError> {
    let bad = || LayoutError::BadNumber { name: name.to_owned(), value: value.to_owned() };
    value.parse().map_err(|_| bad())
}
