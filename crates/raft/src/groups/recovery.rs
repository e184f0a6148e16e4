//! What a node remembers after a boot: the records of its journal, in order, and the snapshots that they name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use journal::Place;
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, FileName, Now, Outputs};

use super::Groups;
use super::losses::why_lost;
use crate::checksums::Checksums;
use crate::effects::{Effects, Event};
use crate::group::Remembered;
use crate::log::{Log, Snapshot, SnapshotFile};
use crate::member::Member;
use crate::record::{Record, get_record};
use crate::rpc::{Entry, GroupId, Index, Term};
use crate::snapshot_files::{numbers, snapshot_name};
use crate::words::{GroupsOp, Owner};

/// Of a snapshot so much is read at a time.
const PIECE: u64 = 1 << 20;

/// What was read so far.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    records: BTreeMap<GroupId, GroupRecords>,
    /// A leader knew better than this disk: what it has lost.
    lost: Option<String>,
    /// A crash tore the last write, and it was cut off.
    pub(super) cut: bool,
    remembered: BTreeMap<GroupId, Remembered>,
    /// The files of snapshots that are there.
    files: Vec<(GroupId, u64)>,
    /// Those that are still to be read, and of the first what was read.
    snapshots: VecDeque<(GroupId, SnapshotFile)>,
    reading: Checksums,
    checksums: BTreeMap<(GroupId, u64), Checksums>,
}

/// The log of a group as its journal tells it.
#[derive(Clone, Debug, Default)]
struct GroupRecords {
    term: Term,
    voted_for: Option<Member>,
    base: (Index, Term),
    entries: BTreeMap<Index, Entry>,
    snapshot: Snapshot,
}

impl Recovery {
    /// Nothing was read. So much of a snapshot will be sent at a time.
    pub(crate) fn new(piece: usize) -> Recovery {
        Recovery {
            records: BTreeMap::new(),
            lost: None,
            cut: false,
            remembered: BTreeMap::new(),
            files: Vec::new(),
            snapshots: VecDeque::new(),
            reading: Checksums::new(piece),
            checksums: BTreeMap::new(),
        }
    }

    /// The next record of the journal.
    fn record(&mut self, group: GroupId, record: Record) {
        match record {
            Record::Left => drop(self.records.remove(&group)),
            Record::Lost { first, last } => self.lost = Some(why_lost(group, (first, last))),
            Record::Durable { .. } => {}
            record => self.records.entry(group).or_default().add(record),
        }
    }

    /// All records were read.
    ///
    /// # Errors
    /// Why they cannot be trusted.
    fn replay(&mut self) -> Result<(), String> {
        if let Some(why) = self.lost.take() {
            return Err(why);
        }
        for (group, records) in std::mem::take(&mut self.records) {
            self.remembered.insert(group, records.recovered()?);
        }
        Ok(())
    }

    /// These files of snapshots are there.
    ///
    /// # Errors
    /// If one is missing that a record names.
    fn listed(&mut self, names: &[String]) -> Result<(), String> {
        self.files = names.iter().filter_map(|name| numbers(name)).collect();
        for (group, known) in &self.remembered {
            let Some(file) = known.log.snapshot().file else { continue };
            if !self.files.contains(&(*group, file.number)) {
                let name = snapshot_name(*group, file.number);
                return Err(format!("{name} is gone, which the journal names: {WAY_OUT}"));
            }
            self.snapshots.push_back((*group, file));
        }
        Ok(())
    }

    /// What to read next of the snapshots.
    fn next_piece(&self) -> Option<(DiskCommand, GroupsOp)> {
        let &(group, file) = self.snapshots.front()?;
        let name = snapshot_name(group, file.number);
        let offset = self.reading.length();
        let length = PIECE.min(file.length - offset);
        let read = DiskCommand::Read { file: name, offset, length };
        Some((read, GroupsOp::SnapshotRead(group)))
    }

    /// A piece was read.
    ///
    /// # Errors
    /// If the file is not what was written.
    fn piece(&mut self, bytes: &Bytes, piece: usize) -> Result<(GroupId, Event), String> {
        let Some(&(group, file)) = self.snapshots.front() else {
            return Err("the disk gave a piece that nobody asked for".into());
        };
        let first = self.reading.length() == 0;
        self.reading.update(bytes);
        let is_short = bytes.is_empty() && file.length > 0;
        let is_whole = self.reading.length() == file.length;
        if is_short || is_whole && self.reading.whole() != file.crc {
            let name = snapshot_name(group, file.number);
            return Err(format!("{name} is not what was written: {WAY_OUT}"));
        }
        if is_whole {
            self.snapshots.pop_front();
            let read = std::mem::replace(&mut self.reading, Checksums::new(piece));
            self.checksums.insert((group, file.number), read);
        }
        Ok((group, Event::Piece { first, bytes: bytes.clone() }))
    }

    /// Files of snapshots that no record names.
    fn outdated(&self) -> Vec<FileName> {
        let named = |(group, number): &&(GroupId, u64)| {
            let known = self.remembered.get(group).and_then(|known| known.log.snapshot().file);
            known.is_some_and(|file| file.number == *number)
        };
        let outdated = self.files.iter().filter(|file| !named(file));
        outdated.map(|(group, number)| snapshot_name(*group, *number)).collect()
    }
}

impl GroupRecords {
    fn add(&mut self, record: Record) {
        match record {
            Record::State { term, voted_for } => (self.term, self.voted_for) = (term, voted_for),
            Record::Snapshot(snapshot) => self.snapshot = snapshot,
            Record::Base { index, term, last } => {
                self.base = (index, term);
                self.entries.retain(|at, _| (index + 1..=last).contains(at));
            }
            Record::Entries { first_index, entries } => {
                self.entries.split_off(&first_index);
                self.entries.extend((first_index..).zip(entries));
            }
            Record::Kept { first_index, entries } => {
                self.entries.extend((first_index..).zip(entries));
            }
            Record::Durable { .. } | Record::Left | Record::Lost { .. } => {}
        }
    }

    /// The snapshot is written first. What follows its last entry counts only if that entry is here, since
    /// otherwise it follows another's.
    fn recovered(self) -> Result<Remembered, String> {
        let snapshot = self.snapshot;
        let (index, term) = (snapshot.last_index, snapshot.last_term);
        if self.base.0 > index {
            return Err("the snapshot is gone from which the journal goes on".into());
        }
        let places = self.entries.keys().zip(self.base.0 + 1..);
        if places.into_iter().any(|(at, place)| *at != place) {
            return Err("the journal has a gap".into());
        }
        let newer = (term > self.term).then_some((term, None));
        let (term_now, voted_for) = newer.unwrap_or((self.term, self.voted_for));
        let log = Log::recovered(snapshot, self.base, self.entries.into_values().collect());
        let log =
            if log.term_at(index) == Some(term) { log } else { Log::new(log.snapshot().clone()) };
        Ok(Remembered { term: term_now, voted_for, log })
    }
}

/// What is read, in order: the segments, the names of the snapshots, and those that are named by a record.
impl Groups {
    pub(super) fn replay_frame(&mut self, at: Place, frame: Bytes) -> Result<(), String> {
        let Some((group, record)) = get_record(frame) else {
            let name = self.journal.name(at.file);
            return Err(format!(
                "{name} was written by another version of this program, at {}; it was left as it is",
                at.offset
            ));
        };
        self.journal.replayed(at.file, group, &record);
        self.recovery.record(group, record);
        Ok(())
    }

    pub(super) fn replayed<P: Owner>(&mut self, out: &mut Outputs<P>) -> Result<(), String> {
        self.recovery.replay()?;
        for (group, known) in &self.recovery.remembered {
            self.journal.recovered(*group, &known.log);
        }
        self.journal.booted(out)?;
        let list = DiskCommand::List { prefix: "snapshot-".into() };
        out.disk(list, <P as Embeds<Groups>>::op(GroupsOp::Listed));
        Ok(())
    }

    pub(super) fn listed<P: Owner>(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let DiskAnswer::Names(names) = result.map_err(|error| error.to_string())? else {
            return Err("the disk did not name its files".into());
        };
        self.recovery.listed(&names)?;
        self.read_snapshots(now, out);
        Ok(())
    }

    pub(super) fn snapshot_read<P: Owner>(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let piece = self.recovery.piece(&bytes_of(result)?, self.tuning.snapshot_chunk)?;
        self.events.push_back(piece);
        self.read_snapshots(now, out);
        Ok(())
    }

    fn read_snapshots<P: Owner>(&mut self, now: &mut Now<'_>, out: &mut Outputs<P>) {
        match self.recovery.next_piece() {
            Some((read, op)) => out.disk(read, <P as Embeds<Groups>>::op(op)),
            None => self.recovered(now),
        }
    }

    fn recovered(&mut self, now: &mut Now<'_>) {
        let empty = Recovery::new(self.tuning.snapshot_chunk);
        let mut recovery = std::mem::replace(&mut self.recovery, empty);
        let number = recovery.files.iter().map(|(_, number)| *number).max();
        let checksums = std::mem::take(&mut recovery.checksums);
        self.files.begin(number.unwrap_or(0), checksums, recovery.outdated());
        self.is_up = true;
        self.founders.retain(|id, _| !self.journal.has_left(*id));
        let named = self.founders.keys().chain(recovery.remembered.keys());
        let mut cut = recovery.cut;
        for id in named.copied().collect::<BTreeSet<_>>() {
            let mut fx = Effects::default();
            if std::mem::take(&mut cut) {
                fx.note("journal-cut");
            }
            self.boot_group(id, recovery.remembered.remove(&id), now, &mut fx);
        }
    }
}

const WAY_OUT: &str = "restore the folder, or give the node a new disk";

fn bytes_of(result: DiskResult) -> Result<Bytes, String> {
    match result {
        Ok(DiskAnswer::Bytes(bytes)) => Ok(bytes),
        Ok(_) => Err("the disk did not give the bytes of a file".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
