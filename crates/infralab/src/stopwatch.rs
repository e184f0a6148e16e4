//! The clock of measurements.

use std::time::Duration;

/// Says how long ago it was made.
#[expect(clippy::disallowed_methods, reason = "speed is what the user asks for")]
pub(crate) fn stopwatch() -> impl Fn() -> Duration + Sync {
    let began = std::time::Instant::now();
    move || began.elapsed()
}
