//! `scenarios`: what there is to run.

use serde_json::{Value, json};
use sim::Registered;

use crate::exit::{Found, Outcome};
use crate::left_out;
use crate::narrate::BOLD;
use crate::results::say;

/// Lists what there is to run.
pub(crate) fn scenarios(system: &dyn Registered, json: bool) -> Outcome {
    let breaks_without = |scenario: &str| -> Vec<Value> {
        let here = system.witnesses().iter().filter(|witness| witness.scenario == scenario);
        here.map(|witness| json!({"mechanism": witness.mechanism, "promise": witness.promise}))
            .collect()
    };
    if json {
        let scenario = |info: sim::ScenarioInfo| {
            json!({"name": info.name, "about": info.about, "promises": info.promises,
                   "leaves_out": info.leaves_out, "seeds": info.seeds, "breaks_without": breaks_without(info.name)})
        };
        let mechanism =
            |info: &machine::MechanismInfo| json!({"name": info.name, "about": info.about});
        let all = json!({
            "scenarios": system.scenarios().into_iter().map(scenario).collect::<Vec<_>>(),
            "promises": system.promises(),
            "mechanisms": system.mechanisms().iter().map(mechanism).collect::<Vec<_>>(),
        });
        say!("{all}");
        return Ok(Found::Held);
    }
    say!("{BOLD}scenarios{BOLD:#}");
    for info in system.scenarios() {
        say!("  {:<26} {}{}", info.name, info.about, left_out::by_scenario(system, info.name));
        for witness in system.witnesses().iter().filter(|witness| witness.scenario == info.name) {
            say!("  {:<26} breaks {} without {}", "", witness.promise, witness.mechanism);
        }
    }
    say!("{BOLD}promises{BOLD:#}");
    for promise in system.promises() {
        say!("  {:<26} {}", promise.name, promise.about);
    }
    say!("{BOLD}mechanisms{BOLD:#}");
    for mechanism in system.mechanisms() {
        say!("  {:<26} {}", mechanism.name, mechanism.about);
    }
    Ok(Found::Held)
}
