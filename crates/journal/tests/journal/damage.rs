//! What an owner may do about damage, that has what was there from elsewhere; and a boot without its protection.

use journal::{BOUND, Event, Place};
use machine::DiskCommand;

use crate::disk::Disk;
use crate::rig::{Rig, frame, three_files};

/// A file that is missing, one that is too short, and one that has rotted.
fn damaged() -> Vec<Disk> {
    let (rig, names) = three_files(2);
    let (mut gone, mut short, mut rotten) = (rig.disk.clone(), rig.disk.clone(), rig.disk);
    gone.files.remove(names[1]);
    short.cut(names[0], 20);
    rotten.flip(names[2], 30);
    vec![gone, short, rotten]
}

fn damage(rig: &Rig) -> bool {
    rig.events.iter().any(|event| matches!(event, Event::Damaged(_)))
}

/// The owner does not halt.
fn go_on(rig: &mut Rig) {
    rig.why = None;
    rig.log.give_up(&mut rig.bound);
    rig.events.clear();
    rig.append(9, 10);
}

#[test]
fn a_damaged_log_that_is_given_up_is_a_new_one() {
    for disk in damaged() {
        let mut rig = Rig::on_disk(disk, 1);
        rig.settle();
        assert!(damage(&rig) && !rig.events.iter().any(|event| matches!(event, Event::Broken(_))));
        let changes = |done: &&DiskCommand| match done {
            DiskCommand::Read { .. } | DiskCommand::Length { .. } | DiskCommand::List { .. } => {
                false
            }
            other => other.file().is_some_and(|file| file != BOUND),
        };
        assert_eq!(rig.disk.done.iter().find(changes), None, "nothing was changed");
        go_on(&mut rig);
        rig.settle();
        assert_eq!(rig.events, [Event::Ready, Event::Durable(vec![9])]);
        assert_eq!(rig.log.files().keys().collect::<Vec<_>>(), [&4], "numbers are not used twice");
        rig.stop();
        assert_eq!(rig.disk.files.len(), 2, "the bound, and one log");
        rig.boot();
        rig.settle();
        assert_eq!((rig.why.take(), rig.read()), (None, vec![9]));
    }
}

#[test]
fn a_crash_while_it_is_given_up_leaves_the_damage_or_less_of_it() {
    for (disk, steps) in
        damaged().into_iter().flat_map(|disk| (0..30).map(move |steps| (disk.clone(), steps)))
    {
        let mut rig = Rig::on_disk(disk, steps);
        rig.settle();
        go_on(&mut rig);
        let _ = (0..steps).find(|_| !rig.step());
        let durable = !rig.durable().is_empty();
        rig.crash(steps % 2 == 0);
        rig.settle();
        let again = damage(&rig);
        let read = rig.read();
        assert!(!durable || !again, "the old files were named when the new one counted");
        assert!(again || !durable || read.contains(&9), "{read:?}");
        assert_eq!(rig.why.is_some(), again);
    }
}

#[test]
fn where_rot_is_taken_for_a_tail_a_file_ends_there() {
    let (good, names) = three_files(3);
    for (number, name) in names.into_iter().enumerate() {
        let mut disk = good.disk.clone();
        let length = frame(0, 10).len();
        disk.flip(name, length + 9);
        let mut rig = Rig::on_disk(disk, 1);
        rig.heeds_rot = false;
        rig.boot();
        rig.settle();
        let first = 3 * number as u64;
        let read: Vec<u64> =
            (0..9).filter(|frame| ![first + 1, first + 2].contains(frame)).collect();
        assert_eq!((rig.why.take(), rig.read()), (None, read), "{name}");
        let at = Place { file: number as u64 + 1, offset: length as u64 };
        assert!(rig.events.contains(&Event::Cut { at, bytes: 2 * length as u64 }), "{name}");
        rig.append(9, 10);
        rig.settle();
        assert_eq!(rig.durable(), [9]);
    }
}
