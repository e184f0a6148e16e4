//! The frame: runs, sweeps, shrinking and verdicts, through the door of the registry.

use serde_json::json;
use sim::{Refused, Registered, Seeds, SweepReport, assert_breaks_without, assert_holds, register};

use crate::counting::Counting;

pub(crate) fn system() -> Box<dyn Registered> {
    register::<Counting>()
}

/// A list of mechanisms to leave out.
pub(crate) fn without(name: &str) -> Vec<String> {
    vec![name.to_string()]
}

fn sweep(scenario: &str, count: u64, jobs: usize, without: &[String]) -> SweepReport {
    system().sweep(scenario, Seeds { first: 0, count, jobs }, without, &|_, _| {}).unwrap()
}

#[test]
fn a_sweep_is_clean_with_all_mechanisms_and_reaches_what_it_must() {
    let report = sweep("retries", 100, 2, &[]);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.seeds, report.operations.ok), (100, 3_000));
    assert_eq!((report.operations.open, report.operations.failed), (0, 0));
    assert_eq!(report.fewest_ok, Some(30), "in each run");
    assert!(report.events > 10_000 && report.virtual_ns == 100 * 5_000_000_000);
}

#[test]
fn a_sweep_finds_what_each_mechanism_is_for() {
    for (mechanism, promise) in [("dedup", "counted-once"), ("fsync", "answered-is-counted")] {
        let report = sweep("retries", 40, 2, &without(mechanism));
        assert!(!report.violations.is_empty(), "without {mechanism}");
        let others = report.violations.iter().filter(|breach| breach.promise != promise);
        assert_eq!(others.count(), 0, "without {mechanism}");
        assert!(report.violations.is_sorted_by_key(|breach| breach.seed));
        // What a sweep found, a run finds at the same event.
        let breach = &report.violations[0];
        let ran = system().run("retries", breach.seed, &without(mechanism)).unwrap();
        assert_eq!(ran.report.violation_of(promise).unwrap().events, breach.events);
    }
}

#[test]
fn a_mechanism_that_the_scenario_leaves_out_is_off() {
    let left_out = sweep("unsafe-disk", 40, 1, &[]);
    assert_eq!(left_out.violations, sweep("retries", 40, 1, &without("fsync")).violations);
    assert!(!left_out.is_clean());
}

#[test]
fn a_sweep_does_not_depend_on_the_number_of_threads() {
    let alone = sweep("retries", 60, 1, &without("dedup"));
    for jobs in [0, 2, 3, 8] {
        assert_eq!(sweep("retries", 60, jobs, &without("dedup")), alone, "{jobs} jobs");
    }
}

#[test]
fn a_run_tells_how_long_clients_waited_and_a_sweep_adds_it_up() {
    let ran = system().run("outage", 1, &[]).unwrap();
    let (latency, downtime) = (&ran.report.latency, &ran.report.downtime);
    // From the last answer before the crash until somebody tried again after it: tries are 20, 40,
    // 80, 160 ms apart and so on.
    let longest = downtime.max().unwrap().as_millis();
    assert!((290..700).contains(&longest), "{downtime:?}");
    assert_eq!(downtime.count(), 2, "one for each fault");
    assert!(downtime.percentile(50).unwrap().as_millis() < 20, "nobody waited for the slow disk");
    assert_eq!(latency.count(), ran.report.operations.ok);
    assert!(latency.max().unwrap().as_millis() + 20 > longest, "{latency:?}");

    let swept = sweep("outage", 3, 2, &[]);
    assert_eq!((swept.latency.count(), swept.downtime.count()), (3 * 100, 3 * 2));
    assert!(swept.downtime.max() >= downtime.max());
}

#[test]
fn a_sweep_tells_of_its_progress() {
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |done, violations| told.lock().unwrap().push((done, violations));
    let seeds = Seeds { first: 7, count: 30, jobs: 3 };
    let report = system().sweep("retries", seeds, &without("dedup"), &progress).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.len() == 30);
    assert_eq!(told.last(), Some(&(30, report.violations.len() as u64)));
}

#[test]
fn a_sweep_that_does_nothing_falls_short() {
    let report = sweep("idle", 5, 2, &[]);
    let missing: Vec<_> = report.shortfalls.iter().map(|(name, ..)| *name).collect();
    assert_eq!(missing, ["retried", "power-loss", "loss"]);
    assert!(!report.is_clean());
    assert!(sweep("idle", 4, 2, &[]).is_clean(), "less than a default sweep owes nothing");
}

#[test]
fn a_shrunk_plan_is_short_breaks_the_same_promise_and_is_clean_with_the_mechanism() {
    for (mechanism, promise) in [("dedup", "counted-once"), ("fsync", "answered-is-counted")] {
        let breach = sweep("retries", 40, 2, &without(mechanism)).violations.remove(0);
        let short = system().shrink("retries", breach.seed, &without(mechanism), promise).unwrap();
        let (before, after) = short.steps;
        assert!(before >= 30 && (1..=3).contains(&after), "{before} steps became {after}");
        assert!(short.ran.report.violation_of(promise).is_some());

        let mut saved = short.ran.saved.clone();
        assert_eq!(system().replay(&saved).unwrap().report, short.ran.report);
        saved.without = Vec::new();
        assert_eq!(system().clean_rerolls(&saved, 200), Ok(200), "with {mechanism}");
        saved.without = without(mechanism);
        assert!(system().clean_rerolls(&saved, 200).unwrap() < 200, "without {mechanism}");
    }
}

#[test]
fn shrinking_never_changes_to_another_promise() {
    let breaches = sweep("bomb", 40, 2, &without("dedup")).violations;
    let both = breaches.iter().find(|breach| breach.promise == "counted-once").unwrap();
    for promise in ["counted-once", "no-panic"] {
        let short = system().shrink("bomb", both.seed, &without("dedup"), promise).unwrap();
        assert!(short.ran.report.violation_of(promise).is_some(), "{promise}");
        assert!(short.steps.1 <= 3, "{promise}: {:?}", short.steps);
    }
}

#[test]
fn there_is_nothing_to_shrink_where_the_promise_holds() {
    let refused = system().shrink("retries", 1, &[], "counted-once").unwrap_err();
    assert_eq!(refused, Refused::Holds("counted-once".into()));
    assert!(refused.to_string().contains("counted-once holds at this seed"));
}

#[test]
fn a_run_that_will_not_end_is_unknown() {
    let report = sweep("endless", 1, 1, &[]);
    assert_eq!(report.unknown, [0]);
    assert!(report.violations.is_empty() && !report.is_clean());
    assert_eq!(report.events, 5_000_000, "its budget");
}

#[test]
fn a_verdict_that_is_unknown_is_not_clean() {
    let report = system().run("undecided", 1, &[]).unwrap().report;
    assert_eq!(report.unknown, ["undecided: there was not enough time to tell"]);
    assert!(!report.is_clean());
    assert_eq!(sweep("undecided", 3, 2, &[]).unknown, [0, 1, 2]);
}

#[test]
fn a_panic_in_a_machine_is_a_verdict_and_prints_nothing() {
    const INSIDE: &str = "SIM_TEST_PANICS";
    if std::env::var_os(INSIDE).is_some() {
        let ran = system().run("bomb", 3, &[]).unwrap();
        let [violation] = &ran.report.violations[..] else { panic!("one violation") };
        assert_eq!(violation.promise, "no-panic");
        // And where it was, so that nobody has to look for it.
        let place = "the counter exploded (crates/sim/tests/sim/counter.rs:";
        assert!(violation.why.starts_with(place), "{}", violation.why);
        assert!(violation.at >= machine::Time(1_000_000_000) && violation.events > 0);
        let again = system().replay(&ran.saved).unwrap();
        assert_eq!(again.report, ran.report, "it is a run like any other");
        println!("the verdict was as it should be");
        return;
    }
    // What is printed can be seen only from outside.
    let name = "frame::a_panic_in_a_machine_is_a_verdict_and_prints_nothing";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{printed:?}");
    assert!(printed[0].contains("the verdict was as it should be"), "{printed:?}");
    assert!(!printed.concat().contains("exploded"), "{printed:?}");
}

#[test]
fn a_refusal_lists_what_there_is() {
    let no_scenario = system().run("retires", 1, &[]).unwrap_err().to_string();
    assert_eq!(
        no_scenario,
        "there is no scenario \"retires\"; there are retries, bomb, endless, outage, idle, undecided, \
         unsafe-disk, misspelt-role, misspelt-promise, misspelt-mechanism, operation-for-nobody, \
         no-time, too-many, no-promise"
    );
    let no_mechanism = system().run("retries", 1, &without("fsink")).unwrap_err().to_string();
    assert_eq!(no_mechanism, "there is no mechanism \"fsink\"; there are dedup, fsync");
}

#[test]
fn a_room_shows_what_its_system_registered() {
    let system = system();
    assert_eq!(
        (system.name(), system.mechanisms().len(), system.promises().len()),
        ("counting", 2, 4)
    );
    let scenarios = system.scenarios();
    assert_eq!((scenarios[0].name, scenarios[0].seeds), ("retries", 40));
    let ran = system.run("retries", 1, &[]).unwrap();
    assert_eq!(ran.nodes[..2], ["n0 server", "n1 client"]);
    assert!(ran.moments.len() > 100 && ran.moments.is_sorted_by_key(|(at, _)| *at));
}

/// What is refused of a scenario before anything is run.
fn refusal(scenario: &str) -> String {
    let run = system().run(scenario, 0, &[]).map(|_| ()).unwrap_err();
    let seeds = Seeds { first: 0, count: 3, jobs: 2 };
    assert_eq!(system().sweep(scenario, seeds, &[], &|_, _| {}).unwrap_err(), run);
    assert!(matches!(run, Refused::Undeclared(_)), "{run:?}");
    run.to_string()
}

#[test]
fn what_a_system_names_and_does_not_declare_is_refused() {
    for (scenario, why) in [
        ("misspelt-role", "names the role \"sever\", and declares server, client"),
        ("misspelt-promise", "names the promise \"counted-onec\", and declares counted-once, "),
        ("misspelt-mechanism", "names the mechanism \"fsnyc\", and declares dedup, fsync"),
    ] {
        assert!(refusal(scenario).contains(why), "{}", refusal(scenario));
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_before_it_is_run() {
    for (scenario, why) in [
        ("operation-for-nobody", "an operation is for a node that is not there"),
        ("no-time", "say how long it lasts, with Draft::phases"),
        ("too-many", "the number of nodes is from 1 to 100000, not 100001"),
    ] {
        let refused = system().run(scenario, 0, &[]).map(|_| ()).unwrap_err();
        assert!(matches!(&refused, Refused::BadPlan(said) if said.contains(why)), "{refused}");
    }
    assert_eq!(refusal("no-promise"), "the scenario no-promise checks no promise");
}

#[test]
fn a_saved_plan_that_aims_at_an_undeclared_role_is_refused() {
    let mut saved = system().run("idle", 0, &[]).unwrap().saved;
    let crash = json!({"fault": "crash", "node": {"role": "sever"}});
    saved.plan["steps"] = json!([{"fault": {"at": 1, "until": 2, "fault": crash}}]);
    assert!(matches!(system().replay(&saved), Err(Refused::Undeclared(_))));
}

#[test]
fn assertions_pass_where_they_should() {
    assert_holds::<Counting>("retries", 0..40);
    let shortest = assert_breaks_without::<Counting>("dedup", "counted-once", "retries", 0..40);
    assert!(shortest.steps.1 < 10, "{shortest}");
    assert!(shortest.to_string().contains("was counted twice"), "{shortest}");
}

#[test]
#[should_panic(expected = "answered-is-counted breaks at seed ")]
fn what_breaks_does_not_hold() {
    assert_holds::<Counting>("unsafe-disk", 0..40);
}

#[test]
#[should_panic(
    expected = "nobody can tell at these seeds of undecided: [0, 1]; at 0: undecided: there"
)]
fn what_nobody_can_tell_does_not_hold() {
    assert_holds::<Counting>("undecided", 0..2);
}

#[test]
#[should_panic(expected = "did too little")]
fn a_sweep_that_does_nothing_does_not_hold() {
    assert_holds::<Counting>("idle", 0..40);
}

#[test]
#[should_panic(expected = "without dedup answered-is-counted holds at all 40 seeds")]
fn another_promise_that_breaks_is_not_the_one_that_was_named() {
    assert_breaks_without::<Counting>("dedup", "answered-is-counted", "retries", 0..40);
}

#[test]
#[should_panic(expected = "there is no mechanism \"fsnyc\"")]
fn a_switch_that_does_not_exist_is_an_error() {
    assert_breaks_without::<Counting>("fsnyc", "answered-is-counted", "retries", 0..1);
}

#[test]
#[should_panic(expected = "there are no seeds in 5..5")]
fn no_seeds_hold_nothing() {
    assert_holds::<Counting>("retries", 5..5);
}

#[test]
#[should_panic(expected = "there is no promise \"counted-onec\"; there are counted-once, ")]
fn a_promise_that_does_not_exist_is_an_error() {
    assert_breaks_without::<Counting>("dedup", "counted-onec", "retries", 0..1);
}
