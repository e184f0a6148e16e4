//! One write and its sync at a time, and what leaves when.

use journal::{BOUND, Event, JournalTimer, Until};
use machine::DiskCommand;

use crate::rig::{FAMILY, Rig, booted, frame};

fn begun() -> Rig {
    let mut rig = Rig::new(1);
    rig.settle();
    rig.append(0, 10);
    rig.settle();
    rig.events.clear();
    rig.disk.done.clear();
    rig
}

fn writes(rig: &Rig) -> Vec<usize> {
    let length = |command: &DiskCommand| match command {
        DiskCommand::Write { file, parts, .. } if file.starts_with("log") => Some(parts.len()),
        _ => None,
    };
    rig.disk.done.iter().filter_map(length).collect()
}

fn syncs(rig: &Rig) -> usize {
    let sync = |command: &&DiskCommand| matches!(command, DiskCommand::Sync { file, .. } if file.starts_with("log"));
    rig.disk.done.iter().filter(sync).count()
}

#[test]
fn what_is_gathered_while_the_disk_writes_leaves_with_the_next_write() {
    let mut rig = begun();
    (1..=3).for_each(|number| rig.append(number, 10));
    assert!(rig.step_of("log-1") && rig.durable().is_empty(), "it is not synced");
    assert!(rig.step_of("log-1"));
    assert_eq!(rig.durable(), [1]);
    rig.settle();
    let one = frame(0, 10).len();
    assert_eq!((rig.durable(), writes(&rig), syncs(&rig)), (vec![1, 2, 3], vec![one, 2 * one], 2));
}

#[test]
fn what_is_held_leaves_when_all_before_it_is_synced() {
    let mut rig = begun();
    assert_eq!(rig.log.hold(7), Some(7), "all is durable");
    rig.log.append(frame(1, 10), None);
    rig.go_on();
    rig.settle();
    assert_eq!(syncs(&rig), 0, "nobody waits for it");
    assert_eq!(rig.log.hold(8), None);
    rig.go_on();
    assert_eq!(rig.log.hold(9), None);
    rig.settle();
    assert_eq!((rig.durable(), syncs(&rig)), (vec![8, 9], 1));
    // What is in flight with its sync covers it too.
    rig.append(2, 10);
    assert_eq!(rig.log.hold(10), None);
    rig.settle();
    assert_eq!((rig.durable(), syncs(&rig)), (vec![8, 9, 2, 10], 2));
}

#[test]
fn a_sync_covers_all_that_was_written_before_also_where_a_new_file_is_next() {
    let mut rig = begun();
    for number in 1..4 {
        rig.log.append(frame(number, 10), Some((number, Until::Written)));
        rig.go_on();
        rig.settle();
    }
    assert_eq!(rig.events, [1, 2, 3].map(|number| Event::Written(vec![number])));
    rig.log.roll();
    assert_eq!(rig.log.hold(9), None);
    rig.go_on();
    rig.settle();
    assert_eq!((rig.durable(), syncs(&rig)), (vec![9], 1));
    assert!(rig.log.synced().offset as usize == 4 * frame(0, 10).len());
    // A file is synced to its end before the next is begun, whoever waits.
    rig.log.append(frame(4, 10), None);
    rig.log.append(frame(5, 10), None);
    rig.log.roll();
    rig.append(6, 10);
    rig.stop();
    assert_eq!(booted(rig.disk), Ok((0..7).collect()));
}

#[test]
fn a_full_disk_loses_nothing_and_all_leaves_in_order_when_there_is_space() {
    let mut rig = begun();
    rig.disk.full = true;
    (1..=3).for_each(|number| rig.append(number, 10));
    rig.settle();
    assert_eq!(rig.events, [Event::Full]);
    rig.fire(JournalTimer::Retry(FAMILY));
    rig.settle();
    rig.append(4, 10);
    rig.disk.full = false;
    rig.fire(JournalTimer::Retry(FAMILY));
    rig.settle();
    assert_eq!(rig.durable(), [1, 2, 3, 4]);
    rig.stop();
    assert_eq!(booted(rig.disk), Ok((0..5).collect()));
}

#[test]
fn what_finds_no_space_can_be_taken_back() {
    for rolls in [false, true] {
        let mut rig = begun();
        rig.disk.full = true;
        (1..=3).for_each(|number| {
            if rolls {
                rig.log.roll();
            }
            rig.append(number, 10);
        });
        rig.settle();
        assert_eq!(rig.log.refuse(), [1, 2, 3]);
        rig.disk.full = false;
        assert!(rig.log.is_idle() && rig.log.refuse().is_empty());
        rig.append(4, 10);
        while let Some(timer) = rig.timers.first().copied() {
            rig.fire(timer);
            rig.settle();
        }
        assert_eq!(rig.durable(), [4]);
        rig.stop();
        assert_eq!(booted(rig.disk), Ok(vec![0, 4]));
    }
}

/// A boot reads, and needs no space; what it found above the bound is written again as soon as there is some.
#[test]
fn a_boot_on_a_full_disk_is_ready_and_appends_when_there_is_space() {
    let mut rig = begun();
    rig.append(1, 10);
    rig.settle();
    rig.disk.full = true;
    rig.crash(false);
    rig.settle();
    assert!(rig.ready && rig.read() == [0, 1], "{:?}", rig.why);
    rig.append(2, 10);
    rig.settle();
    assert!(rig.durable().is_empty());
    rig.disk.full = false;
    while let Some(timer) = rig.timers.first().copied() {
        rig.fire(timer);
        rig.settle();
    }
    assert_eq!(rig.durable(), [2]);
    rig.crash(true);
    rig.settle();
    assert_eq!(rig.read(), [0, 1, 2]);
}

/// The sync failed, and the page cache has what the device has not: the next sync of it does nothing.
fn after_a_failed_sync() -> Rig {
    let mut rig = begun();
    rig.append(1, 10);
    rig.disk.fails = true;
    rig.settle();
    assert!(rig.why.is_some() && rig.durable().is_empty());
    rig
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_written_again_before_it_is_believed() {
    for full in [false, true] {
        let mut rig = after_a_failed_sync();
        rig.disk.full = full;
        rig.crash(false);
        rig.settle();
        assert!(rig.ready && rig.read() == [0, 1], "{:?}", rig.why);
        rig.disk.full = false;
        while let Some(timer) = rig.timers.first().copied() {
            rig.fire(timer);
            rig.settle();
        }
        rig.crash(true);
        rig.settle();
        assert_eq!((rig.why.take(), rig.read()), (None, vec![0, 1]), "full: {full}");
    }
}

/// A file system that copies what is written over: what is in the page cache only is told to nobody.
#[test]
fn a_boot_that_finds_no_space_to_write_again_what_it_read_waits_for_it() {
    let mut rig = after_a_failed_sync();
    (rig.disk.full, rig.disk.copies) = (true, true);
    rig.crash(false);
    rig.settle();
    assert!(!rig.ready && rig.events.contains(&Event::Full));
    rig.disk.full = false;
    rig.fire(JournalTimer::Retry(FAMILY));
    rig.settle();
    assert!(rig.ready);
    rig.crash(true);
    rig.settle();
    assert_eq!((rig.why.take(), rig.read()), (None, vec![0, 1]));
}

/// The slot that is durable is never written over.
#[test]
fn a_bound_that_found_no_space_is_written_to_the_same_slot_again() {
    let mut rig = begun();
    rig.stop();
    rig.append(1, 10);
    rig.settle();
    (rig.disk.full, rig.disk.copies) = (true, true);
    rig.fire(JournalTimer::Bound);
    rig.settle();
    rig.disk.full = false;
    let before = rig.disk.files[BOUND].seen.clone();
    rig.fire(JournalTimer::Bound);
    assert!(rig.step_of(BOUND));
    let after = rig.disk.files[BOUND].seen.clone();
    let torn = (0..before.len()).find(|at| before[*at] != after[*at]).unwrap();
    rig.disk.flip(BOUND, torn);
    assert_eq!(booted(rig.disk), Ok(vec![0, 1]));
}

#[test]
fn a_device_that_failed_is_not_believed_again() {
    for which in 0..2 {
        let mut rig = begun();
        rig.append(1, 10);
        for number in 0..2 {
            let (op, result) = rig.disk.next_of("log-1").unwrap();
            let result = if number == which { Err(machine::DiskError::Failed) } else { result };
            rig.answer(op, result);
        }
        assert!(rig.why.is_some() && rig.durable().is_empty());
    }
}

/// It says only what it knows: never before the file's own sync, and at most once a second.
#[test]
fn the_bound_is_raised_after_the_sync_and_by_its_timer() {
    let mut rig = begun();
    rig.timers.clear();
    rig.stop();
    let floor = rig.bound.floor(FAMILY, 1);
    rig.append(1, 10);
    rig.step_of("log-1");
    assert_eq!(rig.bound.floor(FAMILY, 1), floor, "it is written, and not synced");
    rig.step_of("log-1");
    assert!(rig.bound.floor(FAMILY, 1) > floor);
    assert!(rig.disk.waits().is_empty(), "the timer comes first");
}

/// It grows while the bound is written, and the timer fires before that has ended: nobody appends any more.
#[test]
fn the_bound_is_raised_when_appends_stop() {
    let mut rig = begun();
    rig.stop();
    rig.append(1, 10);
    while rig.step_of("log-1") {}
    rig.fire(JournalTimer::Bound);
    rig.append(2, 10);
    while rig.step_of("log-1") {}
    if rig.timers.contains(&JournalTimer::Bound) {
        rig.fire(JournalTimer::Bound);
    }
    rig.settle();
    while !rig.bound.is_settled() {
        rig.fire(JournalTimer::Bound);
        rig.settle();
    }
    assert_eq!(rig.bound.floor(FAMILY, 1), Some(rig.log.synced().offset));
}

/// Nobody is told that the disk is full because it was so the last time.
#[test]
fn a_bound_that_found_no_space_says_so_only_until_it_is_written_again() {
    let mut rig = begun();
    rig.stop();
    rig.append(1, 10);
    rig.settle();
    (rig.disk.full, rig.disk.copies) = (true, true);
    rig.fire(JournalTimer::Bound);
    rig.settle();
    rig.disk.full = false;
    rig.events.clear();
    rig.log.roll();
    rig.append(2, 10);
    assert!(!rig.log.is_full());
    rig.settle();
    assert_eq!(rig.events, [Event::Durable(vec![2])]);
}
