//! `scenarios`, `run`, `sweep` and `replay`, as scripts use them.

use serde_json::Value;

use crate::lab::{Scratch, json, lab, refused};

#[track_caller]
fn has(object: &Value, keys: &[&str]) {
    for key in keys {
        assert!(object.get(key).is_some(), "{key} is not in {object}");
    }
}

const SWEEP: &[&str] = &[
    "system",
    "scenario",
    "without",
    "seeds",
    "violations",
    "unknown",
    "events",
    "faults",
    "operations",
    "sometimes",
    "latency_ms",
    "downtime_ms",
    "figures",
    "virtual_s",
    "elapsed_s",
    "events_per_s",
];

#[test]
fn scenarios_list_promises_mechanisms_and_what_breaks() {
    for system in ["snowflake", "hash-ring", "raft"] {
        let all = json(&[system, "scenarios", "--json"]);
        has(&all, &["scenarios", "promises", "mechanisms"]);
        for scenario in all["scenarios"].as_array().unwrap() {
            has(scenario, &["name", "about", "promises", "breaks_without"]);
            for broken in scenario["breaks_without"].as_array().unwrap() {
                has(broken, &["mechanism", "promise"]);
            }
        }
        for named in ["promises", "mechanisms"] {
            all[named].as_array().unwrap().iter().for_each(|row| has(row, &["name", "about"]));
        }
    }
}

#[test]
fn a_demo_runs_a_scenario_and_shows_what_breaks_it() {
    for system in ["snowflake", "hash-ring", "raft"] {
        let said = lab(&[system, "demo"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains("What will go wrong:"), "{}", said.stdout);
        assert!(said.stdout.contains("The same scenario without"), "{}", said.stdout);
    }
}

#[test]
fn a_run_is_the_same_each_time_whatever_its_seed() {
    for seed in ["1", "18446744073709551615"] {
        let run = || {
            let mut run = json(&["snowflake", "run", "overload", "--seed", seed, "--json"]);
            has(&run, SWEEP);
            has(&run, &["trace_hash"]);
            // How long it took is the one thing that may differ.
            for key in ["elapsed_s", "events_per_s"] {
                run[key].take();
            }
            run
        };
        let first = run();
        has(&first["operations"], &["ok", "failed", "open"]);
        has(&first["latency_ms"], &["p50", "p99", "max"]);
        has(&first["downtime_ms"], &["p50", "p99", "max"]);
        assert_eq!(first, run());
    }
}

/// And the figures of shares add up to those of a sweep (`shares.rs` compares them whole).
#[test]
fn a_system_reports_figures_of_its_own_in_runs_and_sweeps() {
    let names = [
        "availability",
        "downtime_ms",
        "downtime_of_partition_0_ms",
        "error_rate",
        "records_acknowledged",
        "records_duplicated",
        "records_lost",
    ];
    let run = json(&["replicated-log", "run", "leader-crash", "--seed", "2", "--json"]);
    let sweep = ["replicated-log", "sweep", "leader-crash", "--first-seed", "2", "--seeds", "1"];
    let swept = json(&[&sweep[..], &["--json"]].concat());
    let figures = &run["figures"];
    has(figures, &names);
    has(&figures["downtime_ms"], &["p50", "p99", "max"]);
    assert_eq!(figures, &swept["figures"]);
    let number = |name: &str| figures[name].as_f64().unwrap();
    assert!(number("records_acknowledged") > 100.0 && number("records_lost") == 0.0);
    // The leader was down for a while, and clients noticed.
    assert!((0.5..1.0).contains(&number("availability")), "{figures}");
    assert!((0.0001..0.5).contains(&number("error_rate")), "{figures}");
    let said = lab(&[&sweep[..], &["--histogram", "downtime"]].concat()).stdout;
    assert!(said.contains("\ndowntime, ") && said.contains('█'), "{said}");
    assert!(
        said.contains("availability 9") && said.contains("downtime of partition 0: p50"),
        "{said}"
    );
}

/// What the sweep found is printed all the same: nobody waits for it twice.
#[test]
fn times_that_a_system_does_not_have_cannot_be_drawn() {
    for (system, scenario, names) in [
        ("replicated-log", "leader-crash", "downtime, downtime_of_partition_0"),
        ("snowflake", "overload", "there are: none"),
    ] {
        let said = lab(&[system, "sweep", scenario, "--seeds", "1", "--histogram", "x"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains("there are no times \"x\""), "{said:?}");
        assert!(
            said.stderr.contains(names) && said.stdout.contains("every promise held"),
            "{said:?}"
        );
    }
}

#[test]
fn a_broken_promise_is_status_1_and_the_command_that_shows_it_again() {
    let without = ["snowflake", "run", "overload", "--without", "sequence-wait"];
    let said = lab(&without);
    assert_eq!(said.code, Some(1), "{said:?}");
    let again = "infralab snowflake run overload --seed 1 --without sequence-wait";
    assert!(said.stdout.contains(again), "{}", said.stdout);
    let run = json(&[&without[..], &["--json"]].concat());
    assert_eq!(run["without"][0], "sequence-wait");
    has(&run["violations"][0], &["promise", "events"]);
}

#[test]
fn sweeps_say_what_they_did() {
    let sweep = ["snowflake", "sweep", "overload", "--first-seed", "3", "--jobs", "2", "--json"];
    let clean = json(&[&sweep[..], &["--seeds", "4"]].concat());
    has(&clean, SWEEP);
    assert_eq!((clean["seeds"].as_u64(), &clean["violations"]), (Some(4), &Value::Array(vec![])));
    let without = ["--seeds", "2", "--without", "sequence-wait"];
    let broken = lab(&[&sweep[..], &without].concat());
    assert_eq!(broken.code, Some(1));
    let broken: Value = serde_json::from_str(&broken.stdout).unwrap();
    has(&broken["violations"][0], &["seed", "promise", "events"]);
}

#[test]
fn a_shrunk_run_can_be_saved_and_seen_again() {
    let scratch = Scratch::new("shrunk");
    let file = scratch.text("shrunk.json");
    let sweep = ["snowflake", "sweep", "overload", "--seeds", "1", "--without", "sequence-wait"];
    let said = lab(&[&sweep[..], &["--shrink", "--save", &file]].concat());
    assert_eq!(said.code, Some(1), "{said:?}");
    let again = lab(&["replay", &file, "--all", "--rows", "10"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stdout.contains("unique"), "{}", again.stdout);
    let told = lab(&["replay", &file]);
    assert!(told.stdout.contains(&format!("replay {file} --all")), "{}", told.stdout);
}

/// Its lines keep to the width, and it ends with the break.
#[test]
fn a_break_is_told_in_so_many_rows_and_columns_and_says_what_can_be_done_next() {
    let run = ["snowflake", "run", "overload", "--without", "sequence-wait", "--width", "70"];
    let said = lab(&run);
    let (_, story) = said.stdout.split_once("More ids than a tick has numbers").unwrap();
    let (story, next) = story.split_once("\nagain: ").unwrap();
    assert!(story.contains("Left out (sequence-wait)") && story.contains("unique: id "), "{story}");
    assert!(story.lines().all(|line| line.chars().count() <= 70), "{story}");
    assert!(next.contains(" --shrink") && next.contains(" --all"), "{next}");
    let rows = |arguments: &[&str]| lab(&[&run[..], arguments].concat()).stdout.lines().count();
    let (short, page, whole) = (rows(&["--rows", "12"]), rows(&[]), rows(&["--all"]));
    assert!(short < page && page < whole, "{short}, {page}, {whole}");

    let json = json(&[&run[..], &["--json"]].concat());
    has(&json["story"], &["title", "sentences", "steps", "rows", "parting", "with", "without"]);
}

#[test]
fn a_seed_that_needs_no_mechanism_says_which_one_does() {
    for (verb, more) in [("run", &[][..]), ("sweep", &["--seeds", "5"])] {
        let arguments = ["snowflake", verb, "overload", "--without", "clock-guard"];
        let said = lab(&[&arguments, more].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains("nothing here needs clock-guard; what does: "), "{said:?}");
        assert!(said.stdout.contains("clock-step-back --seed 4 --without clock-guard"), "{said:?}");
    }
}

#[test]
fn a_name_that_is_nearly_right_gets_the_right_one() {
    refused(&["snowflake", "run", "overlaod"], 2, &["did you mean overload?"]);
    let mechanism = ["snowflake", "sweep", "overload", "--without", "sequence-wiat"];
    refused(&mechanism, 2, &["did you mean sequence-wait?"]);
    refused(&["snowflak", "demo"], 2, &["snowflake"]);
}

#[test]
fn a_saved_run_replays_with_the_same_trace() {
    let scratch = Scratch::new("replay");
    let file = scratch.text("run.json");
    let run =
        json(&["snowflake", "run", "crash-restart", "--seed", "5", "--save", &file, "--json"]);
    let replayed = json(&["replay", &file, "--json"]);
    assert_eq!(run["trace_hash"], replayed["trace_hash"]);

    let text = std::fs::read_to_string(&file).unwrap();
    let version = format!("\"version\": {:?}", sim::VERSION);
    assert!(text.contains(&version), "{text}");
    let other = scratch.text("other.json");
    std::fs::write(&other, text.replace(&version, "\"version\": \"99.0.0\"")).unwrap();
    refused(&["replay", &other], 2, &["99.0.0", "another run"]);
    let escape = scratch.text("escape.json");
    std::fs::write(&escape, text.replace(&version, "\"version\": \"\\u001b[31mred\"")).unwrap();
    let said = lab(&["replay", &escape]);
    assert!(said.code == Some(2) && !said.stderr.contains('\u{1b}'), "{said:?}");
    let system = scratch.text("system.json");
    std::fs::write(&system, text.replace("\"snowflake\"", "\"snowfake\"")).unwrap();
    refused(&["replay", &system], 2, &["no system \"snowfake\""]);
}

#[test]
fn a_history_is_written_where_there_is_one_and_judged_by_check() {
    const NONE: &[&str] = &[
        "snowflake",
        "hash-ring",
        "journal",
        "bitcask",
        "replicated-log",
        "object-store",
        "url-shortener",
    ];
    for system in infralab::systems() {
        let (scratch, name) = (Scratch::new(&format!("history-{}", system.name())), system.name());
        let file = scratch.text("history.edn");
        let run = [name, "run", system.scenarios()[0].name, "--history", &file];
        if NONE.contains(&name) {
            refused(&run, 2, &[name, "no history of reads and writes", "--save"]);
            assert!(!scratch.join("history.edn").exists());
            continue;
        }
        assert_eq!(lab(&run).code, Some(0), "{run:?}");
        let said = lab(&["check", "--model", "kv", &file]);
        assert_eq!((said.code, said.stdout.lines().last()), (Some(0), Some("linearizable")));
    }
}

#[test]
fn a_plan_that_would_take_for_ever_is_not_begun() {
    let scratch = Scratch::new("bomb");
    let file = scratch.text("run.json");
    json(&["snowflake", "run", "overload", "--save", &file, "--json"]);
    let mut saved: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let steps = saved["plan"]["steps"].as_array_mut().unwrap();
    let mut operation = steps.iter().find(|step| step.get("operation").is_some()).unwrap().clone();
    operation["operation"]["operation"]["count"] = 10_000.into();
    *steps = vec![operation; 501];
    std::fs::write(&file, saved.to_string()).unwrap();
    refused(&["replay", &file], 2, &["more work than a run may take"]);
}

#[test]
fn what_is_asked_for_twice_or_past_the_end_is_told() {
    let twice = ["--without", "sequence-wait", "--without", "sequence-wait", "--json"];
    let said = lab(&[&["snowflake", "sweep", "overload", "--seeds", "1"], &twice[..]].concat());
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said["without"], serde_json::json!(["sequence-wait"]));
    let past = ["snowflake", "sweep", "overload", "--first-seed", "18446744073709551615"];
    refused(&[&past[..], &["--seeds", "2"]].concat(), 2, &["leaves no room for 2"]);
    refused(&["snowflake", "run", "overload", "--json", "--all"], 2, &["--all"]);
    let scratch = Scratch::new("clean");
    let file = scratch.text("clean.json");
    let clean = ["snowflake", "sweep", "overload", "--seeds", "1", "--shrink", "--save", &file];
    let said = lab(&clean);
    assert!(said.code == Some(0) && said.stderr.contains("was not written"), "{said:?}");
}

#[test]
fn garbage_is_not_replayed() {
    let scratch = Scratch::new("garbage");
    let file = scratch.text("garbage");
    let version = format!("{{\"version\":{:?}}}", sim::VERSION);
    for garbage in ["", "{}", "[]", "\0\u{fffd}", "{\"version\":7}", &"[".repeat(9_999), &version] {
        std::fs::write(&file, garbage).unwrap();
        refused(&["replay", &file], 2, &["not a saved run"]);
    }
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    refused(&["replay", &file], 2, &["not a saved run"]);
    refused(&["replay", &scratch.text("missing")], 2, &["missing"]);
}
