//! Runs as text for people.

use anstyle::Style;
use sim::{Counts, Durations, Operations, Registered, RunRecord};

use crate::exit::Found;
use crate::figures;
use crate::left_out;
use crate::results::say;

/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
const GOOD: Style = anstyle::AnsiColor::Green.on_default();
/// What broke.
pub(crate) const BAD: Style = anstyle::AnsiColor::Red.on_default().bold();

/// What came of a run, promise by promise.
pub(crate) fn print_report(system: &dyn Registered, ran: &RunRecord) {
    let RunRecord { report, saved, .. } = ran;
    let without: String = saved.without.iter().map(|name| format!(", without {name}")).collect();
    let (name, scenario) = (system.name(), &saved.scenario);
    let left_out = left_out::by_scenario(system, scenario);
    say!("{BOLD}{name} {scenario}{BOLD:#}, world seed {}{without}{left_out}", saved.world_seed);
    let promises = system.scenarios().into_iter().find(|info| info.name == scenario);
    for promise in promises.map_or(&[][..], |info| info.promises) {
        match report.violation_of(promise) {
            Some(_) => {}
            None if report.is_judged() => say!("  {GOOD}✓{GOOD:#} {promise}"),
            None => say!("  ? {promise} was not judged to the end"),
        }
    }
    for violation in &report.violations {
        let at = violation.at.0 as f64 / 1e6;
        let (promise, events, why) = (&violation.promise, violation.events, &violation.why);
        say!("  {BAD}✗{BAD:#} {promise}, at {at:.3} ms, after {events} events: {why}");
    }
    report.unknown.iter().for_each(|why| say!("  ? {why}"));
    print_counts(&report.operations, &report.faults, &report.sometimes);
    print_waits(&report.latency, &report.downtime);
    figures::print(&report.figures);
    let virtual_s = report.virtual_time.0 as f64 / 1e9;
    say!(
        "{} events in {virtual_s:.3} s of virtual time, trace {}",
        report.events,
        saved.trace_hash
    );
}

/// Operations, faults and events, a line each.
pub(crate) fn print_counts(operations: &Operations, faults: &Counts, sometimes: &Counts) {
    let Operations { ok, failed, open } = operations;
    say!("operations: {ok} ok, {failed} failed, {open} open");
    let list = |counts: &Counts| {
        let items: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        if items.is_empty() { "none".to_string() } else { items.join(", ") }
    };
    say!("faults: {}", list(faults));
    say!("seen: {}", list(sometimes));
}

/// How long clients waited: for what they got, and around faults for anything at all.
pub(crate) fn print_waits(latency: &Durations, downtime: &Durations) {
    say!("latency: {latency}");
    say!("downtime, by fault: {downtime}");
}

/// What a run found.
pub(crate) fn verdict(ran: &RunRecord) -> Found {
    match &ran.report {
        report if !report.violations.is_empty() => Found::Broken,
        report if !report.unknown.is_empty() => Found::Unknown,
        _ => Found::Held,
    }
}
