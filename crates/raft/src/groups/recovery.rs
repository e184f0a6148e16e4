//! What a node remembers after a boot: the segments of its journal, in order, and the snapshots that they name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, FileName, Now, Outputs};

use super::Groups;
use crate::checksums::Checksums;
use crate::effects::{Effects, Event};
use crate::group::Remembered;
use crate::journal::{JournalOp, Segments, journal_name};
use crate::log::{Log, Snapshot, SnapshotFile};
use crate::member::Member;
use crate::record::{Record, is_rotten, next_record};
use crate::rpc::{Entry, GroupId, Index, Term};
use crate::snapshot_files::snapshot_name;

const WHOLE: u64 = 1 << 40;
/// Of a snapshot so much is read at a time.
const PIECE: u64 = 1 << 20;
const ROTTEN: &str = "the journal rotted where it was durable once; give the node an empty folder";

const OTHER_VERSION: &str =
    "the journal was written by another version of this program; it was left as it is";

/// What was read so far.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    /// By number; those that were not read yet have no bytes.
    read: BTreeMap<u64, Option<Bytes>>,
    /// The files of snapshots that are there.
    files: Vec<(GroupId, u64)>,
    remembered: BTreeMap<GroupId, Remembered>,
    /// Groups that were left.
    left: BTreeSet<GroupId>,
    segments: Segments,
    /// So many bytes of the last segment count.
    prior: u64,
    /// What of them no record says to have been durable, and where it begins.
    unproven: (u64, Bytes),
    /// Operations that make it so, and have not ended.
    confirming: u32,
    /// So many bytes at its end are no whole record: a crash tore the last write.
    cut: usize,
    /// The snapshots that are still to be read, and of the first what was read.
    snapshots: VecDeque<(GroupId, SnapshotFile)>,
    reading: Checksums,
    checksums: BTreeMap<(GroupId, u64), Checksums>,
}

/// The log of a group as its journal tells it.
#[derive(Default)]
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
            read: BTreeMap::new(),
            files: Vec::new(),
            remembered: BTreeMap::new(),
            left: BTreeSet::new(),
            segments: Segments::default(),
            prior: 0,
            unproven: (0, Bytes::new()),
            confirming: 0,
            cut: 0,
            snapshots: VecDeque::new(),
            reading: Checksums::new(piece),
            checksums: BTreeMap::new(),
        }
    }

    /// These files are there.
    ///
    /// # Errors
    /// If a segment is missing between others.
    pub(crate) fn listed(&mut self, names: &[String]) -> Result<(), String> {
        for name in names {
            if let Some(number) = name.strip_prefix("journal-").and_then(|it| it.parse().ok()) {
                self.read.insert(number, None);
            } else if let Some((group, number)) =
                name.strip_prefix("snapshot-").and_then(|it| it.split_once('-'))
                && let (Ok(group), Ok(number)) = (group.parse(), number.parse())
            {
                self.files.push((GroupId(group), number));
            }
        }
        for (one, next) in self.read.keys().zip(self.read.keys().skip(1)) {
            if one + 1 != *next {
                return Err(format!("{} is gone, between others", journal_name(one + 1)));
            }
        }
        Ok(())
    }

    /// A segment was read; true if it was the last of them.
    pub(crate) fn segment(&mut self, number: u64, bytes: Bytes) -> bool {
        self.read.insert(number, Some(bytes));
        self.read.values().all(Option::is_some)
    }

    /// All segments were read: what they say, and which snapshots are to be read.
    ///
    /// # Errors
    /// Why they cannot be trusted.
    pub(crate) fn replay(&mut self) -> Result<(), String> {
        let mut groups: BTreeMap<GroupId, GroupRecords> = BTreeMap::new();
        let read = std::mem::take(&mut self.read);
        let mut segments = read.into_iter().peekable();
        while let Some((number, bytes)) = segments.next() {
            let mut rest = bytes.unwrap_or_default();
            if let Some((_, Some(next))) = segments.peek() {
                let Some((_, Record::Begins { prior })) = next_record(&mut next.clone()) else {
                    return Err(ROTTEN.into());
                };
                if (rest.len() as u64) < prior {
                    return Err(format!("{} is shorter than it was", journal_name(number)));
                }
                rest.truncate(prior as usize);
            }
            let whole = rest.clone();
            let proven = self.replay_segment(number, &mut rest, &mut groups)?;
            let end = whole.len() - rest.len();
            let is_last = segments.peek().is_none();
            if !is_last && !rest.is_empty() || is_rotten(&whole, end) {
                return Err(ROTTEN.into());
            }
            self.segments.grown(number, end as u64);
            (self.prior, self.cut) = (end as u64, rest.len());
            self.unproven = (proven, whole.slice(proven.min(end as u64) as usize..end));
        }
        for (group, records) in groups {
            let known = records.recovered()?;
            let (base, last) = (known.log.before().0, known.log.last_index());
            self.segments.ended(group, last + 1);
            self.segments.drop_up_to(group, base, last);
            if let Some(file) = known.log.snapshot().file {
                if !self.files.contains(&(group, file.number)) {
                    return Err(format!("{} is gone", snapshot_name(group, file.number)));
                }
                self.snapshots.push_back((group, file));
            }
            self.remembered.insert(group, known);
        }
        Ok(())
    }

    /// How much of it was durable when the last of its records was written. What it began with was put there
    /// at once.
    fn replay_segment(
        &mut self,
        number: u64,
        rest: &mut Bytes,
        groups: &mut BTreeMap<GroupId, GroupRecords>,
    ) -> Result<u64, String> {
        let (mut begun, mut proven) = (false, None);
        while let Some((group, record)) = next_record(rest) {
            match record {
                Record::Begins { .. } => begun = true,
                _ if !begun => return Err(OTHER_VERSION.into()),
                Record::Durable { length } => proven = Some(length),
                Record::Left => {
                    groups.remove(&group);
                    self.segments.left(group);
                    self.left.insert(group);
                }
                record => {
                    if let Record::Base { last, .. } = record {
                        self.segments.ended(group, last + 1);
                    }
                    let entries = groups.entry(group).or_default().add(record);
                    if let Some((first, end)) = entries {
                        match end {
                            Some(end) => self.segments.moved(group, first..end, number),
                            None => self.segments.wrote(group, first, number),
                        }
                    }
                }
            }
        }
        proven.filter(|_| begun).ok_or(ROTTEN.into())
    }

    /// What to read next of the snapshots.
    fn next_piece(&self) -> Option<(DiskCommand, JournalOp)> {
        let &(group, file) = self.snapshots.front()?;
        let name = snapshot_name(group, file.number);
        let offset = self.reading.length();
        let length = PIECE.min(file.length - offset);
        let read = DiskCommand::Read { file: name, offset, length };
        Some((read, JournalOp::SnapshotRead(group)))
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
            return Err(format!("{name} is not what was written"));
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
    /// Takes a record; where it is of entries, these, and whether others may follow them.
    fn add(&mut self, record: Record) -> Option<(Index, Option<Index>)> {
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
                return Some((first_index, None));
            }
            Record::Kept { first_index, entries } => {
                let end = first_index + entries.len() as u64;
                self.entries.extend((first_index..).zip(entries));
                return Some((first_index, Some(end)));
            }
            Record::Begins { .. } | Record::Durable { .. } | Record::Left => {}
        }
        None
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

/// What is read, in order: the names of the files, the segments, the snapshots that they name.
impl Groups {
    pub(super) fn listed<P: Embeds<Groups>>(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let DiskAnswer::Names(names) = result.map_err(|error| error.to_string())? else {
            return Err("the disk did not name its files".into());
        };
        self.recovery.listed(&names)?;
        for &number in self.recovery.read.keys() {
            let read = DiskCommand::Read { file: journal_name(number), offset: 0, length: WHOLE };
            out.disk(read, P::op(JournalOp::SegmentRead(number)));
        }
        if self.recovery.read.is_empty() { self.replayed(now, out) } else { Ok(()) }
    }

    pub(super) fn segment_read<P: Embeds<Groups>>(
        &mut self,
        number: u64,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let bytes = bytes_of(result)?;
        if self.recovery.segment(number, bytes) { self.replayed(now, out) } else { Ok(()) }
    }

    fn replayed<P: Embeds<Groups>>(
        &mut self,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let last = self.recovery.read.keys().last().copied().unwrap_or(0);
        self.recovery.replay()?;
        let segments = std::mem::take(&mut self.recovery.segments);
        let left = std::mem::take(&mut self.recovery.left);
        self.journal.begin(last, self.recovery.prior, segments, left);
        match last {
            0 => self.read_snapshots(now, out),
            last => self.confirm(journal_name(last), out),
        }
        Ok(())
    }

    /// What was read may be in the memory of the system only: a crash of the process, or a sync that failed,
    /// left it there. So it is written again, since the next sync would know nothing of it, and synced,
    /// before anybody is told of it and before a segment says that it counts.
    fn confirm<P: Embeds<Groups>>(&mut self, file: FileName, out: &mut Outputs<P>) {
        let (offset, bytes) = std::mem::take(&mut self.recovery.unproven);
        let mut commands = Vec::new();
        if !bytes.is_empty() {
            let (file, parts) = (file.clone(), bytes.into());
            commands.push(DiskCommand::Write { file, offset, parts });
        }
        commands.push(DiskCommand::Sync { file, data_only: false });
        self.recovery.confirming = commands.len() as u32;
        commands.into_iter().for_each(|command| out.disk(command, P::op(JournalOp::Confirmed)));
    }

    pub(super) fn confirmed<P: Embeds<Groups>>(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        result.map_err(|error| error.to_string())?;
        self.recovery.confirming -= 1;
        if self.recovery.confirming == 0 {
            self.read_snapshots(now, out);
        }
        Ok(())
    }

    pub(super) fn snapshot_read<P: Embeds<Groups>>(
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

    fn read_snapshots<P: Embeds<Groups>>(&mut self, now: &mut Now<'_>, out: &mut Outputs<P>) {
        match self.recovery.next_piece() {
            Some((read, op)) => out.disk(read, P::op(op)),
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
        let mut cut = recovery.cut > 0;
        for id in named.copied().collect::<BTreeSet<_>>() {
            let mut fx = Effects::default();
            if std::mem::take(&mut cut) {
                fx.note("journal-cut");
            }
            self.boot_group(id, recovery.remembered.remove(&id), now, &mut fx);
        }
    }
}

fn bytes_of(result: DiskResult) -> Result<Bytes, String> {
    match result {
        Ok(DiskAnswer::Bytes(bytes)) => Ok(bytes),
        Ok(_) => Err("the disk did not give the bytes of a file".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
