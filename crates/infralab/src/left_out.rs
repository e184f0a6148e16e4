//! The mechanisms that a run is without.

use std::collections::BTreeSet;

use clap::Args;
use sim::Registered;

/// What the user leaves out.
#[derive(Debug, Default, Args)]
pub(crate) struct Without {
    /// Leaves a mechanism out; may be given more than once.
    #[arg(long, value_name = "MECHANISM")]
    without: Vec<String>,
}

impl Without {
    /// Their names, each once and in one order, whichever they were given in: a sweep without the same is the same
    /// sweep.
    pub(crate) fn names(&self) -> Vec<String> {
        let names: BTreeSet<_> = self.without.iter().cloned().collect();
        names.into_iter().collect()
    }
}

/// What a scenario runs without, whatever is asked for; nothing for most.
pub(crate) fn by_scenario(system: &dyn Registered, scenario: &str) -> String {
    let info = system.scenarios().into_iter().find(|info| info.name == scenario);
    match info.map_or(&[][..], |info| info.leaves_out) {
        [] => String::new(),
        left_out => format!(" (leaves out {})", left_out.join(", ")),
    }
}
