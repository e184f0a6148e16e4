//! Disks that fail. A node stops rather than believe what it cannot know, and nothing counts that only such
//! a disk was told.

use std::time::Duration;

use bytes::Bytes;
use machine::{
    DiskAnswer, DiskError, DiskId, DiskResult, Generation, NodeId, Now, Output, Outputs, Random,
    Switches, Time, Wall,
};
use raft::{GroupId, Groups, JournalOp, Tuning};
use rand::SeedableRng;
use sim::Script;

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

/// Does a node stop at its boot that finds these files, and is answered this?
fn stops(files: &[&str], op: JournalOp, result: DiskResult) -> bool {
    let (tuning, founders) = (Tuning::default(), vec![NodeId(0)]);
    let mut groups = Groups::new(NodeId(0), tuning, Switches::ALL_ON);
    groups.will_found(GroupId(0), founders);
    let mut random = Random::seed_from_u64(1);
    let (time, wall, generation) = (Time(0), Wall(0), Generation::default());
    let mut now = Now { time, wall, generation, random: &mut random };
    let mut out: Outputs<Lists> = Outputs::default();
    groups.start(DiskId(1), &mut out);
    if op != JournalOp::Listed {
        let names = files.iter().map(|name| (*name).to_owned()).collect();
        groups.disk(JournalOp::Listed, Ok(DiskAnswer::Names(names)), &mut now, &mut out);
    }
    groups.disk(op, result, &mut now, &mut out);
    out.iter().any(|output| matches!(output, Output::Halt { .. }))
}

#[test]
fn a_node_that_cannot_read_what_it_remembers_does_not_begin() {
    let read = JournalOp::SegmentRead(2);
    for error in [DiskError::Failed, DiskError::NotFound] {
        assert!(stops(&[], JournalOp::Listed, Err(error)), "the names of its files: {error}");
        assert!(stops(&["journal-2"], read, Err(error)), "its journal: {error}");
    }
    let empty = || Ok(DiskAnswer::Bytes(Bytes::new()));
    assert!(stops(&["journal-2"], read, empty()), "a journal of nothing");
    let gap = ["journal-2".to_owned(), "journal-4".to_owned()];
    assert!(stops(&[], JournalOp::Listed, Ok(DiskAnswer::Names(gap.into()))), "a segment is gone");
    assert!(!stops(&[], JournalOp::Listed, Ok(DiskAnswer::Names(Vec::new()))), "it is new");
}
