//! Snapshots of all groups: the owner's states go to files, a leader's come from them.

use std::collections::VecDeque;

use bytes::Bytes;
use machine::{DiskAnswer, DiskCommand, DiskResult, Embeds, Link, NodeId, Now, Outputs};

use super::Groups;
use crate::effects::{Event, FileWork};
use crate::group::Group;
use crate::member::Member;
use crate::rpc::{GroupId, Index};
use crate::snapshot_files::{Kept, Source, snapshot_name};
use crate::words::GroupsOp;

impl Groups {
    /// The owner has frozen its state as it was after this index, which was handed out, and gives it when it
    /// is asked for ([`Event::PieceWanted`]). When all of it is on the disk, it takes the place of the log up
    /// to there. False where there is a newer snapshot, or one is being taken ([`Groups::is_taking`]): the
    /// owner may forget what it froze.
    pub fn freeze(&mut self, group: GroupId, index: Index, now: &mut Now<'_>) -> bool {
        self.call(group, now, |group, _, fx| group.freeze(index, fx)).unwrap_or(false)
    }

    /// Is a snapshot being taken, so that there is none to begin? If another began in its place, under load none
    /// would ever end.
    pub fn is_taking(&self, group: GroupId) -> bool {
        self.group(group).is_some_and(Group::is_taking)
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
        let leads = self.groups.values().filter(|group| group.leads()).map(|group| group.id);
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
            FileWork::Read { to, file, offset } => {
                let wanted = Wanted { group: id, to, number: file.number, offset };
                self.reads.entry(to.node).or_default().want(wanted);
            }
        }
    }

    /// Asks for the pieces that are to be sent, for each node one at a time and only while there is room on the
    /// way to it: however many groups have one for it, no more than a window of them is in memory or on the link.
    pub(super) fn read_pieces<P: Embeds<Groups>>(&mut self, out: &mut Outputs<P>) {
        let length = self.tuning.snapshot_chunk as u64;
        for (node, reads) in &mut self.reads {
            if reads.under_way || !self.window.has_room(*node, Link::Bulk) {
                continue;
            }
            let Some(Wanted { group, to, number, offset }) = reads.waiting.pop_front() else {
                continue;
            };
            reads.under_way = true;
            let file = snapshot_name(group, number);
            let read =
                DiskCommand::Read { file, offset: self.files.start(group, number, offset), length };
            out.disk(read, P::op(GroupsOp::PieceRead { group, to, number, offset }));
        }
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
            self.files.delete_snapshot(id, file.number);
        }
    }

    /// A piece was read, for a follower. It is sent if it is what was written.
    pub(super) fn piece_read(
        &mut self,
        (id, to): (GroupId, Member),
        (number, offset): (u64, u64),
        result: DiskResult,
        now: &mut Now<'_>,
    ) {
        self.reads.entry(to.node).or_default().under_way = false;
        let bytes = match result {
            Ok(DiskAnswer::Bytes(bytes)) => self.files.sound(id, number, offset, bytes),
            _ => None,
        };
        self.call(id, now, |group, now, fx| {
            group.piece_read(to, (number, offset), bytes, now.time, fx);
        });
    }
}

/// The pieces that a node is to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct PieceReads {
    waiting: VecDeque<Wanted>,
    /// One is being read.
    under_way: bool,
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    group: GroupId,
    to: Member,
    /// Of the file, and where the piece begins.
    number: u64,
    offset: u64,
}

impl PieceReads {
    fn want(&mut self, wanted: Wanted) {
        let same = |other: &&mut Wanted| (other.group, other.to) == (wanted.group, wanted.to);
        match self.waiting.iter_mut().find(same) {
            Some(other) => *other = wanted,
            None => self.waiting.push_back(wanted),
        }
    }

    /// The stream to the node broke: each group begins anew.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }
}
