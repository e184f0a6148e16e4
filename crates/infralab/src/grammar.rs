//! The command line as it is parsed, completed and printed on manual pages: the verbs that all systems
//! share with examples of each system's own, and negative numbers as values, so that the error for one
//! says which numbers are allowed.

use std::io::{self, Write};
use std::path::Path;

use clap::{Arg, Command};
use clap_complete::Shell;
use sim::Registered;

use crate::exit::{Failure, Found, Outcome};
use crate::results::outcome_of;
use crate::systems::systems;

/// What `derive` says of the arguments, with the rest.
pub(crate) fn complete(derived: Command) -> Command {
    let systems = systems();
    let with_examples = systems.iter().fold(derived, |command, system| {
        command.mut_subcommand(system.name(), |verbs| with_own_examples(verbs, system.as_ref()))
    });
    numbers_are_values(with_examples)
}

/// Prints what a shell reads to complete commands.
pub(crate) fn completions(shell: Shell, mut grammar: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut grammar, "infralab", &mut script);
    let mut out = io::stdout().lock();
    outcome_of(out.write_all(&script).and_then(|()| out.flush()))
}

/// Writes a manual page for each verb into a folder.
pub(crate) fn manual(folder: &Path, grammar: Command) -> Outcome {
    let shown = folder.display();
    std::fs::create_dir_all(folder).map_err(|why| Failure::environment(&shown, why))?;
    clap_mangen::generate_to(grammar, folder).map_err(|why| Failure::environment(&shown, why))?;
    Ok(Found::Held)
}

/// `sweep --help` of one system does not send people to another.
fn with_own_examples(verbs: Command, system: &dyn Registered) -> Command {
    let name = system.name();
    let first = system.scenarios().first().map_or("SCENARIO", |info| info.name);
    let broken = system.witnesses().iter().find(|witness| witness.scenario == first);
    let broken = broken.or(system.witnesses().first());
    let (scenario, without) = broken.map_or((first, String::new()), |witness| {
        (witness.scenario, format!(" --without {}", witness.mechanism))
    });
    let seed = broken.map_or(1, |witness| witness.seed);
    let examples = [
        ("demo", format!("Example: infralab {name} demo --seed 7")),
        ("scenarios", format!("Example: infralab {name} scenarios --json")),
        (
            "run",
            format!(
                "Examples:\n  infralab {name} run {first} --save run.json\n  infralab {name} run \
                 {scenario} --seed {seed}{without}"
            ),
        ),
        (
            "sweep",
            format!(
                "Examples:\n  infralab {name} sweep {first} --seeds 1000\n  infralab {name} sweep \
                 {scenario}{without} --shrink"
            ),
        ),
    ];
    examples.into_iter().fold(verbs, |verbs, (verb, example)| {
        verbs.mut_subcommand(verb, |verb| verb.after_help(example))
    })
}

fn numbers_are_values(command: Command) -> Command {
    let value = |arg: Arg| match arg.get_action().takes_values() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    command.mut_args(value).mut_subcommands(numbers_are_values)
}
