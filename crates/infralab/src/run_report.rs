//! A run, as it is printed: in words, or as one JSON object.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Registered, RunRecord};

use crate::exit::Outcome;
use crate::figures;
use crate::narrate::{print_report, verdict};
use crate::results::say;
use crate::view::View;

/// Prints what came of a run.
pub(crate) fn show(
    system: &dyn Registered,
    ran: &RunRecord,
    elapsed: Duration,
    json: bool,
    view: &View,
    command: &str,
) -> Outcome {
    if json {
        let mut object = run_json(system, ran, elapsed);
        if let Some(story) = view.story(system, ran)? {
            object["story"] = json!(story);
        }
        say!("{object}");
    } else {
        print_report(system, ran);
        view.print(system, ran)?;
        if !ran.report.violations.is_empty() {
            say!("\nagain: {command}");
        }
    }
    Ok(verdict(ran))
}

/// One object with the keys of a sweep of one seed, and the trace hash.
fn run_json(system: &dyn Registered, ran: &RunRecord, elapsed: Duration) -> Value {
    let RunRecord { report, saved, .. } = ran;
    let seed = saved.world_seed;
    let violation = |found: &sim::Violation| {
        json!({"seed": seed, "promise": found.promise, "at_ms": millis(found.at.0),
               "events": found.events, "why": found.why})
    };
    let unknown = if report.unknown.is_empty() { Vec::new() } else { vec![seed] };
    json!({
        "system": system.name(),
        "scenario": saved.scenario,
        "seed": seed,
        "seeds": 1,
        "without": saved.without,
        "violations": report.violations.iter().map(violation).collect::<Vec<_>>(),
        "unknown": unknown,
        "unknown_why": report.unknown,
        "events": report.events,
        "faults": report.faults,
        "operations": report.operations,
        "sometimes": report.sometimes,
        "latency_ms": report.latency.percentiles(),
        "downtime_ms": report.downtime.percentiles(),
        "figures": figures::json(&report.figures),
        "virtual_s": report.virtual_time.0 as f64 / 1e9,
        "elapsed_s": elapsed.as_secs_f64(),
        "events_per_s": report.events as f64 / elapsed.as_secs_f64(),
        "trace_hash": saved.trace_hash,
    })
}

fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
