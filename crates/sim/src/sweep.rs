//! A sweep: many seeds of one scenario, on all cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use machine::{Switches, Time};
use serde::{Deserialize, Serialize};

use crate::durations::Durations;
use crate::fault::FaultKind;
use crate::figures::Figures;
use crate::history::{Counts, Operations, add};
use crate::refused::Refused;
use crate::registry::ScenarioInfo;
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepViolation {
    /// The seed to run.
    pub seed: u64,
    /// What broke.
    pub promise: String,
    /// After how many events.
    pub events: u64,
}

/// What came of a sweep. It does not depend on the number of threads, and reports of several shares of the seeds add
/// up to that of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// As in [`Report::figures`], over all seeds.
    pub figures: Figures,
    /// Virtual time over all seeds, in nanoseconds: of 584 years at most.
    pub virtual_ns: u64,
    /// What a default sweep must reach and did not: `(name, reached, least)`. It is for [`SweepReport::judge`] to say.
    #[serde(skip)]
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
        self.figures.add(&report.figures);
        let Time(lasted) = report.virtual_time;
        self.virtual_ns = self.virtual_ns.saturating_add(lasted);
    }

    /// Adds the report of other seeds of the same sweep. What must be reached is judged anew.
    pub fn merge(&mut self, other: SweepReport) {
        self.seeds = self.seeds.saturating_add(other.seeds);
        self.violations.extend(other.violations);
        self.unknown.extend(other.unknown);
        self.events = self.events.saturating_add(other.events);
        add(&mut self.faults, &other.faults);
        self.operations.add(other.operations);
        add(&mut self.sometimes, &other.sometimes);
        self.fewest_ok = [self.fewest_ok, other.fewest_ok].into_iter().flatten().min();
        self.latency.add(&other.latency);
        self.downtime.add(&other.downtime);
        self.figures.add(&other.figures);
        self.virtual_ns = self.virtual_ns.saturating_add(other.virtual_ns);
        self.shortfalls.clear();
        self.sort();
    }

    /// Judges whether a sweep of this scenario reached what it must, if it had as many seeds as the scenario asks for.
    /// An event that must happen may need a mechanism that was left out; a fault needs none.
    pub fn judge(&mut self, scenario: &ScenarioInfo, without: &[String]) {
        if self.seeds < scenario.seeds {
            return;
        }
        let is_fault = |name: &str| FaultKind::ALL.iter().any(|kind| kind.name() == name);
        let counts = |name: &str| without.is_empty() || is_fault(name);
        let reached = |name: &str| self.faults.get(name).or(self.sometimes.get(name)).copied();
        let all = scenario.reaches.iter().filter(|(name, _)| counts(name));
        let all = all.map(|&(name, least)| (name, reached(name).unwrap_or(0), least));
        self.shortfalls = all.filter(|&(_, reached, least)| reached < least).collect();
    }

    fn sort(&mut self) {
        self.violations.sort_by_key(|breach| breach.seed);
        self.unknown.sort_unstable();
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
    total.sort();
    Ok(total)
}
