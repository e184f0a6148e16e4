//! Garbage goes, and nothing else does.

use bitcask::Event;

use crate::rig::{Rig, key, value};

fn put(rig: &mut Rig, number: u8, with: u64) {
    rig.commit(vec![(key(number), Some(value(with, 100)))], 1);
    assert_eq!(rig.settle(), [Event::Durable(1)]);
}

#[test]
fn what_is_overwritten_and_removed_takes_no_space() {
    let mut rig = Rig::new(4_000, 1);
    rig.settle();
    for round in 0..2_000 {
        put(&mut rig, (round % 10) as u8, round);
    }
    let files = rig.disk.files.len() - 1;
    assert!(rig.disk.size() < 20_000, "{} bytes in {files} files", rig.disk.size());
    assert!(files < 12, "{files} files");
    for number in 0..10 {
        rig.commit(vec![(key(number), None)], 1);
        rig.settle();
    }
    // Ten keys come and go; in the end only one is there.
    for round in 0..500 {
        put(&mut rig, 11, round);
    }
    assert!(rig.disk.size() < 20_000, "removals go too: {} bytes", rig.disk.size());
    rig.boot();
    assert_eq!(rig.settle(), [Event::Ready]);
    assert_eq!(rig.all(5), [(key(11), value(499, 100))]);
}

/// What takes a segment's place is there to be read before that is told: reads see the new one where the index
/// knows the old one. That is no rot, and not the end of a list.
#[test]
fn what_is_read_while_its_segment_is_replaced_is_read_again() {
    let (mut rig, mut replaced) = (Rig::new(1_500, 1), 0);
    rig.settle();
    let stays = |number: u8| (key(100 + number), value(number.into(), 100));
    for round in 0..300_u64 {
        let put = |number| vec![(key(number), Some(value(round, 100)))];
        rig.commit(put((round % 5) as u8), 1);
        let there = (round / 10).min(10) as u8;
        if round % 10 == 9 && there < 10 {
            let (key, value) = stays(there);
            rig.commit(vec![(key, Some(value))], 2);
        }
        while rig.step() {
            if !rig.disk.replaces_untold() {
                continue;
            }
            replaced += 1;
            for number in 0..there {
                rig.get(&stays(number).0, number.into());
            }
            rig.scan(None, 1_000, 99);
            let mut told = rig.settle_reads();
            told.extend(rig.settle());
            for number in 0..there {
                let found = Event::Found(number.into(), Some(stays(number).1));
                assert!(told.contains(&found), "round {round}: {number} in {told:?}");
            }
            let pages = told.iter().filter_map(|event| match event {
                Event::Page(99, first, next) => Some((first.clone(), *next)),
                _ => None,
            });
            let (first, next) = pages.last().expect("a page");
            let read = first.into_iter().filter_map(|(key, value)| Some((key, value?)));
            let all: Vec<_> = read
                .chain(next.map_or_else(Vec::new, |next| rig.all_after(Some(next), 100)))
                .collect();
            for number in 0..there {
                assert!(all.contains(&stays(number)), "round {round}: {number} in {all:?}");
            }
        }
        rig.events();
    }
    assert!(replaced > 10, "{replaced}");
}

/// Keys that are removed while older segments still have them must not come back when the removals
/// are compacted before or after the values.
#[test]
fn removed_keys_stay_away_at_every_boot() {
    let mut rig = Rig::new(1_500, 1);
    rig.settle();
    for round in 0..400_u64 {
        put(&mut rig, (round % 40) as u8, round);
        rig.commit(vec![(key(((round * 7) % 40) as u8), None)], 2);
        assert_eq!(rig.settle(), [Event::Durable(2)]);
        let there: Vec<bool> = (0..40).map(|number| rig.store.contains(&key(number))).collect();
        rig.boot();
        assert_eq!(rig.settle(), [Event::Ready]);
        let again: Vec<bool> = (0..40).map(|number| rig.store.contains(&key(number))).collect();
        assert_eq!(there, again, "round {round}");
    }
}

/// A store from hints is the same as one from its segments.
#[test]
fn hints_only_spare_time() {
    let mut rig = Rig::new(1_500, 1);
    rig.settle();
    for round in 0..100_u64 {
        put(&mut rig, (round % 40) as u8, round);
    }
    let all = rig.all(7);
    let hints = |rig: &Rig| rig.disk.files.keys().filter(|name| name.starts_with("hint-")).count();
    assert!(hints(&rig) > 3);
    rig.boot();
    assert_eq!(rig.settle(), [Event::Ready]);
    assert_eq!(rig.all(7), all);
    rig.disk.files.retain(|name, _| !name.starts_with("hint-"));
    rig.boot();
    assert_eq!(rig.settle(), [Event::Ready]);
    assert_eq!(rig.all(7), all);
    assert!(hints(&rig) > 3, "they are written again");
}

#[test]
fn a_batch_that_is_too_large_is_refused() {
    let mut rig = Rig::new(1_500, 1);
    rig.settle();
    rig.commit(vec![(key(1), Some(vec![0; 5 << 20].into()))], 1);
    assert_eq!(rig.settle(), [Event::TooLarge(1)]);
    rig.commit(vec![(vec![0; 70_000].into(), None)], 2);
    assert_eq!(rig.settle(), [Event::TooLarge(2)]);
    put(&mut rig, 1, 1);
}

/// A full disk refuses what comes, and takes it again when there is space; a boot needs none.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let mut rig = Rig::new(1_500, 1);
    rig.settle();
    put(&mut rig, 1, 1);
    rig.disk.full = true;
    for boots in 0..2 {
        rig.commit(vec![(key(1), Some(value(2, 100)))], 2);
        rig.commit(vec![(key(2), Some(value(3, 100)))], 3);
        assert_eq!(rig.settle(), [Event::Full(2), Event::Full(3)], "{boots}");
        assert_eq!(rig.look(&key(1)), Event::Found(7, Some(value(1, 100))));
        rig.boot();
        assert_eq!(rig.settle(), [Event::Ready]);
    }
    rig.disk.full = false;
    put(&mut rig, 2, 4);
    assert_eq!(rig.look(&key(1)), Event::Found(7, Some(value(1, 100))));
}

/// What nobody waits for is written and seen, and durable with the next sync.
#[test]
fn a_sync_makes_durable_what_was_committed_without_one() {
    let mut rig = Rig::new(1_500, 1);
    rig.settle();
    for number in 0..30 {
        rig.commit_unsynced(vec![(key(number), Some(value(1, 100)))], number.into());
        assert_eq!(rig.settle(), [Event::Written(number.into())]);
        assert_eq!(rig.look(&key(number)), Event::Found(7, Some(value(1, 100))));
    }
    let mut lost = rig.clone();
    lost.crash(true);
    assert_eq!(lost.settle(), [Event::Ready]);
    assert!(lost.store.keys() < 30, "the last segment was not synced");
    rig.sync(99);
    assert_eq!(rig.settle(), [Event::Durable(99)]);
    rig.sync(98);
    assert_eq!(rig.settle(), [Event::Durable(98)], "all is");
    rig.crash(true);
    assert_eq!(rig.settle(), [Event::Ready]);
    assert_eq!(rig.store.keys(), 30);
}
