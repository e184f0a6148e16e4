//! Snapshots: in the place of a log that grows, and of entries that a follower missed (section 7).

use bytes::Bytes;
use machine::{Now, Time};

use super::progress::Stage;
use super::{Group, Role};
use crate::effects::{Effects, Event, FileWork};
use crate::log::{Snapshot, SnapshotFile};
use crate::member::Member;
use crate::rpc::{Index, InstallSnapshot, Rpc, Term};
use crate::snapshot_files::Source;

/// A snapshot that a leader sends, as far as it has arrived.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    snapshot: Snapshot,
    /// Of the whole state, as the leader has it.
    crc: u32,
    /// So many bytes are where they belong.
    length: u64,
    /// A piece of this length is on its way to the disk.
    writing: Option<u64>,
    /// Who sent the last piece, in which term and round.
    from: (Member, Term, u64),
}

impl Group {
    /// The owner froze its state at this place, which was handed out, and gives it piece by piece.
    pub(crate) fn freeze(&mut self, index: Index, fx: &mut Effects) -> bool {
        if self.is_taking() || !self.lacks_snapshot(index) || self.log.term_at(index).is_none() {
            return false;
        }
        self.taking = Some(self.log.snapshot_at(index));
        fx.files.push(FileWork::Take);
        true
    }

    /// The state that the owner froze is in this file.
    pub(crate) fn taken(&mut self, file: SnapshotFile, fx: &mut Effects) -> bool {
        let Some(snapshot) = self.taking.take() else { return false };
        if !self.lacks_snapshot(snapshot.last_index) {
            return false;
        }
        self.compact(Snapshot { file: Some(file), ..snapshot }, fx);
        true
    }

    /// Is there none of this place or a later one, or only one that cannot be sent?
    fn lacks_snapshot(&self, index: Index) -> bool {
        let newest = self.log.snapshot();
        let has_file = newest.sendable(self.rotten).file.is_some();
        index > newest.last_index || index == newest.last_index && !has_file
    }

    /// The owner has its state up to here on a disk itself: the log before it may go.
    pub(crate) fn compact_to(&mut self, index: Index, fx: &mut Effects) {
        if index > self.log.snapshot().last_index && self.log.term_at(index).is_some() {
            self.compact(self.log.snapshot_at(index), fx);
        }
    }

    fn compact(&mut self, snapshot: Snapshot, fx: &mut Effects) {
        let index = snapshot.last_index;
        fx.compacted = Some(self.log.snapshot().clone());
        self.log.compact(snapshot, self.tuning.keep_entries, self.tuning.keep_bytes);
        fx.note("snapshot-taken");
        if self.log.configured_at() > index {
            fx.note("snapshot-below-change");
        }
    }

    pub(super) fn on_install_snapshot(
        &mut self,
        from: Member,
        part: InstallSnapshot,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let (round, last_index) = (part.round, part.last_index);
        let answer = if self.accept_leader(from, part.term, now, fx) {
            self.gather(from, part, fx).map(|next| (round, next))
        } else {
            // A refusal confirms no round, as in `on_append_entries`.
            Some((0, Some(0)))
        };
        if let Some((round, next)) = answer {
            fx.send_durable(from, Rpc::SnapshotTaken { term: self.term, round, last_index, next });
        }
    }

    /// Takes a piece. What to say at once: where the next begins, or that the snapshot is here. Of a piece that
    /// is on its way to the disk there is nothing to say yet.
    fn gather(
        &mut self,
        from: Member,
        part: InstallSnapshot,
        fx: &mut Effects,
    ) -> Option<Option<u64>> {
        let InstallSnapshot { last_index, last_term, configuration, crc, offset, .. } = part;
        if last_index <= self.commit_index {
            self.drop_incoming(fx);
            return Some(None);
        }
        let of = |incoming: &Incoming| {
            let snapshot = &incoming.snapshot;
            (snapshot.last_index, snapshot.last_term, incoming.crc) == (last_index, last_term, crc)
        };
        if !self.incoming.as_deref().is_some_and(of) {
            self.drop_incoming(fx);
            let snapshot = Snapshot { last_index, last_term, configuration, file: None };
            let (length, writing, from) = (0, None, (from, part.term, part.round));
            self.incoming = Some(Box::new(Incoming { snapshot, crc, length, writing, from }));
        }
        let incoming = self.incoming.as_deref_mut()?;
        incoming.from = (from, part.term, part.round);
        if incoming.writing.is_some() {
            return None;
        }
        if offset != incoming.length {
            return Some(Some(incoming.length));
        }
        let (first, bytes, last) = (offset == 0, part.bytes, part.done);
        incoming.writing = Some(bytes.len() as u64);
        fx.events.push(Event::Piece { first, bytes: bytes.clone() });
        fx.files.push(FileWork::Receive { first, bytes, last });
        None
    }

    /// The leader's piece is where it belongs; after the last, this is the file. False if that is of no use.
    pub(crate) fn received(&mut self, whole: Option<SnapshotFile>, fx: &mut Effects) -> bool {
        let Some(incoming) = self.incoming.as_deref_mut() else { return false };
        incoming.length += incoming.writing.take().unwrap_or(0);
        let ((from, term, round), last_index) = (incoming.from, incoming.snapshot.last_index);
        // A round of an earlier term confirms nothing in this one.
        let round = if term == self.term { round } else { 0 };
        let next = match whole {
            None => Some(incoming.length),
            Some(file) if file.crc != incoming.crc => {
                fx.note("snapshot-altered");
                self.incoming = None;
                Some(0)
            }
            Some(file) => {
                let snapshot = Snapshot { file: Some(file), ..incoming.snapshot.clone() };
                self.incoming = None;
                // Meanwhile the entries themselves may have come.
                if last_index > self.commit_index {
                    self.install(snapshot, fx);
                }
                None
            }
        };
        fx.send_durable(from, Rpc::SnapshotTaken { term: self.term, round, last_index, next });
        self.log.snapshot().file == whole
    }

    /// What a leader began to send is of no use (any more).
    fn drop_incoming(&mut self, fx: &mut Effects) {
        if self.incoming.take().is_some() {
            fx.events.push(Event::Piece { first: true, bytes: Bytes::new() });
            fx.files.push(FileWork::Drop(Source::Leader));
        }
    }

    /// Figure 13: what follows the snapshot's last entry stays, if that entry is here.
    fn install(&mut self, snapshot: Snapshot, fx: &mut Effects) {
        let index = snapshot.last_index;
        self.note_members_of(&snapshot, fx);
        if self.taking.take().is_some() {
            fx.files.push(FileWork::Drop(Source::Owner));
        }
        fx.compacted = Some(self.log.snapshot().clone());
        if self.log.term_at(index) == Some(snapshot.last_term) {
            self.log.compact(snapshot, 0, 0);
        } else {
            self.log.restart(snapshot);
            fx.restarted = true;
        }
        (self.commit_index, self.applied_index) = (index, index);
        fx.events.push(Event::Restored { index });
        fx.note("snapshot-installed");
    }

    /// A snapshot may know of members what this one has not heard.
    fn note_members_of(&self, snapshot: &Snapshot, fx: &mut Effects) {
        let configuration = &snapshot.configuration;
        if configuration.is_joint() {
            fx.note("joint-snapshot-installed");
        } else if configuration != self.log.configuration() {
            fx.note("changed-snapshot-installed");
        }
        if !configuration.votes(self.me) {
            fx.note("learner-snapshot-installed");
        }
    }

    pub(super) fn on_snapshot_taken(
        &mut self,
        from: Member,
        round: u64,
        last_index: Index,
        next: Option<u64>,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let newest = self.log.configuration();
        let Role::Leader(leadership) = &mut self.role else { return };
        leadership.unsent = true;
        let Some(progress) = leadership.follower(from) else { return };
        (progress.round, progress.heard) = (progress.round.max(round), now.time);
        if let Stage::Snapshot(sending) = &mut progress.stage
            && sending.snapshot.last_index == last_index
        {
            match next {
                Some(offset) => (sending.offset, sending.asked) = (offset, None),
                None => {
                    if *newest != sending.snapshot.configuration {
                        fx.note("change-overtook-snapshot");
                    }
                    progress.matched = progress.matched.max(last_index);
                    progress.probe();
                }
            }
        }
        self.confirm_reads(now, fx);
    }

    /// A piece of a snapshot was read: it is sent, if it is the one that the follower waits for. `None` where it
    /// is not what was written: then the owner is asked for its state anew, and nobody for what is wrong.
    pub(crate) fn piece_read(
        &mut self,
        to: Member,
        (number, offset): (u64, u64),
        bytes: Option<Bytes>,
        now: Time,
        fx: &mut Effects,
    ) {
        let Role::Leader(leadership) = &mut self.role else { return };
        let (term, round) = (self.term, leadership.reads.round());
        let Some(progress) = leadership.followers.get_mut(&to) else { return };
        let Stage::Snapshot(sending) = &mut progress.stage else { return };
        let Some(file) = sending.snapshot.file.filter(|file| file.number == number) else { return };
        if sending.offset != offset {
            return;
        }
        let Some(bytes) = bytes else {
            fx.note("snapshot-rotten");
            self.rotten = Some(number);
            progress.probe();
            let newest = || self.log.snapshot().sendable(self.rotten);
            return progress.send_snapshot(to, newest, now, fx);
        };
        let snapshot = &sending.snapshot;
        let part = InstallSnapshot {
            term,
            round,
            last_index: snapshot.last_index,
            last_term: snapshot.last_term,
            configuration: std::sync::Arc::clone(&snapshot.configuration),
            crc: file.crc,
            offset,
            done: offset + bytes.len() as u64 >= file.length,
            bytes,
        };
        fx.send(to, Rpc::InstallSnapshot(part));
    }

    /// Is this file on its way to a follower?
    pub(crate) fn sends(&self, number: u64) -> bool {
        let Role::Leader(leadership) = &self.role else { return false };
        leadership.followers.values().any(|progress| match &progress.stage {
            Stage::Snapshot(sending) => {
                sending.snapshot.file.is_some_and(|file| file.number == number)
            }
            _ => false,
        })
    }
}
