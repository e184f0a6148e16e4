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
    rig.disk.cut(names[1], 100);
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
