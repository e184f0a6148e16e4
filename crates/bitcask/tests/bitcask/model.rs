//! What was acknowledged is there after any crash, whole; what was not is there whole or not at all;
//! what was removed stays away; and a scan that goes on all the while misses and repeats nothing.

use std::collections::BTreeMap;

use bitcask::{Change, Event};
use bytes::Bytes;
use proptest::prelude::*;

use crate::rig::{Batch, Rig, key, value, values};

/// Few keys, so that much of what is stored becomes garbage.
const KEYS: u8 = 12;

#[derive(Clone, Debug)]
enum Action {
    /// Keys, each with the length of its value; those without one are removed.
    Commit(Vec<(u8, Option<usize>)>),
    Get(u8),
    /// The next page of so many.
    Scan(u32),
    /// So many operations of the disk end.
    Steps(usize),
    /// Of the power, or of the process only.
    Crash {
        power: bool,
    },
    Full(bool),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let length = prop_oneof![8 => 8_usize..100, 1 => 400_usize..3_000];
    let change = (0..KEYS, prop_oneof![3 => length.prop_map(Some), 1 => Just(None)]);
    let action = prop_oneof![
        12 => prop::collection::vec(change, 1..5).prop_map(Action::Commit),
        6 => (0..KEYS).prop_map(Action::Get),
        4 => (1_u32..6).prop_map(Action::Scan),
        16 => (1_usize..12).prop_map(Action::Steps),
        1 => any::<bool>().prop_map(|power| Action::Crash { power }),
        1 => any::<bool>().prop_map(Action::Full),
    ];
    prop::collection::vec(action, 1..120)
}

type Map = BTreeMap<Bytes, Bytes>;

fn apply(map: &mut Map, batch: &Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

/// A scan that goes on: what must be on one of its pages, and what was.
#[derive(Debug, Default)]
struct Walk {
    steady: Map,
    seen: Vec<(Bytes, Bytes)>,
    after: Option<u64>,
    asked: Option<u64>,
}

#[derive(Debug)]
struct Model {
    rig: Rig,
    ready: bool,
    durable: Map,
    /// Not answered yet, in order.
    pending: Vec<(u64, Batch)>,
    /// What each read may bring: what was there when it was asked, or since.
    reads: BTreeMap<u64, (Bytes, Vec<Option<Bytes>>)>,
    walk: Option<Walk>,
    next: u64,
}

impl Model {
    fn new(segment: u32, seed: u64) -> Model {
        let (durable, pending, reads) = (Map::new(), Vec::new(), BTreeMap::new());
        let rig = Rig::new(segment, seed);
        Model { rig, ready: false, durable, pending, reads, walk: None, next: 100 }
    }

    fn ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Steps(count) => {
                for _ in 0..*count {
                    self.rig.step();
                    self.hear();
                }
            }
            Action::Crash { power } => self.crash(*power),
            Action::Full(full) => self.rig.disk.full = *full,
            // A store that is not ready is not asked anything.
            _ if !self.ready => {}
            Action::Commit(changes) => {
                let ticket = self.ticket();
                let batch: Batch = changes
                    .iter()
                    .map(|(number, length)| {
                        self.next += 1;
                        (key(*number), length.map(|length| value(self.next, length)))
                    })
                    .collect();
                self.pending.push((ticket, batch.clone()));
                self.rig.commit(batch, ticket);
            }
            Action::Get(number) => {
                let (ticket, key) = (self.ticket(), key(*number));
                let now = self.durable.get(&key).cloned();
                assert_eq!(self.rig.store.contains(&key), now.is_some());
                self.rig.get(&key, ticket);
                self.reads.insert(ticket, (key, vec![now]));
            }
            Action::Scan(limit) => {
                let ticket = self.ticket();
                let walk = self.walk.get_or_insert_with(|| Walk {
                    steady: self.durable.clone(),
                    ..Walk::default()
                });
                if walk.asked.is_none() {
                    walk.asked = Some(ticket);
                    self.rig.scan(walk.after, *limit, ticket);
                }
            }
        }
        self.hear();
    }

    fn hear(&mut self) {
        for event in self.rig.events() {
            match event {
                Event::Ready => self.booted(),
                Event::Durable(ticket) => {
                    let (first, batch) = self.pending.remove(0);
                    assert_eq!(first, ticket, "batches are durable in their order");
                    self.became_durable(&batch);
                }
                Event::Full(ticket) => {
                    assert!(self.rig.disk.full || self.next > ticket);
                    self.pending.retain(|(other, _)| *other != ticket);
                }
                Event::Found(ticket, found) => {
                    let (key, may_be) = self.reads.remove(&ticket).expect("it was asked");
                    assert!(may_be.contains(&found), "{key:?}: {found:?} of {may_be:?}");
                }
                Event::Page(ticket, values, next) => self.turned(ticket, values, next),
                other => panic!("{other:?}"),
            }
        }
    }

    fn became_durable(&mut self, batch: &Batch) {
        apply(&mut self.durable, batch);
        for (key, value) in batch {
            self.walk.iter_mut().for_each(|walk| drop(walk.steady.remove(key)));
            for (read, may_be) in self.reads.values_mut() {
                if read == key {
                    may_be.push(value.clone());
                }
            }
        }
    }

    fn turned(&mut self, ticket: u64, changes: Vec<Change>, next: Option<u64>) {
        let walk = self.walk.as_mut().expect("it was asked");
        assert_eq!(walk.asked.take(), Some(ticket));
        walk.seen.extend(values(&changes));
        walk.after = next;
        if next.is_none() {
            let walk = self.walk.take().expect("it was there");
            for pair in &walk.steady {
                let times = walk.seen.iter().filter(|(key, value)| (key, value) == pair).count();
                assert_eq!(times, 1, "{pair:?} was neither changed nor removed");
            }
        }
    }

    fn crash(&mut self, power: bool) {
        self.rig.crash(power);
        self.ready = false;
        self.reads.clear();
        self.walk.iter_mut().for_each(|walk| walk.asked = None);
    }

    /// What is there is what was durable and, of what was on its way, the first so many batches.
    fn booted(&mut self) {
        self.ready = true;
        let mut twin = self.rig.clone();
        twin.settle();
        let found: Map = (0..KEYS)
            .filter_map(|number| match twin.look(&key(number)) {
                Event::Found(_, found) => Some((key(number), found?)),
                other => panic!("{other:?}"),
            })
            .collect();
        let pending = std::mem::take(&mut self.pending);
        let mut pending = pending.iter().map(|(_, batch)| batch);
        while self.durable != found {
            let batch = pending.next().unwrap_or_else(|| {
                panic!("{found:?} is there, {:?} was acknowledged", self.durable);
            });
            self.became_durable(batch);
        }
        let all = twin.all(3);
        assert_eq!(all.len(), found.len(), "a scan has each key once");
        assert_eq!(all.into_iter().collect::<Map>(), found);
        assert_eq!(twin.store.keys(), found.len());
    }
}

proptest! {
    #[test]
    fn a_store_is_a_map_that_survives(
        segment in 200_u32..4_000,
        seed: u64,
        actions in actions(),
    ) {
        let mut model = Model::new(segment, seed);
        for action in &actions {
            model.act(action);
        }
        // With space and peace all that is pending becomes durable.
        model.rig.disk.full = false;
        model.act(&Action::Steps(100_000));
        model.rig.fire();
        model.act(&Action::Steps(100_000));
        prop_assert!(model.ready && model.reads.is_empty() && model.pending.is_empty());
        for power in [false, true] {
            model.crash(power);
            model.act(&Action::Steps(100_000));
            prop_assert!(model.ready);
        }
    }
}
