//! When nobody was served.
//!
//! A *silence* begins with an operation that a client waits for, and ends with the next that is
//! completed, of whatever client. It lasts as long as anybody waited in it: where all were refused,
//! and none asked again before a while, that while does not count. The *downtime* of a fault is the
//! longest silence that overlaps it, so it may begin before the fault does and go on after it.

use std::time::Duration;

use machine::Time;

use crate::durations::Durations;

#[derive(Clone, Copy, Debug)]
struct Silence {
    from: Time,
    /// Somebody waited until then.
    until: Time,
    /// For how much of it somebody waited.
    waited: Duration,
}

/// The silences of a history, found in one pass over it.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    /// Since when somebody has been waiting.
    since: Option<Time>,
    current: Option<Silence>,
    /// In order; none overlaps another.
    over: Vec<Silence>,
}

impl Silences {
    /// An operation began.
    pub(crate) fn begun(&mut self, at: Time) {
        self.since.get_or_insert(at);
        self.current.get_or_insert(Silence { from: at, until: at, waited: Duration::ZERO });
    }

    /// An operation was completed; does anybody wait for another?
    pub(crate) fn completed(&mut self, at: Time, others: bool) {
        self.idle(at);
        self.over.extend(self.current.take());
        if others {
            self.begun(at);
        }
    }

    /// Somebody waits no longer, without what they wanted; do others wait?
    pub(crate) fn given_up(&mut self, at: Time, others: bool) {
        if !others {
            self.idle(at);
        }
    }

    fn idle(&mut self, at: Time) {
        if let (Some(since), Some(silence)) = (self.since.take(), &mut self.current) {
            silence.until = at;
            silence.waited += at.since(since);
        }
    }

    /// The downtimes of these faults, in a run that ended then.
    pub(crate) fn downtimes(
        mut self,
        ended: Time,
        faults: impl Iterator<Item = (Time, Time)>,
    ) -> Durations {
        self.completed(ended, false);
        let mut downtimes = Durations::default();
        for (from, until) in faults {
            let first = self.over.partition_point(|silence| silence.until <= from);
            let during = self.over[first..].iter().take_while(|silence| silence.from <= until);
            let longest = during.map(|silence| silence.waited).max();
            downtimes.push(longest.unwrap_or_default());
        }
        downtimes
    }
}
