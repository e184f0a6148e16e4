//! The log in memory: entries after a snapshot, and the configurations among them.
//!
//! The law: what was committed never changes; a truncation below the snapshot is impossible.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::member::Configuration;
use crate::rpc::{Entry, Index, Payload, Term};

/// A state in the place of the entries that led to it: of which entries, and where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Of the last entry that it replaces.
    pub last_index: Index,
    /// Of that entry.
    pub last_term: Term,
    /// In force there.
    pub configuration: Arc<Configuration>,
    /// The owner's state; `None` where the owner keeps it itself, and of a log that has none.
    pub file: Option<SnapshotFile>,
}

impl Snapshot {
    /// Of the same entries, members and state, wherever that is.
    pub fn is_like(&self, other: &Snapshot) -> bool {
        let place = |one: &Snapshot| (one.last_index, one.last_term);
        let state = |one: &Snapshot| one.file.map(|file| (file.length, file.crc));
        place(self) == place(other)
            && state(self) == state(other)
            && self.configuration == other.configuration
    }

    /// As it can be sent: without its file, if that is the one that is not what was written.
    pub(crate) fn sendable(&self, rotten: Option<u64>) -> Snapshot {
        let file = self.file.filter(|file| Some(file.number) != rotten);
        Snapshot { file, ..self.clone() }
    }
}

/// A file with the state of an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SnapshotFile {
    /// By which it is named, with its group. No two of a node have the same.
    pub number: u64,
    /// In bytes.
    pub length: u64,
    /// Of all of them.
    pub crc: u32,
}

/// The log of a group.
#[derive(Clone, Debug, Default)]
pub struct Log {
    snapshot: Snapshot,
    /// Before the first entry that is still here: at or below the snapshot's, since a few entries
    /// stay behind for followers that are a little late.
    before: (Index, Term),
    entries: VecDeque<Entry>,
    /// Of these entries.
    bytes: u64,
    /// Where configurations are, in order.
    configurations: Vec<(Index, Arc<Configuration>)>,
    revision: u64,
}

impl Log {
    /// A log that begins with a snapshot.
    pub fn new(snapshot: Snapshot) -> Log {
        let before = (snapshot.last_index, snapshot.last_term);
        Log { snapshot, before, ..Log::default() }
    }

    /// What a disk gave back: a snapshot, and entries after a place that is not above it.
    pub(crate) fn recovered(snapshot: Snapshot, before: (Index, Term), entries: Vec<Entry>) -> Log {
        let last_index = snapshot.last_index;
        let mut log = Log { snapshot, before, ..Log::default() };
        entries.into_iter().for_each(|entry| log.append(entry));
        log.configurations.retain(|(at, _)| *at > last_index);
        log
    }

    /// The newest snapshot; one at index 0 has never been taken.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The place before the first entry that is still here.
    pub(crate) fn before(&self) -> (Index, Term) {
        self.before
    }

    /// The entries from this place on.
    pub(crate) fn iter_from(&self, index: Index) -> impl Iterator<Item = &Entry> {
        let skip = index.saturating_sub(self.before.0 + 1) as usize;
        self.entries.range(skip.min(self.entries.len())..)
    }

    /// Of the first entry that is still here, or would be.
    pub fn first_index(&self) -> Index {
        self.before.0 + 1
    }

    /// Of the last entry; 0 where there never was one.
    pub fn last_index(&self) -> Index {
        self.before.0 + self.entries.len() as u64
    }

    /// Of the last entry.
    pub fn last_term(&self) -> Term {
        self.entries.back().map_or(self.before.1, |entry| entry.term)
    }

    /// Of the entry at this place; `None` where it is not here (any more).
    #[inline]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.before.0 {
            return Some(self.before.1);
        }
        self.entry(index).map(|entry| entry.term)
    }

    /// The entry at this place, if it is here.
    #[inline]
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.entries.get(index.checked_sub(self.before.0 + 1)? as usize)
    }

    /// What its entries take, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// So many entries from this place on, and, but for the last of them, so many bytes, at most.
    pub fn entries_from(&self, index: Index, most: usize, most_bytes: usize) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let fits = bytes < most_bytes;
            bytes += entry.payload.len();
            fits
        };
        self.iter_from(index).take(most).take_while(fits).cloned().collect()
    }

    /// Changes with every change of the log.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The newest configuration, committed or not: a member uses the last that it has.
    pub fn configuration(&self) -> &Arc<Configuration> {
        self.configurations.last().map_or(&self.snapshot.configuration, |(_, newest)| newest)
    }

    /// Where the newest configuration is.
    pub fn configured_at(&self) -> Index {
        self.configurations.last().map_or(self.snapshot.last_index, |(index, _)| *index)
    }

    /// The configuration in force at this place.
    pub fn configuration_at(&self, index: Index) -> &Arc<Configuration> {
        let known = self.configurations.iter().rev().find(|(at, _)| *at <= index);
        known.map_or(&self.snapshot.configuration, |(_, configuration)| configuration)
    }

    /// Adds an entry.
    pub fn append(&mut self, entry: Entry) {
        self.revision += 1;
        if let Payload::Configuration(configuration) = &entry.payload {
            self.configurations.push((self.last_index() + 1, Arc::clone(configuration)));
        }
        self.bytes += entry.cost();
        self.entries.push_back(entry);
    }

    /// Drops the entries from this place on.
    pub fn truncate(&mut self, from: Index) {
        self.revision += 1;
        let kept = from.saturating_sub(self.before.0 + 1) as usize;
        let gone = self.entries.drain(kept.min(self.entries.len())..);
        self.bytes -= gone.map(|entry| entry.cost()).sum::<u64>();
        self.configurations.retain(|(index, _)| *index < from);
    }

    /// Begins anew after a snapshot of somebody else.
    pub fn restart(&mut self, snapshot: Snapshot) {
        *self = Log { revision: self.revision + 1, ..Log::new(snapshot) };
    }

    /// What a snapshot of this place says of it. Its state is to come.
    ///
    /// # Panics
    /// If the entry there is not here.
    pub fn snapshot_at(&self, index: Index) -> Snapshot {
        let last_term = self.term_at(index).expect("a snapshot is of entries that are here");
        let configuration = Arc::clone(self.configuration_at(index));
        Snapshot { last_index: index, last_term, configuration, file: None }
    }

    /// Puts a snapshot of this log in the place of its entries, of which the last stay: so many, and no
    /// more bytes.
    pub fn compact(&mut self, snapshot: Snapshot, keep: u64, keep_bytes: u64) {
        let index = snapshot.last_index;
        self.snapshot = snapshot;
        self.configurations.retain(|(at, _)| *at > index);
        let behind = (index - self.before.0) as usize;
        let newest_first = self.entries.iter().take(behind).rev().take(keep as usize);
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.cost();
            bytes <= keep_bytes
        };
        let kept = newest_first.take_while(fits).count();
        for entry in self.entries.drain(..behind - kept) {
            self.bytes -= entry.cost();
            self.before = (self.before.0 + 1, entry.term);
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::{DiskId, NodeId};

    use super::*;
    use crate::member::Member;

    /// As long as it is not committed, the newest configuration may be taken back.
    #[test]
    fn a_snapshot_has_the_configuration_of_its_place_and_no_later_one() {
        let of = |nodes: std::ops::Range<u32>| {
            let member = |node| Member { node: NodeId(node), disk: DiskId(1) };
            Arc::new(Configuration::of(nodes.map(member)))
        };
        let (old, new) = (of(0..3), of(0..5));
        let mut log = Log::default();
        for payload in [
            Payload::Configuration(Arc::clone(&old)),
            Payload::Blank,
            Payload::Configuration(Arc::clone(&new)),
            Payload::Blank,
        ] {
            log.append(Entry { term: 1, payload });
        }
        log.compact(log.snapshot_at(2), 0, 0);
        assert_eq!(log.snapshot().configuration, old);
        assert_eq!((log.configuration(), log.configured_at()), (&new, 3));
        let mut taken_back = log.clone();
        taken_back.truncate(3);
        assert_eq!((taken_back.configuration(), taken_back.configured_at()), (&old, 2));
        log.compact(log.snapshot_at(4), 0, 0);
        assert_eq!(log.snapshot().configuration, new);
    }
}
