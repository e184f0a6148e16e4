//! `sweep`: a scenario over many seeds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use host::number;
use serde_json::{Value, json};
use sim::{Counterexample, Registered, Seeds, SweepReport};

use crate::exit::{Failure, Found, Outcome};
use crate::left_out::Without;
use crate::narrate::{BOLD, draw_last, print_counts, print_waits};
use crate::progress;
use crate::rerun::{command, program};
use crate::results::{save_to, say};

#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// Its name, as `scenarios` lists it.
    scenario: String,
    /// How many seeds; by default as many as the scenario says.
    #[arg(long, value_parser = number::<u64>(1..=100_000_000))]
    seeds: Option<u64>,
    /// The first one; the others follow.
    #[arg(long, default_value_t = 0, value_parser = number::<u64>(0..=u64::MAX))]
    first_seed: u64,
    /// Threads; by default one for each core.
    #[arg(long, value_parser = number::<u16>(1..=1024))]
    jobs: Option<u16>,
    #[command(flatten)]
    without: Without,
    /// Shrinks the first violation to the shortest history that still breaks the promise.
    #[arg(long)]
    shrink: bool,
    /// Writes the shrunk run to a file that `infralab replay` reads.
    #[arg(long, value_name = "FILE", requires = "shrink")]
    save: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs many seeds of a scenario.
#[expect(clippy::disallowed_methods, reason = "the time a sweep takes is what the user asks for")]
pub(crate) fn sweep(system: &dyn Registered, arguments: &SweepArguments) -> Outcome {
    let SweepArguments { scenario, seeds, first_seed, jobs, without, shrink, save, json } =
        arguments;
    let without = &without.names();
    let default = system.scenarios().into_iter().find(|info| info.name == scenario);
    let count = seeds.unwrap_or(default.map_or(1, |info| info.seeds));
    if first_seed.checked_add(count - 1).is_none() {
        return Err(Failure::input(format!(
            "the seeds end at {}: --first-seed {first_seed} leaves no room for {count}",
            u64::MAX
        )));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let seeds = Seeds { first: *first_seed, count, jobs: jobs.map_or(cores, usize::from) };
    let bar = progress::seeds(count);
    let began = Instant::now();
    let report = system
        .sweep(scenario, seeds, without, &|done, found| {
            bar.set_position(done);
            if found > 0 {
                bar.set_message(format!("{found} violations"));
            }
        })
        .map_err(Failure::input)?;
    let elapsed = began.elapsed();
    bar.finish_and_clear();
    let counterexample = match report.violations.first() {
        Some(first) if *shrink => {
            let shrink = || system.shrink(scenario, first.seed, without, &first.promise);
            let counterexample = progress::with_spinner("looking for the shortest history", shrink);
            Some(counterexample.map_err(Failure::input)?)
        }
        _ => None,
    };
    if *json {
        say!("{}", sweep_json(system, scenario, without, &report, elapsed, &counterexample));
    } else {
        print_sweep(system, scenario, without, &report, elapsed);
        if let Some(counterexample) = &counterexample {
            print_counterexample(counterexample);
        }
    }
    match (save, &counterexample) {
        (Some(file), Some(counterexample)) => save_to(file, &counterexample.ran.saved.to_json())?,
        (Some(file), None) => {
            anstream::eprintln!("infralab: {} was not written: no promise broke", file.display());
        }
        (None, Some(_)) if !json => {
            say!("to keep this run: --save FILE, then {} replay FILE", program())
        }
        (None, _) => {}
    }
    Ok(match &report {
        report if !report.violations.is_empty() => Found::Broken,
        report if !report.is_clean() => Found::Unknown,
        _ => Found::Held,
    })
}

fn sweep_json(
    system: &dyn Registered,
    scenario: &str,
    without: &[String],
    report: &SweepReport,
    elapsed: Duration,
    counterexample: &Option<Counterexample>,
) -> Value {
    let shortfall = |&(name, reached, least): &(&str, u64, u64)| json!({"name": name, "reached": reached, "least": least});
    let mut all = json!({
        "system": system.name(),
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
        "latency_ms": report.latency,
        "downtime_ms": report.downtime,
        "virtual_s": report.virtual_ns as f64 / 1e9,
        "elapsed_s": elapsed.as_secs_f64(),
        "events_per_s": report.events as f64 / elapsed.as_secs_f64(),
    });
    if let Some(Counterexample { ran, steps, runs }) = counterexample {
        all["shrunk"] = json!({
            "steps_before": steps.0, "steps": steps.1, "runs": runs,
            "violations": ran.report.violations, "saved": ran.saved,
        });
    }
    all
}

fn print_sweep(
    system: &dyn Registered,
    scenario: &str,
    without: &[String],
    report: &SweepReport,
    elapsed: Duration,
) {
    let SweepReport { seeds, events, violations, unknown, shortfalls, .. } = report;
    let rate = progress::rate(*events as f64 / elapsed.as_secs_f64());
    say!(
        "{BOLD}{} {scenario}{BOLD:#}: {seeds} seeds, {events} events, {:.0} s of virtual time in \
         {:.2} s ({rate} events/s)",
        system.name(),
        report.virtual_ns as f64 / 1e9,
        elapsed.as_secs_f64()
    );
    print_counts(&report.operations, &report.faults, &report.sometimes);
    print_waits(&report.latency, &report.downtime);
    for violation in violations.iter().take(10) {
        let again = command(system.name(), scenario, violation.seed, without);
        say!("broken: {} after {} events: {again}", violation.promise, violation.events);
    }
    if violations.len() > 10 {
        say!("and {} more violations", violations.len() - 10);
    }
    for seed in unknown.iter().take(10) {
        say!("unknown: {}", command(system.name(), scenario, *seed, without));
    }
    for (name, reached, least) in shortfalls {
        say!("too little: {name} happened {reached} times, and must {least} times");
    }
    if report.is_clean() {
        say!("every promise held");
    }
}

fn print_counterexample(counterexample: &Counterexample) {
    let Counterexample { ran, steps: (before, after), runs } = counterexample;
    say!("\nshrunk from {before} steps to {after} in {runs} runs:\n");
    say!("{}", draw_last(ran, 40).trim_end());
}
