//! The disk of the catalogs: a store of pairs.
//!
//! The law: nothing here is synced for an answer: raft's log is the truth until a checkpoint syncs the store, and only then
//! may the log go. A batch of pairs says how far the log was applied, and is there whole or not at all, with all before
//! it: so a boot goes on where the store says, whatever of it a crash took.

use std::collections::{BTreeMap, VecDeque};

use bitcask::{Change, Event, Limits, Store, StoreOp};
use bytes::Bytes;
use journal::JournalTimer;
use machine::{DiskId, DiskResult, FileName, Folder, Outputs, Switches};

use crate::catalog::{Pairs, Place};
use crate::message::{Note, ObjectStore, Op, Timer};
use crate::words::PutId;

/// Its files are called so, beside those of raft.
const FOLDER: Folder = Folder("rows-");
/// Pairs that a boot reads at a time.
const PAGE: u32 = 1_000;

/// The store.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    store: Store,
    /// What it wants done, in its own words.
    part: Outputs<Store>,
    tickets: u64,
    /// Bodies that reads of the store do not see yet, by ticket.
    unwritten: VecDeque<(u64, Vec<(PutId, Bytes)>)>,
    /// Why each is read.
    reads: BTreeMap<u64, Purpose>,
    /// A sync is under way: of this ticket.
    syncing: Option<u64>,
    told: VecDeque<Told>,
}

/// Why a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To answer the question of this number.
    Answer(u64),
    /// For the snapshot of this group.
    Snapshot(u32),
}

/// What the catalogs are told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// At boot: some pairs.
    Pairs(Vec<Change>),
    /// That was all: the boot is over.
    Ready,
    /// A body was read; none where it is there no more, an error where it cannot be read.
    Body(Purpose, Result<Option<Bytes>, ()>),
    /// All that was written when the sync began is durable.
    Synced,
    /// It cannot keep its promises: halt.
    Broken(String),
}

impl Rows {
    pub(crate) fn new(switches: Switches) -> Rows {
        Rows {
            store: Store::new(Limits::default(), switches),
            part: Outputs::default(),
            tickets: 0,
            unwritten: VecDeque::new(),
            reads: BTreeMap::new(),
            syncing: None,
            told: VecDeque::new(),
        }
    }

    pub(crate) fn first_files() -> Vec<(FileName, Bytes)> {
        FOLDER.first_files(Store::first_files())
    }

    pub(crate) fn start(&mut self, disk: DiskId) {
        self.store.start(disk, &mut self.part);
    }

    pub(crate) fn ended(&mut self, op: StoreOp, result: DiskResult) {
        self.store.ended(op, FOLDER.answer(result), &mut self.part);
    }

    pub(crate) fn timer(&mut self, timer: JournalTimer) {
        self.store.timer(timer, &mut self.part);
    }

    /// Writes what an entry changed.
    pub(crate) fn write(&mut self, pairs: Pairs) {
        let Pairs { changes, bodies, .. } = pairs;
        self.write_changes(changes, bodies);
    }

    /// Writes these pairs.
    pub(crate) fn write_changes(&mut self, changes: Vec<Change>, bodies: Vec<(PutId, Bytes)>) {
        self.tickets += 1;
        if !bodies.is_empty() {
            self.unwritten.push_back((self.tickets, bodies));
        }
        self.store.commit_unsynced(changes, self.tickets, &mut self.part);
    }

    /// Has [`Told::Synced`] told when all that was written is durable. False where such a sync is under way.
    pub(crate) fn sync(&mut self) -> bool {
        if self.syncing.is_some() {
            return false;
        }
        self.tickets += 1;
        self.syncing = Some(self.tickets);
        self.store.sync(self.tickets, &mut self.part);
        true
    }

    /// Reads a body of a group: at once where it is in memory, else [`Told::Body`] follows.
    pub(crate) fn read(&mut self, put: PutId, purpose: Purpose) -> Option<Bytes> {
        let held = self.unwritten.iter().rev().flat_map(|(_, bodies)| bodies);
        if let Some((_, body)) = held.clone().find(|(other, _)| *other == put) {
            return Some(body.clone());
        }
        self.tickets += 1;
        self.reads.insert(self.tickets, purpose);
        let key = Place::Body(put).bytes(put.group);
        self.store.get(&key, self.tickets, &mut self.part);
        None
    }

    /// What happened, in order.
    pub(crate) fn next(&mut self) -> Option<Told> {
        while let Some(event) = self.store.next_event() {
            self.hear(event);
        }
        self.told.pop_front()
    }

    fn hear(&mut self, event: Event) {
        let told = match event {
            Event::Ready => {
                self.store.scan(None, PAGE, 0, &mut self.part);
                return;
            }
            Event::Page(_, pairs, next) => {
                self.told.push_back(Told::Pairs(pairs));
                match next {
                    Some(_) => self.store.scan(next, PAGE, 0, &mut self.part),
                    None => self.told.push_back(Told::Ready),
                }
                return;
            }
            Event::Durable(ticket) | Event::Written(ticket) => {
                let seen = |held: &mut (u64, _)| held.0 <= ticket;
                while self.unwritten.pop_front_if(seen).is_some() {}
                match self.syncing == Some(ticket) {
                    true => self.syncing = None,
                    false => return,
                }
                Told::Synced
            }
            Event::Found(ticket, value) => match self.reads.remove(&ticket) {
                Some(purpose) => Told::Body(purpose, Ok(value)),
                None => return,
            },
            Event::Rotten(0) => Told::Broken("a row of the catalog is not what was written".into()),
            Event::Rotten(ticket) => match self.reads.remove(&ticket) {
                Some(purpose) => Told::Body(purpose, Err(())),
                None => return,
            },
            Event::Full(_) => Told::Broken(
                "the disk is full, and the catalog cannot be written; raft's log has what is missing: make space and \
                 start the node again"
                    .into(),
            ),
            Event::TooLarge(_) => Told::Broken("an entry is longer than the store takes".into()),
            Event::Compacted => return,
            Event::Broken(why) => Told::Broken(why),
        };
        self.told.push_back(told);
    }

    /// Ends an input: what the store wants done is done.
    pub(crate) fn hand_on(&mut self, out: &mut Outputs<ObjectStore>) {
        let cut = |_, out: &mut Outputs<ObjectStore>| out.note(Note::Sometimes("rows-cut"));
        FOLDER.hand_on(&mut self.part, out, Op::Rows, Timer::Rows, cut);
    }

    /// For a clean stop: is everything on the disk that it is to know?
    pub(crate) fn settle(&mut self) -> bool {
        self.store.settle(&mut self.part)
    }
}
