//! Disks that fail. A node stops rather than believe what it cannot know, and nothing counts that only such
//! a disk was told.

use std::time::Duration;

use machine::{
    DiskCommand, DiskError, DiskId, Generation, MemoryDisk, NodeId, Now, Output, Outputs, Random,
    Switches, Time, Wall,
};
use raft::{Group, GroupId, Groups, GroupsTimer, Tuning};
use rand::SeedableRng;
use sim::{Fault, Script};

use crate::lists::{Lists, Word, elect, item, list, world};

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_copy_on_a_disk_that_failed_does_not_count() {
    let mut world = world(11, 3, 3, 1);
    let first = elect(&mut world, 0);
    (0..20).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(500));
    let others: Vec<NodeId> = (0..3).map(NodeId).filter(|node| *node != first).collect();
    let failing =
        others.iter().map(|node| world.failing_disk(*node, 1_000_000)).collect::<Vec<_>>();
    world.tell(first, Word::Add(GroupId(0), item(20)));
    world.run_for(MS(200));
    assert!(others.iter().all(|node| world.machine(*node).is_none()), "both have stopped");
    assert_eq!(list(&world, first, 0).len(), 20, "nobody else has it");

    // With other disks, and without what those did not sync, they come back with all that counted.
    failing.into_iter().for_each(|fault| world.end(fault));
    for node in [vec![first], others].concat() {
        let gone = world.power_loss(node);
        world.run_for(MS(10));
        world.end(gone);
    }
    world.run_for(MS(3_000));
    for node in (0..3).map(NodeId) {
        let kept = list(&world, node, 0);
        assert_eq!(kept[..20], (0..20).map(item).collect::<Vec<_>>(), "{node:?}");
    }
}

/// Of what was written in the last second the bound knows after a stop, and not after a crash.
#[test]
fn after_a_clean_stop_nothing_is_lost_without_a_word() {
    for (stops, begins) in [(true, false), (false, true)] {
        let mut world = world(13, 1, 1, 1);
        let only = elect(&mut world, 0);
        world.run_for(MS(2_500));
        let again = world.crash(only);
        world.run_for(MS(10));
        world.end(again);
        elect(&mut world, 0);
        world.tell(only, Word::Add(GroupId(0), item(0)));
        world.run_for(MS(50));
        assert_eq!(list(&world, only, 0).len(), 1);
        if stops {
            let now = world.now();
            let restart = Fault::RollingRestart { nodes: vec![only.into()] };
            world.schedule(now, now + MS(200), restart);
            world.run_for(MS(50));
            assert!(world.machine(only).is_none());
        }
        let lost = world.file_missing(only, "journal-2");
        world.run_for(MS(500));
        world.end(lost);
        world.run_for(MS(500));
        assert_eq!(world.machine(only).is_some(), begins, "it was told to stop: {stops}");
    }
}

/// A node by itself boots on this disk and leads, while the operation of this number gives this answer: what it stops
/// with, or how many operations it took.
fn boots(disk: &mut MemoryDisk, wrong: Option<(usize, DiskError)>) -> Result<usize, String> {
    let (tuning, founders) = (Tuning::default(), vec![NodeId(0)]);
    let mut groups = Groups::new(NodeId(0), tuning, Switches::ALL_ON);
    groups.will_found(GroupId(0), founders);
    let mut random = Random::seed_from_u64(1);
    let (time, wall, generation) = (Time(0), Wall(0), Generation::default());
    let mut now = Now { time, wall, generation, random: &mut random };
    let mut out: Outputs<Lists> = Outputs::default();
    groups.start(DiskId(1), &mut out);
    let mut asked = 0;
    while !groups.group(GroupId(0)).is_some_and(Group::leads) {
        let outputs: Vec<_> = out.drain().collect();
        let commands = outputs.into_iter().filter_map(|output| match output {
            Output::Halt { why } => Some(Err(why)),
            Output::Disk { command, op } => Some(Ok((*command, op))),
            _ => None,
        });
        let commands = commands.collect::<Result<Vec<_>, _>>()?;
        if commands.is_empty() {
            now.time = now.time + MS(600);
            groups.timer(GroupsTimer::Due, &mut now, &mut out);
        }
        for (command, op) in commands {
            let result = disk.perform(command);
            let result = match wrong {
                Some((number, error)) if number == asked => Err(error),
                _ => result,
            };
            asked += 1;
            groups.disk(op, result, &mut now, &mut out);
        }
        while groups.next_event().is_some() || groups.next_committed().is_some() {}
        groups.flush(&mut now, &mut out);
    }
    Ok(asked)
}

#[test]
fn a_node_that_cannot_read_what_it_remembers_does_not_begin() {
    let new = || MemoryDisk::with(Groups::first_files());
    let mut used = new();
    boots(&mut used, None).unwrap();
    let all = boots(&mut used, None).unwrap();
    assert!(all > 6, "it reads a bound, a journal and the names of snapshots: {all}");
    for number in 0..all {
        let failing = boots(&mut used.clone(), Some((number, DiskError::Failed)));
        assert!(failing.is_err(), "operation {number} of {all}");
    }
    let emptied = boots(&mut MemoryDisk::default(), None).unwrap_err();
    assert!(emptied.contains("bound"), "{emptied}");
    let mut lost = used.clone();
    lost.perform(DiskCommand::Delete { file: "journal-1".into() }).unwrap();
    let why = boots(&mut lost, None).unwrap_err();
    assert!(why.contains("journal-1 is gone"), "{why}");
    let mut cut = used;
    cut.perform(DiskCommand::Truncate { file: "journal-1".into(), length: 20 }).unwrap();
    let why = boots(&mut cut, None).unwrap_err();
    assert!(why.contains("journal-1 ends at 20, and was synced up to"), "{why}");
}
