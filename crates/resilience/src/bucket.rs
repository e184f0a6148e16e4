//! A rate, with bursts.
//!
//! The law: in any interval of t, at most `burst` + t x `rate` are let through. It is kept as one
//! moment: when all that was let through so far would be due, had it come evenly (the generic cell
//! rate algorithm, ITU-T I.371, which is the token bucket seen from the other side). So there is
//! nothing to refill, and no rounding piles up.

use std::time::Duration;

use machine::{Time, nanos};

/// A token bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Between two, if they come evenly.
    interval: Duration,
    /// How far what was let through may be ahead of time.
    ahead: Duration,
    /// When the next is due.
    due: Time,
}

impl TokenBucket {
    /// So many in a second and so many at once, at least one of each; the bucket is full. Two are a
    /// whole number of nanoseconds apart, so a rate that does not divide a second is a little less.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_nanos(1_000_000_000u64.div_ceil(per_second.max(1).into()));
        TokenBucket::every(interval, burst)
    }

    /// One in so much time, and so many at once, one at least; the bucket is full.
    pub fn every(interval: Duration, burst: u32) -> Self {
        TokenBucket { interval, ahead: interval * (burst.max(1) - 1), due: Time(0) }
    }

    /// Takes a token out.
    ///
    /// # Errors
    /// How long to wait until there is one. Nothing changed.
    pub fn take(&mut self, now: Time) -> Result<(), Duration> {
        let due = self.due.max(now);
        let early = nanos(due.since(now)).saturating_sub(nanos(self.ahead));
        if early > 0 {
            return Err(Duration::from_nanos(early));
        }
        self.due = due + self.interval;
        Ok(())
    }
}
