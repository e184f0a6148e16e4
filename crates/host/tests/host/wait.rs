//! Waits of the tests: each has a bound, and says what it waited for.

#![expect(clippy::disallowed_methods, reason = "a test waits for what other threads do")]

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Far longer than anything here takes.
const LONGEST: Duration = Duration::from_secs(60);
/// A moment for others.
const MOMENT: Duration = Duration::from_millis(2);

/// Waits until it is so.
macro_rules! until {
    ($so:expr) => {
        $crate::wait::until(stringify!($so), || $so)
    };
}

/// Waits until it is so; `what` says what.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..LONGEST.as_millis() / MOMENT.as_millis() {
        if is_so() {
            return;
        }
        std::thread::sleep(MOMENT);
    }
    panic!("not within {LONGEST:?}: {what}");
}

/// What comes next.
#[track_caller]
pub(crate) fn next<T>(from: &Receiver<T>, what: &str) -> T {
    from.recv_timeout(LONGEST)
        .unwrap_or_else(|why| panic!("not within {LONGEST:?}: {what} ({why})"))
}

/// Does this on a thread of its own, which may hang: what came of it.
#[track_caller]
pub(crate) fn within<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, done) = channel();
    std::thread::spawn(move || {
        // A test that failed waits no longer.
        let _ = sender.send(work());
    });
    next(&done, what)
}
