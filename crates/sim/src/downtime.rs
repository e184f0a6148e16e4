//! The time in which no client was served.
//!
//! An *outage* begins with an operation that a client waits for, and ends with the next operation that is
//! completed, of any client. Only the time in which a client waited counts: where all were refused and
//! none asked again for some time, that time does not. The *downtime* of a fault is the longest outage
//! that overlaps it. So an outage may begin before the fault does, and end after it.

use std::time::Duration;

use machine::Time;

use crate::durations::Durations;

#[derive(Clone, Copy, Debug)]
struct Outage {
    from: Time,
    /// The last time at which a client waited.
    until: Time,
    /// For how much of it clients waited.
    waited: Duration,
}

/// The outages of a history, found in one pass over it.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    /// Since when clients have been waiting.
    since: Option<Time>,
    current: Option<Outage>,
    /// In order; none overlaps another.
    over: Vec<Outage>,
}

impl Outages {
    /// An operation began.
    pub(crate) fn begun(&mut self, at: Time) {
        self.since.get_or_insert(at);
        self.current.get_or_insert(Outage { from: at, until: at, waited: Duration::ZERO });
    }

    /// An operation was completed; does a client wait for another?
    pub(crate) fn completed(&mut self, at: Time, others: bool) {
        self.idle(at);
        self.over.extend(self.current.take());
        if others {
            self.begun(at);
        }
    }

    /// A client stopped waiting without an answer; do others wait?
    pub(crate) fn given_up(&mut self, at: Time, others: bool) {
        if !others {
            self.idle(at);
        }
    }

    fn idle(&mut self, at: Time) {
        if let (Some(since), Some(outage)) = (self.since.take(), &mut self.current) {
            outage.until = at;
            outage.waited += at.since(since);
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
            let first = self.over.partition_point(|outage| outage.until <= from);
            let during = self.over[first..].iter().take_while(|outage| outage.from <= until);
            let longest = during.map(|outage| outage.waited).max();
            downtimes.push(longest.unwrap_or_default());
        }
        downtimes
    }
}
