//! Every check is shown to fail, and every mechanism to be needed.

use std::collections::BTreeSet;
use std::thread::available_parallelism;

use sim::{Registered, SavedRun, Seeds, Witness};

use crate::tidy;

fn default_sweep(system: &dyn Registered, scenario: &str, without: &[String]) -> sim::SweepReport {
    let info = system.scenarios().into_iter().find(|info| info.name == scenario).unwrap();
    let seeds = Seeds { first: 0, count: info.seeds, jobs: available_parallelism().unwrap().get() };
    system.sweep(scenario, seeds, without, &|_, _| ()).unwrap()
}

/// A fault that nobody meets shows nothing: it is counted where it had an effect.
#[test]
fn every_default_sweep_is_clean_and_a_system_survives_what_it_says_and_meets_nothing_else() {
    for system in infralab::systems() {
        let mut met = BTreeSet::new();
        for info in system.scenarios() {
            let report = default_sweep(system.as_ref(), info.name, &[]);
            assert_eq!(report.violations, [], "{} {}", system.name(), info.name);
            assert!(report.unknown.is_empty(), "{} {}", system.name(), info.name);
            assert!(report.shortfalls.is_empty(), "{}: {:?}", info.name, report.shortfalls);
            assert!(!info.reaches.is_empty(), "{} states nothing that it must reach", info.name);
            assert!(report.operations.ok > report.operations.open, "{}: mostly silence", info.name);
            met.extend(report.faults.into_keys());
        }
        let survives = system.survives().iter().map(|kind| kind.name().into()).collect();
        assert_eq!(
            met,
            survives,
            "{}: what its scenarios met, and what it declares",
            system.name()
        );
    }
}

#[test]
fn without_its_mechanism_a_promise_breaks_and_with_it_the_same_plan_is_clean() {
    for system in infralab::systems() {
        for mechanism in system.mechanisms() {
            let of = |witness: &&Witness| witness.mechanism == mechanism.name;
            let witness = system.witnesses().iter().find(of);
            let witness = witness.unwrap_or_else(|| panic!("{} has no witness", mechanism.name));
            breaks_without_and_holds_with(system.as_ref(), witness);
        }
    }
}

fn breaks_without_and_holds_with(system: &dyn Registered, witness: &Witness) {
    let &Witness { mechanism, promise, scenario, .. } = witness;
    let without = [mechanism.to_string()];
    let report = default_sweep(system, scenario, &without);
    let breach = report.violations.iter().find(|breach| breach.promise == promise);
    let breach = breach.unwrap_or_else(|| panic!("{promise} holds without {mechanism}"));

    let shortest = system.shrink(scenario, breach.seed, &without, promise).unwrap();
    let broken = shortest.ran.report.violation_of(promise);
    assert!(broken.is_some(), "the shrunk plan without {mechanism} does not break {promise}");
    let (before, after) = shortest.steps;
    assert!(after * 10 <= before, "{mechanism}: {before} steps are {after} when shrunk");

    let with = SavedRun { without: Vec::new(), ..shortest.ran.saved };
    let clean = system.clean_rerolls(&with, 200).unwrap();
    assert_eq!(clean, 200, "the shrunk plan breaks something with {mechanism} on");
}

#[test]
fn the_recorded_seeds_break_what_they_say() {
    for system in infralab::systems() {
        for witness in system.witnesses() {
            let without = [witness.mechanism.to_string()];
            let ran = system.run(witness.scenario, witness.seed, &without).unwrap();
            assert!(ran.report.violation_of(witness.promise).is_some(), "{witness:?}");
            let ran = system.run(witness.scenario, witness.seed, &[]).unwrap();
            assert!(ran.report.is_clean(), "{witness:?} breaks with the mechanism on too");
        }
    }
}

/// A page that names another seed than the recorded one shows nothing, as soon as the code moves.
#[test]
fn pages_name_the_recorded_seeds_and_every_one_of_them() {
    let mut recorded = BTreeSet::new();
    for system in infralab::systems() {
        for Witness { scenario, seed, mechanism, .. } in system.witnesses() {
            recorded.insert(format!("{scenario} --seed {seed} --without {mechanism}"));
        }
    }
    let pages = tidy::pages().into_iter().map(|(page, _)| tidy::read(&page));
    let named: BTreeSet<String> = pages.flat_map(|page| witnesses_in(&page)).collect();
    let unknown: Vec<_> = named.difference(&recorded).collect();
    let missing: Vec<_> = recorded.difference(&named).collect();
    assert_eq!(
        (unknown, missing),
        (vec![], vec![]),
        "named and not recorded; recorded and not named"
    );
}

/// Each `SCENARIO --seed N --without MECHANISM` of a page, but for those that are cut short.
fn witnesses_in(page: &str) -> Vec<String> {
    let words: Vec<&str> = page.split_whitespace().collect();
    let witness = |five: &[&str]| match five {
        [scenario, "--seed", seed, "--without", mechanism] if *mechanism != "..." => Some(format!(
            "{} --seed {seed} --without {}",
            scenario.trim_matches('`'),
            mechanism.trim_matches('`')
        )),
        _ => None,
    };
    words.windows(5).filter_map(witness).collect()
}

#[test]
fn what_is_registered_is_named_once_and_exists() {
    for system in infralab::systems() {
        let promises: Vec<_> = system.promises().iter().map(|promise| promise.name).collect();
        let scenarios = system.scenarios();
        let mechanisms: Vec<_> = system.mechanisms().iter().map(|info| info.name).collect();
        for info in &scenarios {
            assert!(info.promises.iter().all(|name| promises.contains(name)), "{}", info.name);
        }
        for promise in &promises {
            let checked = scenarios.iter().any(|info| info.promises.contains(promise));
            assert!(checked, "no scenario checks {promise}");
        }
        for witness in system.witnesses() {
            assert!(mechanisms.contains(&witness.mechanism), "{witness:?}");
            assert!(promises.contains(&witness.promise), "{witness:?}");
            assert!(scenarios.iter().any(|info| info.name == witness.scenario), "{witness:?}");
        }
        // A mechanism may have the name of the promise that it keeps.
        let scenarios: Vec<_> = scenarios.iter().map(|info| info.name).collect();
        for mut names in [scenarios, promises, mechanisms] {
            let kebab = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(names.iter().all(|name| kebab(name)), "{names:?}");
            names.sort_unstable();
            assert!(
                names.windows(2).all(|pair| pair[0] != pair[1]),
                "one is there twice: {names:?}"
            );
        }
    }
}
