//! Files that were cut, exchanged, emptied or altered: a store may refuse, a read may say that what it
//! found is rotten, but nobody is ever handed a value that was not kept under that key.

use std::collections::BTreeMap;

use bitcask::Event;
use bytes::Bytes;
use proptest::prelude::*;
use rand::RngExt;

use crate::rig::{Rig, key, value};

const KEYS: u8 = 20;
/// Where the first frame of a segment lies.
const FRAMES: usize = 32;

/// A store with many segments, some of them compacted; all that was ever kept under each key, the
/// newest last.
fn filled(seed: u64) -> (Rig, BTreeMap<Bytes, Vec<Option<Bytes>>>) {
    let mut rig = Rig::new(700, seed);
    rig.settle();
    let mut kept: BTreeMap<Bytes, Vec<Option<Bytes>>> =
        (0..KEYS).map(|number| (key(number), vec![None])).collect();
    for number in 0..rig.random.random_range(5..60) {
        let key = key(rig.random.random_range(0..KEYS));
        let length = rig.random.random_range(0..200);
        let value = rig.random.random_bool(0.8).then(|| value(number, length));
        rig.commit(vec![(key.clone(), value.clone())], number);
        kept.entry(key).or_default().push(value);
        if rig.random.random_bool(0.7) {
            rig.settle();
        }
    }
    rig.settle();
    (rig, kept)
}

proptest! {
    #[test]
    fn no_harm_makes_a_wrong_value(seed: u64, harms in 1_usize..4) {
        let (mut rig, kept) = filled(seed);
        let newest = |rig: &Rig| {
            let named = |name: &String| name.strip_prefix("segment-")?.parse::<u32>().ok();
            let (name, file) = rig.disk.files.iter().max_by_key(|(name, _)| named(name))?;
            Some((name.clone(), file.seen.clone()))
        };
        let before = newest(&rig);
        for _ in 0..harms {
            rig.disk.harm(&mut rig.random);
        }
        let intact = newest(&rig) == before;
        rig.boot();
        let events = rig.settle();
        if let [Event::Broken(why)] = &events[..] {
            prop_assert!(!why.is_empty());
            return Ok(());
        }
        prop_assert_eq!(events, [Event::Ready]);
        for (key, kept) in &kept {
            match rig.look(key) {
                Event::Found(_, found) if intact => prop_assert_eq!(Some(&found), kept.last()),
                // Damage to the last write looks like a write that a crash tore.
                Event::Found(_, found) => prop_assert!(kept.contains(&found), "{found:?}"),
                other => prop_assert_eq!(other, Event::Rotten(7)),
            }
        }
        // What is written over it is there, whatever is compacted around it.
        for round in 0..5 {
            for number in 0..KEYS {
                let new = value(1_000 + round, 60);
                rig.commit(vec![(key(number), Some(new.clone()))], 1);
                prop_assert_eq!(rig.settle(), [Event::Durable(1)]);
                prop_assert_eq!(rig.look(&key(number)), Event::Found(7, Some(new)));
            }
        }
    }
}

/// A disk that lost something once and noticed it: a bit flips while the store runs, wherever it lies.
#[test]
fn rot_is_told_and_never_handed_out() {
    let mut rig = Rig::new(100_000, 1);
    rig.settle();
    let kept = [1, 2].map(|number| (key(number), value(number.into(), 50)));
    rig.commit(kept.clone().map(|(key, value)| (key, Some(value))).to_vec(), 1);
    assert_eq!(rig.settle(), [Event::Durable(1)]);
    let whole = rig.disk.files["segment-1"].seen.clone();
    let mut rotten = 0;
    for at in FRAMES..whole.len() {
        let file = rig.disk.files.get_mut("segment-1").unwrap();
        file.seen.clone_from(&whole);
        file.seen[at] ^= 1;
        let was_rotten = rotten;
        for (key, value) in &kept {
            match rig.look(key) {
                Event::Rotten(7) => rotten += 1,
                other => assert_eq!(other, Event::Found(7, Some(value.clone())), "at {at}"),
            }
        }
        assert!(rotten <= was_rotten + 1, "the other is as it was: {at}");
        rig.scan(None, 10, 3);
        assert_eq!(rig.settle(), [Event::Rotten(3)], "at {at}");
    }
    let lengths = kept.iter().map(|(key, value)| 14 + key.len() + value.len());
    assert_eq!(rotten, lengths.sum::<usize>(), "all of an entry counts");
}

/// What is damaged below something that was written later was durable once: no crash tore it.
#[test]
fn damage_where_it_was_durable_is_not_taken_for_a_torn_write() {
    for place in 0..200 {
        let mut rig = Rig::new(100_000, 1);
        rig.settle();
        for number in 0..3 {
            rig.commit(vec![(key(number), Some(value(1, 50)))], 1);
            assert_eq!(rig.settle(), [Event::Durable(1)]);
        }
        rig.disk.files.get_mut("segment-1").unwrap().seen[place] ^= 16;
        rig.boot();
        assert!(matches!(&rig.settle()[..], [Event::Broken(_)]), "a flipped bit at {place}");
    }
}

/// Segments without which keys would be missing.
#[test]
fn a_segment_that_is_gone_is_missed() {
    let mut rig = Rig::new(300, 1);
    rig.settle();
    for number in 0..20 {
        rig.commit(vec![(key(number), Some(value(1, 100)))], 1);
        rig.settle();
    }
    let disk = rig.disk.clone();
    let segments = disk.files.keys().filter(|name| name.starts_with("segment-")).count();
    assert!(segments > 5);
    for number in 1..segments {
        rig.disk = disk.clone();
        rig.disk.files.remove(&format!("segment-{number}"));
        rig.boot();
        let events = rig.settle();
        let gone = format!("segment-{number} is gone");
        assert!(matches!(&events[..], [Event::Broken(why)] if why.contains(&gone)), "{events:?}");
    }
}

/// A user keeps bytes that look like a frame, and the write after them is torn. The store once might
/// have taken them for proof that more was durable; the mark of a frame is no text.
#[test]
fn no_text_looks_like_a_frame() {
    let mut rig = Rig::new(100_000, 1);
    rig.settle();
    rig.commit(vec![(key(1), Some(value(1, 50)))], 1);
    rig.settle();
    let file = &rig.disk.files["segment-1"].seen;
    let frame = &file[FRAMES..];
    assert!(std::str::from_utf8(&frame[..1]).is_err() && std::str::from_utf8(&file[..1]).is_err());
    // The same bytes elsewhere are none: the checksum knows where they lie.
    let copied = Bytes::copy_from_slice(frame);
    rig.commit(vec![(key(2), Some(copied))], 2);
    rig.step();
    let file = rig.disk.files.get_mut("segment-1").unwrap();
    let length = file.seen.len() - 1;
    file.seen.truncate(length);
    rig.boot();
    assert_eq!(rig.settle(), [Event::Ready]);
    assert!(!rig.store.contains(&key(2)));
}

/// A file is gone under a running store.
#[test]
fn a_read_that_fails_is_rotten() {
    let mut rig = Rig::new(100_000, 1);
    rig.settle();
    rig.commit(vec![(key(1), Some(value(1, 50)))], 1);
    rig.settle();
    rig.disk.files.remove("segment-1");
    assert_eq!(rig.look(&key(1)), Event::Rotten(7));
}

/// A log cannot tell what it lost at its end, or as a whole. After a clean stop the bound can.
#[test]
fn segments_that_are_gone_or_shorter_are_refused_with_file_and_offset() {
    let mut rig = Rig::new(300, 1);
    rig.settle();
    for number in 0..20 {
        rig.commit(vec![(key(number), Some(value(1, 100)))], 1);
        rig.settle();
    }
    rig.stop();
    let disk = rig.disk.clone();
    let segments: Vec<String> =
        disk.files.keys().filter(|name| name.starts_with("segment-")).cloned().collect();
    let mut boots = |harm: &dyn Fn(&mut crate::disk::Disk)| {
        rig.disk = disk.clone();
        harm(&mut rig.disk);
        rig.boot();
        rig.settle()
    };
    assert_eq!(boots(&|_| {}), [Event::Ready]);
    let refusal = |events: &[Event], words: &str| match events {
        [Event::Broken(why)] => {
            assert!(why.contains(words) && why.contains("restore the folder"), "{why}");
        }
        other => panic!("{words}: {other:?}"),
    };
    let all = boots(&|disk| segments.iter().for_each(|name| drop(disk.files.remove(name))));
    refusal(&all, "is gone, with ");
    for name in &segments {
        let length = disk.files[name].seen.len();
        refusal(
            &boots(&|disk| drop(disk.files.remove(name))),
            &format!("{name} is gone, with {length}"),
        );
        for left in [0, 40, length - 1] {
            let bytes = disk.files[name].seen[..left].to_vec();
            let said = format!("{name} ends at {left}, and was synced up to {length}");
            refusal(&boots(&|disk| disk.put(name, &bytes)), &said);
        }
    }
}

/// Each boot begins a segment; many small ones are put together.
#[test]
fn many_boots_leave_few_segments() {
    let mut rig = Rig::new(100_000, 1);
    rig.settle();
    for boot in 0..100 {
        rig.commit(vec![(key((boot % 40) as u8), Some(value(boot, 50)))], 1);
        rig.settle();
        rig.boot();
        rig.settle();
    }
    let segments = rig.disk.files.keys().filter(|name| name.starts_with("segment-")).count();
    assert!(segments < 40, "{segments} segments");
    assert_eq!(rig.all(7).len(), 40);
}
