//! A saved run is replayed to the last event, and a stranger's file is refused or run, never
//! trusted.

use proptest::prelude::*;
use serde_json::{Value, json};
use sim::{Refused, SavedRun};

use crate::frame::{system, without};

fn saved(seed: u64) -> SavedRun {
    system().run("retries", seed, &without("dedup")).unwrap().saved
}

#[test]
fn a_replay_is_the_run_itself() {
    for seed in 0..20 {
        let ran = system().run("retries", seed, &without("dedup")).unwrap();
        let parsed = SavedRun::parse(ran.saved.to_json().as_bytes()).unwrap();
        let again = system().replay(&parsed).unwrap();
        assert_eq!(again.report, ran.report, "seed {seed}");
        assert_eq!(again.moments, ran.moments);
        assert_eq!(again.saved, parsed);
        assert_eq!(parsed.trace_hash, format!("{:016x}", again.report.trace_hash));
    }
}

#[test]
fn another_world_seed_is_another_run_of_the_same_plan() {
    let first = saved(1);
    let other = SavedRun { world_seed: 2, ..first.clone() };
    let again = system().replay(&other).unwrap();
    assert_eq!(again.saved.plan, first.plan);
    assert_ne!(again.saved.trace_hash, first.trace_hash);
}

/// The refusal of a saved run of which this place in the plan was changed.
fn refusal(place: &str, value: Value) -> String {
    let mut saved = saved(1);
    *saved.plan.pointer_mut(place).unwrap() = value;
    match system().replay(&saved) {
        Err(Refused::BadPlan(why)) => why,
        other => panic!("{place} is not refused: {:?}", other.map(|ran| ran.report)),
    }
}

fn fault(at: u64, until: u64, fault: Value) -> Value {
    json!([{"fault": {"at": at, "until": until, "fault": fault}}])
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    let node = || json!({"node": 0});
    let crash = |number: u64| json!({"fault": "crash", "node": {"node": number}});
    let a_day_and_more: u64 = 86_400_000_000_001;
    for (why, steps) in [
        ("not among the", fault(1, 2, crash(99))),
        ("not among the", fault(1, 2, crash(u32::MAX.into()))),
        ("ends before it begins", fault(2, 1, crash(0))),
        ("ends before it begins, or after a day", fault(1, a_day_and_more, crash(0))),
        (
            "out of range",
            fault(1, 2, json!({"fault": "loss", "nodes": [node()], "ppm": 1_000_001})),
        ),
        (
            "out of range",
            fault(
                1,
                2,
                json!({"fault": "reordering", "nodes": [node()], "ppm": 1, "by_ns": u64::MAX}),
            ),
        ),
        (
            "out of range",
            fault(1, 2, json!({"fault": "delay", "nodes": [node()], "by_ns": a_day_and_more})),
        ),
        (
            "out of range",
            fault(1, 2, json!({"fault": "clock-drift", "node": node(), "ppm": -500_001})),
        ),
        (
            "out of range",
            fault(1, 2, json!({"fault": "clock-jump", "node": node(), "by_ns": u64::MAX})),
        ),
        ("out of range", fault(1, 2, json!({"fault": "slow-disk", "node": node(), "times": 0}))),
        (
            "out of range",
            fault(1, 2, json!({"fault": "bit-rot", "node": node(), "bits": u32::MAX})),
        ),
        (
            "out of range",
            fault(1, 2, json!({"fault": "bad-sector", "node": node(), "sectors": u32::MAX})),
        ),
        (
            "short word",
            fault(1, 2, json!({"fault": "file-cut", "node": node(), "prefix": "\u{1b}[31m"})),
        ),
        (
            "more targets",
            fault(1, 2, json!({"fault": "loss", "nodes": vec![node(); 1_000], "ppm": 1})),
        ),
        ("short word", fault(1, 2, json!({"fault": "crash", "node": {"role": "r".repeat(65)}}))),
        ("a slash", fault(1, 2, json!({"fault": "crash", "node": {"role": "leader/x"}}))),
        ("expected u64", json!([{"fault": {"at": -1, "until": 2, "fault": crash(0)}}])),
        ("expected u32", fault(1, 2, json!({"fault": "loss", "nodes": [node()], "ppm": -1}))),
        ("unknown variant", fault(1, 2, json!({"fault": "gremlins"}))),
        ("unknown field", fault(1, 2, json!({"fault": "crash", "node": node(), "twice": true}))),
        ("not there", json!([{"operation": {"at": 1, "node": 99, "operation": "spin"}}])),
        ("unknown variant", json!([{"operation": {"at": 1, "node": 1, "operation": "subtract"}}])),
        ("short word", fault(1, 2, json!({"fault": "crash", "node": {"role": "\u{1b}[31m"}}))),
        (
            "out of range",
            fault(
                1,
                2,
                json!({"fault": "slow-link", "a": [node()], "b": [node()], "times": 1_001}),
            ),
        ),
        (
            "out of range",
            fault(1, 2, json!({"fault": "bad-sector", "node": node(), "sectors": 10_001})),
        ),
        ("more work", Value::Array(vec![fault(1, 2, crash(0))[0].clone(); 40_000])),
        (
            "more work",
            Value::Array(vec![
                fault(
                    1,
                    2,
                    json!({"fault": "bit-rot", "node": node(), "bits": 10_000})
                )[0]
                .clone();
                300
            ]),
        ),
        (
            "more work",
            Value::Array(vec![
                fault(1, 2, json!({"fault": "snapshot-resumed", "node": node()}))[0]
                    .clone();
                1_001
            ]),
        ),
        (
            "at most 256 cuts",
            Value::Array(vec![
                fault(
                    1,
                    2,
                    json!({"fault": "partition", "a": [node()], "b": [node()]})
                )[0]
                .clone();
                257
            ]),
        ),
        (
            "more work",
            fault(
                0,
                86_400_000_000_000u64,
                json!({"fault": "flapping-link", "a": [node()], "b": [node()], "period_ns": 1_000_000}),
            ),
        ),
        ("may join", json!([{"join": {"at": 1, "node": 1, "zone": 0}}])),
        ("may join", json!([{"join": {"at": 1, "node": u32::MAX, "zone": 0}}])),
        ("at most", Value::Array(vec![fault(1, 2, crash(0))[0].clone(); 100_001])),
    ] {
        let refusal = refusal("/steps", steps);
        assert!(refusal.contains(why), "{refusal:?} does not say {why:?}");
    }
}

#[test]
fn a_large_cluster_is_run_again_as_well() {
    let mut saved = saved(1);
    saved.plan["cluster"]["zones"] = json!(vec![0; 5_000]);
    saved.plan["cluster"]["shape"]["clients"] = json!(4_999);
    saved.plan["steps"].as_array_mut().unwrap().truncate(10);
    let report = system().replay(&saved).unwrap().report;
    assert!(report.is_judged() && report.events > 0);
}

/// The incident: who is on a side is kept as a bit a node, so few cuts between two nodes of high numbers were hours of
/// work, and were counted as if they named the first two.
#[test]
fn few_cuts_in_a_large_cluster_are_much_work() {
    let saved = |cuts: usize| {
        let mut saved = saved(1);
        saved.plan["cluster"]["zones"] = json!(vec![0; 5_000]);
        saved.plan["cluster"]["shape"]["clients"] = json!(4_999);
        let (a, b) = (json!([{"node": 4_998}]), json!([{"node": 4_999}]));
        let cut = json!({"fault": "flapping-link", "a": a, "b": b, "period_ns": 20_000_000});
        let cut = fault(0, 5_000_000_000, cut)[0].clone();
        saved.plan["steps"] = Value::Array(vec![cut; cuts]);
        saved
    };
    assert!(system().replay(&saved(2)).unwrap().report.is_judged());
    let refused = system().replay(&saved(256)).unwrap_err().to_string();
    assert!(refused.contains("more work"), "{refused}");
}

#[test]
fn clusters_that_make_no_sense_are_refused() {
    for (why, place, value) in [
        ("not 0", "/cluster/zones", json!([])),
        ("not 100001", "/cluster/zones", json!(vec![0; 100_001])),
        ("expected u8", "/cluster/zones/0", json!(256)),
        ("missing field `clients`", "/cluster/shape", json!({})),
        ("unknown field `servers`", "/cluster/shape", json!({"clients": 1, "servers": 2})),
        ("nodes, not", "/cluster/shape/clients", json!(7)),
        ("nodes, not", "/cluster/shape/clients", json!(u64::MAX)),
        ("expected u64", "/cluster/shape/clients", json!(-1)),
        ("least delay", "/cluster/delays/least_ns", json!(u64::MAX)),
        ("a day", "/cluster/delays/most_ns", json!(u64::MAX)),
        ("heals before it ends", "/heal_at", json!(u64::MAX)),
        ("within a day", "/end", json!(u64::MAX)),
        ("invalid type", "/end", json!(1.5)),
        ("invalid type", "/steps", json!(null)),
    ] {
        let refusal = refusal(place, value);
        assert!(refusal.contains(why), "{refusal:?} does not say {why:?}");
    }
}

#[test]
fn a_saved_run_of_something_unknown_is_refused() {
    let other = SavedRun { scenario: "gone".into(), ..saved(1) };
    assert!(matches!(system().replay(&other), Err(Refused::UnknownScenario(..))));
    let other = SavedRun { without: without("gone"), ..saved(1) };
    assert!(matches!(system().replay(&other), Err(Refused::UnknownMechanism(..))));
    assert!(matches!(system().clean_rerolls(&other, 1), Err(Refused::UnknownMechanism(..))));
}

/// All numbers and strings of a value, for one of them to be changed.
fn leaves<'a>(value: &'a mut Value, found: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| leaves(item, found)),
        Value::Object(fields) => fields.values_mut().for_each(|field| leaves(field, found)),
        leaf => found.push(leaf),
    }
}

fn nasty() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!(-1)),
        Just(json!({"role": "server"})),
        Just(json!(u64::MAX)),
        Just(json!(1e308)),
        (0u64..10).prop_map(Value::from),
        (0u32..64).prop_map(|bit| json!(1u64 << bit)),
        any::<u64>().prop_map(Value::from),
    ]
}

/// Refused with a sentence, or run to a verdict; a panic of the frame fails the test.
fn refused_or_run(bytes: &[u8]) {
    let refusal = match SavedRun::parse(bytes) {
        Err(why) => why.to_string(),
        Ok(saved) => match system().replay(&saved) {
            Err(why) => why.to_string(),
            Ok(ran) => {
                let panicked = ran.report.violation_of("no-panic");
                return assert_eq!(panicked, None, "the world is no place for a panic");
            }
        },
    };
    assert!(!refusal.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..Default::default() })]

    #[test]
    fn a_replay_file_with_a_changed_value_is_refused_or_run(
        seed in 0u64..20,
        changes in prop::collection::vec((any::<prop::sample::Index>(), nasty()), 1..4),
    ) {
        let mut value: Value = serde_json::from_str(&saved(seed).to_json()).unwrap();
        for (place, nasty) in changes {
            let mut found = Vec::new();
            leaves(&mut value, &mut found);
            *found.swap_remove(place.index(found.len())) = nasty;
        }
        refused_or_run(value.to_string().as_bytes());
    }

    #[test]
    fn a_replay_file_with_changed_bytes_is_refused_or_run(
        seed in 0u64..20,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = saved(seed).to_json().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        refused_or_run(&bytes);
    }
}
