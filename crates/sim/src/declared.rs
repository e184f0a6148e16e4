//! What a system names must be what it declares: a misspelt promise would hold in every run, and a fault
//! aimed at a role that nobody has would hit nobody.

use crate::cluster::Shape;
use crate::fault::{Fault, Target, role_of};
use crate::plan::Step;
use crate::refused::Refused;
use crate::scenario::{PlanOf, Scenario, System};

/// Refuses a system that declares a name twice, or has a witness of what it does not declare.
pub(crate) fn check_system<S: System>(scenarios: &[Scenario<S>]) -> Result<(), Refused> {
    let scenarios: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let promises: Vec<&str> = S::PROMISES.iter().map(|promise| promise.name).collect();
    let mechanisms: Vec<&str> = S::MECHANISMS.iter().map(|mechanism| mechanism.name).collect();
    let filters: Vec<&str> = S::FILTERS.iter().map(|filter| filter.name).collect();
    for (what, names) in [
        ("scenario", &scenarios),
        ("promise", &promises),
        ("mechanism", &mechanisms),
        ("filter", &filters),
        ("role", &S::ROLES.to_vec()),
    ] {
        let twice = (1..names.len()).find(|&place| names[..place].contains(&names[place]));
        if let Some(place) = twice {
            let why = format!("the system declares the {what} {:?} twice", names[place]);
            return Err(Refused::Undeclared(why));
        }
    }
    for witness in S::WITNESSES {
        require("scenario", witness.scenario, &scenarios)?;
        require("promise", witness.promise, &promises)?;
        require("mechanism", witness.mechanism, &mechanisms)?;
    }
    Ok(())
}

/// Refuses a scenario that names a promise or mechanism that is not declared, or that checks nothing.
pub(crate) fn check_scenario<S: System>(scenario: Scenario<S>) -> Result<Scenario<S>, Refused> {
    let promises: Vec<&str> = S::PROMISES.iter().map(|promise| promise.name).collect();
    let mechanisms: Vec<&str> = S::MECHANISMS.iter().map(|mechanism| mechanism.name).collect();
    if scenario.promises.is_empty() {
        let why = format!("the scenario {} checks no promise", scenario.name);
        return Err(Refused::Undeclared(why));
    }
    for promise in scenario.promises {
        require("promise", promise, &promises)?;
    }
    for mechanism in scenario.leaves_out {
        require("mechanism", mechanism, &mechanisms)?;
    }
    Ok(scenario)
}

/// Refuses a plan with a fault that is aimed at a role, or picks messages by a filter, that is not declared.
pub(crate) fn check_faults<S: System>(plan: &PlanOf<S>) -> Result<(), Refused> {
    for step in &plan.steps {
        let Step::Fault { fault, .. } = step else { continue };
        if let Fault::MessageFilter { filter, .. } = fault {
            let declared: Vec<&str> = S::FILTERS.iter().map(|filter| filter.name).collect();
            require("filter", filter, &declared)?;
        }
        for target in fault.targets() {
            let Target::Role(target) = target else { continue };
            let Some((role, _)) = role_of(target) else { continue };
            require("role", role, S::ROLES).map_err(|refused| {
                let is = |(name, _): &(&str, u64)| *name == role;
                match plan.cluster.shape.members().iter().any(is) {
                    true => Refused::Undeclared(format!(
                        "{refused}; nodes that are {role} by their number are shape.targets({role:?})"
                    )),
                    false => refused,
                }
            })?;
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
