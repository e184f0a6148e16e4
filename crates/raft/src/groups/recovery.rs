//! What a node remembers after a boot: the segments of its journal, in order, and the snapshots that they name.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, FileName, Now, Outputs};

use super::Groups;
use crate::effects::{Effects, Event};
use crate::group::{Group, Remembered};
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

/// What was read so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovery {
    /// By number; those that were not read yet have no bytes.
    read: BTreeMap<u64, Option<Bytes>>,
    /// The files of snapshots that are there.
    files: Vec<(GroupId, u64)>,
    remembered: BTreeMap<GroupId, Remembered>,
    segments: Segments,
    /// So many bytes of the last segment count.
    prior: u64,
    /// So many bytes at its end are no whole record: a crash tore the last write.
    cut: usize,
    /// The snapshots that are still to be read, and of the first what was read.
    snapshots: VecDeque<(GroupId, SnapshotFile)>,
    offset: u64,
    crc: crc32fast::Hasher,
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
            let ended = self.replay_segment(number, &mut rest, &mut groups)?;
            let end = whole.len() - rest.len();
            let is_last = segments.peek().is_none();
            if !ended || !is_last && !rest.is_empty() || is_rotten(&whole, end) {
                return Err(ROTTEN.into());
            }
            self.segments.grown(number, end as u64);
            (self.prior, self.cut) = (end as u64, rest.len());
        }
        for (group, records) in groups {
            let known = records.recovered()?;
            self.segments.drop_outside(group, known.log.before().0, known.log.last_index());
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

    /// Is what it began with whole? It was put there at once.
    fn replay_segment(
        &mut self,
        number: u64,
        rest: &mut Bytes,
        groups: &mut BTreeMap<GroupId, GroupRecords>,
    ) -> Result<bool, String> {
        let (mut begun, mut ended) = (false, false);
        while let Some((group, record)) = next_record(rest) {
            match record {
                Record::Begins { .. } => begun = true,
                Record::Durable { .. } => ended = true,
                record => {
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
        Ok(begun && ended)
    }

    /// What to read next of the snapshots.
    fn next_piece(&self) -> Option<(DiskCommand, JournalOp)> {
        let &(group, file) = self.snapshots.front()?;
        let name = snapshot_name(group, file.number);
        let length = PIECE.min(file.length - self.offset);
        let read = DiskCommand::Read { file: name, offset: self.offset, length };
        Some((read, JournalOp::SnapshotRead(group)))
    }

    /// A piece was read.
    ///
    /// # Errors
    /// If the file is not what was written.
    fn piece(&mut self, bytes: &Bytes) -> Result<(GroupId, Event), String> {
        let Some(&(group, file)) = self.snapshots.front() else {
            return Err("the disk gave a piece that nobody asked for".into());
        };
        let first = self.offset == 0;
        self.offset += bytes.len() as u64;
        self.crc.update(bytes);
        let is_short = bytes.is_empty() && file.length > 0;
        let is_whole = self.offset == file.length;
        if is_short || is_whole && self.crc.clone().finalize() != file.crc {
            let name = snapshot_name(group, file.number);
            return Err(format!("{name} is not what was written"));
        }
        if is_whole {
            self.snapshots.pop_front();
            (self.offset, self.crc) = (0, crc32fast::Hasher::new());
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
            Record::Begins { .. } | Record::Durable { .. } => {}
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
        self.journal.begin(last, self.recovery.prior, std::mem::take(&mut self.recovery.segments));
        self.read_snapshots(now, out);
        Ok(())
    }

    pub(super) fn snapshot_read<P: Embeds<Groups>>(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let piece = self.recovery.piece(&bytes_of(result)?)?;
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
        let mut recovery = std::mem::take(&mut self.recovery);
        let number = recovery.files.iter().map(|(_, number)| *number).max();
        self.files.begin(number.unwrap_or(0), recovery.outdated());
        let (me, how) = (Member { node: self.node, disk: self.disk }, (self.tuning, self.switches));
        for id in (0..self.count).map(GroupId) {
            let mut fx = Effects::default();
            if id == GroupId(0) && recovery.cut > 0 {
                fx.note("journal-cut");
            }
            let known = recovery.remembered.remove(&id);
            let group = Group::new((id, me), &self.founders, how, known, now, &mut fx);
            self.groups.push(group);
            self.carry_out(id, &mut fx, now);
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
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;
    use machine::{DiskId, NodeId};

    use super::*;
    use crate::member::Configuration;
    use crate::record::{
        put_base, put_begins, put_durable, put_entries, put_kept, put_record, put_snapshot,
        put_state,
    };
    use crate::rpc::Payload;

    const GROUP: GroupId = GroupId(3);
    const STATE: &[u8] = b"state";

    fn voter() -> Member {
        Member { node: NodeId(1), disk: DiskId(7) }
    }

    fn of_terms(terms: &[Term]) -> Vec<Entry> {
        terms.iter().map(|&term| Entry { term, payload: Payload::Blank }).collect()
    }

    fn entries(first_index: Index, terms: &[Term]) -> Record {
        Record::Entries { first_index, entries: of_terms(terms) }
    }

    fn kept(first_index: Index, terms: &[Term]) -> Record {
        Record::Kept { first_index, entries: of_terms(terms) }
    }

    fn base(index: Index, term: Term, last: Index) -> Record {
        Record::Base { index, term, last }
    }

    fn state(term: Term) -> Record {
        Record::State { term, voted_for: Some(voter()) }
    }

    fn snapshot(last_index: Index, last_term: Term) -> Record {
        let configuration = Arc::new(Configuration::of([voter()]));
        let file = Some(SnapshotFile { number: 9, length: 5, crc: crc32fast::hash(STATE) });
        Record::Snapshot(Snapshot { last_index, last_term, configuration, file })
    }

    /// A segment of such records, each written and synced by itself.
    fn segment(prior: u64, records: Vec<Record>) -> BytesMut {
        let mut out = BytesMut::new();
        put_begins(&mut out, prior);
        for record in records {
            let durable = out.len() as u64;
            put_record(&mut out, GROUP, |out| match record {
                Record::State { term, voted_for } => put_state(out, term, voted_for),
                Record::Base { index, term, last } => put_base(out, (index, term), last),
                Record::Snapshot(snapshot) => put_snapshot(out, &snapshot),
                Record::Entries { first_index, entries } => {
                    put_entries(out, first_index, entries.iter());
                }
                Record::Kept { first_index, entries } => put_kept(out, first_index, entries.iter()),
                Record::Begins { .. } | Record::Durable { .. } => {}
            });
            put_durable(&mut out, durable);
        }
        out
    }

    /// What a node remembers that has such segments, from number 4 on, and the file of a snapshot.
    fn recovered(segments: Vec<BytesMut>) -> Result<Option<Remembered>, String> {
        let mut recovery = Recovery::default();
        let numbers = 4..4 + segments.len() as u64;
        let mut names: Vec<String> =
            numbers.clone().map(|number| format!("journal-{number}")).collect();
        names.push("snapshot-3-9".to_owned());
        recovery.listed(&names)?;
        for (number, segment) in numbers.zip(segments) {
            recovery.segment(number, segment.freeze());
        }
        recovery.replay()?;
        while recovery.next_piece().is_some() {
            recovery.piece(&Bytes::from_static(STATE))?;
        }
        Ok(recovery.remembered.remove(&GROUP))
    }

    fn terms(known: &Remembered) -> Vec<Term> {
        known.log.iter_from(0).map(|entry| entry.term).collect()
    }

    #[test]
    fn a_snapshot_of_a_newer_term_raises_the_term_and_voids_the_vote() {
        for (last_term, term, voted) in [(2, 4, true), (4, 4, true), (5, 5, false)] {
            let records =
                vec![state(4), base(0, 0, 0), entries(1, &[1, 2]), snapshot(9, last_term)];
            let Remembered { term: now, voted_for, log } =
                recovered(vec![segment(0, records)]).unwrap().unwrap();
            assert_eq!((now, voted_for), (term, voted.then(voter)), "a snapshot of {last_term}");
            assert_eq!((log.last_index(), log.last_term()), (9, last_term));
        }
    }

    /// After its last entry, and only if that is here.
    #[test]
    fn what_follows_a_snapshot_counts_if_the_snapshot_is_of_this_log() {
        for (last_term, follows) in [(2, vec![2, 3]), (1, vec![])] {
            let records =
                vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 2, 2, 3]), snapshot(3, last_term)];
            let known = recovered(vec![segment(0, records)]).unwrap().unwrap();
            let found: Vec<Term> = known.log.iter_from(4).map(|entry| entry.term).collect();
            assert_eq!(found, follows, "a snapshot of {last_term}");
        }
        let records = vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 2, 2, 3]), entries(4, &[4])];
        let known = recovered(vec![segment(0, records)]).unwrap().unwrap();
        assert_eq!(terms(&known), [1, 1, 2, 4], "what was written last counts");
    }

    /// Of a group that rests, the segment with its entries is gone.
    #[test]
    fn what_was_said_again_fills_in_and_truncates_nothing() {
        let head = || vec![state(4), snapshot(2, 1), base(2, 1, 6)];
        let later =
            [head(), vec![entries(6, &[3]), kept(3, &[1, 2, 2]), entries(7, &[4])]].concat();
        let known = recovered(vec![segment(0, later)]).unwrap().unwrap();
        assert_eq!(terms(&known), [1, 2, 2, 3, 4]);
        let lost = [head(), vec![entries(6, &[3])]].concat();
        let why = recovered(vec![segment(0, lost)]).err().unwrap();
        assert_eq!(why, "the journal has a gap");
    }

    #[test]
    fn a_log_that_began_anew_has_nothing_of_the_one_before() {
        let old = segment(0, vec![state(4), base(0, 0, 0), entries(1, &[1, 1, 1, 1, 1, 1, 1])]);
        let new = vec![state(4), snapshot(5, 3), base(5, 3, 5), entries(6, &[4])];
        let prior = old.len() as u64;
        let known = recovered(vec![old, segment(prior, new)]).unwrap().unwrap();
        assert_eq!((terms(&known), known.log.last_index()), (vec![4], 6));
    }

    #[test]
    fn of_a_segment_counts_what_the_next_one_says() {
        let mut torn = segment(0, vec![state(4), base(0, 0, 0), entries(1, &[1, 2])]);
        let whole = torn.len();
        torn.extend_from_slice(&segment(0, vec![entries(3, &[9])])[20..40]);
        let next = |prior| segment(prior, vec![state(5), base(0, 0, 2), entries(3, &[5])]);
        let known = recovered(vec![torn.clone(), next(whole as u64)]).unwrap().unwrap();
        assert_eq!((known.term, terms(&known)), (5, vec![1, 2, 5]));
        assert_eq!(
            recovered(vec![torn.clone(), next(torn.len() as u64)]).err().as_deref(),
            Some(ROTTEN)
        );
        torn.truncate(whole - 1);
        let why = recovered(vec![torn, next(whole as u64)]).err().unwrap();
        assert_eq!(why, "journal-4 is shorter than it was");
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let whole = || vec![state(4), base(0, 0, 0), entries(1, &[1, 2])];
        let rotten = |place: usize| {
            let mut journal = segment(0, whole());
            journal[place] ^= 1;
            journal
        };
        let cut = |length| {
            let mut journal = segment(0, whole());
            journal.truncate(length);
            journal
        };
        let gap = "the journal has a gap";
        let gone = "the snapshot is gone from which the journal goes on";
        for (case, journal, why) in [
            ("a bit of its beginning", rotten(40), ROTTEN),
            ("a bit of a length in it", rotten(0), ROTTEN),
            ("a bit of a write that another followed", rotten(90), ROTTEN),
            ("nothing is left of it", cut(0), ROTTEN),
            ("not even its beginning", cut(30), ROTTEN),
            ("entries beyond the last", segment(0, vec![base(0, 0, 0), entries(2, &[1])]), gap),
            ("no snapshot below its base", segment(0, vec![base(5, 2, 5), entries(6, &[2])]), gone),
        ] {
            assert_eq!(recovered(vec![journal]).err().as_deref(), Some(why), "{case}");
        }
        assert!(recovered(vec![segment(0, whole())]).unwrap().is_some());
        assert!(recovered(Vec::new()).unwrap().is_none(), "it is blank");
    }

    #[test]
    fn a_snapshot_that_rotted_or_is_gone_is_refused() {
        let journal = || segment(0, vec![state(4), snapshot(4, 2), base(4, 2, 4)]).freeze();
        let after = |names: [&str; 2]| {
            let mut recovery = Recovery::default();
            recovery.listed(&names.map(str::to_owned)).unwrap();
            assert!(recovery.segment(4, journal()));
            recovery.replay().map(|()| recovery)
        };
        let gone = after(["journal-4", "snapshot-3-8"]).err().unwrap();
        assert_eq!(gone, "snapshot-3-9 is gone");
        let why = "snapshot-3-9 is not what was written";
        let read = |pieces: &[&'static str]| {
            let mut recovery = after(["journal-4", "snapshot-3-9"]).unwrap();
            let mut piece =
                |piece: &&'static str| recovery.piece(&Bytes::from_static(piece.as_bytes()));
            pieces.iter().try_for_each(|bytes| piece(bytes).map(drop))
        };
        assert_eq!(read(&["sta", "te"]), Ok(()));
        assert_eq!(read(&["sta", "tf"]), Err(why.to_owned()));
        assert_eq!(read(&["sta", ""]), Err(why.to_owned()), "it is shorter than it was");
    }
}
