//! Random operations with crashes, against a model.

use std::collections::BTreeMap;

use journal::{Event, JournalTimer, Place, Until};
use proptest::prelude::*;

use crate::rig::{Rig, frame};

#[derive(Clone, Debug)]
enum Move {
    Append(usize, bool),
    Hold,
    Roll,
    DeleteOldest,
    Replace,
    Truncate(usize),
    Steps(usize),
    Fire,
    Full(bool),
    /// The process died, or the power went; and again, after so many steps of each boot.
    Crash(Vec<(bool, usize)>),
    Stop,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => (0..200_usize, prop::bool::weighted(0.7)).prop_map(|(length, waits)| Move::Append(length, waits)),
        2 => Just(Move::Hold),
        3 => Just(Move::Roll),
        1 => Just(Move::DeleteOldest),
        1 => Just(Move::Replace),
        2 => (0..6_usize).prop_map(Move::Truncate),
        10 => (1..12_usize).prop_map(Move::Steps),
        2 => Just(Move::Fire),
        1 => any::<bool>().prop_map(Move::Full),
        3 => prop::collection::vec((any::<bool>(), 0..12_usize), 1..4).prop_map(Move::Crash),
        1 => Just(Move::Stop),
    ]
}

/// What must be there, may be there and must not be.
#[derive(Debug, Default)]
struct Model {
    /// Frames in the order of their places: their numbers, and whether they are durable.
    frames: BTreeMap<Place, (u64, bool)>,
    /// Up to where a hold waits, by its number.
    holds: BTreeMap<u64, Place>,
    /// Files that are being deleted or replaced, or frames that are being cut: they may be gone.
    going: Option<Going>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Going {
    from: Place,
    to: Place,
    /// From the end on, so that no part of it is there without what is before that.
    cut: bool,
}

impl Model {
    fn durable(&mut self, held: &[u64]) {
        for number in held {
            if let Some(up_to) = self.holds.remove(number) {
                for (_, (_, durable)) in self.frames.range_mut(..up_to) {
                    *durable = true;
                }
            }
        }
    }

    fn may_go(&self, place: &Place) -> bool {
        self.going.is_some_and(|Going { from, to, .. }| (from..to).contains(place))
    }

    /// What was going is gone.
    fn gone(&mut self) {
        if let Some(Going { from, to, .. }) = self.going.take() {
            self.frames.retain(|place, _| !(from..to).contains(place));
        }
    }

    /// A boot read these.
    fn booted(&mut self, read: &[(Place, u64)]) {
        let read: BTreeMap<Place, u64> = read.iter().copied().collect();
        for (place, number) in &read {
            assert_eq!(self.frames.get(place).map(|(number, _)| number), Some(number), "{place:?}");
        }
        for (place, (number, durable)) in &self.frames {
            let lost = *durable && !self.may_go(place) && !read.contains_key(place);
            assert!(!lost, "frame {number} at {place:?} was durable and is gone");
        }
        // Of what was not durable a beginning is there.
        let mut gap = None;
        for (place, (number, _)) in self.frames.iter().filter(|(place, _)| !self.may_go(place)) {
            match (read.contains_key(place), gap) {
                (true, Some(before)) => panic!("frame {number} is there and {before} is not"),
                (false, None) => gap = Some(*number),
                _ => {}
            }
        }
        if let Some(Going { from, to, cut: true }) = self.going {
            let there: Vec<bool> =
                self.frames.range(from..to).map(|(place, _)| read.contains_key(place)).collect();
            assert!(
                there.is_sorted_by(|one, next| one >= next),
                "a hole in what is cut: {there:?}"
            );
            let later = self.frames.range(to..).any(|(place, _)| read.contains_key(place));
            assert!(!later || !there.contains(&true), "what was cut is there, and what came after");
        }
        self.frames.retain(|place, _| read.contains_key(place));
        self.frames.values_mut().for_each(|(_, durable)| *durable = true);
        self.holds.clear();
        self.going = None;
    }
}

const REPLACED: u64 = 1 << 40;
const TRUNCATED: u64 = 1 << 41;

fn hear(rig: &mut Rig, model: &mut Model) {
    for event in rig.events.drain(..) {
        match event {
            Event::Durable(held) => {
                model.durable(&held);
                if held.contains(&TRUNCATED) {
                    model.gone();
                }
            }
            Event::Replaced(_) => model.gone(),
            Event::NotReplaced(_) => model.going = None,
            Event::Broken(why) | Event::Damaged(why) => panic!("{why}"),
            _ => {}
        }
    }
}

fn play(rig: &mut Rig, model: &mut Model, step: Move) {
    let idle = rig.log.is_idle() && model.going.is_none();
    match step {
        Move::Append(length, waits) => {
            model.next += 1;
            let then = waits.then_some((model.next, Until::Synced));
            let place = rig.log.append(frame(model.next, length), then);
            model.frames.insert(place, (model.next, false));
            if waits {
                model.holds.insert(model.next, place.after(1));
            }
        }
        Move::Hold => {
            model.next += 1;
            let up_to = Place { file: u64::MAX, offset: 0 };
            // It covers what was appended before it, and not what comes after.
            let last = model.frames.keys().next_back().map_or(up_to, |last| last.after(1));
            match rig.log.hold(model.next) {
                None => drop(model.holds.insert(model.next, last)),
                Some(_) => model.frames.values_mut().for_each(|(_, durable)| *durable = true),
            }
        }
        Move::Roll => rig.log.roll(),
        Move::DeleteOldest if idle && rig.log.files().len() > 2 => {
            let oldest = *rig.log.files().keys().next().unwrap();
            let from = Place { file: oldest, offset: 0 };
            let to = Place { file: oldest + 1, offset: 0 };
            model.going = Some(Going { from, to, cut: false });
            rig.log.delete([oldest]);
        }
        Move::Replace if idle && rig.log.files().len() > 2 => {
            let oldest = *rig.log.files().keys().next().unwrap();
            let in_it = |place: &Place| place.file == oldest;
            let first = model.frames.iter().find(|(place, _)| in_it(place));
            let Some((_, (number, _))) = first.map(|(place, frame)| (*place, *frame)) else {
                return;
            };
            rig.log.replace(oldest, frame(number, 1), REPLACED);
            // It keeps the first of them; the others may be there as long as it is not done.
            let from = Place { file: oldest, offset: 1 };
            let to = Place { file: oldest + 1, offset: 0 };
            model.going = Some(Going { from, to, cut: false });
        }
        Move::Truncate(back) if idle => {
            let Some(place) = model.frames.keys().rev().nth(back).copied() else { return };
            rig.log.truncate(place, TRUNCATED);
            model.going = Some(Going { from: place, to: rig.log.end(), cut: true });
        }
        Move::Steps(count) => drop((0..count).find(|_| !rig.step())),
        Move::Fire => {
            if let Some(timer) = rig.timers.first().copied() {
                rig.fire(timer);
            }
        }
        Move::Full(full) => rig.disk.full = full,
        Move::Crash(crashes) => {
            hear(rig, model);
            for (power, steps) in crashes {
                rig.crash(power);
                let _ = (0..steps).find(|_| !rig.step());
                if rig.ready {
                    model.booted(&rig.frames.clone());
                }
            }
            let was_ready = rig.ready;
            rig.settle();
            if rig.disk.full && !rig.ready {
                // A deletion was cut off, and the bound cannot be written again: it waits for space.
                rig.disk.full = false;
                rig.fire(JournalTimer::Bound);
                rig.settle();
            }
            assert_eq!(rig.why, None);
            assert!(rig.ready);
            if !was_ready {
                model.booted(&rig.frames.clone());
            }
        }
        Move::Stop if !rig.disk.full => {
            rig.settle();
            while let Some(timer) = rig.timers.first().copied() {
                rig.fire(timer);
                rig.settle();
            }
            rig.stop();
        }
        _ => {}
    }
    rig.go_on();
    hear(rig, model);
    if rig.log.is_idle() {
        model.gone();
    }
    if rig.disk.waits().is_empty() {
        let raised = rig.bound.is_settled() || rig.timers.contains(&JournalTimer::Bound);
        assert!(raised, "the bound is stale, and nothing will raise it");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn whatever_crashes_what_was_durable_is_read_in_order(
        seed in any::<u64>(),
        moves in prop::collection::vec(moves(), 1..80),
    ) {
        let (mut rig, mut model) = (Rig::new(seed), Model::default());
        rig.settle();
        hear(&mut rig, &mut model);
        for step in moves {
            play(&mut rig, &mut model, step);
        }
        rig.disk.full = false;
        play(&mut rig, &mut model, Move::Crash(vec![(true, 0)]));
    }
}
