//! Snapshots of all groups: the owner's states go to files, a leader's come from them.

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskError, DiskResult, Embeds, Link, NodeId, Now, Outputs};

use super::Groups;
use crate::effects::{Event, FileWork};
use crate::journal::JournalOp;
use crate::member::Member;
use crate::rpc::{GroupId, Index};
use crate::snapshot_files::{Kept, Source, snapshot_name};

impl Groups {
    /// The owner has frozen its state as it was after this index, which was handed out, and gives it when it
    /// is asked for ([`Event::PieceWanted`]). When all of it is on the disk, it takes the place of the log up
    /// to there. False where there is a newer snapshot: the owner may forget what it froze.
    pub fn freeze(&mut self, group: GroupId, index: Index, now: &mut Now<'_>) -> bool {
        self.call(group, now, |group, _, fx| group.freeze(index, fx)).unwrap_or(false)
    }

    /// The next piece of the state that the owner froze, of any length (some hundred KiB are good), and whether
    /// it is the last. It need not be given at once.
    pub fn piece(&mut self, group: GroupId, bytes: Bytes, last: bool) {
        if self.files.takes(group, Source::Owner) {
            self.files.piece(group, Source::Owner, bytes, last);
        }
    }

    /// The owner has its state up to an index that was handed out on a disk itself: the log before it may go.
    /// It is asked for its state when a follower needs it ([`Event::SnapshotWanted`]). After a boot entries
    /// are handed out from there on.
    pub fn compact_to(&mut self, group: GroupId, index: Index, now: &mut Now<'_>) {
        self.call(group, now, |group, _, fx| group.compact_to(index, fx));
    }

    /// The peer has taken more of what was sent to it: what waits for room may be sent.
    pub fn writable(&mut self, peer: NodeId, link: Link) {
        self.window.writable(peer, link);
        let leads = self.groups.iter().filter(|group| group.leads()).map(|group| group.id);
        self.touched.extend(leads);
    }

    pub(super) fn file_work(&mut self, id: GroupId, work: FileWork) {
        match work {
            FileWork::Take => {
                self.files.draft(id, Source::Owner);
                self.events.push_back((id, Event::PieceWanted));
            }
            FileWork::Receive { first, bytes, last } => {
                if first {
                    self.files.draft(id, Source::Leader);
                }
                self.files.piece(id, Source::Leader, bytes, last);
            }
            FileWork::Drop(source) => self.files.drop_draft(id, source),
            FileWork::Read { to, file, offset, length } => {
                let name = snapshot_name(id, file.number);
                let op = JournalOp::PieceRead { group: id, to, number: file.number, offset };
                self.reads.push((DiskCommand::Read { file: name, offset, length }, op));
            }
        }
    }

    /// Asks for the pieces that are to be sent.
    pub(super) fn read_pieces<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        self.reads.drain(..).for_each(|(read, op)| out.disk(read, P::op(op)));
    }

    /// A file of a snapshot has grown, or is whole.
    pub(super) fn kept(&mut self, kept: Kept, now: &mut Now<'_>) {
        let Kept { group: id, source, whole } = kept;
        let counts = match (source, whole) {
            (Source::Owner, None) => {
                self.events.push_back((id, Event::PieceWanted));
                return;
            }
            (Source::Owner, Some(file)) => self.call(id, now, |group, _, fx| group.taken(file, fx)),
            (Source::Leader, _) => self.call(id, now, |group, _, fx| group.received(whole, fx)),
        };
        if let Some(file) = whole
            && counts != Some(true)
        {
            self.files.delete(snapshot_name(id, file.number));
        }
    }

    /// A piece was read, for a follower.
    pub(super) fn piece_read(
        &mut self,
        (id, to): (GroupId, Member),
        place: (u64, u64),
        result: DiskResult,
        now: &mut Now<'_>,
    ) -> Result<(), String> {
        let bytes = match result {
            Ok(DiskAnswer::Bytes(bytes)) if !bytes.is_empty() || place.1 == 0 => Some(bytes),
            Ok(_) | Err(DiskError::NotFound) => None,
            Err(error) => return Err(error.to_string()),
        };
        self.call(id, now, |group, _, fx| group.piece_read(to, place, bytes, fx));
        Ok(())
    }
}
