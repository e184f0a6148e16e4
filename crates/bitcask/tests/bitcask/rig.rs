//! A store, its disk and what it said, moved by hand.

use bitcask::{Change, Event, Limits, Store};
use bytes::Bytes;
use machine::{DiskId, Outputs, Random, Switches};
use rand::SeedableRng;

use crate::disk::Disk;

#[derive(Clone, Debug)]
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) disk: Disk,
    pub(crate) random: Random,
    limits: Limits,
    out: Outputs<Store>,
}

/// Puts and removes.
pub(crate) type Batch = Vec<Change>;

impl Rig {
    pub(crate) fn new(segment: u32, seed: u64) -> Rig {
        let limits = Limits { segment };
        let (store, mut disk) = (Store::new(limits, Switches::ALL_ON), Disk::default());
        for (name, bytes) in Store::first_files() {
            disk.put(&name, &bytes);
        }
        let random = Random::seed_from_u64(seed);
        let mut rig = Rig { store, disk, random, limits, out: Outputs::default() };
        rig.start();
        rig
    }

    fn start(&mut self) {
        self.disk.timers.clear();
        self.store.start(DiskId(5), &mut self.out);
        self.disk.ask(&mut self.out);
    }

    pub(crate) fn commit(&mut self, batch: Batch, ticket: u64) {
        self.store.commit(batch, ticket, &mut self.out);
        self.disk.ask(&mut self.out);
    }

    pub(crate) fn commit_unsynced(&mut self, batch: Batch, ticket: u64) {
        self.store.commit_unsynced(batch, ticket, &mut self.out);
        self.disk.ask(&mut self.out);
    }

    pub(crate) fn sync(&mut self, ticket: u64) {
        self.store.sync(ticket, &mut self.out);
        self.disk.ask(&mut self.out);
    }

    pub(crate) fn get(&mut self, key: &[u8], ticket: u64) {
        self.store.get(key, ticket, &mut self.out);
        self.disk.ask(&mut self.out);
    }

    pub(crate) fn scan(&mut self, after: Option<u64>, limit: u32, ticket: u64) {
        self.store.scan(after, limit, ticket, &mut self.out);
        self.disk.ask(&mut self.out);
    }

    /// As at a clean stop: the bound is exact.
    pub(crate) fn stop(&mut self) {
        self.settle();
        for _ in 0..2 {
            self.store.settle(&mut self.out);
            self.disk.ask(&mut self.out);
            self.settle();
        }
        assert!(self.store.settle(&mut self.out), "it has stopped");
    }

    /// Lets the disk end one operation; false where none waits.
    pub(crate) fn step(&mut self) -> bool {
        let Some((op, result)) = self.disk.next() else { return false };
        self.store.ended(op, result, &mut self.out);
        self.disk.ask(&mut self.out);
        true
    }

    /// Lets the disk end all reads; what the store said.
    pub(crate) fn settle_reads(&mut self) -> Vec<Event> {
        for _ in 0..1_000 {
            let Some((op, result)) = self.disk.next_read() else { return self.events() };
            self.store.ended(op, result, &mut self.out);
            self.disk.ask(&mut self.out);
        }
        panic!("the store reads more and more")
    }

    /// All its timers fire, once: what waits for space is asked for again.
    pub(crate) fn fire(&mut self) {
        for timer in std::mem::take(&mut self.disk.timers) {
            self.store.timer(timer, &mut self.out);
            self.disk.ask(&mut self.out);
        }
    }

    /// Lets it end all of them; what the store said.
    pub(crate) fn settle(&mut self) -> Vec<Event> {
        for _ in 0..100_000 {
            if !self.step() {
                return self.events();
            }
        }
        panic!("the store asks its disk for more and more")
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let events = std::iter::from_fn(|| self.store.next_event());
        events.filter(|event| *event != Event::Compacted).collect()
    }

    /// The machine is gone, and boots on what the disk has.
    pub(crate) fn crash(&mut self, power: bool) {
        self.disk.crash(power, &mut self.random);
        self.boot();
    }

    pub(crate) fn boot(&mut self) {
        self.store = Store::new(self.limits, Switches::ALL_ON);
        self.start();
    }

    /// What is under this key, now.
    pub(crate) fn look(&mut self, key: &[u8]) -> Event {
        self.get(key, 7);
        let mut events = self.settle();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// All pages of a scan, now.
    pub(crate) fn all(&mut self, limit: u32) -> Vec<(Bytes, Bytes)> {
        self.all_after(None, limit)
    }

    /// All pages of a scan behind this position, now.
    pub(crate) fn all_after(&mut self, mut after: Option<u64>, limit: u32) -> Vec<(Bytes, Bytes)> {
        let mut all = Vec::new();
        for _ in 0..100_000 {
            self.scan(after, limit, 7);
            match &self.settle()[..] {
                [Event::Page(7, changes, next)] => {
                    assert!(changes.len() <= limit as usize);
                    all.extend(values(changes));
                    assert!(next.is_none() || *next > after, "{next:?} after {after:?}");
                    after = *next;
                }
                other => panic!("{other:?}"),
            }
            if after.is_none() {
                return all;
            }
        }
        panic!("the scan does not come to an end");
    }
}

/// What was put, without what was removed.
pub(crate) fn values(changes: &[Change]) -> impl Iterator<Item = (Bytes, Bytes)> {
    changes.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
}

/// The key of this number.
pub(crate) fn key(number: u8) -> Bytes {
    format!("/key{number}").into()
}

/// A value that is like no other, of about so many bytes.
pub(crate) fn value(number: u64, length: usize) -> Bytes {
    format!("{number}:").into_bytes().into_iter().cycle().take(length.max(8)).collect()
}
