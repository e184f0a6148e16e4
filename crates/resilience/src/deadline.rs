//! Until when an answer is wanted, at every hop.
//!
//! Work for a caller that has given up is wasted, and in an overload soon all work is
//! ("Addressing Cascading Failures" in Beyer et al., "Site Reliability Engineering", 2016). So each
//! hop tells the next how long it will wait, and drops what came too late.
//!
//! The law: no hop has a deadline later than that of the hop before. Clocks of two nodes have
//! nothing in common, so what travels is the time that is left, and the way there counts as none:
//! a hop may work for as long in vain as the message took.

use std::time::Duration;

use machine::Time;

/// A moment on this node's monotonic clock after which an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Time);

impl Deadline {
    /// So long from now: of a request that begins here, or of one that came with this time left.
    pub fn after(now: Time, left: Duration) -> Self {
        Deadline(now + left)
    }

    /// The time that is left; `None` where it has passed. This is what to send along.
    pub fn left(self, now: Time) -> Option<Duration> {
        (now < self.0).then(|| self.0.since(now))
    }

    /// Has it passed?
    pub fn has_passed(self, now: Time) -> bool {
        self.left(now).is_none()
    }

    /// The time for one call on the way: no more than `most`, and no more than is left.
    pub fn allow(self, now: Time, most: Duration) -> Option<Duration> {
        self.left(now).map(|left| left.min(most))
    }
}
