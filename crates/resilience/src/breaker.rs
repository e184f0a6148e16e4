//! Stops calling what does not answer, or not well enough (Nygard, "Release It!", 2007).
//!
//! A caller that waits for a dead callee holds a connection, a slot and a user meanwhile. A breaker counts
//! failures in a row. After `failures` of them it is *open*: calls fail at once. After a cool-down it is
//! *half-open*: one call is let through, and decides whether the breaker closes or opens again.
//!
//! A callee that fails now and then never fails so often in a row, and one that is only slow does not fail
//! at all. For these there is a [`BreakerWindow`] over the calls that ended last: it opens the breaker where
//! the share of failed or of slow ones is too large (both shares are resilience4j's).
//!
//! The law: while what is called stays dead, at most `failures` calls that end one after the other,
//! and then one call in each cool-down, are let through. A result counts only while the breaker is in
//! the state in which its call was let through: a late answer to an old call closes nothing. Of the probes
//! that are out any good answer closes the breaker, however long it took; a bad one opens it again only if
//! no newer probe is out. So answers may take longer than the cool-down.

use std::collections::VecDeque;
use std::time::Duration;

use machine::Time;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRule {
    /// So many failures in a row open it.
    pub failures: u32,
    /// And so does what the last calls came to, where that is looked at.
    pub window: Option<BreakerWindow>,
    /// It stays open for so long, and a probe may be out for so long before another is let through.
    pub cool_down: Duration,
}

/// What the calls that ended last may have come to. A percentage over 100 is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerWindow {
    /// How many calls are looked at, up to a thousand.
    pub calls: u32,
    /// With fewer calls since it closed there is no share to speak of.
    pub least: u32,
    /// This percentage of failed calls opens the breaker.
    pub failed_percent: u32,
    /// A call that took longer was slow, whether it failed or not.
    pub slow: Duration,
    /// This percentage of slow calls opens the breaker. A slow answer to a probe does not close it.
    pub slow_percent: u32,
}

/// A circuit breaker in front of one callee.
#[derive(Clone, Debug)]
pub struct Breaker {
    rule: BreakerRule,
    state: BreakerState,
    /// The number of the passes that are given now. It grows with every change of state and every probe.
    newest: u64,
    /// Passes below this number were given in an earlier state.
    oldest: u64,
    /// How the last calls ended, since it closed; empty where nobody looks.
    recent: VecDeque<Ended>,
}

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets them through.
    Closed {
        /// In a row, so far.
        failures: u32,
    },
    /// Lets none through until then.
    Open {
        /// When the next call may probe.
        until: Time,
    },
    /// A call is out to probe; none is let through until its result, or until then.
    HalfOpen {
        /// When another probe may go out.
        until: Time,
    },
}

/// A call that was let through; its result is reported with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pass {
    number: u64,
    began: Time,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    failed: bool,
    slow: bool,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(rule: BreakerRule) -> Self {
        let (state, recent) = (BreakerState::Closed { failures: 0 }, VecDeque::new());
        Breaker { rule, state, newest: 0, oldest: 0, recent }
    }

    /// Lets a call through, or not: then it has failed, at once and without any load.
    pub fn admit(&mut self, now: Time) -> Option<Pass> {
        match self.state {
            BreakerState::Open { until } | BreakerState::HalfOpen { until } if now < until => {
                return None;
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => {
                self.newest += 1;
                self.state = BreakerState::HalfOpen { until: now + self.rule.cool_down };
            }
            BreakerState::Closed { .. } => {}
        }
        Some(Pass { number: self.newest, began: now })
    }

    /// The call was answered. True where that opened the breaker: the answer was slow.
    pub fn succeeded(&mut self, pass: Pass, now: Time) -> bool {
        self.ended(pass, false, now)
    }

    /// The call failed, or nobody waits for it any longer. True where that opened the breaker.
    pub fn failed(&mut self, pass: Pass, now: Time) -> bool {
        self.ended(pass, true, now)
    }

    /// What it does with calls.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    fn ended(&mut self, pass: Pass, failed: bool, now: Time) -> bool {
        if pass.number < self.oldest {
            return false;
        }
        let slow = self.rule.window.is_some_and(|window| now.since(pass.began) > window.slow);
        let opens = match &mut self.state {
            BreakerState::Closed { failures } => {
                *failures = if failed { *failures + 1 } else { 0 };
                let row = failed && *failures >= self.rule.failures;
                self.exceeds(Ended { failed, slow }) || row
            }
            _ if failed || slow => pass.number == self.newest,
            _ => {
                self.enter(BreakerState::Closed { failures: 0 });
                false
            }
        };
        if opens {
            self.enter(BreakerState::Open { until: now + self.rule.cool_down });
        }
        opens
    }

    /// Takes a call into the window; is one of the shares too large by now?
    fn exceeds(&mut self, ended: Ended) -> bool {
        let Some(window) = self.rule.window else { return false };
        self.recent.push_back(ended);
        if self.recent.len() > window.calls.clamp(1, 1_000) as usize {
            self.recent.pop_front();
        }
        let reaches = |percent: u32, counts: fn(&&Ended) -> bool| {
            let count = self.recent.iter().filter(counts).count();
            count * 100 >= self.recent.len() * percent as usize
        };
        self.recent.len() >= window.least as usize
            && (reaches(window.failed_percent, |ended| ended.failed)
                || reaches(window.slow_percent, |ended| ended.slow))
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.newest += 1;
        self.oldest = self.newest;
        self.recent.clear();
    }
}
