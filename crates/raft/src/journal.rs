//! Persist, then reply: what all groups of a node must remember, in one file.
//!
//! The law: what is held back leaves only when everything that was recorded before it is durable.
//! Records that come while the disk is busy leave with the next write (group commit), so a slow disk
//! costs latency, not throughput; and a thousand groups share one sync.
//!
//! The files: `journal-N`, of which the highest number counts, and a `snapshot-G` for each group that
//! has one. A journal that has grown is written anew, whole and atomically, and so it is after every
//! boot: nobody ever appends behind what a crash may have left in part.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use machine::{DiskCommand, DiskError, DiskResult, Embeds, FileName, Outputs};

use crate::effects::Effects;
use crate::group::{Group, Role};
use crate::groups::Groups;
use crate::log::Snapshot;
use crate::member::Member;
use crate::record::{put_base, put_durable, put_entries, put_record, put_state, seal_snapshot};
use crate::rpc::{GroupId, Index, Rpc, Term};

/// What to do when a disk operation of the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalOp {
    /// At boot: the names of the files are known.
    Listed,
    /// At boot: a snapshot was read.
    SnapshotRead(GroupId),
    /// At boot: the journal was read.
    JournalRead,
    /// Records were written.
    Written,
    /// And synced.
    Synced,
    /// A snapshot, or a new journal, was put in its place.
    Replaced,
    /// A journal was deleted that does not count any more.
    Deleted,
}

/// What waits for the disk.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// A message.
    Send(Member, GroupId, Rpc),
    /// A member that wants to know that what it recorded up to here is durable.
    Persisted(GroupId, Term, Index),
}

/// The journal of a node.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// Sync before anything leaves: the mechanism `persist-before-reply`.
    syncs: bool,
    growth: u64,
    /// Of the file in use; it is not there yet where its length is 0.
    number: u64,
    length: u64,
    /// Its length after the last rewrite.
    compact: u64,
    buffer: BytesMut,
    snapshots: VecDeque<(GroupId, Bytes)>,
    outdated: Vec<FileName>,
    /// Waits for what is buffered, and for what is on its way.
    held: Vec<Held>,
    held_in_flight: Vec<Held>,
    /// What is on its way; it is tried again if there was no space.
    in_flight: Option<Flight>,
    /// It found no space; once all of its answers are there it is stalled, and may be tried again.
    failed: bool,
    stalled: bool,
}

#[derive(Clone, Debug)]
enum Flight {
    Write(FileName, u64, Bytes),
    Replace(FileName, Bytes),
    Delete(FileName),
}

pub(crate) fn journal_name(number: u64) -> FileName {
    format!("journal-{number}").into()
}

pub(crate) fn snapshot_name(group: GroupId) -> FileName {
    format!("snapshot-{}", group.0).into()
}

impl Journal {
    pub(crate) fn new(growth: u64, syncs: bool) -> Journal {
        Journal {
            syncs,
            growth,
            number: 0,
            length: 0,
            compact: 0,
            buffer: BytesMut::new(),
            snapshots: VecDeque::new(),
            outdated: Vec::new(),
            held: Vec::new(),
            held_in_flight: Vec::new(),
            in_flight: None,
            failed: false,
            stalled: false,
        }
    }

    /// After a boot: these files were there, and the first that is written has a higher number.
    pub(crate) fn begin(&mut self, number: u64, outdated: Vec<FileName>) {
        (self.number, self.outdated) = (number, outdated);
    }

    /// Remembers what changed in a group: a snapshot first, on which the rest may rest.
    pub(crate) fn record_changes(&mut self, group: &Group, fx: &mut Effects) {
        if let Some(snapshot) = fx.snapshot.take() {
            self.put_snapshot(group.id, &snapshot);
        }
        if std::mem::take(&mut fx.state) {
            self.record(group.id, |out| put_state(out, group.term(), group.voted_for()));
        }
        if std::mem::take(&mut fx.rebased) {
            let (index, term) = group.log().before();
            self.record(group.id, |out| put_base(out, index, term));
        }
        if let Some(first) = fx.appended_from.take() {
            self.record(group.id, |out| put_entries(out, first, group.log().iter_from(first)));
        }
    }

    fn record(&mut self, group: GroupId, body: impl FnOnce(&mut BytesMut)) {
        put_record(&mut self.buffer, group, body);
    }

    /// It is written before anything that was recorded and is not on its way yet.
    fn put_snapshot(&mut self, group: GroupId, snapshot: &Snapshot) {
        self.snapshots.retain(|(other, _)| *other != group);
        self.snapshots.push_back((group, seal_snapshot(snapshot)));
    }

    /// Holds this back until all that was recorded is durable; gives it back if all is.
    pub(crate) fn hold(&mut self, held: Held) -> Option<Held> {
        let clean = self.buffer.is_empty() && self.snapshots.is_empty() && self.in_flight.is_none();
        if clean || !self.syncs {
            return Some(held);
        }
        match (self.held.last_mut(), &held) {
            // The later mark says all that the earlier one would.
            (Some(Held::Persisted(group, term, index)), Held::Persisted(other, newer, last))
                if (*group, *term) == (*other, *newer) =>
            {
                *index = *last;
            }
            _ => self.held.push(held),
        }
        None
    }

    /// Gives the disk its next work. These are all groups, of which everything is written where the journal
    /// is written anew.
    pub(crate) fn write_next<P: Embeds<Groups>>(&mut self, groups: &[Group], out: &mut Outputs<P>) {
        if self.in_flight.is_some() {
            return;
        }
        let flight = if let Some((group, bytes)) = self.snapshots.pop_front() {
            Flight::Replace(snapshot_name(group), bytes)
        } else if !self.buffer.is_empty() {
            self.held_in_flight = std::mem::take(&mut self.held);
            if self.length == 0 || self.length > self.compact + self.growth {
                Flight::Replace(self.next_file(), self.rewrite(groups))
            } else {
                let at = self.length;
                put_durable(&mut self.buffer, if self.syncs { at } else { 0 });
                self.length += self.buffer.len() as u64;
                Flight::Write(journal_name(self.number), at, self.buffer.split().freeze())
            }
        } else if self.length > 0
            && let Some(name) = self.outdated.pop()
        {
            Flight::Delete(name)
        } else {
            return;
        };
        self.in_flight = Some(flight);
        self.send(out);
    }

    /// What is buffered is in the image too.
    fn rewrite(&mut self, groups: &[Group]) -> Bytes {
        self.buffer.clear();
        groups.iter().for_each(|group| put_image(group, &mut self.buffer));
        let durable = self.buffer.len() as u64;
        put_durable(&mut self.buffer, durable);
        self.length = self.buffer.len() as u64;
        self.compact = self.length;
        self.buffer.split().freeze()
    }

    fn next_file(&mut self) -> FileName {
        if self.length > 0 {
            self.outdated.push(journal_name(self.number));
        }
        self.number += 1;
        journal_name(self.number)
    }

    fn send<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        (self.failed, self.stalled) = (false, false);
        match self.in_flight.clone() {
            Some(Flight::Write(file, offset, bytes)) => {
                let sync = DiskCommand::Sync { file: file.clone(), data_only: false };
                out.disk(
                    DiskCommand::Write { file, offset, parts: bytes.into() },
                    P::op(JournalOp::Written),
                );
                if self.syncs {
                    out.disk(sync, P::op(JournalOp::Synced));
                }
            }
            Some(Flight::Replace(file, bytes)) => {
                out.disk(
                    DiskCommand::Replace { file, parts: bytes.into() },
                    P::op(JournalOp::Replaced),
                );
            }
            Some(Flight::Delete(file)) => {
                out.disk(DiskCommand::Delete { file }, P::op(JournalOp::Deleted));
            }
            None => {}
        }
    }

    /// A disk operation ended: what may leave now.
    ///
    /// # Errors
    /// If the device failed: nobody knows what is on it, and the node must halt. Where only space is
    /// lacking nothing is lost: all waits until [`Journal::retry`].
    pub(crate) fn done(
        &mut self,
        op: JournalOp,
        result: DiskResult,
    ) -> Result<Vec<Held>, DiskError> {
        match result {
            Err(DiskError::Full) => self.failed = true,
            Err(error) if op != JournalOp::Deleted => return Err(error),
            _ => {}
        }
        // The sync of what was not written ends well; it is that sync's answer which ends the attempt.
        if op == JournalOp::Written && self.syncs {
            return Ok(Vec::new());
        }
        if self.failed {
            self.stalled = true;
            return Ok(Vec::new());
        }
        self.in_flight = None;
        let mut durable = std::mem::take(&mut self.held_in_flight);
        if self.buffer.is_empty() && self.snapshots.is_empty() {
            durable.append(&mut self.held);
        }
        Ok(durable)
    }

    /// Tries again what found no space.
    pub(crate) fn retry<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        if self.stalled {
            self.send(out);
        }
    }
}

/// Everything that a group must remember, beside its snapshot.
fn put_image(group: &Group, image: &mut BytesMut) {
    if let Role::Blank(_) = group.role() {
        return;
    }
    let (index, term) = group.log().before();
    put_record(image, group.id, |out| put_state(out, group.term(), group.voted_for()));
    put_record(image, group.id, |out| put_base(out, index, term));
    let entries = group.log().iter_from(index + 1);
    put_record(image, group.id, |out| put_entries(out, index + 1, entries));
}

#[cfg(test)]
mod tests {
    use machine::DiskAnswer;

    use super::*;

    const DONE: DiskResult = Ok(DiskAnswer::Done);

    fn answer() -> Held {
        Held::Send(Member::default(), GroupId(0), Rpc::Hello)
    }

    /// Its file is there, and a record is on its way to it.
    fn writing() -> Journal {
        let mut journal = Journal::new(1 << 20, true);
        for before in [true, false] {
            journal.record(GroupId(0), |body| body.extend_from_slice(b"record"));
            journal.write_next::<Groups>(&[], &mut Outputs::default());
            if before {
                assert!(journal.done(JournalOp::Replaced, DONE).unwrap().is_empty());
            }
        }
        journal
    }

    /// What is recorded is on its way then, and nothing is left that would be written next.
    #[test]
    fn what_is_held_back_while_the_disk_writes_leaves_when_it_has_written() {
        let mut journal = writing();
        assert!(journal.hold(answer()).is_none());
        assert!(journal.done(JournalOp::Written, DONE).unwrap().is_empty(), "it is not synced");
        assert_eq!(journal.done(JournalOp::Synced, DONE).unwrap().len(), 1);
        assert!(journal.hold(answer()).is_some(), "all is durable");
    }

    #[test]
    fn a_device_that_failed_is_not_believed_again() {
        for error in [DiskError::Failed, DiskError::NotFound] {
            for op in [JournalOp::Written, JournalOp::Synced, JournalOp::Replaced] {
                let mut journal = writing();
                assert!(journal.hold(answer()).is_none());
                assert_eq!(journal.done(op, Err(error)).err(), Some(error), "{op:?}");
            }
            let mut journal = writing();
            assert!(journal.done(JournalOp::Deleted, Err(error)).is_ok(), "it counts no more");
        }
    }
}
