//! Assertions for `#[test]`s: a scenario holds over many seeds, and breaks without a mechanism. Both say
//! what happened as the shortest history that shows it.

use std::num::NonZero;
use std::ops::Range;

use crate::diagram::{Window, diagram};
use crate::registry::{Counterexample, Registered, register};
use crate::scenario::System;
use crate::sweep::{Seeds, SweepReport};

/// Asserts that every promise of a scenario holds at all these seeds, and that a sweep of the scenario's
/// own size or more reached what it is for.
///
/// # Panics
/// If a promise breaks: with the shortest history in which it does. If a checker cannot tell, if the sweep
/// did too little, or if there is no such scenario.
pub fn assert_holds<S: System>(scenario: &str, seeds: Range<u64>) {
    let system = register::<S>();
    let report = sweep(&*system, scenario, seeds, &[]);
    if let Some(breach) = report.violations.first() {
        let (seed, promise) = (breach.seed, &breach.promise);
        let shortest = system.shrink(scenario, seed, &[], promise);
        let shortest = shortest.unwrap_or_else(|why| panic!("{why}"));
        panic!("{promise} breaks at seed {seed} of {scenario}:\n\n{shortest}");
    }
    let SweepReport { unknown, shortfalls, .. } = report;
    assert!(unknown.is_empty(), "nobody can tell at these seeds of {scenario}: {unknown:?}");
    assert!(
        shortfalls.is_empty(),
        "{scenario} did too little (name, reached, least): {shortfalls:?}"
    );
}

/// Asserts that this promise breaks at one of these seeds when this mechanism is left out, and gives the
/// shortest history in which it does.
///
/// # Panics
/// If it holds at all of them, or if there is no such mechanism, promise or scenario.
pub fn assert_breaks_without<S: System>(
    mechanism: &str,
    promise: &str,
    scenario: &str,
    seeds: Range<u64>,
) -> Counterexample {
    let (system, without) = (register::<S>(), [mechanism.to_string()]);
    let report = sweep(&*system, scenario, seeds, &without);
    let breach = report.violations.iter().find(|breach| breach.promise == promise);
    let Some(breach) = breach else {
        let others: Vec<_> = report.violations.iter().take(3).collect();
        panic!(
            "without {mechanism} {promise} holds at all {} seeds; others: {others:?}",
            report.seeds
        );
    };
    let shortest = system.shrink(scenario, breach.seed, &without, promise);
    shortest.unwrap_or_else(|why| panic!("{why}"))
}

fn sweep(
    system: &dyn Registered,
    scenario: &str,
    seeds: Range<u64>,
    without: &[String],
) -> SweepReport {
    let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
    let seeds = Seeds { first: seeds.start, count: seeds.end.saturating_sub(seeds.start), jobs };
    let swept = system.sweep(scenario, seeds, without, &|_, _| ());
    swept.unwrap_or_else(|why| panic!("{why}"))
}

/// What broke, and the history as a diagram, its last 40 rows at most.
impl std::fmt::Display for Counterexample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ran = &self.ran;
        for violation in &ran.report.violations {
            writeln!(f, "{}: {}", violation.promise, violation.why)?;
        }
        write!(f, "\n{}", diagram(&ran.nodes, &ran.moments, Window::Last(40)))
    }
}
