//! What a node remembers after a boot: its snapshots, and on top of them its journal.

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Embeds, FileName, Now, Outputs};

use super::Groups;
use crate::effects::Effects;
use crate::group::{Group, Remembered};
use crate::journal::{JournalOp, journal_name, snapshot_name};
use crate::log::{Log, Snapshot};
use crate::member::Member;
use crate::record::{Record, is_rotten, next_record, open_snapshot};
use crate::rpc::{Entry, GroupId, Index, Term};

const WHOLE: u64 = 1 << 40;

/// What was read so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovery {
    /// Snapshots that were asked for and are not here yet: the journal is asked for after the last.
    unread: usize,
    snapshots: BTreeMap<GroupId, Snapshot>,
    /// The number of the journal that counts, and the names of all.
    pub(crate) number: u64,
    pub(crate) journals: Vec<FileName>,
    /// So many bytes at the journal's end are no whole record: a crash tore the last write.
    pub(crate) cut: usize,
}

/// The log of a group as its journal tells it.
#[derive(Default)]
struct GroupRecords {
    term: Term,
    voted_for: Option<Member>,
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
        self.snapshots.insert(group, open_snapshot(&file).ok_or_else(rotten)?);
        Ok(())
    }

    /// The journal was read, as the last of all: what each group remembers.
    ///
    /// # Errors
    /// Why it cannot be trusted.
    pub(crate) fn finish(
        &mut self,
        mut journal: Bytes,
    ) -> Result<BTreeMap<GroupId, Remembered>, &'static str> {
        let mut records: BTreeMap<GroupId, GroupRecords> = BTreeMap::new();
        let whole = journal.clone();
        // A journal begins with an image that was put there whole, and with such a record at its end.
        let mut begun = self.number == 0;
        while let Some((group, record)) = next_record(&mut journal) {
            match record {
                Record::Durable { .. } => begun = true,
                record => records.entry(group).or_default().add(record)?,
            }
        }
        if !begun || is_rotten(&whole, whole.len() - journal.len()) {
            return Err(
                "the journal rotted where it was durable once; give the node an empty folder",
            );
        }
        self.cut = journal.len();
        let mut remembered = BTreeMap::new();
        for (group, records) in records {
            let snapshot = self.snapshots.remove(&group).unwrap_or_default();
            remembered.insert(group, records.on(snapshot)?);
        }
        if self.snapshots.is_empty() { Ok(remembered) } else { Err("a snapshot has no journal") }
    }
}

impl GroupRecords {
    fn add(&mut self, record: Record) -> Result<(), &'static str> {
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

/// What is read, in order: the names of the files, the snapshots, the journal.
impl Groups {
    pub(super) fn listed<P: Embeds<Groups>>(
        &mut self,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let DiskAnswer::Names(names) = result.map_err(|error| error.to_string())? else {
            return Err("the disk did not name its files".into());
        };
        let groups = self.recovery.listed(&names);
        self.recovery.unread = groups.len();
        for group in groups {
            read(snapshot_name(group), JournalOp::SnapshotRead(group), out);
        }
        self.read_journal(out);
        Ok(())
    }

    pub(super) fn snapshot_read<P: Embeds<Groups>>(
        &mut self,
        group: GroupId,
        result: DiskResult,
        out: &mut Outputs<P>,
    ) -> Result<(), String> {
        let DiskAnswer::Bytes(file) = result.map_err(|error| error.to_string())? else {
            return Err("the disk did not give the snapshot's bytes".into());
        };
        self.recovery.snapshot(group, file)?;
        self.recovery.unread -= 1;
        self.read_journal(out);
        Ok(())
    }

    /// Once all snapshots are here: files are read in any order.
    fn read_journal<P: Embeds<Groups>>(&self, out: &mut Outputs<P>) {
        if self.recovery.unread == 0 {
            read(journal_name(self.recovery.number), JournalOp::JournalRead, out);
        }
    }

    pub(super) fn recovered(
        &mut self,
        result: DiskResult,
        now: &mut Now<'_>,
    ) -> Result<(), String> {
        let journal = match result {
            Ok(DiskAnswer::Bytes(journal)) => journal,
            Err(DiskError::NotFound) => Bytes::new(),
            Ok(_) => return Err("the disk did not give the journal's bytes".into()),
            Err(error) => return Err(error.to_string()),
        };
        let mut recovery = std::mem::take(&mut self.recovery);
        self.journal.begin(recovery.number, recovery.journals.clone());
        let mut remembered = recovery.finish(journal)?;
        let (me, how) = (Member { node: self.node, disk: self.disk }, (self.tuning, self.switches));
        for id in (0..self.count).map(GroupId) {
            let mut fx = Effects::default();
            if id == GroupId(0) && recovery.cut > 0 {
                fx.note("journal-cut");
            }
            let known = remembered.remove(&id);
            let group = Group::new((id, me), &self.founders, how, known, now, &mut fx);
            self.groups.push(group);
            self.carry_out(id, &mut fx, now);
        }
        Ok(())
    }
}

fn read<P: Embeds<Groups>>(file: FileName, op: JournalOp, out: &mut Outputs<P>) {
    out.disk(DiskCommand::Read { file, offset: 0, length: WHOLE }, P::op(op));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;
    use machine::{DiskId, NodeId};

    use super::*;
    use crate::member::{Configuration, Member};
    use crate::record::{put_base, put_durable, put_entries, put_record, put_state, seal_snapshot};
    use crate::rpc::Payload;

    const GROUP: GroupId = GroupId(3);

    fn voter() -> Member {
        Member { node: NodeId(1), disk: DiskId(7) }
    }

    fn entries(first_index: Index, terms: &[Term]) -> Record {
        let entry = |&term| Entry { term, payload: Payload::Blank };
        Record::Entries { first_index, entries: terms.iter().map(entry).collect() }
    }

    fn base(index: Index, term: Term) -> Record {
        Record::Base { index, term }
    }

    fn state(term: Term) -> Record {
        Record::State { term, voted_for: Some(voter()) }
    }

    fn snapshot(last_index: Index, last_term: Term) -> Snapshot {
        let configuration = Arc::new(Configuration::of([voter()]));
        Snapshot { last_index, last_term, configuration, state: Bytes::from_static(b"state") }
    }

    /// A journal of such records, each written and synced by itself.
    fn journal(records: Vec<Record>) -> BytesMut {
        let mut out = BytesMut::new();
        for record in records {
            let durable = out.len() as u64;
            put_record(&mut out, GROUP, |out| match record {
                Record::State { term, voted_for } => put_state(out, term, voted_for),
                Record::Base { index, term } => put_base(out, index, term),
                Record::Entries { first_index, entries } => {
                    put_entries(out, first_index, entries.iter());
                }
                Record::Durable { .. } => {}
            });
            put_durable(&mut out, durable);
        }
        out
    }

    /// What a node remembers that has such a journal, and such a snapshot if any.
    fn recovered(
        snapshot: Option<Snapshot>,
        journal: Option<BytesMut>,
    ) -> Result<Option<Remembered>, String> {
        let mut recovery = Recovery::default();
        let mut names: Vec<String> = journal.iter().map(|_| "journal-1".to_owned()).collect();
        names.extend(snapshot.iter().map(|_| "snapshot-3".to_owned()));
        for group in recovery.listed(&names) {
            recovery.snapshot(group, seal_snapshot(snapshot.as_ref().unwrap()))?;
        }
        let mut remembered = recovery.finish(journal.unwrap_or_default().freeze())?;
        Ok(remembered.remove(&GROUP))
    }

    #[test]
    fn a_snapshot_of_a_newer_term_raises_the_term_and_voids_the_vote() {
        for (last_term, term, voted) in [(2, 4, true), (4, 4, true), (5, 5, false)] {
            let records = vec![state(4), base(0, 0), entries(1, &[1, 2])];
            let known = recovered(Some(snapshot(9, last_term)), Some(journal(records)));
            let Remembered { term: now, voted_for, log } = known.unwrap().unwrap();
            assert_eq!((now, voted_for), (term, voted.then(voter)), "a snapshot of {last_term}");
            assert_eq!((log.last_index(), log.last_term()), (9, last_term));
        }
    }

    /// After its last entry, and only if that is here.
    #[test]
    fn what_follows_a_snapshot_counts_if_the_snapshot_is_of_this_log() {
        let terms = |known: Remembered| known.log.iter_from(4).map(|entry| entry.term).collect();
        for (last_term, follows) in [(2, vec![2, 3]), (1, vec![])] {
            let records = vec![state(4), base(0, 0), entries(1, &[1, 1, 2, 2, 3])];
            let known = recovered(Some(snapshot(3, last_term)), Some(journal(records)));
            let found: Vec<Term> = terms(known.unwrap().unwrap());
            assert_eq!(found, follows, "a snapshot of {last_term}");
        }
        let records = vec![state(4), base(0, 0), entries(1, &[1, 1, 2, 2, 3]), entries(4, &[4])];
        let known = recovered(None, Some(journal(records)));
        let found: Vec<Term> = terms(known.unwrap().unwrap());
        assert_eq!(found, [4], "what was written last counts");
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let whole = || vec![state(4), base(0, 0), entries(1, &[1, 2])];
        let rotten = |place: usize| {
            let mut journal = journal(whole());
            journal[place] ^= 1;
            Some(journal)
        };
        let cut = |length| {
            let mut journal = journal(whole());
            journal.truncate(length);
            Some(journal)
        };
        let rot = "the journal rotted where it was durable once; give the node an empty folder";
        let gap = "the journal has a gap";
        let gone = "the snapshot is gone from which the journal goes on";
        let based = || Some(journal(vec![state(4), base(5, 2), entries(6, &[2])]));
        for (case, snapshot, journal, why) in [
            ("a bit of its first image", None, rotten(20), rot),
            ("a bit of a length in it", None, rotten(0), rot),
            ("a bit of a write that another followed", None, rotten(70), rot),
            ("nothing is left of it", None, cut(0), rot),
            ("not even its first image", None, cut(30), rot),
            (
                "entries beyond the last",
                None,
                Some(journal(vec![base(0, 0), entries(2, &[1])])),
                gap,
            ),
            (
                "entries below its base",
                None,
                Some(journal(vec![base(5, 2), entries(5, &[1])])),
                gap,
            ),
            ("no snapshot below its base", None, based(), gone),
            ("an older snapshot", Some(snapshot(4, 2)), based(), gone),
            ("no journal beside it", Some(snapshot(4, 2)), None, "a snapshot has no journal"),
        ] {
            assert_eq!(recovered(snapshot, journal).err().as_deref(), Some(why), "{case}");
        }
        assert!(recovered(None, Some(journal(whole()))).unwrap().is_some());
        assert!(recovered(None, None).unwrap().is_none(), "it is blank");
    }

    #[test]
    fn a_snapshot_that_rotted_is_refused() {
        let mut file = BytesMut::from(&seal_snapshot(&snapshot(4, 2))[..]);
        let last = file.len() - 1;
        file[last] ^= 1;
        let why = Recovery::default().snapshot(GROUP, file.freeze()).unwrap_err();
        assert_eq!(why, "the snapshot of group 3 is not what was written");
    }
}
