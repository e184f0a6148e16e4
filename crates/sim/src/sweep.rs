//! A sweep: many seeds of one scenario, on all cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use machine::{Switches, Time};
use serde::Serialize;

use crate::durations::Durations;
use crate::history::{Counts, Operations, add};
use crate::refused::Refused;
use crate::run::{Report, draw, execute};
use crate::scenario::{Scenario, System};

/// Which seeds, and on how many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Threads; at least one.
    pub jobs: usize,
}

/// A promise broken in a sweep: enough to run it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SweepViolation {
    /// The seed to run.
    pub seed: u64,
    /// What broke.
    pub promise: String,
    /// After how many events.
    pub events: u64,
}

/// What came of a sweep. It does not depend on the number of threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// How many seeds were run.
    pub seeds: u64,
    /// By seed.
    pub violations: Vec<SweepViolation>,
    /// Seeds at which a checker could not tell.
    pub unknown: Vec<u64>,
    /// Over all seeds.
    pub events: u64,
    /// Faults that hit something, by kind.
    pub faults: Counts,
    /// Client operations.
    pub operations: Operations,
    /// Events that must happen sometimes, by name.
    pub sometimes: Counts,
    /// The fewest that ended well in a run.
    pub fewest_ok: Option<u64>,
    /// As in [`Report::latency`], over all seeds.
    pub latency: Durations,
    /// As in [`Report::downtime`], over all seeds.
    pub downtime: Durations,
    /// Virtual time over all seeds, in nanoseconds.
    #[serde(skip)]
    pub virtual_ns: u128,
    /// What a default sweep must reach and did not: `(name, reached, least)`.
    pub shortfalls: Vec<(&'static str, u64, u64)>,
}

impl SweepReport {
    /// Did every promise hold, with certainty, and did the sweep do what it is for?
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unknown.is_empty() && self.shortfalls.is_empty()
    }

    fn add(&mut self, seed: u64, report: Report) {
        self.seeds += 1;
        for violation in report.violations {
            let (promise, events) = (violation.promise, violation.events);
            self.violations.push(SweepViolation { seed, promise, events });
        }
        if !report.unknown.is_empty() {
            self.unknown.push(seed);
        }
        self.events += report.events;
        add(&mut self.faults, &report.faults);
        self.operations.add(report.operations);
        add(&mut self.sometimes, &report.sometimes);
        let ok = report.operations.ok;
        self.fewest_ok = Some(self.fewest_ok.map_or(ok, |fewest| fewest.min(ok)));
        self.latency.add(&report.latency);
        self.downtime.add(&report.downtime);
        let Time(lasted) = report.virtual_time;
        self.virtual_ns += u128::from(lasted);
    }
}

/// Runs the seeds; `progress` hears how many are done and how many violations were found.
///
/// # Errors
/// If a plan cannot be drawn. The seeds under way are run to their end.
#[expect(clippy::disallowed_methods, reason = "worlds are independent: one thread runs each")]
pub(crate) fn sweep<S: System>(
    scenario: &Scenario<S>,
    seeds: Seeds,
    switches: Switches,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<SweepReport, Refused> {
    let next = AtomicU64::new(0);
    let total = Mutex::new(SweepReport::default());
    let refused = Mutex::new(None);
    let work = || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= seeds.count {
                return;
            }
            let seed = seeds.first.wrapping_add(turn);
            let plan = match draw(scenario, seed) {
                Ok(plan) => plan,
                Err(why) => {
                    next.store(seeds.count, Ordering::Relaxed);
                    *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                    return;
                }
            };
            let (report, _) = execute(scenario, &plan, seed, switches, false);
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.add(seed, report);
            progress(total.seeds, total.violations.len() as u64);
        }
    };
    std::thread::scope(|scope| {
        (1..seeds.jobs).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    if let Some(why) = refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(why);
    }
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.violations.sort_by_key(|breach| breach.seed);
    total.unknown.sort_unstable();
    if seeds.count >= scenario.seeds {
        total.shortfalls = shortfalls(scenario, &total);
    }
    Ok(total)
}

fn shortfalls<S: System>(
    scenario: &Scenario<S>,
    total: &SweepReport,
) -> Vec<(&'static str, u64, u64)> {
    let reached = |name| total.faults.get(name).or(total.sometimes.get(name)).copied().unwrap_or(0);
    let all = scenario.reaches.iter().map(|&(name, least)| (name, reached(name), least));
    all.filter(|&(_, reached, least)| reached < least).collect()
}
