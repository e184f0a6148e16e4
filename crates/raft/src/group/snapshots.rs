//! Snapshots: in the place of a log that grows, and of entries that a follower missed (section 7).

use bytes::Bytes;
use machine::Now;

use super::progress::Stage;
use super::{Group, Role};
use crate::effects::{Effects, Event};
use crate::log::Snapshot;
use crate::member::Member;
use crate::rpc::{Index, InstallSnapshot, Rpc, Term};

/// The pieces of a snapshot that have arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Incoming {
    of: (Index, Term),
    bytes: Vec<u8>,
}

impl Group {
    /// The owner's state up to an index, which was handed out: the log before it may go.
    pub(crate) fn compact(&mut self, index: Index, state: Bytes, fx: &mut Effects) {
        if index <= self.log.snapshot().last_index || self.log.term_at(index).is_none() {
            return;
        }
        self.log.compact(index, state, self.tuning.keep_entries);
        fx.snapshot = Some(self.log.snapshot().clone());
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
        let (part_round, last_index) = (part.round, part.last_index);
        let obeys = self.accept_leader(from, part.term, now, fx);
        // A refusal confirms no round, as in `on_append_entries`.
        let (round, next) = if obeys { (part_round, self.gather(part, fx)) } else { (0, Some(0)) };
        fx.send_durable(from, Rpc::SnapshotTaken { term: self.term, round, last_index, next });
    }

    /// Takes a piece; where the next begins, or nothing if the snapshot is installed.
    fn gather(&mut self, part: InstallSnapshot, fx: &mut Effects) -> Option<u64> {
        if part.last_index <= self.commit_index {
            return None;
        }
        let of = (part.last_index, part.last_term);
        if self.incoming.of != of {
            self.incoming = Incoming { of, bytes: Vec::new() };
        }
        if part.offset != self.incoming.bytes.len() as u64 {
            return Some(self.incoming.bytes.len() as u64);
        }
        self.incoming.bytes.extend_from_slice(&part.bytes);
        if !part.done {
            return Some(self.incoming.bytes.len() as u64);
        }
        let state = Bytes::from(std::mem::take(&mut self.incoming).bytes);
        let (last_index, last_term) = of;
        let configuration = part.configuration;
        self.install(Snapshot { last_index, last_term, configuration, state }, fx);
        None
    }

    /// Figure 13: what follows the snapshot's last entry stays, if that entry is here.
    fn install(&mut self, snapshot: Snapshot, fx: &mut Effects) {
        let (index, state) = (snapshot.last_index, snapshot.state.clone());
        self.note_members_of(&snapshot, fx);
        if self.log.term_at(index) == Some(snapshot.last_term) {
            self.log.compact(index, state.clone(), 0);
        } else {
            self.log.restart(snapshot);
            fx.rebased = true;
        }
        fx.snapshot = Some(self.log.snapshot().clone());
        (self.commit_index, self.applied_index) = (index, index);
        fx.events.push(Event::Restored { index, state });
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
                Some(offset) => (sending.offset, sending.asked) = (offset, false),
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
}
