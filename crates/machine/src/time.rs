//! The two clocks of a machine, as values.
//!
//! The law: a machine never reads a clock. It is handed both with every input, and may trust only
//! the monotonic one to go forward; the wall clock can jump, drift and be wrong.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds on a monotonic clock: since the node booted, or, in the simulated world itself,
/// since the world began. 584 years fit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub u64);

/// Nanoseconds on a wall clock since 1970-01-01T00:00:00Z, leap seconds not counted. It ends in
/// the year 2554.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Wall(pub u64);

/// A duration in whole nanoseconds; more than 584 years count as 584.
pub fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

impl Time {
    /// The later of the two times less the earlier; zero where `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Wall {
    /// A wall-clock time given in milliseconds since 1970.
    pub fn from_millis(millis: u64) -> Wall {
        Wall(millis.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How far two wall clocks are apart, whichever is ahead.
    pub fn distance(self, other: Wall) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(nanos(duration)))
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;
    fn add(self, duration: Duration) -> Wall {
        Wall(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(nanos(duration)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Wall;
    fn sub(self, duration: Duration) -> Wall {
        Wall(self.0.saturating_sub(nanos(duration)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} ms", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wall {}.{:06} ms", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
