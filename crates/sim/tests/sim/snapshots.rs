//! A virtual machine resumed from a snapshot: memory, disk and monotonic clock go back, and only
//! its generation tells.

use machine::{DiskAnswer, Generation, Time};
use sim::{Fault, WORLD_BEGINS};

use crate::puppet::{
    Act, Word, at, disk_results, fired, heard, ms, node, read, resets, seen, stage, sync, tell,
    tell_at, write,
};

#[test]
fn a_snapshot_sets_memory_disk_and_monotonic_clock_back_and_keeps_the_wall_clock() {
    let mut world = stage(1, &[0]);
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    world.tell_at(at(10), node(0), Word::Number(1));
    tell_at(&mut world, 10, 0, &[write(0, "before"), sync()]);
    world.tell_at(at(60), node(0), Word::Number(2));
    tell_at(&mut world, 60, 0, &[write(0, "after!"), sync()]);
    world.run_until(at(99));
    assert_eq!(world.machine(node(0)).unwrap().heard, [1, 2]);
    world.run_until(at(100));
    assert_eq!(world.machine(node(0)).unwrap().heard, [1]);

    world.tell(node(0), Word::Number(3));
    world.run_until(at(101));
    let generations: Vec<_> = seen(&world, 0).iter().map(|(_, seen)| seen.generation).collect();
    let (last, earlier) = generations.split_last().unwrap();
    assert!(*last == Generation(1) && earlier.iter().all(|&before| before == Generation(0)));
    let (_, now) = *seen(&world, 0).last().unwrap();
    assert_eq!((now.time, now.wall), (at(50), WORLD_BEGINS + ms(100)));
    assert_eq!(read(&mut world, 0).unwrap(), "before");
}

#[test]
fn timers_of_the_snapshot_are_armed_again_and_later_ones_are_gone() {
    let mut world = stage(2, &[0]);
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    tell(&mut world, 0, &[Act::Set("twice", ms(80))]);
    tell_at(&mut world, 60, 0, &[Act::Set("never", ms(60))]);
    world.run_until(at(300));
    // By its own clock, which went back from 100 to 50, it is the same moment.
    assert_eq!(fired(&world, 0, "twice"), [(at(80), at(80)), (at(130), at(80))]);
    assert!(fired(&world, 0, "never").is_empty());
}

#[test]
fn disk_operations_that_were_pending_in_the_snapshot_end_after_it() {
    let mut world = stage(3, &[0]);
    tell_at(&mut world, 50, 0, &[write(0, "in flight"), sync()]);
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    world.run_until(at(99));
    assert_eq!(disk_results(&world, 0, "sync"), [Ok(DiskAnswer::Done)]);
    world.run_until(at(120));
    assert_eq!(disk_results(&world, 0, "sync"), [Ok(DiskAnswer::Done), Ok(DiskAnswer::Done)]);
    assert_eq!(read(&mut world, 0).unwrap(), "in flight");
}

#[test]
fn what_waited_in_the_snapshot_is_not_forgotten() {
    let mut world = stage(4, &[0]);
    world.schedule(at(20), at(80), Fault::Pause { node: 0.into() });
    // No disk is done within 10 microseconds: the answer comes in the pause.
    let acts = vec![Act::Set("alarm", ms(10)), write(0, "x")];
    world.tell_at(Time(19_990_000), node(0), Word::Do(acts));
    world.tell_at(at(25), node(0), Word::Number(1));
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    world.run_until(at(90));
    let before = (heard(&world, 0), disk_results(&world, 0, "write"));
    assert_eq!((before.0.len(), before.1.len(), fired(&world, 0, "alarm").len()), (1, 1, 1));
    world.run_until(at(200));
    assert_eq!(heard(&world, 0), [1, 1], "a message");
    assert_eq!(disk_results(&world, 0, "write").len(), 2, "a disk operation that had ended");
    assert_eq!(fired(&world, 0, "alarm").len(), 2, "a timer that was due");
}

#[test]
fn a_busy_node_answers_again_after_it_was_resumed() {
    let mut world = stage(5, &[0]);
    world.begin(Fault::SlowNode { node: 0.into(), service_ns: 5_000_000 });
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    world.tell_at(at(99), node(0), Word::Number(1));
    world.tell_at(at(101), node(0), Word::Number(2));
    world.tell_at(at(150), node(0), Word::Number(3));
    world.run_until(at(300));
    assert_eq!(heard(&world, 0), [1, 2, 3]);
}

#[test]
fn streams_of_a_resumed_node_are_reset() {
    let mut world = stage(6, &[0, 0]);
    tell(&mut world, 0, &[Act::Send(1, 1)]);
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    world.run_until(at(120));
    assert_eq!((resets(&world, 0, 1), resets(&world, 1, 0)), (1, 1));
}

#[test]
fn a_node_that_was_rebooted_since_is_not_resumed() {
    let mut world = stage(7, &[0]);
    world.schedule(at(50), at(100), Fault::SnapshotResumed { node: 0.into() });
    world.schedule(at(60), at(70), Fault::Crash { node: 0.into() });
    world.tell_at(at(80), node(0), Word::Number(1));
    world.run_until(at(110));
    assert_eq!(world.machine(node(0)).unwrap().heard, [1]);
    world.tell(node(0), Word::Number(2));
    world.run_until(at(111));
    let (_, last) = *seen(&world, 0).last().unwrap();
    assert_eq!((last.generation, last.time), (Generation(0), Time(0) + ms(40)));
}
