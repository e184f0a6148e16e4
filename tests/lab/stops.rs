//! Every machine of every system answers a stop well within the grace.

use std::collections::BTreeSet;

use machine::NodeId;
use serde_json::{Value, json};
use sim::{Moment, Registered, SavedRun};

/// By then they have begun.
const BEGUN: u64 = 1_000_000_000;

/// As a scenario draws its cluster, with nothing in the plan but that all nodes are restarted in turn.
fn restarted(system: &dyn Registered, scenario: &str) -> (SavedRun, BTreeSet<NodeId>) {
    let mut saved = system.run(scenario, 0, &[]).unwrap().saved;
    let nodes: BTreeSet<u32> =
        (0..).zip(saved.plan["cluster"]["zones"].as_array().unwrap()).map(|(id, _)| id).collect();
    let targets: Vec<Value> = nodes.iter().map(|id| json!({"node": id})).collect();
    let until = saved.plan["end"].as_u64().unwrap().max(BEGUN + nodes.len() as u64 * BEGUN / 5);
    let fault = json!({"fault": "rolling-restart", "nodes": targets});
    saved.plan["steps"] = json!([{"fault": {"at": BEGUN, "until": until, "fault": fault}}]);
    (saved.plan["heal_at"], saved.plan["end"]) = (until.into(), until.into());
    (saved, nodes.into_iter().map(NodeId).collect())
}

#[test]
fn whoever_is_told_to_stop_has_stopped_in_time() {
    for system in infralab::systems() {
        for scenario in system.scenarios() {
            let (saved, nodes) = restarted(system.as_ref(), scenario.name);
            let ran = system.replay(&saved).unwrap();
            let where_ = format!("{} in {}", scenario.name, system.name());
            let (mut stopped, mut overdue) = (BTreeSet::new(), BTreeSet::new());
            for (_, moment) in &ran.moments {
                match moment {
                    Moment::Stopped { node } => drop(stopped.insert(*node)),
                    Moment::Overdue { node } => drop(overdue.insert(*node)),
                    _ => {}
                }
            }
            assert_eq!(overdue, BTreeSet::new(), "too late: {where_}");
            assert_eq!(stopped, nodes, "they stop: {where_}");
            // What else a scenario promises may be for clusters of which no node ever leaves.
            assert!(ran.report.is_judged(), "{where_}: {:?}", ran.report.violations);
        }
    }
}
