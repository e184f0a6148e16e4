//! `replay`: a saved run, once more.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use host::number;
use sim::SavedRun;

use crate::exit::{Failure, Outcome};
use crate::progress::with_spinner;
use crate::rerun::program;
use crate::run_report::show;
use crate::systems::system;

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// What `run --save` or `sweep --shrink --save` wrote.
    file: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    /// Prints the run as a space-time diagram, its last rows at most.
    #[arg(long, value_name = "ROWS", num_args = 0..=1, default_missing_value = "60")]
    #[arg(value_parser = number::<usize>(0..=1_000_000))]
    #[arg(conflicts_with = "json")]
    diagram: Option<usize>,
}

/// Runs a saved run again.
#[expect(clippy::disallowed_methods, reason = "the time a run takes is part of its results")]
pub(crate) fn replay(arguments: &ReplayArguments) -> Outcome {
    let ReplayArguments { file, json, diagram } = arguments;
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    let saved = SavedRun::parse(&bytes).map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    let system = system(&saved.system).map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    let began = Instant::now();
    let ran = with_spinner("running", || system.replay(&saved));
    let ran = ran.map_err(|why| Failure::input(format!("{shown}: {why}")))?;
    if ran.saved.trace_hash != saved.trace_hash {
        anstream::eprintln!(
            "infralab: {shown} was changed since it was saved; this is another run"
        );
    }
    let again = format!("{} replay {shown}", program());
    show(&*system, &ran, began.elapsed(), *json, *diagram, &again)
}
