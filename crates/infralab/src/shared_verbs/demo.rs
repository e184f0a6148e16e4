//! `demo`: a narrated run.

use machine::Time;
use sim::{Moment, Registered};
use story::Window;

use crate::exit::{Failure, Outcome};
use crate::narrate::{BAD, BOLD, print_report, verdict};
use crate::rerun::command;
use crate::results::say;
use crate::view::width;

/// A narrated run of the first scenario, and of the same system without one of its mechanisms.
pub(crate) fn demo(system: &dyn Registered, seed: u64) -> Outcome {
    let scenarios = system.scenarios();
    let Some(first) = scenarios.first() else {
        return Err(Failure::input(format!("{} has no scenarios", system.name())));
    };
    let ran = system.run(first.name, seed, &[]).map_err(Failure::input)?;
    say!("{BOLD}{}{BOLD:#}: {}\n", system.name(), system.about());
    say!("The scenario {BOLD}{}{BOLD:#}, seed {seed}: {}.", first.name, first.about);
    say!("The cluster: {}.\n", ran.nodes.join(", "));
    say!("What will go wrong:");
    let faults = ran.moments.iter().filter_map(|(at, moment)| match moment {
        Moment::FaultBegins { text, .. } => Some((at, text)),
        _ => None,
    });
    faults.for_each(|(at, text)| say!("  {:>10.3} ms  {}", at.0 as f64 / 1e6, text));
    let fault = |(_, moment): &&(Time, Moment)| matches!(moment, Moment::FaultBegins { .. });
    if let Some(&(at, _)) = ran.moments.iter().find(fault) {
        say!("\nAround the first of these:\n");
        let window = Window::From(Time(at.0.saturating_sub(20_000_000)), 30);
        say!("{}", story::whole(&ran, window, width()).trim_end());
    }
    say!("\nAnd in the end:\n");
    print_report(system, &ran);
    for witness in system.witnesses().iter().filter(|witness| witness.scenario == first.name) {
        let without = [witness.mechanism.to_string()];
        let broken =
            system.run(witness.scenario, witness.seed, &without).map_err(Failure::input)?;
        say!("\nThe same scenario without {BOLD}{}{BOLD:#}:", witness.mechanism);
        for violation in &broken.report.violations {
            say!("  {BAD}✗{BAD:#} {}: {}", violation.promise, violation.why);
        }
        let again = command(system.name(), first.name, witness.seed, &without);
        say!("See why: {again}");
    }
    Ok(verdict(&ran))
}
