//! Times as RFC 3339 writes them: `2030-01-01T00:00:00Z`, or with another offset.

use std::fmt;
use std::str::FromStr;

use host::http;
use machine::Wall;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time of the wall clock, in whole milliseconds, from 1970 to 2554.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(Wall);

impl From<Wall> for Timestamp {
    fn from(wall: Wall) -> Timestamp {
        Timestamp(Wall::from_millis(wall.millis()))
    }
}

impl From<Timestamp> for Wall {
    fn from(Timestamp(wall): Timestamp) -> Wall {
        wall
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Timestamp, String> {
        let shown = http::shortened(text);
        let late = || {
            format!(
                "{shown:?} is later than any moment that is kept: the last is 2554-07-21T23:34:33Z; \
                 what never ends has no such moment: leave it out"
            )
        };
        if year(text).is_some_and(|year| year > LAST_YEAR) {
            return Err(late());
        }
        let stamp: jiff::Timestamp = text.parse().map_err(|why: jiff::Error| {
            let why = why.to_string();
            let why = http::cut(&why, 120);
            format!("a moment is such as 2030-01-01T00:00:00Z, and {shown:?} is not: {why}")
        })?;
        Timestamp::try_from(stamp).map_err(|_| match stamp.as_second() {
            ..0 => {
                format!("{shown:?} is earlier than any moment that is kept: the first is in 1970")
            }
            _ => late(),
        })
    }
}

impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = &'static str;

    fn try_from(stamp: jiff::Timestamp) -> Result<Timestamp, &'static str> {
        let nanos = u64::try_from(stamp.as_nanosecond());
        nanos.map(|nanos| Wall(nanos).into()).map_err(|_| "it is before 1970 or after 2554")
    }
}

const LAST_YEAR: u64 = 2554;

/// The year of what may be a moment: standards, and people, know later ones than any clock here.
fn year(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (year, _) = text.split_once('-')?;
    year.parse().ok().filter(|_| year.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every wall clock is within what a timestamp can be.
        let stamp = jiff::Timestamp::from_nanosecond(self.0.0.into()).map_err(|_| fmt::Error)?;
        stamp.fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_written_as_the_standard_says() {
        let seven = "2030-01-01T07:30:00.25+07:30".parse::<Timestamp>().unwrap();
        assert_eq!(seven.to_string(), "2030-01-01T00:00:00.25Z");
        assert_eq!(Timestamp::from(Wall(0)).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from(Wall(u64::MAX)).to_string(), "2554-07-21T23:34:33.709Z");
        for bad in ["", "tomorrow", "2030-01-01", "2030-01-01T00:00:00", "2030-02-30T00:00:00Z"] {
            assert!(
                bad.parse::<Timestamp>().unwrap_err().contains("2030-01-01T00:00:00Z"),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_too_early_and_what_is_too_late_are_told_apart() {
        let told = |text: &str| text.parse::<Timestamp>().unwrap_err();
        assert!(told("1969-12-31T23:59:59Z").contains("in 1970"));
        for late in [
            "2554-07-21T23:34:34Z",
            "2555-01-01T00:00:00Z",
            "2999-12-31T23:59:59+01:00",
            "9999-12-31T23:59:59Z",
            "99999-01-01T00:00:00Z",
            "+275760-09-13T00:00:00Z",
        ] {
            assert!(told(late).contains("leave it out"), "{}", told(late));
        }
    }

    proptest! {
        #[test]
        fn a_moment_comes_back(nanos: u64, text in "\\PC{0,30}") {
            let when = Timestamp::from(Wall(nanos));
            prop_assert_eq!(when.to_string().parse(), Ok(when));
            let _ = text.parse::<Timestamp>();
        }
    }
}
