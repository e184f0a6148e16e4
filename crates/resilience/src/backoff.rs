//! How long to wait before a retry.
//!
//! The law: the wait before a retry is drawn evenly from zero to a ceiling, which doubles with every
//! retry up to a cap. Doubling gives what is called time to recover; drawing keeps callers that
//! failed together from coming back together ("full jitter": Brooker, "Exponential Backoff and
//! Jitter", AWS Architecture Blog, 2015).

use std::time::Duration;

use machine::{Random, nanos};
use rand::Rng;

/// Exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling of the first wait.
    pub base: Duration,
    /// No ceiling is above it.
    pub cap: Duration,
}

impl Backoff {
    /// The longest wait before this retry; the first has number 0.
    pub fn ceiling(self, retry: u32) -> Duration {
        let doubled = nanos(self.base).saturating_mul(1u64.checked_shl(retry).unwrap_or(u64::MAX));
        Duration::from_nanos(doubled).min(self.cap)
    }

    /// The wait before this retry; the first has number 0.
    pub fn wait(self, retry: u32, random: &mut Random) -> Duration {
        let choices = u128::from(nanos(self.ceiling(retry))) + 1;
        // A multiplication instead of a remainder (Lemire 2019).
        Duration::from_nanos(((u128::from(random.next_u64()) * choices) >> 64) as u64)
    }
}
