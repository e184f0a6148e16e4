//! `replay`: a saved run, once more.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use sim::SavedRun;

use crate::exit::{Failure, Found, Outcome};
use crate::progress::with_spinner;
use crate::rerun::program;
use crate::results::say;
use crate::run_report::show;
use crate::systems::system;
use crate::view::View;

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// What `run --save` or `sweep --shrink --save` wrote.
    file: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    view: View,
}

/// Runs a saved run again.
#[expect(clippy::disallowed_methods, reason = "the time a run takes is part of its results")]
pub(crate) fn replay(arguments: &ReplayArguments) -> Outcome {
    let ReplayArguments { file, json, view } = arguments;
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
    let found = show(&*system, &ran, began.elapsed(), *json, view, &again)?;
    if found == Found::Broken && !json {
        say!("the whole run: {again} --all");
    }
    Ok(found)
}
