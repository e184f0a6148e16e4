//! A broker's place in the cluster: it registers, tells the controllers that it is alive, and knows how long they
//! believe that.
//!
//! The law: it acknowledges nothing once the controllers may have given its partitions to others. Its session
//! ends, by its own clock, before it ends at the controllers.

use std::collections::VecDeque;
use std::time::Duration;

use machine::{NodeId, Time};

use crate::message::Beat;
use crate::words::BrokerEpoch;

/// No clock drifts by more parts in a million: the session rests on it, as raft's leases do.
const DRIFT: u32 = raft::DRIFT_BOUND_PPM;

/// A session with the controllers.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Of this boot.
    pub(super) boot: u64,
    pub(super) epoch: Option<BrokerEpoch>,
    /// Who leads the controllers, as far as it knows.
    pub(super) controller: Option<NodeId>,
    /// It wants to stop, and may.
    pub(super) stopping: bool,
    pub(super) may_stop: bool,
    number: u64,
    /// Heartbeats that were not answered, and when they were sent.
    sent: VecDeque<(u64, Time)>,
    lasts_until: Time,
    lasts: Duration,
}

impl Session {
    pub(super) fn new(session: Duration) -> Session {
        Session {
            boot: 0,
            epoch: None,
            controller: None,
            stopping: false,
            may_stop: false,
            number: 0,
            sent: VecDeque::new(),
            lasts_until: Time(0),
            lasts: session * (1_000_000 - 2 * DRIFT) / 1_000_000,
        }
    }

    /// The controllers know of this boot.
    pub(super) fn registered(&mut self, controller: NodeId, epoch: BrokerEpoch) {
        self.controller = Some(controller);
        self.epoch = Some(epoch);
        // What was believed of an earlier epoch says nothing of this one.
        (self.lasts_until, self.sent) = (Time(0), VecDeque::new());
    }

    /// A heartbeat is sent now: its number.
    pub(super) fn beats(&mut self, now: Time) -> u64 {
        self.number += 1;
        self.sent.push_back((self.number, now));
        // One that was sent longer ago extends nothing.
        while self.sent.front().is_some_and(|(_, sent)| *sent + self.lasts < now) {
            self.sent.pop_front();
        }
        self.number
    }

    /// The controllers' leader answers: the session lasts from when it was asked.
    pub(super) fn beat(&mut self, controller: NodeId, beat: Beat) {
        if self.epoch != Some(beat.epoch) {
            return;
        }
        if beat.unknown {
            self.epoch = None;
            return;
        }
        self.controller = Some(controller);
        self.may_stop |= beat.may_stop && self.stopping;
        while let Some((number, sent)) =
            self.sent.pop_front_if(|(number, _)| *number <= beat.number)
        {
            if number == beat.number {
                self.lasts_until = self.lasts_until.max(sent + self.lasts);
            }
        }
    }

    /// Do the controllers still believe that it is alive?
    pub(super) fn lasts(&self, now: Time) -> bool {
        self.epoch.is_some() && now < self.lasts_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn beat(epoch: BrokerEpoch, number: u64) -> Beat {
        Beat { epoch, number, may_stop: false, unknown: false }
    }

    #[test]
    fn it_lasts_from_when_a_heartbeat_was_sent_and_not_from_when_it_was_answered() {
        let mut session = Session::new(MS(500));
        session.registered(NodeId(101), 7);
        assert!(!session.lasts(Time(0)), "nobody has answered a heartbeat");
        let first = session.beats(Time(0) + MS(100));
        session.beats(Time(0) + MS(200));
        session.beat(NodeId(101), beat(7, first));
        assert!(session.lasts(Time(0) + MS(570)) && !session.lasts(Time(0) + MS(590)));
        session.beat(NodeId(101), beat(6, first + 1));
        assert!(!session.lasts(Time(0) + MS(590)), "of another epoch");
        session.beat(NodeId(101), beat(7, first + 1));
        assert!(session.lasts(Time(0) + MS(670)) && !session.lasts(Time(0) + MS(690)));
    }

    #[test]
    fn another_registration_says_nothing_of_the_session_before() {
        let mut session = Session::new(MS(500));
        session.registered(NodeId(101), 7);
        let first = session.beats(Time(0));
        session.beat(NodeId(101), beat(7, first));
        assert!(session.lasts(Time(0) + MS(100)));
        session.registered(NodeId(102), 9);
        assert!(!session.lasts(Time(0) + MS(100)), "nobody has answered in this epoch");
    }
}
