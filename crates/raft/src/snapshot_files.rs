//! The files of snapshots, written beside the journal, a piece at a time: no entry waits for a state.
//!
//! The law: a file counts when a record of the journal names it, and that is written when the file is whole
//! and synced. One that no record names (any more) is deleted. No two files of a node have the same name.
//!
//! One operation is on its way at a time, and only while the journal has none, or after it had its turn for
//! a while; files are synced often, so that no sync finds much to do.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use machine::{DiskCommand, DiskError, DiskResult, Embeds, FileName, Now, Outputs, Time};

use crate::groups::Groups;
use crate::journal::JournalOp;
use crate::log::SnapshotFile;
use crate::rpc::GroupId;

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
#[derive(Clone, Debug, Default)]
pub(crate) struct SnapshotFiles {
    /// Of the last file that was begun.
    number: u64,
    drafts: BTreeMap<(GroupId, Source), Draft>,
    jobs: VecDeque<Job>,
    /// The first job is on its way.
    in_flight: bool,
    /// It found no space, and is tried again.
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
    length: u64,
    synced: u64,
    crc: crc32fast::Hasher,
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

impl SnapshotFiles {
    /// After a boot: no file has a higher number, and these are of no use.
    pub(crate) fn begin(&mut self, number: u64, outdated: Vec<FileName>) {
        self.number = number;
        outdated.into_iter().for_each(|file| self.delete(file));
    }

    /// Begins a file, in the place of one that was not whole.
    pub(crate) fn draft(&mut self, group: GroupId, source: Source) {
        self.drop_draft(group, source);
        self.number += 1;
        let crc = crc32fast::Hasher::new();
        let draft = Draft { number: self.number, length: 0, synced: 0, crc, ended: false };
        self.drafts.insert((group, source), draft);
    }

    /// What was written so far of a file is of no use.
    pub(crate) fn drop_draft(&mut self, group: GroupId, source: Source) {
        let Some(draft) = self.drafts.remove(&(group, source)) else { return };
        let of = Some((group, source, draft.number));
        let under_way = usize::from(self.in_flight || self.stalled).min(self.jobs.len());
        let mut waiting = self.jobs.split_off(under_way);
        waiting.retain(|job| job.of() != of);
        self.jobs.append(&mut waiting);
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
        let (of, offset) = ((group, source, draft.number), draft.length);
        draft.crc.update(&bytes);
        draft.length += bytes.len() as u64;
        draft.ended = last;
        self.jobs.push_back(Job::Write { of, offset, bytes });
        if last || draft.length - draft.synced >= SYNC_AFTER {
            draft.synced = draft.length;
            self.jobs.push_back(Job::Sync { of, data_only: !last });
        }
    }

    /// A file counts no more.
    pub(crate) fn replaced(&mut self, group: GroupId, number: u64) {
        self.replaced.push((group, number));
    }

    /// Deletes what counts no more and is not being sent.
    pub(crate) fn delete_replaced(&mut self, is_sent: impl Fn(GroupId, u64) -> bool) {
        let free = self.replaced.extract_if(.., |(group, number)| !is_sent(*group, *number));
        for (group, number) in free.collect::<Vec<_>>() {
            self.delete(snapshot_name(group, number));
        }
    }

    pub(crate) fn delete(&mut self, file: FileName) {
        self.jobs.push_back(Job::Delete(file));
    }

    /// Gives the disk its next work.
    pub(crate) fn write_next<P: Embeds<Groups>>(
        &mut self,
        journal_is_busy: bool,
        now: &Now<'_>,
        out: &mut Outputs<P>,
    ) {
        if self.in_flight || self.stalled || self.jobs.is_empty() {
            return;
        }
        let since = *self.waits_since.get_or_insert(now.time);
        if !journal_is_busy || now.time >= since + PATIENCE {
            self.waits_since = None;
            self.send(out);
        }
    }

    fn send<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        (self.in_flight, self.stalled) = (true, false);
        let (command, op) = match self.jobs.front().cloned() {
            Some(Job::Write { of, offset, bytes }) => {
                let (file, parts) = (snapshot_name(of.0, of.2), bytes.into());
                (DiskCommand::Write { file, offset, parts }, JournalOp::PieceWritten)
            }
            Some(Job::Sync { of, data_only }) => {
                let file = snapshot_name(of.0, of.2);
                (DiskCommand::Sync { file, data_only }, JournalOp::PieceSynced)
            }
            Some(Job::Delete(file)) => (DiskCommand::Delete { file }, JournalOp::Deleted),
            None => return,
        };
        out.disk(command, P::op(op));
    }

    /// An operation ended: what came of it.
    ///
    /// # Errors
    /// If the device failed, and the node must halt. Where only space is lacking, it is tried again.
    pub(crate) fn done(&mut self, result: DiskResult) -> Result<Option<Kept>, DiskError> {
        self.in_flight = false;
        match (result, self.jobs.front()) {
            (Err(DiskError::Full), _) => {
                self.stalled = true;
                return Ok(None);
            }
            (Err(DiskError::NotFound), Some(Job::Delete(_))) | (Ok(_), _) => {}
            (Err(error), _) => return Err(error),
        }
        let Some(of) = self.jobs.pop_front().and_then(|job| job.of()) else { return Ok(None) };
        let (group, source, number) = of;
        let draft = self.drafts.get(&(group, source)).filter(|draft| draft.number == number);
        let Some(draft) = draft else { return Ok(None) };
        if self.jobs.iter().any(|job| job.of() == Some(of)) {
            return Ok(None);
        }
        let (length, crc) = (draft.length, draft.crc.clone().finalize());
        let whole = draft.ended.then_some(SnapshotFile { number, length, crc });
        if whole.is_some() {
            self.drafts.remove(&(group, source));
        }
        Ok(Some(Kept { group, source, whole }))
    }

    /// Tries again what found no space.
    pub(crate) fn retry<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        if self.stalled {
            self.send(out);
        }
    }
}
