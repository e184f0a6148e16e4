//! What the disk does to what it has: found, told, and given back by others.

use super::rig::{LIMITS, PROTECTED, Rig};
use crate::{Damaged, LogEvent, Protections};
use log_protocol::batch::Batch;

/// Batches in a file of the size of these.
const PER_FILE: usize = 6;

fn filled() -> Rig {
    let mut rig = Rig::new(LIMITS, 1);
    rig.settle();
    for number in 0..12 {
        rig.lead(number, 1);
        rig.settle();
    }
    rig.stop();
    rig
}

/// The sealed ones are not read at boot: a read finds it, and says so.
#[test]
fn every_flipped_bit_is_found() {
    let good = filled();
    let all = good.clone().all().unwrap();
    let newest = good.newest_file();
    for name in good.files() {
        for bit in 0..8 * good.disk.length(name) {
            let mut rig = good.clone();
            let mut bytes = rig.disk.files[name].seen.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            rig.disk.put(name, bytes);
            rig.boot();
            rig.settle();
            if name.ends_with(".facts") {
                assert_eq!(rig.all().as_ref(), Ok(&all), "{name}, bit {bit}");
                assert_eq!(rig.damage(), None, "{name}, bit {bit}");
                continue;
            }
            let at_boot = rig.damage().is_some();
            assert_eq!(at_boot, name == format!("p5-{newest}"), "{name}, bit {bit}");
            if !at_boot {
                assert_eq!(rig.all(), Err(Damaged), "{name}, bit {bit}");
            }
            let why = rig.damage().unwrap();
            assert!(why.contains(name) && why.contains("not what was written"), "{why}");
        }
    }
}

#[test]
fn a_file_that_is_missing_or_too_short_is_damage_and_not_the_end_of_the_node() {
    let good = filled();
    let names: Vec<&str> =
        good.files().into_iter().filter(|name| !name.ends_with("facts")).collect();
    for name in names {
        let mut gone = good.clone();
        gone.disk.files.remove(name);
        let mut short = good.clone();
        short.disk.cut(name, 50);
        for mut rig in [gone, short] {
            rig.boot();
            rig.settle();
            assert!(rig.damage().unwrap().contains(name));
            assert!(!rig.events.iter().any(|event| matches!(event, LogEvent::Broken(_))));
        }
    }
}

/// As when another partition's bytes land in this file, or its own at another place.
#[test]
fn a_batch_at_another_place_is_none() {
    let good = filled();
    let length = good.disk.length("p5-1") / PER_FILE;
    let frame = |rig: &Rig, name: &str, number: usize| {
        rig.disk.files[name].seen[number * length..][..length].to_vec()
    };
    for (name, number) in [("p5-1", 2), ("p5-2", 1)] {
        let mut rig = good.clone();
        let other = frame(&rig, name, number);
        let mut bytes = rig.disk.files["p5-1"].seen.clone();
        bytes[length..2 * length].copy_from_slice(&other);
        rig.disk.put("p5-1", bytes);
        rig.boot();
        rig.settle();
        assert_eq!(rig.all(), Err(Damaged), "number {number} of {name}");
    }
}

#[test]
fn what_a_crash_tore_above_the_bound_is_cut_off_and_told() {
    let mut good = filled();
    good.lead(12, 1);
    good.stop();
    let name = format!("p5-{}", good.newest_file());
    let floor = good.disk.length(&name);
    good.lead(13, 1);
    good.settle();
    let whole = good.disk.length(&name);
    assert!(floor < whole, "the bound is not raised yet");
    for length in floor..whole {
        let mut rig = good.clone();
        rig.disk.cut(&name, length);
        rig.boot();
        rig.settle();
        assert_eq!((rig.damage(), rig.log.end_offset()), (None, 13), "cut at {length}");
        let cut = LogEvent::Cut { bytes: (length - floor) as u64 };
        assert_eq!(rig.events.contains(&cut), length > floor);
        assert_eq!(rig.lead(14, 1), 13..14);
        rig.settle();
        assert_eq!(rig.log.synced_end(), 14);
    }
}

#[test]
fn a_damaged_log_is_given_back_by_another_replica() {
    for steps in 0..60 {
        let mut rig = filled();
        rig.disk.flip(&format!("p5-{}", rig.newest_file()), 70);
        rig.boot();
        rig.settle();
        assert!(rig.damage().is_some());
        rig.log.restart_at(6);
        rig.go_on();
        let _ = (0..steps).find(|_| !rig.step());
        if rig.events.contains(&LogEvent::Truncated) {
            assert_eq!(rig.lead(6, 2), 6..7);
        }
        rig.crash(steps % 2 == 0);
        rig.settle();
        if rig.damage().is_some() {
            // It is as it was.
            rig.log.restart_at(6);
            rig.go_on();
            rig.settle();
        }
        let all = rig.all().unwrap();
        assert!(
            all.len() <= 1 && all.iter().all(|batch| batch.base_offset() == 6),
            "{steps}: {all:?}"
        );
        rig.lead(20, 3);
        rig.settle();
        assert_eq!(rig.log.synced_end(), rig.log.end_offset());
        assert!(rig.events.iter().all(|event| !matches!(event, LogEvent::Broken(_))));
    }
}

#[test]
fn a_log_whose_reads_find_rot_begins_anew_as_well() {
    let mut rig = filled();
    rig.disk.flip("p5-1", 70);
    rig.boot();
    rig.settle();
    assert_eq!(rig.all(), Err(Damaged));
    rig.log.restart_at(0);
    rig.go_on();
    rig.settle();
    rig.lead(0, 2);
    rig.settle();
    assert_eq!((rig.log.synced_end(), rig.files().len()), (1, 1));
}

/// Wherever it is, and however much lies behind it.
#[test]
fn without_its_mechanism_rot_is_taken_for_a_tail() {
    let off = Protections { heeds_rot: false, ..PROTECTED };
    let good = filled();
    let newest = good.newest_file();
    for file in 1..=newest {
        let (name, before) = (format!("p5-{file}"), PER_FILE as u64 * (file - 1));
        let mut disk = good.disk.clone();
        disk.flip(&name, 70);
        // Only the newest is read in full, and what has no facts.
        disk.files.remove(&format!("{name}.facts"));
        let mut with = Rig::on_disk(disk.clone(), LIMITS, PROTECTED, 1);
        with.settle();
        assert!(with.damage().is_some());
        let mut rig = Rig::on_disk(disk, LIMITS, off, 1);
        for round in 0..3 {
            rig.settle();
            assert_eq!((rig.damage(), rig.log.end_offset()), (None, before), "{name} {round}");
            rig.boot();
        }
        rig.settle();
        let offsets = rig.lead(30, 2);
        rig.settle();
        assert_eq!((offsets.start, rig.log.synced_end()), (before, before + 1));
        let all = rig.all().unwrap();
        assert_eq!(all.iter().map(Batch::records).sum::<u32>() as u64, before + 1);
    }
}
