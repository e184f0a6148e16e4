//! `run`: one scenario at one seed.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use host::number;
use sim::Registered;

use crate::exit::{Failure, Outcome};
use crate::left_out::Without;
use crate::progress::with_spinner;
use crate::rerun::command;
use crate::results::save_to;
use crate::run_report::show;

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Its name, as `scenarios` lists it.
    scenario: String,
    /// Draws the plan and everything that happens.
    #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
    seed: u64,
    #[command(flatten)]
    without: Without,
    /// Writes the run to a file that `infralab replay` reads.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Writes the clients' operations to a file that `infralab check` and Jepsen's tools read (EDN).
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    /// Prints the run as a space-time diagram, its last rows at most.
    #[arg(long, value_name = "ROWS", num_args = 0..=1, default_missing_value = "60")]
    #[arg(value_parser = number::<usize>(0..=1_000_000))]
    #[arg(conflicts_with = "json")]
    diagram: Option<usize>,
}

/// Runs one scenario at one seed.
#[expect(clippy::disallowed_methods, reason = "the time a run takes is part of its results")]
pub(crate) fn run(system: &dyn Registered, arguments: &RunArguments) -> Outcome {
    let RunArguments { scenario, seed, without, save, history, json, diagram } = arguments;
    let without = &without.names();
    let began = Instant::now();
    let ran =
        with_spinner("running", || system.run(scenario, *seed, without)).map_err(Failure::input)?;
    let history = match (history, &ran.history) {
        (Some(_), None) => return Err(has_no_history(system)),
        (Some(file), Some(lines)) => Some((file, lines)),
        (None, _) => None,
    };
    let command = command(system.name(), scenario, *seed, without);
    let found = show(system, &ran, began.elapsed(), *json, *diagram, &command)?;
    // After the results: a file that cannot be written must not cost them.
    if let Some(file) = save {
        save_to(file, &ran.saved.to_json())?;
    }
    if let Some((file, lines)) = history {
        save_to(file, lines)?;
    }
    Ok(found)
}

fn has_no_history(system: &dyn Registered) -> Failure {
    Failure::input(format!(
        "{} keeps no history of reads and writes that --history could write: leave it out, or keep \
         the run itself with --save FILE",
        system.name()
    ))
}
