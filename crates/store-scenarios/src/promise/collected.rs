//! The promise `nothing-live-collected`, judged at each delete of a shard on a disk, and where bytes turn out to be an
//! object's that were deleted before.
//!
//! Bytes are an object's from when their client was told so, or somebody found them to be, until anybody begins to put
//! something in their place. A reader is owed them for nine tenths of an epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{NodeId, Time};
use object_store::message::Note;
use object_store::note::Told;
use object_store::shards::ShardId;
use object_store::words::PutId;
use sim::{Breach, Entry, FileChange, Promise, World};

use super::changes::Changes;
use crate::shape::{Node, Shape};

pub(super) struct Collected {
    shape: Shape,
    /// What was read of each disk's changes.
    seen: BTreeMap<NodeId, u64>,
    changes: Changes,
    /// By operation, and by where in its bytes those of the put begin.
    names: BTreeMap<(u64, u32), PutId>,
    /// The operation that put the bytes, and its key.
    puts: BTreeMap<PutId, u64>,
    keys: BTreeMap<u64, u8>,
    /// Bytes that were an object's.
    live: BTreeSet<PutId>,
    /// Gets that are under way: when each began, and what it reads.
    reads: BTreeMap<u64, (Time, Vec<PutId>)>,
    deleted: BTreeMap<PutId, Time>,
}

impl Collected {
    pub(super) fn new(shape: Shape) -> Collected {
        Collected {
            shape,
            seen: BTreeMap::new(),
            changes: Changes::default(),
            names: BTreeMap::new(),
            puts: BTreeMap::new(),
            keys: BTreeMap::new(),
            live: BTreeSet::new(),
            reads: BTreeMap::new(),
            deleted: BTreeMap::new(),
        }
    }

    fn heard(&mut self, at: Time, note: &Note) -> Result<(), Breach> {
        self.changes.heard(at, note);
        match *note {
            Note::Invoked { operation, key, .. } => {
                self.keys.insert(operation, key);
                self.reads.insert(operation, (at, Vec::new()));
            }
            Note::Puts { operation, put, from, .. } => {
                self.names.insert((operation, from), put);
                self.puts.insert(put, operation);
            }
            Note::Reads { operation, put } => {
                let (began, puts) = self.reads.entry(operation).or_insert((at, Vec::new()));
                puts.push(put);
                let began = *began;
                self.live.insert(put);
                // Whatever else was put: it was an object's after that.
                if let Some(gone) = self.deleted.get(&put).filter(|gone| **gone < began) {
                    let why = format!(
                        "shards of {put:?} were deleted at {gone:?}, and somebody found it to be an object's who began \
                         at {began:?}"
                    );
                    return Err(self.breach(put, why).on_operation(operation));
                }
            }
            Note::Answered { operation, told } => {
                self.reads.remove(&operation);
                let changes = self.change(operation).is_some() && told == Told::Done;
                let its = self.names.range((operation, 0)..=(operation, u32::MAX));
                let its: Vec<_> = its.map(|(_, put)| *put).filter(|_| changes).collect();
                return its.into_iter().try_for_each(|put| self.is_live(put));
            }
            Note::Failed { operation } | Note::GivenUp { operation } => {
                self.reads.remove(&operation);
            }
            _ => {}
        }
        Ok(())
    }

    /// The change that an operation is, if it may have been done.
    fn change(&self, operation: u64) -> Option<&super::changes::Change> {
        let changes = self.changes.of(*self.keys.get(&operation)?);
        changes.iter().find(|change| change.operation == operation)
    }

    /// A client was told that bytes are an object's. None of them may be gone, if nothing may have been put in their place.
    fn is_live(&mut self, put: PutId) -> Result<(), Breach> {
        self.live.insert(put);
        match self.deleted.get(&put) {
            Some(gone) if self.is_owed(put) => {
                let why = format!(
                    "shards of {put:?} were deleted at {gone:?}, and then its client was told that it is an object's"
                );
                Err(self.breach(put, why))
            }
            _ => Ok(()),
        }
    }

    /// Has nobody begun to put something in their place?
    fn is_owed(&self, put: PutId) -> bool {
        let operation = self.puts.get(&put).copied();
        let Some(own) = operation.and_then(|operation| self.change(operation)) else {
            return false;
        };
        let all = self.keys.get(&own.operation).map_or(&[][..], |key| self.changes.of(*key));
        let mut others = all.iter().filter(|other| other.operation != own.operation);
        self.live.contains(&put) && others.all(|other| other.is_before(own))
    }

    fn breach(&self, put: PutId, why: String) -> Breach {
        let operation = self.puts.get(&put).copied();
        operation.into_iter().fold(Breach::from(why), Breach::on_operation)
    }

    /// A shard was deleted.
    fn delete(&mut self, at: Time, put: PutId) -> Result<(), Breach> {
        self.deleted.entry(put).or_insert(at);
        if self.is_owed(put) {
            return Err(self.breach(put, format!("a shard of {put:?} was deleted, an object's")));
        }
        let bound = Duration::from_millis(self.shape.epoch) * 9 / 10;
        for (operation, (began, puts)) in &self.reads {
            if puts.contains(&put) && at.since(*began) < bound {
                let why = format!(
                    "a shard of {put:?} was deleted, which somebody reads who began {:?} ago",
                    at.since(*began)
                );
                return Err(Breach::from(why).on_operation(*operation));
            }
        }
        Ok(())
    }
}

impl Promise<Node> for Collected {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.heard(entry.at, &entry.note)
    }

    fn step(&mut self, world: &World<Node>) -> Result<(), Breach> {
        for node in self.shape.store_ids() {
            let changes = world.file_changes(node);
            let since = self.seen.insert(node, changes).unwrap_or_default();
            if changes == since {
                continue;
            }
            let deleted = world.changed_files(node, since);
            let deleted = deleted.filter(|(_, change)| *change == FileChange::Deleted);
            let puts: Vec<_> = deleted.filter_map(|(file, _)| ShardId::parse(file)).collect();
            puts.into_iter().try_for_each(|id| self.delete(world.now(), id.put))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use object_store::note::What;

    use super::*;

    const fn put(seq: u32) -> PutId {
        PutId { group: 0, epoch: 0, nonce: 0, seq }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Begins(u64, What),
        Puts(u64, u32),
        Reads(u64, u32),
        Done(u64),
        GivenUp(u64),
        Deleted(u32),
    }
    use Step::{Begins, Deleted, Done, GivenUp, Puts, Reads};

    /// One after the other, so many milliseconds apart, with epochs of two seconds.
    fn judged(apart: u64, steps: &[Step]) -> Result<(), Breach> {
        let mut collected = Collected::new(Shape::default());
        (0..).zip(steps).try_for_each(|(number, step)| {
            let at = Time(0) + Duration::from_millis(number * apart);
            let gateway = NodeId(0);
            let note = match *step {
                Begins(operation, what) => {
                    Note::Invoked { operation, gateway, key: 1, what, seen: None }
                }
                Puts(operation, seq) => Note::Puts { operation, put: put(seq), from: seq, size: 8 },
                Reads(operation, seq) => Note::Reads { operation, put: put(seq) },
                Done(operation) => Note::Answered { operation, told: Told::Done },
                GivenUp(operation) => Note::GivenUp { operation },
                Deleted(seq) => return collected.delete(at, put(seq)),
            };
            collected.heard(at, &note)
        })
    }

    const PUT: What = What::Put(8);

    #[test]
    fn what_was_replaced_refused_or_never_named_may_be_deleted() {
        for steps in [
            &[Begins(1, PUT), Puts(1, 1), Deleted(1), GivenUp(1)][..],
            &[Begins(1, PUT), Puts(1, 1), Done(1), Begins(2, What::Delete), Deleted(1)],
            &[Begins(1, PUT), Puts(1, 1), Begins(2, PUT), Done(2), Deleted(1), Done(1)],
            &[Begins(1, What::Abort(8)), Puts(1, 1), Done(1), Deleted(1)],
            &[Begins(1, PUT), Puts(1, 1), Done(1), Deleted(2)],
        ] {
            assert_eq!(judged(1, steps), Ok(()), "{steps:?}");
        }
        let get = What::Get;
        let read = [
            Begins(1, PUT),
            Puts(1, 1),
            Done(1),
            Begins(3, get),
            Reads(3, 1),
            Begins(2, PUT),
            Deleted(1),
        ];
        assert_eq!(judged(700, &read), Ok(()), "the reader took longer than an epoch");
    }

    #[test]
    fn what_is_an_objects_or_read_may_not() {
        let get = What::Get;
        for steps in [
            &[Begins(1, PUT), Puts(1, 1), Done(1), Deleted(1)][..],
            &[Begins(1, PUT), Puts(1, 1), Deleted(1), Done(1)],
            &[Begins(1, What::Upload(8)), Puts(1, 1), Puts(1, 2), Done(1), Deleted(2)],
            &[Begins(1, PUT), Puts(1, 1), GivenUp(1), Begins(3, get), Reads(3, 1), Deleted(1)],
            &[Begins(1, PUT), Puts(1, 1), GivenUp(1), Deleted(1), Begins(3, get), Reads(3, 1)],
            &[
                Begins(1, PUT),
                Puts(1, 1),
                Done(1),
                Begins(3, get),
                Reads(3, 1),
                Begins(2, PUT),
                Deleted(1),
            ],
        ] {
            assert!(judged(1, steps).is_err(), "{steps:?}");
        }
    }
}
