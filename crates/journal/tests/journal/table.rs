//! What a boot finds, a row of the table a test.

use journal::{BOUND, Event, Place};
use machine::DiskId;

use crate::rig::{Rig, booted, bound_of, frame, three_files};

fn refused(disk: crate::disk::Disk, words: &[&str]) {
    let why = booted(disk).expect_err("it was believed");
    for word in words.iter().chain(&["restore the folder, or give the node a new disk"]) {
        assert!(why.contains(word), "{word} is not in: {why}");
    }
}

#[test]
fn what_is_whole_is_read_in_order() {
    let (rig, _) = three_files(4);
    assert_eq!(booted(rig.disk), Ok((0..12).collect()));
}

#[test]
fn a_bound_that_is_gone_or_rotten_or_cut_is_refused() {
    let (rig, _) = three_files(2);
    let mut gone = rig.disk.clone();
    gone.files.remove(BOUND);
    refused(gone, &["bound", "gone"]);
    let mut rotten = rig.disk.clone();
    rotten.flip(BOUND, 20);
    rotten.flip(BOUND, 4096 + 20);
    refused(rotten, &["bound", "neither of its slots"]);
    let mut cut = rig.disk;
    cut.cut(BOUND, 5_000);
    refused(cut, &["bound", "not as long"]);
}

#[test]
fn one_slot_of_the_bound_may_be_torn() {
    let (rig, _) = three_files(2);
    for slot in [0, 4096] {
        let mut torn = rig.disk.clone();
        torn.flip(BOUND, slot + 20);
        // The older slot names fewer bytes, and is a bound nevertheless.
        assert_eq!(booted(torn), Ok((0..6).collect()), "slot at {slot}");
    }
}

#[test]
fn the_bound_of_another_disk_is_refused() {
    let (mut rig, _) = three_files(2);
    rig.id = DiskId(6);
    rig.boot();
    rig.settle();
    assert!(rig.why.unwrap().contains("another disk"));
}

#[test]
fn a_family_that_nobody_claims_is_refused() {
    let (mut rig, _) = three_files(2);
    rig.log = journal::Appender::new(journal::Blocks { longest: 99 }, (8, "other"), true);
    rig.bound = journal::Bound::new(true);
    let mut out = machine::Outputs::<journal::Journal>::default();
    rig.bound.start(rig.id, &mut out);
    for _ in 0..2 {
        let asked: Vec<_> = out.drain().collect();
        for output in asked {
            let machine::Output::Disk { command, op } = output else { panic!() };
            rig.disk.ask(*command, op);
            let (journal::JournalOp::Bound(op), result) = rig.disk.next(&mut rig.random).unwrap()
            else {
                panic!()
            };
            rig.bound.ended(op, result, &mut out).unwrap();
        }
    }
    rig.log.go_on(&mut rig.bound, &mut out);
    assert_eq!(rig.log.next_event(), Some(Event::Ready), "it has no files");
    let why = rig.bound.booted(&mut out).unwrap_err();
    assert!(why.contains("3 files of family 7"), "{why}");
}

#[test]
fn a_named_file_that_is_missing_is_refused() {
    let (rig, names) = three_files(2);
    for name in names {
        let mut lost = rig.disk.clone();
        lost.files.remove(name);
        refused(lost, &[name, "gone"]);
    }
    let mut all = rig.disk;
    names.iter().for_each(|name| drop(all.files.remove(*name)));
    refused(all, &["log-1", "gone"]);
}

#[test]
fn a_file_that_a_deletion_left_is_deleted_again() {
    let (mut rig, _) = three_files(2);
    let left = rig.disk.files["log-1"].clone();
    rig.log.delete([1]);
    rig.go_on();
    rig.stop();
    rig.disk.files.insert("log-1".to_owned(), left);
    rig.boot();
    rig.settle();
    assert_eq!(rig.read(), [2, 3, 4, 5]);
    assert!(!rig.disk.files.contains_key("log-1"));
}

#[test]
fn the_next_file_may_be_there_without_a_name_and_one_after_it_may_not() {
    let (rig, _) = three_files(2);
    let mut begun = rig.disk.clone();
    begun.put("log-4", [frame(6, 3), frame(7, 3)].concat());
    assert_eq!(booted(begun), Ok((0..8).collect()));
    let mut later = rig.disk;
    later.put("log-5", frame(6, 3).to_vec());
    refused(later, &["log-5", "what lay before it is gone"]);
}

/// As where somebody put the first file back beside old data.
#[test]
fn files_beside_a_bound_that_never_named_any_are_refused() {
    let (mut rig, _) = three_files(2);
    let (name, bytes) = journal::Bound::first_file();
    rig.disk.put(&name, bytes.to_vec());
    refused(rig.disk, &["log-1", "never begun"]);
}

#[test]
fn rot_below_the_bound_is_refused_wherever_it_is() {
    let (rig, names) = three_files(3);
    for name in names {
        for at in 0..rig.disk.length(name) {
            let mut rotten = rig.disk.clone();
            rotten.flip(name, at);
            refused(rotten, &[name, "not what was written"]);
        }
    }
}

/// Only the newest may have been torn, whatever the bound knows of the others.
#[test]
fn rot_above_the_bound_of_a_file_that_is_not_the_newest_is_refused() {
    let (mut rig, names) = three_files(2);
    let longer: Vec<u8> = (2..4).flat_map(|number| frame(number, 90)).collect();
    rig.log.replace(2, longer, 70);
    rig.go_on();
    while !rig.events.contains(&Event::Replaced(70)) {
        assert!(rig.step());
    }
    assert_eq!(booted(rig.disk.clone()), Ok((0..6).collect()));
    let end = rig.disk.length(names[1]) - 1;
    rig.disk.flip(names[1], end);
    refused(rig.disk, &[names[1], "not what was written"]);
}

#[test]
fn what_a_crash_tore_above_the_bound_is_cut_off_and_told() {
    let (rig, _) = three_files(2);
    let torn = frame(6, 30);
    for length in 1..torn.len() {
        let mut disk = rig.disk.clone();
        disk.put("log-4", [&frame(9, 3)[..], &torn[..length]].concat());
        let mut rig = Rig::on_disk(disk, 3);
        rig.settle();
        assert_eq!(rig.read(), [0, 1, 2, 3, 4, 5, 9]);
        let at = Place { file: 4, offset: frame(9, 3).len() as u64 };
        assert!(rig.events.contains(&Event::Cut { at, bytes: length as u64 }), "{length}");
        assert_eq!(rig.disk.length("log-4") as u64, at.offset);
        rig.append(10, 3);
        rig.stop();
        assert_eq!(rig.log.files()[&5], frame(10, 3).len() as u64, "a new file is begun");
        assert_eq!(booted(rig.disk), Ok(vec![0, 1, 2, 3, 4, 5, 9, 10]));
    }
}

/// Without the mechanism a boot believes whatever it finds.
#[test]
fn without_the_bound_what_was_lost_is_taken_for_what_never_was() {
    let (rig, _) = three_files(2);
    let before = bound_of(&rig.disk);
    let mut without = rig;
    without.on = false;
    without.disk.cut("log-3", 30);
    without.disk.files.remove("log-1");
    without.boot();
    without.settle();
    assert_eq!((without.why.clone(), without.read()), (None, vec![2, 3, 4]));
    without.append(9, 3);
    without.settle();
    assert_eq!(without.durable(), [9]);
    assert!(without.timers.is_empty() && bound_of(&without.disk) == before, "nobody writes it");
}

/// The tail was cut in the page cache only, and the log ends where the bound does: the next file is begun, and the
/// power goes.
#[test]
fn a_boot_that_cut_a_torn_tail_may_crash_at_any_step() {
    for (steps, seed) in (0..20).flat_map(|steps| (0..20).map(move |seed| (steps, seed))) {
        let (mut rig, _) = three_files(2);
        rig.random = rand::SeedableRng::seed_from_u64(seed);
        let torn = [&rig.disk.files["log-3"].seen[..], &frame(6, 30)[..9]].concat();
        rig.disk.put("log-3", torn);
        rig.boot();
        let _ = (0..steps).find(|_| !rig.step());
        rig.crash(false);
        rig.settle();
        rig.append(7, 3);
        rig.settle();
        assert_eq!((rig.why.take(), rig.durable()), (None, vec![7]));
        rig.crash(true);
        rig.settle();
        assert_eq!(
            (rig.why.take(), rig.read()),
            (None, vec![0, 1, 2, 3, 4, 5, 7]),
            "{steps}, {seed}"
        );
    }
}

/// The slot that a boot read may be in the page cache only: the other one is not written over before it is durable.
#[test]
fn a_power_loss_in_any_write_of_the_bound_leaves_one() {
    let mut rig = Rig::new(1);
    rig.settle();
    for number in 0..40 {
        rig.log.roll();
        rig.append(number, 1);
        rig.settle();
    }
    rig.stop();
    rig.append(40, 1);
    while rig.step_of("log-40") {}
    rig.fire(journal::JournalTimer::Bound);
    assert!(rig.step_of(BOUND), "it is written, and not synced");
    rig.disk.forget();
    rig.boot();
    for steps in 30..70 {
        for seed in 0..20 {
            let mut rig = rig.clone();
            rig.random = rand::SeedableRng::seed_from_u64(seed);
            let _ = (0..steps).find(|_| !rig.step());
            rig.crash(true);
            rig.settle();
            assert_eq!((rig.why.take(), rig.read()), (None, (0..41).collect()), "{steps}, {seed}");
        }
    }
}

/// It was replaced by a longer one in the second before the crash.
#[test]
fn a_boot_raises_the_bound_of_all_files() {
    let (mut rig, names) = three_files(2);
    rig.log.replace(2, [frame(2, 10), frame(3, 10), frame(3, 90)].concat(), 70);
    rig.go_on();
    while !rig.events.contains(&Event::Replaced(70)) {
        assert!(rig.step());
    }
    rig.crash(false);
    rig.settle();
    assert_eq!(rig.why, None);
    rig.stop();
    rig.disk.cut(names[1], 2 * frame(2, 10).len());
    refused(rig.disk, &[names[1], "was synced up to"]);
}

#[test]
fn a_disk_that_is_older_than_its_bound_is_taken_over_once() {
    let (rig, names) = three_files(2);
    let mut older = rig.disk;
    older.put(BOUND, journal::Bound::taking_over().to_vec());
    for steps in 0..20 {
        let mut rig = Rig::on_disk(older.clone(), 3);
        let _ = (0..steps).find(|_| !rig.step());
        rig.crash(steps % 2 == 0);
        rig.settle();
        assert_eq!((rig.why.take(), rig.read()), (None, (0..6).collect()), "{steps} steps");
        for name in names {
            let mut lost = rig.disk.clone();
            lost.files.remove(name);
            refused(lost, &[name, "gone"]);
        }
    }
}
