//! The mechanisms that a run is without.

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
    /// Their names. A mechanism that is left out twice is left out.
    pub(crate) fn names(&self) -> Vec<String> {
        let first = |(index, name): &(usize, &String)| !self.without[..*index].contains(name);
        self.without.iter().enumerate().filter(first).map(|(_, name)| name.clone()).collect()
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
