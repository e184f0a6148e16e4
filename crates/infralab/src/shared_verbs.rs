//! The verbs that all systems share.

mod demo;
mod run;
mod scenarios;
mod sweep;

use clap::Subcommand;
use host::number;

use crate::exit::Outcome;
use crate::systems::system;
use run::{RunArguments, run};
use sweep::{SweepArguments, sweep};

pub(crate) use sweep::{SweepAllArguments, sweep_all};

/// The verbs that all systems share. Each has examples of its own system (`grammar.rs`).
#[derive(Debug, Subcommand)]
pub(crate) enum SharedVerb {
    /// A narrated run of the simulated world.
    Demo {
        /// Draws the plan and everything that happens.
        #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
        seed: u64,
    },
    /// Lists failure scenarios, promises and mechanisms.
    Scenarios {
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Runs one scenario at one seed and checks its promises.
    ///
    /// Latency is that of operations that ended well. The downtime of a fault is how long
    /// clients waited in the longest stretch without a completed operation that overlaps it. Figures
    /// beside these are the system's own: its page says what they are.
    Run(RunArguments),
    /// Runs a scenario over many seeds, on all cores.
    ///
    /// Latency and downtime are as `run --help` explains them, over all seeds.
    Sweep(SweepArguments),
}

impl SharedVerb {
    pub(crate) fn carry_out(self, name: &str) -> Outcome {
        let system = &*system(name)?;
        match self {
            SharedVerb::Demo { seed } => demo::demo(system, seed),
            SharedVerb::Scenarios { json } => scenarios::scenarios(system, json),
            SharedVerb::Run(arguments) => run(system, &arguments),
            SharedVerb::Sweep(arguments) => sweep(system, &arguments),
        }
    }
}
