//! Who follows the log knows in the end what is there, and what is there no more, whatever was compacted
//! and whoever crashed meanwhile.

use std::collections::BTreeMap;

use bitcask::Event;
use bytes::Bytes;
use proptest::prelude::*;

use crate::rig::{Rig, key, value};

/// Few keys, so that compactions have much to forget.
const KEYS: u8 = 12;

#[derive(Clone, Debug)]
enum Action {
    Put(u8),
    Remove(u8),
    /// The follower reads a page of so many.
    Follow(u32),
    Crash,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        20 => (0..KEYS).prop_map(Action::Put),
        20 => (0..KEYS).prop_map(Action::Remove),
        4 => (1_u32..6).prop_map(Action::Follow),
        1 => Just(Action::Crash),
    ];
    prop::collection::vec(action, 1..300)
}

#[derive(Default)]
struct Follower {
    after: Option<u64>,
    copy: BTreeMap<Bytes, Bytes>,
}

impl Follower {
    /// Reads a page; false where it was the end.
    fn read(&mut self, rig: &mut Rig, limit: u32) -> bool {
        rig.scan(self.after, limit, 7);
        let Some(Event::Page(7, changes, next)) = rig.settle().pop() else { panic!("no page") };
        for (key, value) in changes {
            match value {
                Some(value) => self.copy.insert(key, value),
                None => self.copy.remove(&key),
            };
        }
        self.after = next.or(self.after);
        next.is_some()
    }
}

proptest! {
    #[test]
    fn a_follower_ends_with_what_is_there(segment in 200_u32..2_000, seed: u64, actions in actions()) {
        let mut rig = Rig::new(segment, seed);
        rig.store.keep_removals(true);
        rig.settle();
        let mut follower = Follower::default();
        for (round, action) in (0_u64..).zip(actions) {
            match action {
                Action::Put(number) => rig.commit(vec![(key(number), Some(value(round, 30)))], 1),
                Action::Remove(number) => rig.commit(vec![(key(number), None)], 1),
                Action::Follow(limit) => drop(follower.read(&mut rig, limit)),
                Action::Crash => {
                    rig.crash(true);
                    rig.store.keep_removals(true);
                }
            }
            rig.settle();
        }
        let is_over = (0..10_000).any(|_| !follower.read(&mut rig, 3));
        prop_assert!(is_over, "the log does not come to an end");
        let all: BTreeMap<_, _> = rig.all(7).into_iter().collect();
        prop_assert_eq!(follower.copy, all);
    }
}

#[test]
fn removals_are_on_no_page_unless_they_are_kept() {
    let mut rig = Rig::new(100_000, 1);
    rig.settle();
    for number in 0..40 {
        rig.commit(vec![(key(number), Some(value(0, 30)))], 1);
    }
    for number in 0..20 {
        rig.commit(vec![(key(number), None)], 1);
    }
    rig.settle();
    for (keep, removals) in [(false, 0), (true, 20)] {
        rig.store.keep_removals(keep);
        rig.scan(None, 1_000, 7);
        let Some(Event::Page(7, changes, _)) = rig.settle().pop() else { panic!("no page") };
        assert_eq!(changes.len(), 20 + removals);
    }
}

/// Where most of a log is removals that must stay, a compaction has nothing to do.
#[test]
fn what_must_stay_is_not_compacted_again_and_again() {
    let mut rig = Rig::new(1_000, 1);
    rig.store.keep_removals(true);
    rig.settle();
    for round in 0..2_000_u64 {
        let number = (round % 200) as u8;
        rig.commit(vec![(key(number), Some(value(round, 10)))], 1);
        rig.commit(vec![(key(number), None)], 1);
        rig.settle();
    }
    let (written, size) = (rig.disk.written, rig.disk.size());
    assert!(written < 8 * size, "{written} bytes were written for {size}");
}
