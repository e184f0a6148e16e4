//! The tour: every system, each promise put to the test, and each mechanism shown to be needed.

use std::time::Instant;

use sim::{Registered, Seeds, SweepReport};

use crate::exit::{Failure, Found, Outcome};
use crate::narrate::BOLD;
use crate::progress;
use crate::rerun::{command, program};
use crate::results::say;
use crate::systems::systems;

/// Seeds of each scenario: enough to see, few enough to wait for.
const SEEDS: u64 = 100;

/// Walks through all systems.
#[expect(clippy::disallowed_methods, reason = "the tour tells how long it took")]
pub(crate) fn tour() -> Outcome {
    let began = Instant::now();
    let mut found = Found::Held;
    for system in systems() {
        say!("{BOLD}{}{BOLD:#}", system.name());
        wrapped(2, system.about()).iter().for_each(|line| say!("{line}"));
        let swept = sweep_all(system.as_ref())?;
        found = worse(found, print_promises(system.as_ref(), &swept));
        found = worse(found, print_mechanisms(system.as_ref())?);
        say!();
    }
    let (took, program) = (began.elapsed().as_secs_f64(), program());
    say!("The tour took {took:.1} s. Next: {program} snowflake demo");
    say!("A break is told by its cause: run any of the commands above.");
    Ok(found)
}

type Swept = Vec<(sim::ScenarioInfo, SweepReport)>;

fn sweep_all(system: &dyn Registered) -> Result<Swept, Failure> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let count = |info: &sim::ScenarioInfo| SEEDS.min(info.seeds);
    let scenarios = system.scenarios();
    let (bar, mut before) = (progress::seeds(scenarios.iter().map(count).sum()), 0);
    let sweep = |info: sim::ScenarioInfo| {
        let seeds = Seeds { first: 0, count: count(&info), jobs };
        bar.set_message(info.name);
        let done = |done, _| bar.set_position(before + done);
        let report = system.sweep(info.name, seeds, &[], &done).map_err(Failure::input)?;
        before += seeds.count;
        Ok((info, report))
    };
    scenarios.into_iter().map(sweep).collect()
}

fn print_promises(system: &dyn Registered, swept: &Swept) -> Found {
    let mut found = Found::Held;
    say!("  {:<24} {:>6} {:>11} {:>8}  in", "promise", "seeds", "events", "faults");
    // A machine that panics breaks what every system promises without saying so.
    let promises = system.promises().into_iter().map(|promise| promise.name).chain([sim::NO_PANIC]);
    for promise in promises {
        let checks =
            |info: &sim::ScenarioInfo| promise == sim::NO_PANIC || info.promises.contains(&promise);
        let of: Vec<_> = swept.iter().filter(|(info, _)| checks(info)).collect();
        let sum = |count: fn(&SweepReport) -> u64| -> u64 {
            of.iter().map(|(_, report)| count(report)).sum()
        };
        let (seeds, events) = (sum(|report| report.seeds), sum(|report| report.events));
        let faults = sum(|report| report.faults.values().sum());
        let scenarios = of.len();
        say!("  {promise:<24} {seeds:>6} {events:>11} {faults:>8}  {scenarios} scenarios");
        for (info, report) in of {
            for violation in
                report.violations.iter().filter(|violation| violation.promise == promise)
            {
                found = Found::Broken;
                say!("    broken:");
                say_command(&command(system.name(), info.name, violation.seed, &[]));
            }
            if !report.unknown.is_empty() {
                found = worse(found, Found::Unknown);
            }
        }
    }
    found
}

fn print_mechanisms(system: &dyn Registered) -> Result<Found, Failure> {
    let mut found = Found::Held;
    say!("  {:<24} this breaks; see it", "without");
    for witness in system.witnesses() {
        let without = [witness.mechanism.to_string()];
        let ran = system.run(witness.scenario, witness.seed, &without).map_err(Failure::input)?;
        let again = command(system.name(), witness.scenario, witness.seed, &without);
        let broke = ran.report.violation_of(witness.promise).is_some();
        let promise = if broke { witness.promise } else { "nothing at this seed" };
        say!("  {:<24} {promise}", witness.mechanism);
        say_command(&again);
        if !broke {
            found = Found::Unknown;
        }
    }
    Ok(found)
}

/// A command to paste, in as many lines as it takes.
fn say_command(command: &str) {
    if command.len() + 4 <= story::WIDTH {
        return say!("    {command}");
    }
    let mut lines = wrapped(4, command);
    let last = lines.len() - 1;
    lines[..last].iter_mut().for_each(|line| line.push_str(" \\"));
    lines.iter().for_each(|line| say!("{line}"));
}

/// Words in lines that begin with so many blanks, and leave room for the end of a line.
fn wrapped(blanks: usize, words: &str) -> Vec<String> {
    let room = story::WIDTH - blanks - 2;
    story::wrap(words, room).into_iter().map(|line| format!("{:blanks$}{line}", "")).collect()
}

fn worse(a: Found, b: Found) -> Found {
    match (a, b) {
        (Found::Broken, _) | (_, Found::Broken) => Found::Broken,
        (Found::Unknown, _) | (_, Found::Unknown) => Found::Unknown,
        _ => Found::Held,
    }
}
