//! The verbs that all systems share: scenarios, run, sweep, replay.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sim::{Registered, RunRecord, SavedRun, Seeds, Shortest, SweepReport};

use crate::arguments::{RunArguments, SweepArguments};
use crate::exit::{Failure, Found, Outcome, say};
use crate::narrate::{BOLD, draw_last, print_counts, print_report, print_waits};
use crate::progress;

/// Lists what there is to run.
pub(crate) fn scenarios(room: &dyn Registered, json: bool) -> Outcome {
    let breaks_without = |scenario: &str| -> Vec<Value> {
        let here = room.witnesses().iter().filter(|witness| witness.scenario == scenario);
        here.map(|witness| json!({"mechanism": witness.mechanism, "promise": witness.promise}))
            .collect()
    };
    if json {
        let scenario = |info: sim::ScenarioInfo| {
            json!({"name": info.name, "about": info.about, "promises": info.promises,
                   "leaves_out": info.leaves_out, "seeds": info.seeds, "breaks_without": breaks_without(info.name)})
        };
        let mechanism =
            |info: &machine::MechanismInfo| json!({"name": info.name, "about": info.about});
        let all = json!({
            "scenarios": room.scenarios().into_iter().map(scenario).collect::<Vec<_>>(),
            "promises": room.promises(),
            "mechanisms": room.mechanisms().iter().map(mechanism).collect::<Vec<_>>(),
        });
        say!("{all}");
        return Ok(Found::Held);
    }
    say!("{BOLD}scenarios{BOLD:#}");
    for info in room.scenarios() {
        say!("  {:<26} {}{}", info.name, info.about, left_out(room, info.name));
        for witness in room.witnesses().iter().filter(|witness| witness.scenario == info.name) {
            say!("  {:<26} breaks {} without {}", "", witness.promise, witness.mechanism);
        }
    }
    say!("{BOLD}promises{BOLD:#}");
    for promise in room.promises() {
        say!("  {:<26} {}", promise.name, promise.about);
    }
    say!("{BOLD}mechanisms{BOLD:#}");
    for mechanism in room.mechanisms() {
        say!("  {:<26} {}", mechanism.name, mechanism.about);
    }
    Ok(Found::Held)
}

/// What a scenario runs without, whatever is asked for; nothing for most.
pub(crate) fn left_out(room: &dyn Registered, scenario: &str) -> String {
    let info = room.scenarios().into_iter().find(|info| info.name == scenario);
    match info.map_or(&[][..], |info| info.leaves_out) {
        [] => String::new(),
        left_out => format!(" (leaves out {})", left_out.join(", ")),
    }
}

/// Runs one scenario at one seed.
#[expect(clippy::disallowed_methods, reason = "the time a run takes is part of its results")]
pub(crate) fn run(room: &dyn Registered, arguments: &RunArguments) -> Outcome {
    let RunArguments { scenario, seed, without, save, history, json, diagram } = arguments;
    let without = &once_each(without);
    let began = Instant::now();
    let busy = progress::busy("running");
    let ran = room.run(scenario, *seed, without).map_err(Failure::input)?;
    drop(busy);
    let history = match (history, &ran.history) {
        (Some(_), None) => return Err(has_no_history(room)),
        (Some(file), Some(lines)) => Some((file, lines)),
        (None, _) => None,
    };
    let command = command(room.name(), scenario, *seed, without);
    let found = show(room, &ran, began.elapsed(), *json, *diagram, &command)?;
    // After the results: a file that cannot be written must not cost them.
    if let Some(file) = save {
        write(file, &ran.saved.to_json())?;
    }
    if let Some((file, lines)) = history {
        write(file, lines)?;
    }
    Ok(found)
}

fn has_no_history(room: &dyn Registered) -> Failure {
    Failure::input(format!(
        "{} keeps no history of reads and writes that --history could write: leave it out, or keep \
         the run itself with --save FILE",
        room.name()
    ))
}

/// Runs a saved run again.
#[expect(clippy::disallowed_methods, reason = "the time a run takes is part of its results")]
pub(crate) fn replay(file: &Path, json: bool, diagram: Option<usize>) -> Outcome {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    let saved = SavedRun::parse(&bytes).map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    let rooms = crate::systems();
    let room = rooms.iter().find(|room| room.name() == saved.system).ok_or_else(|| {
        Failure::input(format!("{shown}: there is no system {:?} in this lab", saved.system))
    })?;
    let began = Instant::now();
    let busy = progress::busy("running");
    let ran = room.replay(&saved).map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    drop(busy);
    if ran.saved.trace_hash != saved.trace_hash {
        anstream::eprintln!(
            "infralab: {shown} was changed since it was saved; this is another run"
        );
    }
    show(
        room.as_ref(),
        &ran,
        began.elapsed(),
        json,
        diagram,
        &format!("{} replay {shown}", program()),
    )
}

/// Runs many seeds of a scenario.
#[expect(clippy::disallowed_methods, reason = "the time a sweep takes is what the user asks for")]
pub(crate) fn sweep(room: &dyn Registered, arguments: &SweepArguments) -> Outcome {
    let SweepArguments { scenario, seeds, first_seed, jobs, without, shrink, save, json } =
        arguments;
    let without = &once_each(without);
    let default = room.scenarios().into_iter().find(|info| info.name == scenario);
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
    let report = room
        .sweep(scenario, seeds, without, &|done, found| {
            bar.set_position(done);
            if found > 0 {
                bar.set_message(format!("{found} violations"));
            }
        })
        .map_err(Failure::input)?;
    let elapsed = began.elapsed();
    bar.finish_and_clear();
    let shortest = match report.violations.first() {
        Some(first) if *shrink => {
            let _busy = progress::busy("looking for the shortest history");
            let shortest = room.shrink(scenario, first.seed, without, &first.promise);
            Some(shortest.map_err(Failure::input)?)
        }
        _ => None,
    };
    if *json {
        say!("{}", sweep_json(room, scenario, without, &report, elapsed, &shortest));
    } else {
        print_sweep(room, scenario, without, &report, elapsed);
        if let Some(shortest) = &shortest {
            print_shortest(shortest);
        }
    }
    match (save, &shortest) {
        (Some(file), Some(shortest)) => write(file, &shortest.ran.saved.to_json())?,
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

/// A mechanism that is left out twice is left out.
fn once_each(without: &[String]) -> Vec<String> {
    let first = |(place, name): &(usize, &String)| !without[..*place].contains(name);
    without.iter().enumerate().filter(first).map(|(_, name)| name.clone()).collect()
}

/// This program as it was called, so that what is printed can be pasted: it need not be on the PATH.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "infralab".into())
}

/// The command that runs this again.
pub(crate) fn command(system: &str, scenario: &str, seed: u64, without: &[String]) -> String {
    let without: String = without.iter().map(|name| format!(" --without {name}")).collect();
    let program = program();
    format!("{program} {system} run {scenario} --seed {seed}{without}")
}

fn show(
    room: &dyn Registered,
    ran: &RunRecord,
    elapsed: Duration,
    json: bool,
    diagram: Option<usize>,
    command: &str,
) -> Outcome {
    let report = &ran.report;
    if json {
        say!("{}", run_json(room, ran, elapsed));
    } else {
        print_report(room, ran);
        if let Some(rows) = diagram {
            say!("\n{}", draw_last(ran, rows).trim_end());
        }
        if !report.violations.is_empty() {
            say!("\nagain: {command}");
        }
    }
    Ok(match report {
        report if !report.violations.is_empty() => Found::Broken,
        report if !report.unknown.is_empty() => Found::Unknown,
        _ => Found::Held,
    })
}

/// One object with the keys of a sweep of one seed, and the trace hash.
fn run_json(room: &dyn Registered, ran: &RunRecord, elapsed: Duration) -> Value {
    let RunRecord { report, saved, .. } = ran;
    let seed = saved.world_seed;
    let violation = |found: &sim::Violation| {
        json!({"seed": seed, "promise": found.promise, "at_ms": millis(found.at.0),
               "events": found.events, "why": found.why})
    };
    let unknown = if report.unknown.is_empty() { Vec::new() } else { vec![seed] };
    json!({
        "system": room.name(),
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
        "latency_ms": report.latency,
        "downtime_ms": report.downtime,
        "virtual_s": report.virtual_time.0 as f64 / 1e9,
        "elapsed_s": elapsed.as_secs_f64(),
        "events_per_s": report.events as f64 / elapsed.as_secs_f64(),
        "trace_hash": saved.trace_hash,
    })
}

fn sweep_json(
    room: &dyn Registered,
    scenario: &str,
    without: &[String],
    report: &SweepReport,
    elapsed: Duration,
    shortest: &Option<Shortest>,
) -> Value {
    let shortfall = |&(name, reached, least): &(&str, u64, u64)| json!({"name": name, "reached": reached, "least": least});
    let mut all = json!({
        "system": room.name(),
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
    if let Some(Shortest { ran, steps, runs }) = shortest {
        all["shrunk"] = json!({
            "steps_before": steps.0, "steps": steps.1, "runs": runs,
            "violations": ran.report.violations, "saved": ran.saved,
        });
    }
    all
}

fn print_sweep(
    room: &dyn Registered,
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
        room.name(),
        report.virtual_ns as f64 / 1e9,
        elapsed.as_secs_f64()
    );
    print_counts(&report.operations, &report.faults, &report.sometimes);
    print_waits(&report.latency, &report.downtime);
    for breach in violations.iter().take(10) {
        let again = command(room.name(), scenario, breach.seed, without);
        say!("broken: {} after {} events: {again}", breach.promise, breach.events);
    }
    if violations.len() > 10 {
        say!("and {} more violations", violations.len() - 10);
    }
    for seed in unknown.iter().take(10) {
        say!("unknown: {}", command(room.name(), scenario, *seed, without));
    }
    for (name, reached, least) in shortfalls {
        say!("too little: {name} happened {reached} times, and must {least} times");
    }
    if report.is_clean() {
        say!("every promise held");
    }
}

fn print_shortest(shortest: &Shortest) {
    let Shortest { ran, steps: (before, after), runs } = shortest;
    say!("\nshrunk from {before} steps to {after} in {runs} runs:\n");
    say!("{}", draw_last(ran, 40).trim_end());
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|why| Failure::environment(file.display(), why))
}

fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
