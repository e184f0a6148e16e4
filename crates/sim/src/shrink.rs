//! Shrinking: the shortest plan that still breaks a promise.
//!
//! Delta debugging (Zeller and Hildebrandt 2002) over the steps of the plan. Leaving a step out
//! shifts what the world draws, so each candidate is given several world seeds before it is
//! dismissed: without that, plans stay long because the draws changed, not because a step was needed.

use machine::{Switches, Time, nanos};

use crate::plan::Step;
use crate::random::{Purpose, stream};
use crate::run::execute;
use crate::scenario::{PlanOf, Scenario, System};
use rand::Rng;

/// World seeds tried for each candidate.
const REROLLS: usize = 6;
/// A shrink stops after so many runs.
const RUN_BUDGET: usize = 6_000;

/// The smallest plan that was found, and the world seed at which it breaks its promise.
pub(crate) struct Shrunk<S: System> {
    pub(crate) plan: PlanOf<S>,
    pub(crate) world_seed: u64,
    pub(crate) runs: usize,
}

/// Shrinks a plan that breaks this promise at this world seed; `None` where it does not.
pub(crate) fn shrink<S: System>(
    scenario: &Scenario<S>,
    plan: &PlanOf<S>,
    world_seed: u64,
    switches: Switches,
    promise: &str,
) -> Option<Shrunk<S>> {
    let mut search = Search {
        scenario,
        switches,
        promise,
        best: plan.clone(),
        world_seed,
        runs: 0,
        first: false,
    };
    search.try_plan(plan.clone()).then_some(())?;
    search.drop_chunks();
    search.end_early();
    search.close_gaps();
    search.drop_chunks();
    Some(Shrunk { plan: search.best, world_seed: search.world_seed, runs: search.runs })
}

/// Every time in a plan.
fn times_of<S: System>(plan: &mut PlanOf<S>, each: &mut impl FnMut(&mut Time)) {
    for step in &mut plan.steps {
        match step {
            Step::Fault { at, until, .. } => {
                each(at);
                each(until);
            }
            Step::Operation { at, .. } | Step::Join { at, .. } => each(at),
        }
    }
    each(&mut plan.heal_at);
    each(&mut plan.end);
}

struct Search<'a, S: System> {
    scenario: &'a Scenario<S>,
    switches: Switches,
    promise: &'a str,
    best: PlanOf<S>,
    world_seed: u64,
    runs: usize,
    /// Nothing else breaks before it: once that is so it stays so, or the history would be another promise's.
    first: bool,
}

impl<S: System> Search<'_, S> {
    /// Leaves out ever smaller runs of steps until no single one can be left out.
    fn drop_chunks(&mut self) {
        let mut chunk = self.best.steps.len().div_ceil(2);
        while chunk > 0 && self.runs < RUN_BUDGET {
            let mut start = 0;
            let mut dropped = false;
            while start < self.best.steps.len() && self.runs < RUN_BUDGET {
                let mut candidate = self.best.clone();
                let end = (start + chunk).min(candidate.steps.len());
                candidate.steps.drain(start..end);
                if self.try_plan(candidate) {
                    dropped = true;
                } else {
                    start += chunk;
                }
            }
            // Another round with single steps: dropping one may have made another superfluous.
            if !(chunk == 1 && dropped) {
                chunk /= 2;
            }
        }
    }

    /// Ends the run soon after the last thing that happens, where the promise breaks all the same.
    fn end_early(&mut self) {
        let over = |step: &Step<S::Operation>| match step {
            Step::Fault { until, .. } => *until,
            Step::Operation { at, .. } | Step::Join { at, .. } => *at,
        };
        let last = self.best.steps.iter().map(over).max().unwrap_or(Time(0));
        for grace_ms in [100, 1_000, 5_000] {
            let mut candidate = self.best.clone();
            candidate.end = candidate.end.min(Time(last.0 + grace_ms * 1_000_000));
            candidate.heal_at = candidate.heal_at.min(candidate.end);
            if self.try_plan(candidate) {
                return;
            }
        }
    }

    /// Closes the gaps between the things that happen, as far as the promise still breaks.
    fn close_gaps(&mut self) {
        let mut after = Time(0);
        while let Some(next) = self.times().into_iter().find(|&time| time > after) {
            let gap = next.since(after);
            let shorter = [gap, gap * 3 / 4, gap / 2, gap / 4].map(nanos);
            let closed = shorter.into_iter().find(|&by| {
                let mut candidate = self.best.clone();
                times_of::<S>(&mut candidate, &mut |time| {
                    if *time > after {
                        time.0 -= by;
                    }
                });
                self.runs < RUN_BUDGET && self.try_plan(candidate)
            });
            after = Time(next.0 - closed.unwrap_or(0));
        }
    }

    /// When faults begin and end and operations happen, in order.
    fn times(&self) -> Vec<Time> {
        let mut times = Vec::new();
        times_of::<S>(&mut self.best.clone(), &mut |time| times.push(*time));
        times.sort_unstable();
        times
    }

    /// Keeps the candidate if it breaks the promise in the current or a re-rolled world.
    fn try_plan(&mut self, candidate: PlanOf<S>) -> bool {
        let mut reroll = stream(self.world_seed, Purpose::Reroll, self.runs as u32);
        let mut seed = self.world_seed;
        for _ in 0..REROLLS {
            self.runs += 1;
            let (report, _) = execute(self.scenario, &candidate, seed, self.switches, false);
            let first = report.violations.first();
            let first = first.is_some_and(|violation| violation.promise == self.promise);
            if first || !self.first && report.violation_of(self.promise).is_some() {
                self.first |= first;
                (self.best, self.world_seed) = (candidate, seed);
                return true;
            }
            seed = reroll.next_u64();
        }
        false
    }
}
