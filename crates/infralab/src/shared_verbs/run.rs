//! `run`: one scenario at one seed.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use host::number;
use sim::{Registered, RunRecord, Witness};

use crate::exit::{Failure, Outcome, refused};
use crate::left_out::Without;
use crate::progress::with_spinner;
use crate::rerun::{command, program, sweep_command};
use crate::results::{save_to, say};
use crate::run_report::show;
use crate::view::View;

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
    #[command(flatten)]
    view: View,
}

/// Runs one scenario at one seed.
#[expect(clippy::disallowed_methods, reason = "the time a run takes is part of its results")]
pub(crate) fn run(system: &dyn Registered, arguments: &RunArguments) -> Outcome {
    let RunArguments { scenario, seed, without, save, history, json, view } = arguments;
    let without = &without.names();
    let began = Instant::now();
    let ran = with_spinner("running", || system.run(scenario, *seed, without)).map_err(refused)?;
    let history = match (history, &ran.history) {
        (Some(_), None) => return Err(has_no_history(system)),
        (Some(file), Some(lines)) => Some((file, lines)),
        (None, _) => None,
    };
    let command = command(system.name(), scenario, *seed, without);
    let found = show(system, &ran, began.elapsed(), *json, view, &command)?;
    if !json {
        say_next(system, arguments, &ran);
    }
    // After the results: a file that cannot be written must not cost them.
    if let Some(file) = save {
        save_to(file, &ran.saved.to_json())?;
    }
    if let Some((file, lines)) = history {
        save_to(file, lines)?;
    }
    Ok(found)
}

/// What can be done next: a break has a shortest history, and a mechanism that was not needed here may be elsewhere.
fn say_next(system: &dyn Registered, arguments: &RunArguments, ran: &RunRecord) {
    let RunArguments { scenario, seed, save, .. } = arguments;
    let (name, without) = (system.name(), &ran.saved.without);
    if !ran.report.violations.is_empty() {
        let shortest = sweep_command(name, scenario, without);
        say!("the shortest history: {shortest} --first-seed {seed} --seeds 1 --shrink");
        say!("the whole run: {} --all", command(name, scenario, *seed, without));
        if save.is_none() {
            say!("to keep this run: --save FILE, then {} replay FILE", program());
        }
    } else if !without.is_empty() && !say_where_it_breaks(system, (scenario, *seed), without) {
        say!("to find a seed that breaks: {}", sweep_command(name, scenario, without));
    }
}

/// Where a promise is known to break without this mechanism; false where that is nowhere else than here.
pub(super) fn say_where_it_breaks(
    system: &dyn Registered,
    here: (&str, u64),
    without: &[String],
) -> bool {
    let known = |it: &&Witness| [it.mechanism] == *without && (it.scenario, it.seed) != here;
    let Some(it) = system.witnesses().iter().find(known) else { return false };
    let again = command(system.name(), it.scenario, it.seed, without);
    say!("nothing here needs {}; what does: {again}", it.mechanism);
    true
}

fn has_no_history(system: &dyn Registered) -> Failure {
    Failure::input(format!(
        "{} keeps no history of reads and writes that --history could write: leave it out, or keep \
         the run itself with --save FILE",
        system.name()
    ))
}
