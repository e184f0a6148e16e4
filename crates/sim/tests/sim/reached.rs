//! Whoever changed in an event is among those that it reached.

use machine::NodeId;
use sim::Fault;

use crate::puppet::{Act, at, ms, replace, stage, sync, tell_at, write};

#[test]
fn after_the_first_event_all_that_have_booted_are_reached() {
    let mut world = stage(1, &[0, 0, 0]);
    tell_at(&mut world, 1, 1, &[Act::Send(2, 7)]);
    assert!(world.step());
    assert!((0..3).all(|id| world.reached().contains(&NodeId(id))), "{:?}", world.reached());
    assert!(world.step());
    assert!(world.reached().len() < 3, "{:?}", world.reached());
}

#[test]
fn machines_that_an_event_did_not_reach_are_as_they_were() {
    let (mut changes, mut alone) = (0, 0);
    for seed in 0..50 {
        let mut world = stage(seed, &[0, 0, 0]);
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            for round in 0..8 {
                let acts = [
                    Act::Send(to, round),
                    Act::Set("alarm", ms(3)),
                    write(0, "abc"),
                    sync(),
                    replace("abc"),
                ];
                tell_at(&mut world, 10 * round + 1, from, &acts);
            }
        }
        world.schedule(at(12), at(22), Fault::Crash { node: 0.into() });
        world.schedule(at(15), at(30), Fault::Pause { node: 1.into() });
        world.schedule(at(20), at(40), Fault::PowerLoss { node: 2.into() });
        world.schedule(at(33), at(50), Fault::SnapshotResumed { node: 1.into() });
        world.schedule(at(45), at(55), Fault::RollingRestart { nodes: vec![0.into()] });
        let machines = |world: &sim::World<_>| -> Vec<String> {
            (0..3).map(|id| format!("{:?}", world.machine(NodeId(id)))).collect()
        };
        let mut before = machines(&world);
        while world.now() < at(90) && world.step() {
            let after = machines(&world);
            for (id, (before, after)) in before.iter().zip(&after).enumerate() {
                let reached = world.reached().contains(&NodeId(id as u32));
                assert!(reached || before == after, "seed {seed}: node {id} at {:?}", world.now());
                changes += u32::from(before != after);
            }
            alone += u32::from(world.reached().len() < 3);
            before = after;
        }
    }
    assert!(changes > 1_000 && alone > 1_000, "{changes} changes, {alone} events that reached few");
}
