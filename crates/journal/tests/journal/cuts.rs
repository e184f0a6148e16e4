//! Files that are cut at every byte.

use journal::JournalTimer;

use crate::rig::{FAMILY, Rig, booted, frame, three_files};

#[test]
fn after_a_clean_stop_no_cut_is_believed() {
    let (rig, names) = three_files(3);
    for name in [names[1], names[2]] {
        let whole = rig.disk.length(name);
        for length in 0..whole {
            let mut cut = rig.disk.clone();
            cut.cut(name, length);
            let why = booted(cut).expect_err("it was believed");
            let said = format!("{name} ends at {length}, and was synced up to {whole}");
            assert!(why.contains(&said), "{why}");
        }
    }
}

/// The limit: what was written after the last bound can go unseen, and nothing else.
#[test]
fn a_cut_is_seen_below_the_bound_and_is_a_tail_above_it() {
    let (mut rig, _) = three_files(3);
    rig.log.roll();
    rig.append(9, 10);
    rig.settle();
    rig.fire(JournalTimer::Bound);
    rig.settle();
    let floor = rig.bound.floor(FAMILY, 4).unwrap() as usize;
    assert_eq!(floor, frame(9, 10).len());
    rig.append(10, 10);
    rig.append(11, 10);
    rig.settle();
    let whole = rig.disk.length("log-4");
    for length in 0..=whole {
        let mut cut = rig.disk.clone();
        cut.cut("log-4", length);
        let frames = (length / floor) as u64;
        match booted(cut) {
            Ok(read) => assert!(length >= floor && read.len() as u64 == 9 + frames, "{length}"),
            Err(why) => assert!(length < floor && why.contains("log-4"), "{length}: {why}"),
        }
    }
}

/// A file that was begun is not named at once; the one before is, to its end.
#[test]
fn a_file_is_begun_when_the_bound_of_the_one_before_is_exact() {
    let mut rig = Rig::new(1);
    rig.settle();
    rig.append(0, 10);
    rig.settle();
    rig.append(1, 10);
    rig.settle();
    rig.log.roll();
    rig.append(2, 10);
    while rig.disk.length("log-2") == 0 {
        assert!(rig.step());
    }
    let whole = rig.disk.length("log-1");
    for length in 0..whole {
        let mut cut = rig.disk.clone();
        cut.cut("log-1", length);
        assert!(booted(cut).is_err(), "cut to {length} of {whole}");
    }
}
