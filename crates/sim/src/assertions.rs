//! Assertions for `#[test]`s: a scenario holds over many seeds, and breaks without a mechanism. Both say
//! what happened as the shortest history that shows it.

use std::num::NonZero;
use std::ops::Range;

use crate::registry::{Counterexample, Registered, RunRecord, register};
use crate::run::NO_PANIC;
use crate::scenario::System;
use crate::sweep::{Seeds, SweepReport};
use crate::world::OUTSIDE;
use machine::Time;
use recording::Moment;

/// Asserts that every promise of a scenario holds at all these seeds, and that a sweep of the scenario's
/// own size or more reached what it is for.
///
/// # Panics
/// If a promise breaks: with the shortest history in which it does. If a checker cannot tell, if the sweep
/// did too little, if a seed is not the same run each time, if there is no such scenario, or if there are no
/// seeds.
#[track_caller]
pub fn assert_holds<S: System>(scenario: &str, seeds: Range<u64>) {
    let system = register::<S>();
    let report = sweep(&*system, scenario, &seeds, &[]);
    if let Some(breach) = report.violations.first() {
        let (seed, promise) = (breach.seed, &breach.promise);
        let shortest = system.shrink(scenario, seed, &[], promise);
        let shortest = shortest.unwrap_or_else(|why| panic!("{why}"));
        panic!("{promise} breaks at seed {seed} of {scenario}:\n\n{shortest}");
    }
    let SweepReport { unknown, shortfalls, .. } = report;
    if let Some(&seed) = unknown.first() {
        let reasons = run(&*system, scenario, seed).report.unknown.join("; ");
        panic!("nobody can tell at these seeds of {scenario}: {unknown:?}; at {seed}: {reasons}");
    }
    assert!(
        shortfalls.is_empty(),
        "{scenario} did too little (name, reached, least): {shortfalls:?}"
    );
    let hash = |seed| run(&*system, scenario, seed).report.trace_hash;
    assert_eq!(
        hash(seeds.start),
        hash(seeds.start),
        "seed {} of {scenario} is another run each time: some machine depends on more than it is handed",
        seeds.start
    );
}

/// Asserts that this promise breaks at one of these seeds when this mechanism is left out, and gives the
/// shortest history in which it does.
///
/// # Panics
/// If it holds at all of them, if there is no such mechanism, promise or scenario, or if there are no seeds.
#[track_caller]
pub fn assert_breaks_without<S: System>(
    mechanism: &str,
    promise: &str,
    scenario: &str,
    seeds: Range<u64>,
) -> Counterexample {
    let (system, without) = (register::<S>(), [mechanism.to_string()]);
    let known: Vec<&str> = system.promises().iter().map(|promise| promise.name).collect();
    let known = [known, vec![NO_PANIC]].concat();
    assert!(
        known.contains(&promise),
        "there is no promise {promise:?}; there are {}",
        known.join(", ")
    );
    let report = sweep(&*system, scenario, &seeds, &without);
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

#[track_caller]
fn sweep(
    system: &dyn Registered,
    scenario: &str,
    seeds: &Range<u64>,
    without: &[String],
) -> SweepReport {
    assert!(!seeds.is_empty(), "there are no seeds in {seeds:?}");
    let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
    let seeds = Seeds { first: seeds.start, count: seeds.end.saturating_sub(seeds.start), jobs };
    let swept = system.sweep(scenario, seeds, without, &|_, _| ());
    swept.unwrap_or_else(|why| panic!("{why}"))
}

fn run(system: &dyn Registered, scenario: &str, seed: u64) -> RunRecord {
    system.run(scenario, seed, &[]).unwrap_or_else(|why| panic!("{why}"))
}

/// The last moments of a history that its text lists.
const LISTED: usize = 40;

/// What broke, and the last moments of the history, but for timers and what a disk did well.
impl std::fmt::Display for Counterexample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ran = &self.ran;
        for violation in &ran.report.violations {
            writeln!(f, "{}: {}", violation.promise, violation.why)?;
        }
        let told = |(_, moment): &&(Time, Moment)| {
            !matches!(moment, Moment::Timer { .. } | Moment::Disk { failed: None, .. })
        };
        let moments: Vec<_> = ran.moments.iter().filter(told).collect();
        let left_out = moments.len().saturating_sub(LISTED);
        if left_out > 0 {
            writeln!(f, "\n({left_out} moments before these)")?;
        }
        for (at, moment) in &moments[left_out..] {
            let place = match moment {
                Moment::Delivered { from, to, .. } | Moment::Lost { from, to, .. }
                    if *from != OUTSIDE =>
                {
                    format!("{from:?} → {to:?}")
                }
                moment => moment
                    .nodes()
                    .iter()
                    .map(|node| format!("{node:?}"))
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            writeln!(f, "{:>12.3} ms  {place:<10} {moment}", at.0 as f64 / 1e6)?;
        }
        Ok(())
    }
}
