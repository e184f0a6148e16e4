//! Stops calling what does not answer (Nygard, "Release It!", 2007).
//!
//! Whoever waits for the dead holds on to a connection, a slot and a user meanwhile. A breaker counts
//! failures in a row. After `failures` of them it is *open*: calls fail at once. After a cool-down it is
//! *half-open*: one call is let through, and decides whether the breaker closes or opens again.
//!
//! The law: while what is called stays dead, at most `failures` calls that end one after the other,
//! and then one call in each cool-down, are let through. A result counts only in the state in which its
//! call was let through: a late answer to an old call closes nothing.

use std::time::Duration;

use machine::Time;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRule {
    /// So many failures in a row open it.
    pub failures: u32,
    /// It stays open for so long, and a probe may be out for so long before another is let through.
    pub cool_down: Duration,
}

/// A circuit breaker in front of one callee.
#[derive(Clone, Debug)]
pub struct Breaker {
    rule: BreakerRule,
    state: BreakerState,
    /// Grows with every change of state.
    epoch: u64,
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
    /// One call is out to probe; none is let through until its result, or until then.
    HalfOpen {
        /// When the probe counts as lost.
        until: Time,
    },
}

/// A call that was let through; its result is reported with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pass(u64);

impl Breaker {
    /// A closed breaker.
    pub fn new(rule: BreakerRule) -> Self {
        Breaker { rule, state: BreakerState::Closed { failures: 0 }, epoch: 0 }
    }

    /// Lets a call through, or not: then it has failed, at once and without any load.
    pub fn admit(&mut self, now: Time) -> Option<Pass> {
        match self.state {
            BreakerState::Open { until } | BreakerState::HalfOpen { until } if now < until => None,
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => {
                self.enter(BreakerState::HalfOpen { until: now + self.rule.cool_down });
                Some(Pass(self.epoch))
            }
            BreakerState::Closed { .. } => Some(Pass(self.epoch)),
        }
    }

    /// The call was answered.
    pub fn succeeded(&mut self, pass: Pass) {
        match &mut self.state {
            _ if pass.0 != self.epoch => {}
            BreakerState::Closed { failures } => *failures = 0,
            _ => self.enter(BreakerState::Closed { failures: 0 }),
        }
    }

    /// The call failed, or nobody waits for it any longer. True where that opened the breaker.
    pub fn failed(&mut self, pass: Pass, now: Time) -> bool {
        if pass.0 != self.epoch {
            return false;
        }
        if let BreakerState::Closed { failures } = &mut self.state {
            *failures += 1;
            if *failures < self.rule.failures {
                return false;
            }
        }
        self.enter(BreakerState::Open { until: now + self.rule.cool_down });
        true
    }

    /// What it does with calls.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.epoch += 1;
    }
}
