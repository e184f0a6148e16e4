//! `sweep`: a scenario over many seeds.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use host::number;
use serde_json::json;
use sim::{Counterexample, Registered, Seeds, SweepReport, SweepViolation, Witness};

use crate::exit::{Failure, Found, Outcome, refused};
use crate::figures;
use crate::left_out::Without;
use crate::progress;
use crate::rerun::{program, sweep_command};
use crate::results::{save_to, say};
use crate::shard::{Shard, Share};
use crate::shared_verbs::run::say_where_it_breaks;
use crate::swept::Swept;
use crate::systems::systems;
use crate::view::View;

/// Which seeds of a scenario are run.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SeedsArguments {
    /// How many seeds; by default as many as the scenario says.
    #[arg(long, value_parser = number::<u64>(1..=100_000_000))]
    seeds: Option<u64>,
    /// The first one; the others follow.
    #[arg(long, default_value_t = 0, value_parser = number::<u64>(0..=u64::MAX))]
    first_seed: u64,
    /// Runs this share of the seeds, such as 2/4; `infralab merge` joins what all of them print with --json.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Threads; by default one for each core.
    #[arg(long, value_parser = number::<u16>(1..=1024))]
    jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// Its name, as `scenarios` lists it.
    scenario: String,
    #[command(flatten)]
    which: SeedsArguments,
    #[command(flatten)]
    without: Without,
    /// Shrinks the first violation to the shortest history that still breaks the promise.
    #[arg(long)]
    shrink: bool,
    /// Writes the shrunk run to a file that `infralab replay` reads.
    #[arg(long, value_name = "FILE", requires = "shrink")]
    save: Option<PathBuf>,
    /// Draws how these times of the system are distributed, such as downtime.
    #[arg(long, value_name = "FIGURE", conflicts_with = "json")]
    histogram: Option<String>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    view: View,
}

#[derive(Debug, Args)]
pub(crate) struct SweepAllArguments {
    #[command(flatten)]
    which: SeedsArguments,
    /// Prints one JSON object for each scenario, in a line of its own.
    #[arg(long)]
    json: bool,
}

/// Runs many seeds of every scenario of every system.
pub(crate) fn sweep_all(SweepAllArguments { which, json }: &SweepAllArguments) -> Outcome {
    let mut worst = Found::Held;
    for system in systems() {
        for info in system.scenarios() {
            let (scenario, without) = (info.name.to_owned(), Without::default());
            let (which, json) = (*which, *json);
            let (shrink, save, histogram, view) = (false, None, None, View::default());
            let arguments =
                SweepArguments { scenario, which, without, shrink, save, histogram, json, view };
            worst = worst.max(sweep(&*system, &arguments)?);
        }
    }
    Ok(worst)
}

/// Runs many seeds of a scenario.
#[expect(clippy::disallowed_methods, reason = "the time a sweep takes is what the user asks for")]
pub(crate) fn sweep(system: &dyn Registered, arguments: &SweepArguments) -> Outcome {
    let SweepArguments { scenario, which, without, shrink, save, histogram, json, view } =
        arguments;
    let SeedsArguments { seeds, first_seed, shard, jobs } = which;
    let without = &without.names();
    let default = system.scenarios().into_iter().find(|info| info.name == scenario);
    let count = seeds.unwrap_or(default.map_or(1, |info| info.seeds));
    if first_seed.checked_add(count - 1).is_none() {
        return Err(Failure::input(format!(
            "the seeds end at {}: --first-seed {first_seed} leaves no room for {count}",
            u64::MAX
        )));
    }
    let (first, share) = shard.map_or(Ok((0, count)), |shard| shard.of(count))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.map_or(cores, usize::from);
    let seeds = Seeds { first: first_seed + first, count: share, jobs };
    let bar = progress::seeds(share);
    let began = Instant::now();
    let mut report = system
        .sweep(scenario, seeds, without, &|done, found| {
            bar.set_position(done);
            if found > 0 {
                bar.set_message(format!("{found} violations"));
            }
        })
        .map_err(refused)?;
    let elapsed_s = began.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if shard.is_some() {
        // That is judged over all seeds.
        report.shortfalls.clear();
    }
    let counterexample = match telling(system, scenario, without, &report) {
        Some(first) if *shrink => {
            let shrink = || system.shrink(scenario, first.seed, without, &first.promise);
            let counterexample = progress::with_spinner("looking for the shortest history", shrink);
            Some(counterexample.map_err(Failure::input)?)
        }
        _ => None,
    };
    let swept = Swept { system: system.name(), scenario, without, report: &report, elapsed_s };
    if *json {
        let mut all = swept.json();
        if let Some(Counterexample { ran, steps, runs }) = &counterexample {
            all["shrunk"] = json!({
                "steps_before": steps.0, "steps": steps.1, "runs": runs,
                "violations": ran.report.violations, "saved": ran.saved,
                "story": view.story(system, ran)?,
            });
        }
        if let Some(shard) = shard {
            all["share"] = json!(Share::new(*shard, *first_seed, count, &report));
        }
        say!("{all}");
    } else {
        swept.print();
        if let Some(name) = histogram {
            figures::draw(&report.figures, name)?;
        }
        if let Some(counterexample) = &counterexample {
            print_counterexample(system, counterexample, view)?;
        } else if !report.violations.is_empty() {
            let again = sweep_command(system.name(), scenario, without);
            say!("the shortest history: {again} --shrink");
        } else if !without.is_empty() && report.is_clean() && shard.is_none() {
            say_where_it_breaks(system, (scenario, u64::MAX), without);
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
    Ok(swept.found())
}

/// The violation that a story is told of: the first of the promise that the mechanism is there for, if there is
/// one, and otherwise the first.
fn telling<'a>(
    system: &dyn Registered,
    scenario: &str,
    without: &[String],
    report: &'a SweepReport,
) -> Option<&'a SweepViolation> {
    let is_it = |it: &&Witness| without == [it.mechanism] && it.scenario == scenario;
    let known = system.witnesses().iter().filter(is_it);
    let mut known = known.filter_map(|it| {
        report.violations.iter().find(|violation| violation.promise == it.promise)
    });
    known.next().or(report.violations.first())
}

fn print_counterexample(
    system: &dyn Registered,
    counterexample: &Counterexample,
    view: &View,
) -> Result<(), Failure> {
    let Counterexample { ran, steps: (before, after), runs } = counterexample;
    say!("\nshrunk from {before} steps to {after} in {runs} runs");
    view.print(system, ran)
}
