//! The files of snapshots, written beside the journal, a piece at a time: no entry waits for a state.
//!
//! The law: a file counts when a record of the journal names it, and that is written when the file is whole
//! and synced. One that no record names (any more) is deleted. No two files of a node have the same name.
//!
//! One operation is on its way at a time, and only while the journal has none, or after it had its turn for
//! a while; files are synced often, so that no sync finds much to do. What is to be deleted goes first: on a
//! full disk it makes the room that everything else waits for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use machine::{DiskCommand, DiskError, DiskResult, Embeds, FileName, Now, Outputs, Time};

use crate::checksums::Checksums;
use crate::groups::Groups;
use crate::log::SnapshotFile;
use crate::rpc::GroupId;
use crate::words::GroupsOp;

/// A file is synced when it has grown by so many bytes.
const SYNC_AFTER: u64 = 1 << 20;
/// The journal goes first, for so long.
const PATIENCE: Duration = Duration::from_millis(10);

/// Who gives the state in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The owner: it is its own state.
    Owner,
    /// A leader: it is to become the owner's.
    Leader,
}

/// A piece is where it belongs, and synced if it was the last: then this is the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) group: GroupId,
    pub(crate) source: Source,
    pub(crate) whole: Option<SnapshotFile>,
}

/// The files that are being written, and those that are to go.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFiles {
    /// So much of a file is sent at a time.
    piece: usize,
    /// Of the last file that was begun.
    number: u64,
    drafts: BTreeMap<(GroupId, Source), Draft>,
    /// Of the files that are whole.
    checksums: BTreeMap<(GroupId, u64), Checksums>,
    /// In this order; deletions are the first.
    jobs: VecDeque<Job>,
    in_flight: Option<Job>,
    /// The first job found no space, and is tried again.
    stalled: bool,
    /// Since when the first job could go but for the journal.
    waits_since: Option<Time>,
    /// They count no more, but may be on their way to a follower.
    replaced: Vec<(GroupId, u64)>,
}

/// A file that is being written.
#[derive(Clone, Debug)]
struct Draft {
    number: u64,
    synced: u64,
    checksums: Checksums,
    /// Its last piece was given.
    ended: bool,
}

#[derive(Clone, Debug)]
enum Job {
    Write { of: Of, offset: u64, bytes: Bytes },
    Sync { of: Of, data_only: bool },
    Delete(FileName),
}

/// A draft, and the number of its file.
type Of = (GroupId, Source, u64);

impl Job {
    fn of(&self) -> Option<Of> {
        match self {
            Job::Write { of, .. } | Job::Sync { of, .. } => Some(*of),
            Job::Delete(_) => None,
        }
    }
}

pub(crate) fn snapshot_name(group: GroupId, number: u64) -> FileName {
    format!("snapshot-{}-{number}", group.0).into()
}

/// Of which group a file is the snapshot, and which of its snapshots.
pub(crate) fn numbers(name: &str) -> Option<(GroupId, u64)> {
    let (group, number) = name.strip_prefix("snapshot-")?.split_once('-')?;
    Some((GroupId(group.parse().ok()?), number.parse().ok()?))
}

impl SnapshotFiles {
    /// So much of a file will be sent at a time.
    pub(crate) fn new(piece: usize) -> SnapshotFiles {
        SnapshotFiles {
            piece,
            number: 0,
            drafts: BTreeMap::new(),
            checksums: BTreeMap::new(),
            jobs: VecDeque::new(),
            in_flight: None,
            stalled: false,
            waits_since: None,
            replaced: Vec::new(),
        }
    }

    /// After a boot: no file has a higher number, these are there, and those are of no use.
    pub(crate) fn begin(
        &mut self,
        number: u64,
        checksums: BTreeMap<(GroupId, u64), Checksums>,
        outdated: Vec<FileName>,
    ) {
        (self.number, self.checksums) = (number, checksums);
        outdated.into_iter().for_each(|file| self.delete(file));
    }

    /// Begins a file, in the place of one that was not whole.
    pub(crate) fn draft(&mut self, group: GroupId, source: Source) {
        self.drop_draft(group, source);
        self.number += 1;
        let checksums = Checksums::new(self.piece);
        let draft = Draft { number: self.number, synced: 0, checksums, ended: false };
        self.drafts.insert((group, source), draft);
    }

    /// What was written so far of a file is of no use.
    pub(crate) fn drop_draft(&mut self, group: GroupId, source: Source) {
        let Some(draft) = self.drafts.remove(&(group, source)) else { return };
        let of = Some((group, source, draft.number));
        self.jobs.retain(|job| job.of() != of);
        self.delete(snapshot_name(group, draft.number));
    }

    /// Is any file being written?
    pub(crate) fn is_writing(&self) -> bool {
        !self.drafts.is_empty()
    }

    /// Is a file being written from this source that takes more pieces?
    pub(crate) fn takes(&self, group: GroupId, source: Source) -> bool {
        self.drafts.get(&(group, source)).is_some_and(|draft| !draft.ended)
    }

    /// The next piece of a file.
    pub(crate) fn piece(&mut self, group: GroupId, source: Source, bytes: Bytes, last: bool) {
        let Some(draft) = self.drafts.get_mut(&(group, source)) else { return };
        let (of, offset) = ((group, source, draft.number), draft.checksums.length());
        draft.checksums.update(&bytes);
        draft.ended = last;
        self.jobs.push_back(Job::Write { of, offset, bytes });
        let length = draft.checksums.length();
        if last || length - draft.synced >= SYNC_AFTER {
            draft.synced = length;
            self.jobs.push_back(Job::Sync { of, data_only: !last });
        }
    }

    /// Where the piece begins that has this place of a file.
    pub(crate) fn start(&self, group: GroupId, number: u64, offset: u64) -> u64 {
        self.checksums.get(&(group, number)).map_or(offset, |sums| sums.start(offset))
    }

    /// What of this piece of a file comes from this place on; nothing where it is not what was written.
    pub(crate) fn sound(
        &self,
        group: GroupId,
        number: u64,
        offset: u64,
        bytes: Bytes,
    ) -> Option<Bytes> {
        let sums = self.checksums.get(&(group, number))?;
        let start = sums.start(offset);
        sums.is_sound(start, &bytes).then(|| bytes.slice((offset - start) as usize..))
    }

    /// A file counts no more.
    pub(crate) fn replaced(&mut self, group: GroupId, number: u64) {
        self.replaced.push((group, number));
    }

    /// Deletes what counts no more and is not being sent.
    pub(crate) fn delete_replaced(&mut self, is_sent: impl Fn(GroupId, u64) -> bool) {
        let free = self.replaced.extract_if(.., |(group, number)| !is_sent(*group, *number));
        for (group, number) in free.collect::<Vec<_>>() {
            self.delete_snapshot(group, number);
        }
    }

    pub(crate) fn delete_snapshot(&mut self, group: GroupId, number: u64) {
        self.checksums.remove(&(group, number));
        self.delete(snapshot_name(group, number));
    }

    fn delete(&mut self, file: FileName) {
        let others = self.jobs.iter().take_while(|job| job.of().is_none()).count();
        self.jobs.insert(others, Job::Delete(file));
    }

    /// Gives the disk its next work.
    pub(crate) fn write_next<P: Embeds<Groups>>(
        &mut self,
        journal_is_busy: bool,
        now: &Now<'_>,
        out: &mut Outputs<P>,
    ) {
        let waits = self.stalled && !matches!(self.jobs.front(), Some(Job::Delete(_)));
        if self.in_flight.is_some() || waits || self.jobs.is_empty() {
            return;
        }
        let since = *self.waits_since.get_or_insert(now.time);
        if !journal_is_busy || now.time >= since + PATIENCE {
            self.waits_since = None;
            self.send(out);
        }
    }

    /// Does it wait for space?
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// When the first job has waited for the journal as long as it does.
    pub(crate) fn due(&self) -> Option<Time> {
        self.waits_since.map(|since| since + PATIENCE)
    }

    fn send<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        let Some(job) = self.jobs.pop_front() else { return };
        let (command, op) = match job.clone() {
            Job::Write { of, offset, bytes } => {
                let (file, parts) = (snapshot_name(of.0, of.2), bytes.into());
                (DiskCommand::Write { file, offset, parts }, GroupsOp::PieceWritten)
            }
            Job::Sync { of, data_only } => {
                let file = snapshot_name(of.0, of.2);
                (DiskCommand::Sync { file, data_only }, GroupsOp::PieceSynced)
            }
            Job::Delete(file) => (DiskCommand::Delete { file }, GroupsOp::Deleted),
        };
        self.in_flight = Some(job);
        out.disk(command, P::op(op));
    }

    /// An operation ended: what came of it.
    ///
    /// # Errors
    /// If the device failed, and the node must halt. Where only space is lacking, it is tried again.
    pub(crate) fn done(&mut self, result: DiskResult) -> Result<Option<Kept>, DiskError> {
        let Some(job) = self.in_flight.take() else { return Ok(None) };
        let Some(of) = job.of() else {
            // There is more room now.
            self.stalled = false;
            return match result {
                Ok(_) | Err(DiskError::NotFound) => Ok(None),
                Err(error) => Err(error),
            };
        };
        let (group, source, number) = of;
        let draft = self.drafts.get(&(group, source)).filter(|draft| draft.number == number);
        match (result, draft) {
            (Err(DiskError::Full), None) | (Ok(_), None) => return Ok(None),
            (Err(DiskError::Full), Some(_)) => {
                let deletions = self.jobs.iter().take_while(|job| job.of().is_none()).count();
                self.jobs.insert(deletions, job);
                self.stalled = true;
                return Ok(None);
            }
            (Err(error), _) => return Err(error),
            (Ok(_), Some(_)) => {}
        }
        if self.jobs.iter().any(|job| job.of() == Some(of)) {
            return Ok(None);
        }
        let Some(draft) = draft.filter(|draft| draft.ended) else {
            return Ok(Some(Kept { group, source, whole: None }));
        };
        let (length, crc) = (draft.checksums.length(), draft.checksums.whole());
        if let Some(draft) = self.drafts.remove(&(group, source)) {
            self.checksums.insert((group, number), draft.checksums);
        }
        let whole = Some(SnapshotFile { number, length, crc });
        Ok(Some(Kept { group, source, whole }))
    }

    /// What found no space is tried again.
    pub(crate) fn retry(&mut self) {
        self.stalled = false;
    }
}

#[cfg(test)]
mod tests {
    use machine::{DiskAnswer, Generation, Output, Random, Wall};
    use rand::SeedableRng;

    use super::*;

    const GROUP: GroupId = GroupId(3);
    const MS: Duration = Duration::from_millis(1);

    /// What the disk is asked for at this time.
    fn asks(files: &mut SnapshotFiles, busy: bool, time: Time) -> Option<DiskCommand> {
        let mut random = Random::seed_from_u64(1);
        let (wall, generation) = (Wall(0), Generation::default());
        let now = Now { time, wall, generation, random: &mut random };
        let mut out: Outputs<Groups> = Outputs::default();
        files.write_next(busy, &now, &mut out);
        out.drain().find_map(|output| match output {
            Output::Disk { command, .. } => Some(*command),
            _ => None,
        })
    }

    fn drafting() -> SnapshotFiles {
        let mut files = SnapshotFiles::new(16);
        files.draft(GROUP, Source::Owner);
        files.piece(GROUP, Source::Owner, Bytes::from_static(b"state"), true);
        files
    }

    #[test]
    fn a_piece_lets_the_journal_go_first_for_a_while() {
        let mut files = drafting();
        assert_eq!(asks(&mut files, true, Time(0)), None);
        assert_eq!(files.due(), Some(Time(0) + PATIENCE));
        assert_eq!(asks(&mut files, true, Time(0) + 9 * MS), None);
        let write = asks(&mut files, true, Time(0) + 10 * MS);
        assert!(matches!(write, Some(DiskCommand::Write { .. })), "{write:?}");
        assert_eq!(files.due(), None);
        assert!(files.done(Ok(DiskAnswer::Done)).unwrap().is_none());
        let sync = asks(&mut files, false, Time(0) + 11 * MS);
        assert!(matches!(sync, Some(DiskCommand::Sync { data_only: false, .. })), "{sync:?}");
        let kept = files.done(Ok(DiskAnswer::Done)).unwrap().and_then(|kept| kept.whole);
        let whole = SnapshotFile { number: 1, length: 5, crc: crc32fast::hash(b"state") };
        assert_eq!(kept, Some(whole));
    }

    /// It waited behind the write that found no space, and that for it.
    #[test]
    fn what_makes_room_goes_before_what_waits_for_it() {
        let mut files = drafting();
        let write = asks(&mut files, false, Time(0));
        files.delete("snapshot-1-1".into());
        files.delete("snapshot-2-1".into());
        assert!(files.done(Err(DiskError::Full)).unwrap().is_none());
        for file in ["snapshot-1-1", "snapshot-2-1"] {
            let delete = Some(DiskCommand::Delete { file: file.into() });
            assert_eq!(asks(&mut files, false, Time(0)), delete);
            assert!(files.done(Ok(DiskAnswer::Done)).unwrap().is_none());
        }
        assert_eq!(asks(&mut files, false, Time(0)), write, "there is room now");
        assert!(files.done(Err(DiskError::Full)).unwrap().is_none());
        assert_eq!(asks(&mut files, false, Time(0)), None, "there is none after all");
        files.retry();
        assert_eq!(asks(&mut files, false, Time(0)), write);
    }

    #[test]
    fn of_a_file_that_is_given_up_nothing_more_is_written() {
        for full in [false, true] {
            let mut files = drafting();
            assert!(asks(&mut files, false, Time(0)).is_some());
            files.drop_draft(GROUP, Source::Owner);
            let result = if full { Err(DiskError::Full) } else { Ok(DiskAnswer::Done) };
            assert!(files.done(result).unwrap().is_none());
            let delete = DiskCommand::Delete { file: snapshot_name(GROUP, 1) };
            assert_eq!(asks(&mut files, false, Time(0)), Some(delete));
            assert!(files.done(Ok(DiskAnswer::Done)).unwrap().is_none());
            assert_eq!(asks(&mut files, false, Time(0)), None);
        }
    }
}
