//! What a store promises, as code that watches its clients. Each client has keys of its own and waits for
//! no answer before it asks again; what it asks arrives in order.

use std::collections::BTreeMap;

use journal::{Shape, Unseen, short};
use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Evidence, FaultKind, Promise, PromiseSpec, World};

use crate::client::KEEPER;
use crate::message::{Keeping, Note, Order, ReadValue};
use crate::shape::Node;

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "nothing-lost",
        about: "what a client knows to be durable, put or removed, is seen by every later read until it \
                is changed",
        checker: |_| Box::new(Checker::new(Ledger::lost)),
    },
    PromiseSpec {
        name: "losses-told",
        about: "segments that are lost are told, and not taken for never written; what became durable after the \
                last bound, in the second before that, may go with them unseen",
        checker: |_| {
            let unseen = Some(Unseen::of(KEEPER));
            Box::new(Checker { unseen, ..Checker::new(Ledger::lost) })
        },
    },
    PromiseSpec {
        name: "nothing-false",
        about: "a read shows what was put under that key and not refused, or says that it is rotten",
        checker: |_| Box::new(Checker::new(Ledger::falsehood)),
    },
    PromiseSpec {
        name: "rot-is-rot",
        about: "a value is said to be rotten only where its disk has harmed it",
        checker: |_| Box::new(RotChecker),
    },
    PromiseSpec {
        name: "batches-whole",
        about: "who sees a part of a batch sees all of it, or what came later",
        checker: |_| Box::new(Checker::new(Ledger::torn)),
    },
];

/// Judges what was read.
type Judge = fn(&Ledger, &Read, u8, ReadValue) -> Result<(), Breach>;

struct Checker {
    clients: BTreeMap<NodeId, Ledger>,
    judge: Judge,
    /// Where what the bound cannot know yet may go unseen with a segment that is lost.
    unseen: Option<Unseen>,
}

impl Checker {
    fn new(judge: Judge) -> Self {
        Checker { clients: BTreeMap::new(), judge, unseen: None }
    }
}

/// What one client asked and knows.
#[derive(Default)]
struct Ledger {
    /// In the order in which they were asked for: a token is below those that came later.
    batches: BTreeMap<u64, Batch>,
    reads: BTreeMap<u64, Read>,
    /// Of each key, the last batch that is surely durable.
    durable: BTreeMap<u8, u64>,
    /// All that ever was, and since when.
    since: Vec<(Time, u8, u64)>,
    /// Batches that became durable at the keeper, in order.
    kept: Vec<u64>,
}

struct Batch {
    order: Order,
    refused: bool,
}

/// A read, and what was known when it began.
#[derive(Default)]
struct Read {
    durable: BTreeMap<u8, u64>,
    /// How many batches had become durable when the keeper looked for its keys.
    looked: usize,
    /// All that it saw, once it has ended.
    seen: Vec<(u8, ReadValue)>,
}

impl Batch {
    fn keys(&self) -> crate::message::Keys {
        let (Order::Put(keys, _) | Order::Remove(keys) | Order::Read(keys)) = self.order;
        keys
    }

    /// May one of its keys hold this after it?
    fn leaves(&self, nothing: bool) -> bool {
        !self.refused && nothing == matches!(self.order, Order::Remove(_))
    }
}

impl Ledger {
    fn asked(&mut self, token: u64, order: Order) {
        if let Order::Read(_) = order {
            let durable = self.durable.clone();
            self.reads.insert(token, Read { durable, looked: 0, seen: Vec::new() });
        } else {
            self.batches.insert(token, Batch { order, refused: false });
        }
    }

    fn is_durable(&mut self, token: u64, at: Time) {
        let Some(batch) = self.batches.get(&token) else { return };
        for key in batch.keys().each() {
            self.holds(key, token, at);
        }
    }

    fn holds(&mut self, key: u8, token: u64, at: Time) {
        self.since.push((at, key, token));
        let last = self.durable.entry(key).or_default();
        *last = token.max(*last);
    }

    /// What became durable after this time may be gone.
    fn forgive(&mut self, known: Time) {
        self.reads.clear();
        self.durable.clear();
        for (at, key, token) in std::mem::take(&mut self.since) {
            if at <= known {
                self.holds(key, token, at);
            }
        }
    }

    /// The last batch of a key that was durable when a read began, and whose effect it must see.
    fn floor(read: &Read, key: u8) -> u64 {
        read.durable.get(&key).copied().unwrap_or(0)
    }

    fn lost(&self, read: &Read, key: u8, seen: ReadValue) -> Result<(), Breach> {
        let floor = Ledger::floor(read, key);
        let since = |nothing: bool| {
            let mut since = self.batches.range(floor..);
            since.any(|(_, batch)| batch.keys().has(key) && batch.leaves(nothing))
        };
        let (sound, what) = match seen {
            ReadValue::Nothing => (floor == 0 || since(true), "nothing is there".to_owned()),
            ReadValue::Of(token) => (token >= floor, format!("what {} put is there", short(token))),
            ReadValue::False | ReadValue::Rotten => return Ok(()),
        };
        let why = || {
            let why = format!("key {key}: batch {} was durable, and {what}", short(floor));
            Breach::from(why).on_operation(floor).on(Evidence::Value(format!("key {key}")))
        };
        sound.then_some(()).ok_or_else(why)
    }

    fn falsehood(&self, _: &Read, key: u8, seen: ReadValue) -> Result<(), Breach> {
        let put = |token| {
            self.batches
                .get(&token)
                .is_some_and(|batch| batch.keys().has(key) && batch.leaves(false))
        };
        let why = match seen {
            ReadValue::False => format!("key {key}: what was read, nobody put there"),
            ReadValue::Of(token) if !put(token) => {
                format!("key {key}: batch {} put nothing there, and was read", short(token))
            }
            _ => return Ok(()),
        };
        let breach = Breach::from(why).on(Evidence::Value(format!("key {key}")));
        // What it ought to have read is what was asked for last.
        let mut asked = self.batches.iter().rev();
        let last = asked.find(|(_, batch)| batch.keys().has(key)).map(|(token, _)| *token);
        Err(last.into_iter().fold(breach, Breach::on_operation))
    }

    /// All keys are looked for at once, and a value that is compacted or changed meanwhile may be read as it
    /// is later. So a batch that became durable meanwhile proves nothing.
    fn torn(&self, read: &Read, _: u8, seen: ReadValue) -> Result<(), Breach> {
        let ReadValue::Of(token) = seen else { return Ok(()) };
        if self.kept[read.looked..].contains(&token) {
            return Ok(());
        }
        let Some(batch) = self.batches.get(&token) else { return Ok(()) };
        for (key, other) in read.seen.iter().filter(|(key, _)| batch.keys().has(*key)) {
            let removed_since = || {
                let mut since = self.batches.range(token..);
                since.any(|(_, batch)| batch.keys().has(*key) && batch.leaves(true))
            };
            let sound = match other {
                ReadValue::Of(other) => *other >= token,
                ReadValue::Nothing => removed_since(),
                ReadValue::False | ReadValue::Rotten => true,
            };
            if !sound {
                return Err(Breach::from(format!(
                    "a part of batch {} is there; key {key} is not",
                    short(token)
                ))
                .on_operation(token));
            }
        }
        Ok(())
    }
}

/// Judges what is said to be rotten.
struct RotChecker;

impl<M: Machine<Protocol = Keeping>> Promise<M> for RotChecker {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let harms = [FaultKind::BitRot, FaultKind::MisdirectedWrite];
        let is_harmed = harms.iter().any(|harm| world.fault_counts().contains_key(harm.name()));
        if matches!(entry.note, Note::Rotted) && !is_harmed {
            return Err("a value is said to be rotten, and no disk has harmed any".into());
        }
        Ok(())
    }
}

impl<M: Machine<Protocol = Keeping>> Promise<M> for Checker {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let ledger = match &entry.note {
            Note::Kept { token } | Note::Looked { token } => NodeId((token >> 32) as u32),
            _ => entry.node,
        };
        let ledger = self.clients.entry(ledger).or_default();
        match &entry.note {
            Note::Kept { token } => ledger.kept.push(*token),
            Note::Looked { token } => {
                if let Some(read) = ledger.reads.get_mut(token) {
                    read.looked = ledger.kept.len();
                }
            }
            Note::Asked { token, order } => ledger.asked(*token, *order),
            Note::Written { token } => ledger.is_durable(*token, entry.at),
            Note::Refused { token } => {
                if let Some(batch) = ledger.batches.get_mut(token) {
                    batch.refused = true;
                }
            }
            Note::Read { token, seen } => {
                let Some(read) = ledger.reads.remove(token) else { return Ok(()) };
                let read = Read { seen: seen.clone(), ..read };
                for (key, seen) in &read.seen {
                    (self.judge)(ledger, &read, *key, *seen)?;
                }
                // What was read is durable, even if that was not yet acknowledged.
                for (key, seen) in &read.seen {
                    if let ReadValue::Of(token) = seen {
                        ledger.holds(*key, *token, entry.at);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World<M>) -> Result<(), Breach> {
        if let Some(known) = self.unseen.as_mut().and_then(|unseen| unseen.lost(world)) {
            self.clients.values_mut().for_each(|ledger| ledger.forgive(known));
        }
        Ok(())
    }
}
