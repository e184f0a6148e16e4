//! What a sweep found, for people and for programs; one that was run at once, or in shares.

use serde_json::{Value, json};
use sim::SweepReport;

use crate::exit::Found;
use crate::figures;
use crate::narrate::{BOLD, print_counts, print_waits};
use crate::progress;
use crate::rerun::command;
use crate::results::say;

/// What was swept, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swept<'a> {
    pub(crate) system: &'a str,
    pub(crate) scenario: &'a str,
    pub(crate) without: &'a [String],
    pub(crate) report: &'a SweepReport,
    /// How long somebody waited for it: of several shares, for the longest.
    pub(crate) elapsed_s: f64,
}

impl Swept<'_> {
    pub(crate) fn found(&self) -> Found {
        match self.report {
            report if !report.violations.is_empty() => Found::Broken,
            report if !report.is_clean() => Found::Unknown,
            _ => Found::Held,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let Swept { system, scenario, without, report, elapsed_s } = self;
        let shortfall = |&(name, reached, least): &(&str, u64, u64)| json!({"name": name, "reached": reached, "least": least});
        json!({
            "system": system,
            "scenario": scenario,
            "without": without,
            "seeds": report.seeds,
            "violations": report.violations,
            "unknown": report.unknown,
            "shortfalls": report.shortfalls.iter().map(shortfall).collect::<Vec<_>>(),
            "events": report.events,
            "faults": report.faults,
            "operations": report.operations,
            "fewest_ok": report.fewest_ok,
            "sometimes": report.sometimes,
            "latency_ms": report.latency.percentiles(),
            "downtime_ms": report.downtime.percentiles(),
            "figures": figures::json(&report.figures),
            "virtual_s": report.virtual_ns as f64 / 1e9,
            "elapsed_s": elapsed_s,
            "events_per_s": report.events as f64 / elapsed_s,
        })
    }

    pub(crate) fn print(&self) {
        let Swept { system, scenario, without, report, elapsed_s } = self;
        let SweepReport { seeds, events, violations, unknown, shortfalls, .. } = report;
        let rate = progress::rate(*events as f64 / elapsed_s);
        say!(
            "{BOLD}{system} {scenario}{BOLD:#}: {seeds} seeds, {events} events, {:.0} s of virtual time in \
             {elapsed_s:.2} s ({rate} events/s)",
            report.virtual_ns as f64 / 1e9,
        );
        print_counts(&report.operations, &report.faults, &report.sometimes);
        print_waits(&report.latency, &report.downtime);
        figures::print(&report.figures);
        for violation in violations.iter().take(10) {
            let again = command(system, scenario, violation.seed, without);
            say!("broken: {} after {} events: {again}", violation.promise, violation.events);
        }
        if violations.len() > 10 {
            say!("and {} more violations", violations.len() - 10);
        }
        for seed in unknown.iter().take(10) {
            say!("unknown: {}", command(system, scenario, *seed, without));
        }
        for (name, reached, least) in shortfalls {
            say!("too little: {name} happened {reached} times, and must {least} times");
        }
        if report.is_clean() {
            say!("every promise held");
        }
    }
}
