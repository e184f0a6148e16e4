//! What clients know of each key, from what they asked and were told.
//!
//! The law: nobody is said to be there, or not to be there, for whom another order of the operations would say otherwise.
//! A change without an answer may have been done, or be done later.

use std::collections::BTreeMap;

use machine::Time;
use object_store::note::{Note, Told, What};

/// The changes of each key.
#[derive(Default)]
pub(super) struct Changes {
    /// Notes that were heard.
    heard: u64,
    keys: BTreeMap<u64, u8>,
    of_key: BTreeMap<u8, Vec<Change>>,
}

/// A change that was done, or may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) operation: u64,
    pub(super) what: What,
    /// The note with which it began, and when that was.
    pub(super) begun: (u64, Time),
    /// The note that says that it was done.
    pub(super) done: Option<(u64, Time)>,
}

impl Change {
    /// It was done before the other began.
    pub(super) fn is_before(&self, other: &Change) -> bool {
        self.done.is_some_and(|(done, _)| done < other.begun.0)
    }

    fn deletes(&self) -> bool {
        self.what == What::Delete
    }
}

impl Changes {
    pub(super) fn heard(&mut self, at: Time, note: &Note) {
        self.heard += 1;
        let moment = (self.heard, at);
        match *note {
            Note::Invoked { operation, key, what, .. } if what.changes() => {
                self.keys.insert(operation, key);
                let change = Change { operation, what, begun: moment, done: None };
                self.of_key.entry(key).or_default().push(change);
            }
            Note::Answered { operation, told: Told::Done } => {
                let of_key = self.keys.get(&operation).and_then(|key| self.of_key.get_mut(key));
                let mut its = of_key.into_iter().flatten();
                if let Some(change) = its.find(|change| change.operation == operation) {
                    change.done = Some(moment);
                }
            }
            // Nothing was done.
            Note::Answered { operation, .. }
            | Note::Failed { operation }
            | Note::Declined { operation } => {
                let of_key = self.keys.get(&operation).and_then(|key| self.of_key.get_mut(key));
                if let Some(changes) = of_key {
                    changes.retain(|change| change.operation != operation);
                }
            }
            _ => {}
        }
    }

    /// How many notes were heard so far: a moment, to say since when.
    pub(super) fn moment(&self) -> u64 {
        self.heard
    }

    /// The changes of a key.
    pub(super) fn of(&self, key: u8) -> &[Change] {
        self.of_key.get(&key).map_or(&[][..], Vec::as_slice)
    }

    /// All keys that anybody changes.
    pub(super) fn keys(&self) -> impl Iterator<Item = u8> + '_ {
        self.of_key.keys().copied()
    }

    /// The key had an object all the time since that moment.
    pub(super) fn was_there(&self, key: u8, since: u64) -> bool {
        let is_over = |put: &Change| put.done.is_some_and(|(done, _)| done <= since);
        let mut puts = self.of(key).iter().filter(|change| !change.deletes() && is_over(change));
        puts.any(|put| {
            let mut deletes = self.of(key).iter().filter(|change| change.deletes());
            deletes.all(|delete| delete.is_before(put))
        })
    }

    /// The key had no object at any time since that moment.
    pub(super) fn was_absent(&self, key: u8, since: u64) -> bool {
        let puts = || self.of(key).iter().filter(|change| !change.deletes());
        let is_over = |delete: &Change| delete.done.is_some_and(|(done, _)| done <= since);
        let mut deletes = self.of(key).iter().filter(|change| change.deletes() && is_over(change));
        puts().next().is_none() || deletes.any(|delete| puts().all(|put| put.is_before(delete)))
    }
}
