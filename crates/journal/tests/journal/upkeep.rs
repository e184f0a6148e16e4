//! Files that are cut, replaced and deleted: the bound is lowered first, durably.

use journal::{BOUND, Event, Place};

use crate::rig::{Rig, booted, frame, three_files};

/// Lets the disk go on up to the moment before it does something to this file.
fn bound_written_before(rig: &mut Rig, file: &str) {
    assert!(!rig.disk.waits().contains(&file.to_owned()), "the bound is first");
    while rig.disk.waits().contains(&BOUND.to_owned()) {
        rig.step_of(BOUND);
    }
    assert!(rig.disk.waits().contains(&file.to_owned()));
}

#[test]
fn a_deletion_waits_for_the_bound() {
    let (mut rig, names) = three_files(2);
    rig.log.delete([1]);
    rig.log.delete([2]);
    rig.go_on();
    bound_written_before(&mut rig, names[0]);
    let lowered = rig.disk.done.iter().filter(|command| match command {
        machine::DiskCommand::Write { file, .. } => file == BOUND,
        _ => false,
    });
    let writes = lowered.count();
    rig.stop();
    assert_eq!(booted(rig.disk.clone()), Ok(vec![4, 5]));
    assert!(writes > 0 && rig.log.files().len() == 1);
}

#[test]
fn a_replacement_by_less_waits_for_the_bound_and_one_by_more_does_not() {
    let (mut rig, names) = three_files(4);
    rig.log.replace(2, frame(5, 3), 70);
    rig.go_on();
    bound_written_before(&mut rig, names[1]);
    rig.stop();
    assert!(rig.events.contains(&Event::Replaced(70)));
    let with = |middle: &[u64]| [&[0, 1, 2, 3], middle, &[8, 9, 10, 11]].concat();
    assert_eq!(booted(rig.disk.clone()), Ok(with(&[5])));
    let longer: Vec<u8> = (4..8).flat_map(|number| frame(number, 30)).collect();
    rig.log.replace(2, longer, 71);
    rig.go_on();
    assert_eq!(rig.disk.waits(), [names[1]]);
    rig.stop();
    assert_eq!(booted(rig.disk.clone()), Ok(with(&[4, 5, 6, 7])));
    rig.disk.cut(names[1], frame(4, 30).len());
    assert!(booted(rig.disk).is_err(), "the bound is raised again");
}

#[test]
fn what_is_deleted_stays_named_until_the_replacement_before_it_is_done() {
    let (mut rig, names) = three_files(2);
    let merged = [frame(0, 3), frame(1, 3), frame(2, 3), frame(3, 3)].concat();
    rig.log.replace(1, merged, 70);
    rig.log.delete([2]);
    rig.go_on();
    while !rig.events.contains(&Event::Replaced(70)) {
        assert_eq!(booted(rig.disk.clone()), Ok((0..6).collect()), "a crash at any moment");
        assert!(rig.step());
    }
    rig.stop();
    assert!(!rig.disk.files.contains_key(names[1]));
    assert_eq!(booted(rig.disk), Ok((0..6).collect()));
}

#[test]
fn a_replacement_without_space_changes_nothing() {
    let (mut rig, names) = three_files(2);
    rig.log.replace(2, frame(9, 90), 70);
    rig.disk.full = true;
    rig.go_on();
    rig.settle();
    assert!(rig.events.contains(&Event::NotReplaced(70)));
    rig.disk.full = false;
    rig.stop();
    assert_eq!(booted(rig.disk.clone()), Ok((0..6).collect()));
    rig.disk.cut(names[1], 10);
    assert!(booted(rig.disk).is_err(), "its bound is what it was");
}

#[test]
fn a_truncation_takes_away_what_was_appended_before_it_and_nothing_after() {
    let (mut rig, names) = three_files(3);
    let to = Place { file: 2, offset: frame(0, 10).len() as u64 };
    rig.append(9, 10);
    rig.log.truncate(to, 70);
    rig.append(10, 10);
    rig.settle();
    rig.stop();
    assert!(rig.durable().ends_with(&[9, 70, 10]), "{:?}", rig.durable());
    assert!(!rig.disk.files.contains_key(names[2]));
    assert_eq!(booted(rig.disk.clone()), Ok(vec![0, 1, 2, 3, 10]));
    rig.disk.cut(names[1], to.offset as usize - 1);
    assert!(booted(rig.disk).is_err(), "the bound says how much is left");
}

/// What is held behind a truncation leaves with it, and moves nothing.
#[test]
fn what_is_held_behind_a_truncation_leaves_with_it() {
    let (mut rig, _) = three_files(3);
    let place = |frames: u64| Place { file: 3, offset: frames * frame(0, 10).len() as u64 };
    rig.log.truncate(place(1), 70);
    rig.log.truncate(place(2), 71);
    assert_eq!(rig.log.hold(72), None);
    rig.go_on();
    rig.settle();
    assert!(rig.durable().ends_with(&[70, 71, 72]), "{:?}", rig.durable());
    assert_eq!(rig.log.files()[&3], place(1).offset);
    rig.stop();
    assert_eq!(booted(rig.disk), Ok((0..7).collect()));
}

/// Else all but what was to be deleted could be gone, and the next file begun.
#[test]
fn what_is_deleted_before_a_truncation_is_gone_when_that_is_durable() {
    for steps in 0..40 {
        let (mut rig, names) = three_files(2);
        rig.log.delete([1]);
        rig.log.truncate(Place { file: 2, offset: 0 }, 70);
        rig.append(9, 10);
        for _ in 0..steps {
            rig.step();
            let cut = rig.durable().contains(&70);
            assert!(!cut || !rig.disk.files.contains_key(names[0]), "{steps} steps");
        }
        rig.crash(steps % 2 == 0);
        rig.settle();
        assert_eq!(rig.why, None);
        let read = rig.read();
        assert!(!read.contains(&9) || read == [9], "{read:?}");
    }
}

#[test]
fn a_log_without_files_is_cut_in_no_time() {
    let mut rig = Rig::new(1);
    rig.settle();
    rig.log.truncate(rig.log.end(), 70);
    rig.append(0, 10);
    rig.settle();
    assert_eq!(rig.durable(), [70, 0]);
    rig.stop();
    assert_eq!(booted(rig.disk), Ok(vec![0]));
}

/// The newest file is not named yet, and nothing of it is synced: a boot would take it for the newest.
#[test]
fn a_crash_in_a_truncation_leaves_no_hole() {
    for steps in 0..30 {
        for power in [false, true] {
            let (mut rig, _) = three_files(3);
            rig.log.roll();
            rig.log.append(frame(9, 10), None);
            rig.go_on();
            rig.settle();
            rig.log.truncate(Place { file: 2, offset: frame(0, 10).len() as u64 }, 70);
            rig.go_on();
            let _ = (0..steps).find(|_| !rig.step());
            rig.crash(power);
            rig.settle();
            let read = rig.read();
            assert_eq!(rig.why, None, "{steps} steps");
            assert!(read.len() >= 4 && read.is_sorted_by(|one, next| one + 1 == *next), "{read:?}");
        }
    }
}

/// A file that is deleted or cut off while it is replaced is there no more, on the disk and in the bound.
#[test]
fn a_file_that_is_taken_away_while_it_is_replaced_does_not_come_back() {
    for cut in [false, true] {
        for late in [false, true] {
            for steps in 0..12 {
                let (mut rig, names) = three_files(2);
                rig.disk.done.clear();
                let take_away = |rig: &mut Rig| match cut {
                    true => rig.log.truncate(Place { file: 1, offset: 0 }, 71),
                    false => rig.log.delete([2]),
                };
                if late {
                    take_away(&mut rig);
                    rig.go_on();
                }
                let _ = (0..steps).find(|_| !rig.step());
                rig.log.replace(2, frame(2, 90), 70);
                rig.go_on();
                if !late {
                    let _ = (0..steps).find(|_| !rig.step());
                    take_away(&mut rig);
                    rig.go_on();
                }
                rig.settle();
                assert!(!rig.disk.files.contains_key(names[1]), "cut {cut}, late {late}, {steps}");
                assert!(!rig.log.files().contains_key(&2), "cut {cut}, late {late}, {steps}");
                rig.stop();
                let left = if cut { vec![] } else { vec![0, 1, 4, 5] };
                assert_eq!(booted(rig.disk), Ok(left), "cut {cut}, late {late}, {steps}");
            }
        }
    }
}
