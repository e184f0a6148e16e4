//! What a node remembers after a boot: its snapshots, and on top of them its journal.

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::FileName;

use crate::group::Remembered;
use crate::journal::journal_name;
use crate::log::{Log, Snapshot};
use crate::record::{Record, is_rotten, next_record, open_snapshot};
use crate::rpc::{Entry, GroupId, Index, Term};

/// What was read so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovery {
    snapshots: BTreeMap<GroupId, Snapshot>,
    /// The number of the journal that counts, and the names of all.
    pub(crate) number: u64,
    pub(crate) journals: Vec<FileName>,
}

/// The log of a group as its journal tells it.
#[derive(Default)]
struct Told {
    term: Term,
    voted_for: Option<crate::Member>,
    base: (Index, Term),
    entries: Vec<Entry>,
}

impl Recovery {
    /// These files are there. Whose snapshots must be read?
    pub(crate) fn listed(&mut self, names: &[String]) -> Vec<GroupId> {
        let number = |name: &String, prefix| name.strip_prefix(prefix)?.parse::<u64>().ok();
        let journals = names.iter().filter_map(|name| number(name, "journal-"));
        self.journals = journals.clone().map(journal_name).collect();
        self.number = journals.max().unwrap_or(0);
        let groups = names.iter().filter_map(|name| number(name, "snapshot-"));
        groups.filter_map(|group| u32::try_from(group).ok()).map(GroupId).collect()
    }

    /// A snapshot's file was read.
    ///
    /// # Errors
    /// If it is not what was written.
    pub(crate) fn snapshot(&mut self, group: GroupId, file: Bytes) -> Result<(), String> {
        let rotten = || format!("the snapshot of group {} is not what was written", group.0);
        self.snapshots.insert(group, open_snapshot(file).ok_or_else(rotten)?);
        Ok(())
    }

    /// The journal was read, as the last of all: what each group remembers.
    ///
    /// # Errors
    /// Why it cannot be trusted.
    pub(crate) fn finish(
        mut self,
        mut journal: Bytes,
    ) -> Result<BTreeMap<GroupId, Remembered>, &'static str> {
        let mut told: BTreeMap<GroupId, Told> = BTreeMap::new();
        let whole = journal.clone();
        while let Some((group, record)) = next_record(&mut journal) {
            match record {
                Record::Durable { .. } => {}
                record => told.entry(group).or_default().hear(record)?,
            }
        }
        if is_rotten(&whole, whole.len() - journal.len()) {
            return Err(
                "the journal rotted where it was durable once; give the node an empty folder",
            );
        }
        let mut remembered = BTreeMap::new();
        for (group, told) in told {
            let snapshot = self.snapshots.remove(&group).unwrap_or_default();
            remembered.insert(group, told.on(snapshot)?);
        }
        if self.snapshots.is_empty() { Ok(remembered) } else { Err("a snapshot has no journal") }
    }
}

impl Told {
    fn hear(&mut self, record: Record) -> Result<(), &'static str> {
        match record {
            Record::State { term, voted_for } => (self.term, self.voted_for) = (term, voted_for),
            Record::Base { index, term } => (self.base, self.entries) = ((index, term), Vec::new()),
            Record::Entries { first_index, entries } => {
                let keep = first_index.checked_sub(self.base.0 + 1);
                let keep = keep.filter(|keep| *keep <= self.entries.len() as u64);
                self.entries.truncate(keep.ok_or("the journal has a gap")? as usize);
                self.entries.extend(entries);
            }
            Record::Durable { .. } => {}
        }
        Ok(())
    }

    /// The snapshot may be newer: it is written first. What follows its last entry counts only if that
    /// entry is here, since otherwise it follows another's.
    fn on(self, snapshot: Snapshot) -> Result<Remembered, &'static str> {
        let (index, term) = (snapshot.last_index, snapshot.last_term);
        if self.base.0 > index {
            return Err("the snapshot is gone from which the journal goes on");
        }
        let newer = (term > self.term).then_some((term, None));
        let (term_now, voted_for) = newer.unwrap_or((self.term, self.voted_for));
        let log = Log::recovered(snapshot, self.base, self.entries);
        let log =
            if log.term_at(index) == Some(term) { log } else { Log::new(log.snapshot().clone()) };
        Ok(Remembered { term: term_now, voted_for, log })
    }
}
