//! A node that joins is not there before: nobody reaches it, and no fault hits it.

use std::time::Duration;

use machine::{Link, NodeId, Switches, Time};
use serde::{Deserialize, Serialize};
use sim::{
    Cluster, Fault, MessageFilter, Promise, PromiseSpec, Scenario, Script, System, register,
};

use crate::puppet::{
    Act, Puppet, What, Word, at, heard, node, puppet, resets, seen, stage, tell, tell_at,
};

#[test]
fn a_node_that_joins_starts_then_and_is_one_of_them() {
    let mut world = stage(1, &[0, 0]);
    world.join_at(at(50), node(2), 1);
    world.run_until(at(49));
    assert!(!world.has(node(2)) && world.machine(node(2)).is_none());
    world.run_until(at(60));
    assert!(world.has(node(2)));
    assert_eq!((world.len(), seen(&world, 2)[0].0), (3, at(50)));
    tell(&mut world, 0, &[Act::Send(2, 1), Act::Datagram(2, 2)]);
    tell(&mut world, 2, &[Act::Send(0, 3), Act::Datagram(1, 4)]);
    world.run_until(at(100));
    let mut there = heard(&world, 2);
    there.sort_unstable();
    assert_eq!([heard(&world, 0), heard(&world, 1), there], [vec![3], vec![4], vec![1, 2]]);
    let zone = world.begin(Fault::ZoneLoss { zone: 1 });
    assert!(world.machine(node(2)).is_none() && world.machine(node(0)).is_some());
    world.end(zone);
    assert!(world.machine(node(2)).is_some());
}

/// The incident: it was looked for in vain, joined, and spoke; then only came the reset, in the middle of what it said.
#[test]
fn who_looked_for_it_in_vain_is_told_so_before_it_hears_from_it() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0, 0]);
        tell_at(&mut world, 10, 0, &[Act::Send(2, 1)]);
        world.join_at(at(10), node(2), 0);
        for micros in 0..30 {
            let send = Word::Do(vec![Act::Send(0, micros)]);
            world.tell_at(Time(10_000_000 + 100_000 * micros), node(2), send);
        }
        world.run_until(at(50));
        assert_eq!((resets(&world, 0, 2), heard(&world, 0).len()), (1, 30), "seed {seed}");
        assert_eq!(seen(&world, 0)[1].1.what, What::Reset(node(2)), "seed {seed}");
    }
}

#[test]
fn a_message_to_a_number_that_nobody_has_yet_is_answered_by_a_reset_and_a_datagram_is_lost() {
    let mut world = stage(2, &[0, 0]);
    world.join_at(at(50), node(2), 0);
    for link in [Link::Stream, Link::Bulk] {
        tell(&mut world, 0, &[Act::Parcel(2, link, 1, 64)]);
    }
    tell(&mut world, 0, &[Act::Datagram(2, 2), Act::Datagram(7, 2), Act::Send(7, 2)]);
    world.run_until(at(49));
    assert_eq!((resets(&world, 0, 2), resets(&world, 0, 7)), (1, 1), "told once for what was lost");
    tell_at(&mut world, 60, 0, &[Act::Send(2, 3)]);
    world.run_until(at(100));
    assert_eq!(heard(&world, 2), [3]);
}

#[test]
fn numbers_need_not_be_taken_in_order() {
    let mut world = stage(3, &[0]);
    world.join_at(at(10), node(3), 0);
    world.join_at(at(20), node(1), 0);
    world.join_at(at(30), node(3), 0);
    world.run_until(at(50));
    assert_eq!([0, 1, 2, 3, 4].map(|id| world.has(NodeId(id))), [true, true, false, true, false]);
    assert_eq!(seen(&world, 3).len(), 1, "who is there does not join again");
    tell(&mut world, 1, &[Act::Send(3, 1), Act::Send(2, 1)]);
    world.run_until(at(100));
    assert_eq!((heard(&world, 3), resets(&world, 1, 2)), (vec![1], 1));
}

#[test]
fn a_fault_that_names_a_node_before_it_joins_hits_nobody() {
    let mut world = stage(4, &[0, 0]);
    world.join_at(at(50), node(2), 0);
    world.schedule(at(10), at(90), Fault::Crash { node: 2.into() });
    world.schedule(at(60), at(90), Fault::Pause { node: 2.into() });
    world.run_until(at(55));
    assert!(world.machine(node(2)).is_some(), "it was not there to crash");
    assert_eq!(world.fault_counts().len(), 0);
    tell_at(&mut world, 65, 0, &[Act::Send(2, 1)]);
    world.run_until(at(89));
    assert!(heard(&world, 2).is_empty());
    world.run_until(at(100));
    assert_eq!((heard(&world, 2), world.fault_counts().len()), (vec![1], 1));
}

#[test]
fn who_joins_after_the_heal_joins_whole_and_what_others_draw_stays_what_it_was() {
    let arrivals = |joins: bool| {
        let mut world = stage(5, &[0, 0]);
        if joins {
            world.join_at(at(10), node(2), 0);
        }
        for number in 0..50 {
            tell_at(&mut world, number, 0, &[Act::Send(1, number), Act::Datagram(1, number)]);
        }
        world.run_until(at(60));
        world.heal(&[node(0), node(1)]);
        world.join_at(at(70), node(3), 0);
        world.run_until(at(80));
        assert!(world.is_healed(node(3)));
        seen(&world, 1).into_iter().map(|(at, seen)| (at, seen.clone())).collect::<Vec<_>>()
    };
    assert_eq!(arrivals(false), arrivals(true));
}

#[test]
fn ten_thousand_nodes_are_a_world() {
    let mut world = stage(6, &[0; 10_000]);
    let halves = (0..5_000, 5_000..10_000);
    let cut = world.partition(halves.0, halves.1);
    for id in [0, 4_999, 5_000, 9_999] {
        tell(
            &mut world,
            id,
            &[Act::Send((id + 1) % 10_000, 1), Act::Send((id + 5_000) % 10_000, 2)],
        );
    }
    world.run_until(at(50));
    assert_eq!(
        [1, 5_000, 5_001, 0].map(|id| heard(&world, id)),
        [vec![1], vec![], vec![1], vec![]]
    );
    world.end(cut);
    world.run_until(at(100));
    assert_eq!([5_000, 0].map(|id| heard(&world, id).len()), [2, 2]);
}

/// Two puppets, and a third that joins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Two {}

impl sim::Shape for Two {
    fn members(&self) -> Vec<(&'static str, u64)> {
        vec![("puppet", 2)]
    }

    fn joins(&self) -> Vec<(&'static str, u64)> {
        vec![("third", 1)]
    }
}

/// The third puppet heard what it was told.
struct Heard;

impl Promise<Puppet> for Heard {
    fn end(&mut self, world: &sim::World<Puppet>) -> sim::Verdict {
        match world.machine(node(2)) {
            Some(third) if third.heard == [7] => sim::Verdict::Held,
            other => sim::Verdict::broken(format!("{other:?}")),
        }
    }
}

struct Joining;

impl System for Joining {
    type Node = Puppet;
    type Shape = Two;
    type Operation = u64;
    const NAME: &'static str = "joining";
    const ABOUT: &'static str = "A third puppet joins.";
    const FILTERS: &'static [MessageFilter<Word>] =
        &[MessageFilter { name: "seven", picks: |word| matches!(word, Word::Number(7)) }];
    const PROMISES: &'static [PromiseSpec<Puppet, Two>] =
        &[PromiseSpec::new("heard", "the third hears it", |_| Box::new(Heard))];

    fn scenarios() -> Vec<Scenario<Self>> {
        let told = |draft: &mut sim::Draft<u64, Two>| {
            draft.cluster(Two {}, 1);
            draft.phases(Duration::from_secs(1), Duration::from_secs(1));
            draft.join(at(100), node(2), 0);
            draft.operation(at(200), node(2), 7);
            draft.between(at(300), at(400)).crash(2);
        };
        vec![
            Scenario::new("told", "it is told", &["heard"], told),
            Scenario::new("told-again", "and again, as it forgets", &["heard"], |draft| {
                draft.cluster(Two {}, 1);
                draft.phases(Duration::from_secs(1), Duration::from_secs(1));
                draft.join(at(100), node(2), 0);
                let nobody: [u32; 0] = [];
                draft.between(Time(0), at(150)).drop_messages("seven", nobody, nobody);
                draft.operation(at(200), node(2), 7);
            }),
        ]
    }

    fn boot(_: &Cluster<Two>, _: NodeId, _: Switches) -> Puppet {
        puppet()
    }

    fn perform(number: &u64) -> Word {
        Word::Number(*number)
    }
}

#[test]
fn a_join_is_a_step_that_can_be_saved_and_left_out() {
    let system = register::<Joining>();
    let ran = system.run("told-again", 1, &[]).unwrap();
    assert!(ran.report.is_clean(), "{:?}", ran.report);
    assert_eq!(ran.nodes, ["n0 puppet", "n1 puppet", "n2 third"]);
    assert_eq!(system.replay(&ran.saved).unwrap().report, ran.report);
    let crashed = system.run("told", 1, &[]).unwrap();
    assert!(crashed.report.violation_of("heard").is_some(), "a crash takes its memory");
    for step in 0..3 {
        let mut less = crashed.saved.clone();
        less.plan["steps"].as_array_mut().unwrap().remove(step);
        let report = system.replay(&less).unwrap().report;
        assert_eq!(report.violation_of("no-panic"), None, "without step {step}: {report:?}");
        assert_eq!(report.violation_of("heard").is_some(), step < 2, "without step {step}");
    }
    let shortest = system.shrink("told", 1, &[], "heard").unwrap();
    assert_eq!(shortest.steps, (3, 0), "nobody hears anything where nobody joins");
}

#[test]
fn a_filter_that_nobody_declared_is_refused() {
    let system = register::<Joining>();
    let mut saved = system.run("told-again", 1, &[]).unwrap().saved;
    let steps = saved.plan["steps"].as_array_mut().unwrap();
    let filter = steps.iter_mut().find_map(|step| step.pointer_mut("/fault/fault/filter"));
    *filter.unwrap() = "sevn".into();
    let refused = system.replay(&saved).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("the filter \"sevn\", and declares seven"), "{refused}");
}
