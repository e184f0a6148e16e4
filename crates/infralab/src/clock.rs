//! The clocks of this computer: for measurements, and for what is made or ends now.

#![expect(clippy::disallowed_methods, reason = "people wait here, and no machine")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use machine::{Wall, nanos};

/// A function that returns how long ago it was made.
pub(crate) fn stopwatch() -> impl Fn() -> Duration + Sync {
    let began = Instant::now();
    move || began.elapsed()
}

/// What the wall clock shows.
pub(crate) fn wall() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos))
}

/// Waits.
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}
