//! What a system names must be what it declares: a misspelt promise would hold in every run, and a fault
//! aimed at a role that nobody has would hit nobody.

use crate::fault::Target;
use crate::plan::Step;
use crate::refused::Refused;
use crate::scenario::{PlanOf, Scenario, System};

/// Refuses a scenario that names a promise or mechanism that is not declared, itself or in its witnesses.
pub(crate) fn check_scenario<S: System>(scenario: Scenario<S>) -> Result<Scenario<S>, Refused> {
    let promises: Vec<&str> = S::PROMISES.iter().map(|promise| promise.name).collect();
    let mechanisms: Vec<&str> = S::MECHANISMS.iter().map(|mechanism| mechanism.name).collect();
    let here = |witness: &&crate::Witness| witness.scenario == scenario.name;
    for witness in S::WITNESSES.iter().filter(here) {
        require("mechanism", witness.mechanism, &mechanisms)?;
        require("promise", witness.promise, &promises)?;
    }
    for promise in scenario.promises {
        require("promise", promise, &promises)?;
    }
    for mechanism in scenario.leaves_out {
        require("mechanism", mechanism, &mechanisms)?;
    }
    Ok(scenario)
}

/// Refuses a plan with a fault that is aimed at a role that is not declared.
pub(crate) fn check_roles<S: System>(plan: &PlanOf<S>) -> Result<(), Refused> {
    for step in &plan.steps {
        let Step::Fault { fault, .. } = step else { continue };
        for target in fault.targets() {
            if let Target::Role(role) = target {
                require("role", role, S::ROLES)?;
            }
        }
    }
    Ok(())
}

fn require(what: &str, name: &str, declared: &[&str]) -> Result<(), Refused> {
    if declared.contains(&name) {
        return Ok(());
    }
    let known = match declared.is_empty() {
        true => "none".to_string(),
        false => declared.join(", "),
    };
    Err(Refused::Undeclared(format!("the system names the {what} {name:?}, and declares {known}")))
}
