//! What happens in which order, step by step.

use journal::{BOUND, JournalTimer};
use machine::DiskCommand;

use super::disk::Disk;
use super::rig::{LIMITS, NUMBER, PROTECTED, Rig, batch};
use crate::{Flush, LogEvent, LogLimits, Protections, Read};
use log_protocol::ask::When;
use log_protocol::batch::Batch;

/// A log of so many batches, stopped well.
fn filled(limits: LogLimits, batches: u64) -> Rig {
    let mut rig = Rig::new(limits, 1);
    rig.settle();
    for number in 0..batches {
        rig.lead(number, 1);
        rig.settle();
    }
    rig.stop();
    rig.events.clear();
    rig
}

fn offsets(batches: &[Batch]) -> Vec<u64> {
    batches.iter().map(Batch::base_offset).collect()
}

/// Between two versions of the program these bytes are the contract.
#[test]
fn a_file_is_batches_each_with_its_guard() {
    let mut rig = filled(LIMITS, 1);
    let (seen, stamped) = (rig.disk.files["p5-1"].seen.clone(), batch(0, 1, 20).stamped(0, 1));
    let (bytes, guard) = seen.split_at(seen.len() - 4);
    assert_eq!(bytes, &stamped.parts().joined()[..]);
    let of_place = [&5_u32.to_be_bytes()[..], &1_u64.to_be_bytes(), &0_u64.to_be_bytes()].concat();
    assert_eq!(guard, crc32c::crc32c(&[&of_place, &bytes[..21]].concat()).to_be_bytes());
    rig.crash(true);
    rig.settle();
    assert_eq!(rig.all().unwrap(), [stamped]);
}

#[test]
fn a_boot_reads_the_active_segment_and_of_the_others_what_they_left_beside_them() {
    let mut rig = filled(LIMITS, 20);
    let before = rig.all().unwrap();
    assert_eq!(rig.files().len(), 7, "{:?}", rig.files());
    rig.boot();
    rig.settle();
    let read: Vec<String> = rig
        .disk
        .done
        .iter()
        .filter_map(|done| match done {
            DiskCommand::Read { file, .. } if file != BOUND => Some(file.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(read.len(), 4, "{read:?}");
    assert!(read[..3].iter().all(|name| name.ends_with(".facts")) && read[3] == "p5-4", "{read:?}");
    assert_eq!(rig.all().unwrap(), before);
}

#[test]
fn facts_that_are_lost_or_rotten_or_of_another_length_are_done_without() {
    let rig = filled(LIMITS, 20);
    let before = rig.clone().all().unwrap();
    let mut lost = rig.clone();
    lost.disk.files.retain(|name, _| !name.ends_with(".facts"));
    let mut rotten = rig.clone();
    rotten.disk.flip("p5-2.facts", 9);
    let mut other = rig;
    let (first, second) = (&other.disk.files["p5-1.facts"], &other.disk.files["p5-2.facts"]);
    let (first, second) = (first.seen.clone(), second.seen.clone());
    other.disk.put("p5-2.facts", first);
    other.disk.put("p5-1.facts", second);
    for mut rig in [lost, rotten, other] {
        rig.boot();
        rig.settle();
        assert_eq!(rig.damage(), None);
        assert_eq!(rig.all().unwrap(), before);
    }
}

/// Its sync was on its way when what it covers was cut off.
#[test]
fn a_sync_of_what_was_cut_says_nothing_of_what_comes_in_its_place() {
    let mut rig = filled(LIMITS, 2);
    rig.lead(2, 1);
    rig.lead(3, 1);
    rig.log.truncate(2);
    rig.go_on();
    let offsets = rig.lead(9, 2);
    assert_eq!(offsets, 2..3);
    let mut truncated = false;
    while rig.step() {
        truncated |= rig.events.contains(&LogEvent::Truncated);
        let there = rig.disk.files.keys().any(|name| name == "p5-2");
        assert!(there || rig.log.synced_end() == 2, "the new one is in the next file");
        assert!(truncated || rig.log.synced_end() == 2);
    }
    assert!(truncated && rig.log.synced_end() == 3);
    assert_eq!(rig.all().unwrap()[2], batch(9, 1, 20).stamped(2, 2));
}

/// Nothing of it is in memory: the disk says where the batch begins, and what comes meanwhile waits.
#[test]
fn a_cut_whose_place_nobody_knows_is_looked_for() {
    for (to, next) in (1..20).flat_map(|to| [(to, false), (to, true)]) {
        let mut rig = filled(LIMITS, 20);
        rig.boot();
        rig.settle();
        rig.log.truncate(to);
        assert_eq!(rig.log.end_offset(), to);
        if next {
            rig.lead(30, 2);
            // And another, of what came meanwhile.
            rig.lead(31, 2);
            rig.log.truncate(to + 1);
        }
        rig.go_on();
        rig.settle();
        assert!(rig.events.contains(&LogEvent::Truncated));
        assert_eq!(rig.log.synced_end(), to + u64::from(next));
        let all = rig.all().unwrap();
        rig.crash(true);
        rig.settle();
        assert_eq!(rig.all().unwrap(), all, "cut at {to}");
        let epochs: Vec<u32> = all.iter().map(Batch::leader_epoch).collect();
        assert_eq!(epochs.len() as u64, to + u64::from(next));
        assert!(epochs[..to as usize].iter().all(|epoch| *epoch == 1));
    }
}

/// Files end somewhere behind the cut, and not where they were to end.
#[test]
fn while_a_cut_is_looked_for_reads_find_what_is_left_and_what_waits() {
    let mut rig = filled(LIMITS, 3);
    rig.disk.full = true;
    for number in 3..6 {
        rig.lead(number, 1);
    }
    rig.settle();
    rig.log.evict(usize::MAX);
    rig.log.truncate(1);
    rig.go_on();
    assert_eq!(rig.log.lead(&batch(90, 2, 20), 2), 1..3);
    rig.go_on();
    let waits = batch(90, 2, 20).stamped(1, 2);
    assert_eq!(rig.find(When::At(50), 3), Some(1));
    let mut early = rig.clone();
    assert_eq!(early.read(1, 3, 9_999), Ok(vec![waits.clone()]));
    assert_eq!(early.read(0, 3, 900), Ok(vec![batch(0, 1, 20).stamped(0, 1)]));
    assert_eq!(rig.read(0, 1, 300), Ok(vec![batch(0, 1, 20).stamped(0, 1)]));
    rig.disk.full = false;
    while let Some(timer) = rig.timers.first().copied() {
        rig.fire(timer);
        rig.settle();
    }
    assert_eq!(rig.all().unwrap(), [batch(0, 1, 20).stamped(0, 1), waits]);
    assert_eq!((rig.log.synced_end(), rig.damage()), (3, None));
}

#[test]
fn a_cut_within_a_batch_takes_all_of_it_also_the_first() {
    let mut rig = Rig::new(LIMITS, 1);
    rig.settle();
    rig.log.lead(&batch(0, 3, 20), 1);
    rig.log.lead(&batch(1, 3, 20), 1);
    rig.go_on();
    rig.settle();
    for (to, left) in [(4, 3), (2, 0)] {
        rig.log.truncate(to);
        rig.go_on();
        rig.settle();
        assert_eq!((rig.log.end_offset(), rig.log.synced_end()), (left, left), "cut at {to}");
    }
    assert_eq!(rig.lead(5, 2), 0..1);
}

#[test]
fn a_follower_takes_what_comes_next_and_nothing_else() {
    let mut rig = filled(LIMITS, 3);
    for wrong in [0, 2, 4, 99] {
        let gap = rig.log.follow(&batch(1, 1, 20).stamped(wrong, 4)).unwrap_err();
        assert_eq!((gap.expected, rig.log.end_offset()), (3, 3), "it begins at {wrong}");
    }
    let next = batch(1, 2, 20).stamped(3, 4);
    assert_eq!(rig.log.follow(&next), Ok(()));
    rig.go_on();
    rig.settle();
    assert_eq!((rig.log.synced_end(), rig.log.last_epoch()), (5, Some(4)));
    assert_eq!(rig.all().unwrap()[3], next);
}

#[test]
fn what_was_just_appended_is_read_from_memory_and_what_is_old_from_the_disk() {
    let mut rig = filled(LIMITS, 8);
    rig.lead(8, 1);
    let Read::Batches(batches) = rig.log.read(8, 9, 1_000, 1, &mut rig.out) else { panic!() };
    assert_eq!(offsets(&batches), [8], "it is on its way to the disk");
    let before = rig.log.cache_bytes();
    assert_eq!(rig.log.evict(usize::MAX) + rig.log.cache_bytes(), before);
    assert!(rig.log.cache_bytes() > 0, "it is not written yet");
    assert_eq!(rig.log.read(3, 9, 1_000, 2, &mut rig.out), Read::Later);
    rig.settle();
    assert_eq!(rig.log.evict(usize::MAX), batch(8, 1, 20).length() as usize);
    for (from, below, most, expected) in [
        (0, 9, 0, vec![0]),
        (3, 9, 250, vec![3, 4]),
        (4, 6, 9_999, vec![4, 5]),
        (5, 9, 9_999, vec![5, 6, 7, 8]),
        (5, 5, 9_999, vec![]),
        (9, 9, 9_999, vec![]),
    ] {
        let read = offsets(&rig.read(from, below, most).unwrap());
        assert!(expected.starts_with(&read) && read.is_empty() == expected.is_empty(), "{read:?}");
    }
    assert_eq!(rig.log.read(10, 10, 1, 3, &mut rig.out), Read::OutOfRange);
}

#[test]
fn an_offset_inside_a_batch_and_one_longer_than_any_piece_are_read() {
    let mut rig = Rig::new(LogLimits { segment_bytes: 9_000, ..LIMITS }, 1);
    rig.settle();
    for number in 0..4 {
        rig.log.lead(&batch(number, 3, 600), 1);
        rig.go_on();
        rig.settle();
    }
    rig.log.evict(usize::MAX);
    for from in 0..12 {
        let read = rig.read(from, 12, 1).unwrap();
        assert_eq!(offsets(&read), [from / 3 * 3], "from {from}");
        assert_eq!(rig.read(from, from / 3 * 3 + 2, 1), Ok(vec![]), "it ends later");
    }
}

#[test]
fn with_the_system_flushing_a_batch_counts_when_it_is_written() {
    let mut rig = filled(LogLimits { flush: Flush::Os, ..LIMITS }, 3);
    rig.lead(3, 1);
    rig.settle();
    let log = &rig.log;
    assert_eq!((log.written_end(), log.counted_end(), log.synced_end()), (4, 4, 3));
    rig.crash(true);
    rig.settle();
    assert!((3..=4).contains(&rig.log.end_offset()), "a power loss may take it");
}

#[test]
fn without_its_mechanism_a_batch_counts_before_any_sync() {
    let off = Protections { syncs: false, ..PROTECTED };
    let mut rig = Rig::on_disk(filled(LIMITS, 1).disk, LIMITS, off, 1);
    rig.settle();
    rig.disk.done.clear();
    rig.lead(1, 1);
    rig.settle();
    let syncs =
        |done: &&DiskCommand| matches!(done, DiskCommand::Sync { file, .. } if file != BOUND);
    assert_eq!((rig.log.counted_end(), rig.disk.done.iter().find(syncs)), (2, None));
}

#[test]
fn a_full_disk_is_tried_again() {
    let mut rig = filled(LIMITS, 1);
    rig.disk.full = true;
    rig.lead(1, 1);
    rig.settle();
    rig.disk.full = false;
    while let Some(timer) = rig.timers.first().copied() {
        rig.fire(timer);
        rig.settle();
    }
    assert_eq!(rig.log.synced_end(), 2);
}

#[test]
fn the_oldest_segments_expire_and_never_what_consumers_may_not_have_read() {
    let mut rig = filled(LogLimits { retention_bytes: Some(1_200), ..LIMITS }, 40);
    let first = |rig: &Rig| rig.files()[0].to_owned();
    let before = first(&rig);
    rig.log.retain(3);
    rig.go_on();
    assert_eq!((rig.log.start_offset(), first(&rig)), (0, before), "the first one ends later");
    rig.log.retain(30);
    rig.go_on();
    rig.settle();
    let start = rig.log.start_offset();
    assert!(start > 20 && start <= 30, "{start}");
    let bytes: usize = rig
        .disk
        .files
        .iter()
        .filter(|(name, _)| name.starts_with("p5-"))
        .filter(|(name, _)| !name.ends_with("facts"))
        .map(|(_, file)| file.seen.len())
        .sum();
    assert!((1_200..1_200 + 700).contains(&bytes), "{bytes} are left");
    assert_eq!(
        rig.files().iter().filter(|name| name.ends_with(".facts")).count(),
        rig.files().len() / 2
    );
    assert_eq!(rig.log.epoch_end(1), Some((1, 40)));
    rig.crash(true);
    rig.settle();
    assert_eq!((rig.log.start_offset(), rig.log.end_offset()), (start, 40));
}

#[test]
fn the_newest_records_never_expire() {
    let mut rig = filled(LogLimits { retention_bytes: Some(0), ..LIMITS }, 20);
    rig.boot();
    rig.settle();
    rig.log.retain(20);
    rig.log.raise_start(99);
    rig.go_on();
    rig.settle();
    assert!(rig.log.start_offset() < 20, "or its offsets would be given again after a boot");
    rig.boot();
    rig.settle();
    assert_eq!(rig.log.end_offset(), 20);
}

#[test]
fn a_log_that_begins_anew_has_nothing_of_before() {
    let mut rig = filled(LIMITS, 20);
    rig.log.restart_at(100);
    rig.go_on();
    assert_eq!(rig.lead(7, 3), 100..101);
    rig.settle();
    assert!(rig.events.contains(&LogEvent::Truncated));
    assert_eq!(rig.log.epoch_end(9), Some((3, 101)));
    assert_eq!(rig.files().len(), 1, "{:?}", rig.files());
    rig.crash(true);
    rig.settle();
    assert_eq!((rig.log.start_offset(), rig.log.end_offset()), (100, 101));
}

#[test]
fn a_deleted_log_leaves_nothing() {
    for (steps, boots) in (0..40).flat_map(|steps| [(steps, false), (steps, true)]) {
        let mut rig = filled(LIMITS, 20);
        if boots {
            rig.boot();
        } else {
            rig.lead(20, 1);
        }
        let _ = (0..steps).find(|_| !rig.step());
        rig.log.delete();
        rig.go_on();
        rig.settle();
        assert_eq!(rig.events.last(), Some(&LogEvent::Deleted), "{steps} {boots}");
        assert_eq!(rig.files(), [""; 0]);
    }
}

#[test]
fn facts_that_a_crash_left_go_at_the_next_boot() {
    let mut rig = filled(LIMITS, 20);
    rig.disk.put("p5-77.facts", b"of a file that is gone".to_vec());
    rig.disk.put("p51-77.facts", b"of another log".to_vec());
    rig.boot();
    rig.settle();
    assert!(!rig.disk.files.contains_key("p5-77.facts"));
    assert!(rig.disk.files.contains_key("p51-77.facts"));
}

/// The bound names what the other one has lost, and both boots end.
#[test]
fn a_damaged_log_is_deleted_too() {
    let mut rig = filled(LIMITS, 20);
    rig.disk.files.remove("p5-2");
    rig.boot();
    rig.log.delete();
    rig.settle();
    assert_eq!(rig.events.last(), Some(&LogEvent::Deleted));
    assert_eq!(rig.files(), [""; 0]);
}

#[test]
fn a_new_log_on_a_disk_in_use_begins_at_once() {
    let mut rig = Rig::new(LIMITS, 1);
    rig.settle();
    rig.events.clear();
    rig.log = crate::Log::new(NUMBER + 1, LIMITS, PROTECTED);
    rig.go_on();
    assert_eq!(rig.events, [LogEvent::Ready]);
    assert_eq!(rig.lead(0, 1), 0..1);
    rig.settle();
    assert_eq!(rig.log.synced_end(), 1);
    let _: (Disk<super::rig::Op>, JournalTimer) = (rig.disk, JournalTimer::Bound);
}
