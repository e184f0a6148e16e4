//! What a system names must be what it declares: a misspelt promise would hold in every run, and a fault
//! aimed at a role that nobody has would hit nobody.

use crate::fault::Target;
use crate::plan::Step;
use crate::refused::Refused;
use crate::run::PlanOf;
use crate::scenario::{Scenario, System};

/// A scenario whose promises, mechanisms and witnesses are declared.
pub(crate) fn declared<S: System>(scenario: Scenario<S>) -> Result<Scenario<S>, Refused> {
    let promises: Vec<&str> = S::PROMISES.iter().map(|promise| promise.name).collect();
    let mechanisms: Vec<&str> = S::MECHANISMS.iter().map(|mechanism| mechanism.name).collect();
    let here = |witness: &&crate::Witness| witness.scenario == scenario.name;
    for witness in S::WITNESSES.iter().filter(here) {
        among("mechanism", witness.mechanism, &mechanisms)?;
        among("promise", witness.promise, &promises)?;
    }
    for promise in scenario.promises {
        among("promise", promise, &promises)?;
    }
    for mechanism in scenario.leaves_out {
        among("mechanism", mechanism, &mechanisms)?;
    }
    Ok(scenario)
}

/// A plan whose faults are aimed at nodes and at roles that are declared.
pub(crate) fn roles_declared<S: System>(plan: &PlanOf<S>) -> Result<(), Refused> {
    for step in &plan.steps {
        let Step::Fault { fault, .. } = step else { continue };
        for target in fault.targets() {
            if let Target::Role(role) = target {
                among("role", role, S::ROLES)?;
            }
        }
    }
    Ok(())
}

fn among(what: &str, name: &str, declared: &[&str]) -> Result<(), Refused> {
    if declared.contains(&name) {
        return Ok(());
    }
    let known = match declared.is_empty() {
        true => "none".to_string(),
        false => declared.join(", "),
    };
    Err(Refused::Undeclared(format!("the system names the {what} {name:?}, and declares {known}")))
}
