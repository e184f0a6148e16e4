//! How a disk fails and lies, and what is told of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult};
use sim::{Counts, Fault, FileChange, Script, World};

use crate::puppet::{
    Act, Puppet, Word, at, disk_results, ms, node, read, replace, stage, stage_with, sync, tell,
    write,
};

const DONE: DiskResult = Ok(DiskAnswer::Done);

fn write_to(file: &'static str, bytes: impl Into<Vec<u8>>) -> Act {
    let parts = bytes.into().into();
    Act::Disk("write", DiskCommand::Write { file: file.into(), offset: 0, parts })
}

fn delete(file: &'static str) -> Act {
    Act::Disk("delete", DiskCommand::Delete { file: file.into() })
}

/// What is in this file, of the only node.
fn content(world: &World<Puppet>, file: &str) -> Option<Bytes> {
    world.file(node(0), file)
}

#[test]
fn a_sync_a_replacement_and_a_deletion_that_fail_halt_a_machine_that_goes_on() {
    for act in [sync(), replace("new"), delete("file")] {
        let mut world = stage(5, &[0]);
        tell(&mut world, 0, &[write(0, "x")]);
        world.run_until(at(20));
        world.failing_disk(0, 1_000_000);
        let told = world.history().len();
        tell(&mut world, 0, &[act]);
        world.run_until(at(60));
        assert!(world.machine(node(0)).is_none(), "it is halted");
        assert_eq!(world.history().len(), told, "and nothing that it asked for was carried out");
    }
    let mut world = stage(5, &[0]);
    world.failing_disk(0, 1_000_000);
    tell(&mut world, 0, &[write(0, "x")]);
    world.run_until(at(20));
    assert_eq!(disk_results(&world, 0, "write"), [Err(DiskError::Failed)]);
    assert!(world.machine(node(0)).is_some(), "a failed write halts nobody");
}

#[test]
fn a_busy_node_is_halted_when_its_turn_comes() {
    let mut world = stage(6, &[0]);
    tell(&mut world, 0, &[write(0, "x"), sync()]);
    world.run_until(at(0));
    world.failing_disk(0, 1_000_000);
    let pause = world.pause(0);
    tell(&mut world, 0, &[Act::Send(0, 1)]);
    world.tell(node(0), Word::Number(7));
    world.run_until(at(100));
    assert!(world.machine(node(0)).is_some());
    world.end(pause);
    assert!(world.machine(node(0)).is_none());
}

#[test]
fn a_write_that_fails_happened_in_part() {
    let mut lengths = BTreeSet::new();
    for seed in 0..100 {
        let mut world = stage(seed, &[0]);
        let failing = world.failing_disk(0, 1_000_000);
        tell(&mut world, 0, &[write(0, vec![b'x'; 1_200])]);
        world.run_until(at(10));
        world.end(failing);
        lengths.insert(read(&mut world, 0).map_or(0, |bytes| bytes.len()));
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 512, 1_024, 1_200]);
}

#[test]
fn a_sync_that_fails_made_some_pages_durable() {
    let mut found = BTreeSet::new();
    for seed in 0..200 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, "--"), sync(), write(0, "a"), write(1, "b")]);
        world.run_until(at(20));
        world.failing_disk(0, 1_000_000);
        tell(&mut world, 0, &[sync()]);
        world.run_until(at(40));
        world.schedule(at(40), at(50), Fault::PowerLoss { node: 0.into() });
        world.run_until(at(60));
        found.insert(content(&world, "file").unwrap());
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["--", "-b", "a-", "ab"]);
}

#[test]
fn deleting_and_cutting_make_room_on_a_full_disk() {
    let mut world = stage(2, &[0]);
    tell(&mut world, 0, &[write(0, vec![b'a'; 1_000]), write_to("other", vec![b'b'; 500])]);
    world.run_until(at(20));
    world.little_room(0, 100);
    let last = |world: &mut World<Puppet>, name, act: Act| {
        tell(world, 0, &[act]);
        world.run_for(ms(10));
        disk_results(world, 0, name).pop().unwrap()
    };
    assert_eq!(last(&mut world, "write", write(1_000, vec![b'a'; 101])), Err(DiskError::Full));
    assert_eq!(content(&world, "file").unwrap().len(), 1_000, "it did nothing");
    assert_eq!(last(&mut world, "write", write(1_000, vec![b'a'; 100])), DONE);
    assert_eq!(last(&mut world, "write", write(1_100, "x")), Err(DiskError::Full));
    assert_eq!(last(&mut world, "delete", delete("other")), DONE);
    let cut = DiskCommand::Truncate { file: "file".into(), length: 1_000 };
    assert_eq!(last(&mut world, "cut", Act::Disk("cut", cut)), DONE);
    assert_eq!(last(&mut world, "write", write_to("new", vec![b'c'; 601])), Err(DiskError::Full));
    let allocate = |length| {
        let file = "new".into();
        Act::Disk("allocate", DiskCommand::Allocate { file, length })
    };
    assert_eq!(last(&mut world, "allocate", allocate(601)), Err(DiskError::Full));
    assert_eq!(last(&mut world, "allocate", allocate(600)), DONE);
    assert_eq!(last(&mut world, "write", write(1_000, "x")), Err(DiskError::Full));
    assert_eq!(last(&mut world, "write", write_to("new", vec![b'c'; 600])), DONE);
    assert_eq!(world.fault_counts()["full-disk"], 1);
}

#[test]
fn a_bad_sector_is_read_again_when_it_is_written_anew() {
    let mut world = stage(3, &[0]);
    tell(&mut world, 0, &[write(0, vec![b'a'; 1_000]), sync(), write_to("other", "fine")]);
    world.run_until(at(20));
    world.bad_sector_in(0, "fi", 100);
    assert_eq!(read(&mut world, 0), None);
    assert_eq!(disk_results(&world, 0, "read by the test"), [Err(DiskError::Failed)]);
    assert_eq!(content(&world, "other").unwrap(), "fine");
    tell(&mut world, 0, &[write(0, vec![b'b'; 511])]);
    assert_eq!(read(&mut world, 0), None, "a part of a sector is not enough");
    tell(&mut world, 0, &[write(0, vec![b'b'; 512])]);
    assert_eq!(read(&mut world, 0), None, "the other one is still bad");
    tell(&mut world, 0, &[write(512, vec![b'b'; 488])]);
    assert_eq!(read(&mut world, 0).unwrap(), vec![b'b'; 1_000]);
}

#[test]
fn rot_and_misdirected_writes_keep_to_the_files_that_they_are_aimed_at() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0]);
        let (log, mark) = (vec![b'a'; 2_000], vec![b'b'; 2_000]);
        tell(&mut world, 0, &[write_to("log-1", log.clone()), write_to("mark", mark.clone())]);
        for file in ["log-1", "mark"] {
            let sync = DiskCommand::Sync { file: file.into(), data_only: false };
            tell(&mut world, 0, &[Act::Disk("sync", sync)]);
        }
        world.run_until(at(20));
        world.bit_rot_in(0, "log-", 1);
        world.bit_rot_in(0, "journal", 1);
        assert!(
            content(&world, "log-1").unwrap() != log && content(&world, "mark").unwrap() == mark
        );
        world.misdirected_write_in(0, "mark", 1_000_000);
        let rotten = content(&world, "log-1");
        let read = DiskCommand::Read { file: "log-1".into(), offset: 0, length: 2_000 };
        tell(&mut world, 0, &[Act::Disk("read", read)]);
        tell(&mut world, 0, &[write_to("log-1", "a"), write_to("mark", "c")]);
        world.run_until(at(40));
        assert_eq!(content(&world, "log-1").unwrap()[1..], rotten.unwrap()[1..]);
        let found = content(&world, "mark").unwrap();
        assert!(found[0] == b'b' && found.contains(&b'c'), "it landed elsewhere");
        let counts = Counts::from([("bit-rot".into(), 1), ("misdirected-write".into(), 1)]);
        assert_eq!(*world.fault_counts(), counts, "what hit nobody is not counted");
    }
}

#[test]
fn a_file_is_cut_or_missing_when_its_node_comes_back() {
    let mut lengths = BTreeSet::new();
    for seed in 0..100 {
        let mut world = stage(seed, &[0]);
        tell(&mut world, 0, &[write(0, vec![b'a'; 50]), sync(), write(50, "unsynced")]);
        tell(&mut world, 0, &[write_to("other", "never synced")]);
        world.run_until(at(20));
        let cut = world.file_cut(0, "file");
        assert!(world.machine(node(0)).is_none());
        world.end(cut);
        let found = content(&world, "file").unwrap();
        assert!(found.len() < 50 && found.iter().all(|&byte| byte == b'a'), "{found:?}");
        lengths.insert(found.len());
        assert_eq!(content(&world, "other").unwrap(), "never synced");
        let missing = world.file_missing(0, "");
        world.end(missing);
        assert_eq!(content(&world, "file"), None);
        world.file_missing(0, "other");
        assert_eq!(world.fault_counts()["file-missing"], 1, "nothing that was synced is left");
    }
    assert!(lengths.len() > 20, "{lengths:?}");
}

#[test]
fn a_checker_is_told_which_files_changed_and_how() {
    use FileChange::*;
    let mut world = stage(8, &[0]);
    let mut told = 0;
    let mut news = |world: &World<Puppet>| {
        let since = std::mem::replace(&mut told, world.file_changes(node(0)));
        let changed = world.changed_files(node(0), since);
        changed.map(|(file, change)| (file.to_string(), change)).collect::<Vec<_>>()
    };
    let of = |changes: &[FileChange]| {
        changes.iter().map(|&change| ("file".to_string(), change)).collect::<Vec<_>>()
    };
    tell(&mut world, 0, &[write(0, "x"), sync(), write(1, "y")]);
    world.run_until(at(20));
    assert_eq!(news(&world), of(&[Written, Synced, Written]));
    assert_eq!(read(&mut world, 0).unwrap(), "xy");
    assert_eq!(news(&world), [], "reading changes nothing");
    world.bit_rot(0, 1);
    assert_eq!(news(&world), of(&[Rotted]));
    let loss = world.power_loss(0);
    assert_eq!(news(&world), of(&[Lost]));
    world.end(loss);
    let loss = world.power_loss(0);
    assert_eq!(news(&world), [], "nothing was dirty");
    world.end(loss);
    tell(&mut world, 0, &[replace("z"), delete("file")]);
    world.run_for(ms(20));
    assert_eq!(news(&world), of(&[Written, Deleted]));
}

/// The incident: a checker was told that a file was durable, of which half was.
#[test]
fn a_sync_that_failed_is_told_as_no_sync() {
    let mut world = stage(10, &[0]);
    tell(&mut world, 0, &[write(0, "x")]);
    world.run_until(at(20));
    world.failing_disk(0, 1_000_000);
    let before = world.file_changes(node(0));
    tell(&mut world, 0, &[sync()]);
    world.run_until(at(40));
    assert!(world.machine(node(0)).is_none(), "it failed");
    assert_eq!(world.changed_files(node(0), before).count(), 0);
}

#[test]
fn a_snapshot_that_is_resumed_says_which_files_it_changed() {
    let mut world = stage(9, &[0]);
    let same = DiskCommand::Replace { file: "same".into(), parts: "same".into() };
    tell(&mut world, 0, &[replace("old"), Act::Disk("same", same)]);
    world.run_until(at(20));
    let snapshot = world.snapshot_resumed(0);
    tell(&mut world, 0, &[replace("new"), write_to("more", "more")]);
    world.run_until(at(40));
    let before = world.file_changes(node(0));
    world.end(snapshot);
    let changed: Vec<_> = world.changed_files(node(0), before).collect();
    assert_eq!(changed, [("file", FileChange::Written), ("more", FileChange::Lost)]);
    assert_eq!((content(&world, "file").unwrap(), content(&world, "more")), ("old".into(), None));
}

#[test]
fn a_new_disk_holds_the_first_files_and_one_that_lost_them_does_not() {
    let mut world = stage_with(1, &[0], &[("file", "first")]);
    world.run_until(at(1));
    assert_eq!(content(&world, "file").unwrap(), "first");
    let loss = world.power_loss(0);
    world.end(loss);
    assert_eq!(content(&world, "file").unwrap(), "first", "they are durable");
    tell(&mut world, 0, &[replace("second")]);
    world.run_until(at(20));
    let crash = world.crash(0);
    world.end(crash);
    assert_eq!(content(&world, "file").unwrap(), "second", "a later start puts nothing there");
    let missing = world.file_missing(0, "");
    world.end(missing);
    assert_eq!(content(&world, "file"), None);
    let replaced = world.disk_replaced(0);
    assert_eq!(content(&world, "file"), None, "nobody has started on the new one");
    world.end(replaced);
    assert_eq!(content(&world, "file").unwrap(), "first");
}
