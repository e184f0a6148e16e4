//! The title and the sentences, in the words of the promise, the mechanism and the verdict.

use machine::MechanismInfo;
use sim::{Evidence, Registered, RunRecord, Violation};

use crate::rows::{Chosen, asked};

/// What happened, in a few words.
pub(crate) fn title(left_out: &[MechanismInfo], violation: &Violation) -> String {
    match left_out {
        [one] if !one.title.is_empty() => one.title.to_owned(),
        _ => format!("{} is broken", violation.promise),
    }
}

/// What was to hold, what was left out, and what happened because of it.
pub(crate) fn sentences(
    system: &dyn Registered,
    run: &RunRecord,
    left_out: &[MechanismInfo],
    violation: &Violation,
    chosen: &Chosen,
) -> Vec<String> {
    let name = &violation.promise;
    let promised = system.promises().into_iter().find(|promise| promise.name == name);
    let promised = promised.map_or("no machine ever panics", |promise| promise.about);
    let mut said = vec![format!("Promised ({name}): {promised}.")];
    for mechanism in left_out {
        said.push(format!("Left out ({}): {}.", mechanism.name, mechanism.about));
    }
    let why = &violation.why;
    said.push(match left_out {
        [one] if !one.without.is_empty() => {
            let happened = fill(one.without, run, violation, chosen);
            format!("So {happened}: {why}.")
        }
        [] => format!("With everything on, {why}."),
        _ => format!("So {why}."),
    });
    said
}

/// The sentence with what the run has for its places.
fn fill(sentence: &str, run: &RunRecord, violation: &Violation, chosen: &Chosen) -> String {
    let node = chosen.parting.map(|(parting, _)| parting).into_iter();
    let node = node.chain(chosen.evidence.iter().copied());
    let node = node.flat_map(|number| run.moments[number].1.nodes()).next();
    let node = node.map_or("a node".into(), |node| format!("{node:?}"));
    let operation = violation.evidence.iter().find_map(|evidence| asked(run, evidence));
    let operation = operation.map(|(_, asked)| asked.to_owned());
    let value = violation.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Value(value) => Some(value.clone()),
        _ => None,
    });
    let filled = sentence.replace("{node}", &node);
    let filled = filled.replace("{operation}", operation.as_deref().unwrap_or("an operation"));
    filled.replace("{value}", value.as_deref().unwrap_or("a value"))
}
