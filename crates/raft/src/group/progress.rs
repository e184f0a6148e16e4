//! How far a follower is, as its leader knows it, and what it may be sent.
//!
//! A follower is probed, one message at a time, until it is known where its log agrees; from then on
//! batches follow each other without waiting (pipelining).

use std::collections::VecDeque;

use machine::Time;

use crate::effects::{Effects, Event, FileWork};
use crate::log::Snapshot;
use crate::member::Member;
use crate::rpc::Index;

/// How far a follower is.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The paper's nextIndex and matchIndex.
    pub(super) next: Index,
    pub(super) matched: Index,
    pub(super) stage: Stage,
    /// The newest round that it answered, and when.
    pub(super) round: u64,
    pub(super) heard: Time,
}

/// How it is sent to.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Where does its log agree? One question at a time.
    Probe { asked: bool },
    /// The last entries of the batches on their way.
    Pipeline { in_flight: VecDeque<Index> },
    /// It is so far behind that it gets a snapshot first.
    Snapshot(Sending),
}

/// A snapshot on its way to a follower.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) snapshot: Snapshot,
    pub(super) offset: u64,
    /// Since when a piece is on its way.
    pub(super) asked: Option<Time>,
}

impl Progress {
    /// The stream to it broke: what was on its way may be lost.
    pub(super) fn probe(&mut self) {
        self.next = self.matched + 1;
        self.stage = Stage::Probe { asked: false };
    }

    pub(super) fn may_send(
        &self,
        last_index: Index,
        max_batch: usize,
        max_in_flight: usize,
    ) -> bool {
        let owed = (last_index + 1).saturating_sub(self.next);
        match &self.stage {
            Stage::Probe { asked } => !asked,
            // The first leaves at once; while others are on their way, batches fill up.
            Stage::Pipeline { in_flight } => {
                owed > 0 && in_flight.is_empty()
                    || owed >= max_batch as u64 && in_flight.len() < max_in_flight
            }
            Stage::Snapshot(sending) => sending.asked.is_none(),
        }
    }

    /// Sends the next piece, once it is read; the first of the newest snapshot, if none was sent yet. It has no
    /// file where there is none to be sent.
    pub(super) fn send_snapshot(
        &mut self,
        to: Member,
        newest: impl Fn() -> Snapshot,
        now: Time,
        fx: &mut Effects,
    ) {
        if !matches!(self.stage, Stage::Snapshot(_)) {
            self.stage = Stage::Snapshot(Sending { snapshot: newest(), offset: 0, asked: None });
        }
        let Stage::Snapshot(Sending { snapshot, offset, asked }) = &mut self.stage else { return };
        *asked = Some(now);
        if snapshot.file.is_none() {
            *snapshot = newest();
        }
        let Some(file) = snapshot.file else { return fx.events.push(Event::SnapshotWanted) };
        fx.files.push(FileWork::Read { to, file, offset: *offset });
    }

    /// Its log does not agree there; at this place it may. Where that is no news it is not asked again
    /// before the next heartbeat: if each answer were a question, they would never end.
    pub(super) fn conflicts(&mut self, hint: Index) {
        let next = self.next.min(hint + 1).max(self.matched + 1);
        if next < self.next && !matches!(self.stage, Stage::Snapshot(_)) {
            self.next = next;
            self.stage = Stage::Probe { asked: false };
        }
    }

    /// Its log is the leader's up to here.
    pub(super) fn matches(&mut self, index: Index) {
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched + 1);
        match &mut self.stage {
            Stage::Probe { .. } => self.stage = Stage::Pipeline { in_flight: VecDeque::new() },
            Stage::Pipeline { in_flight } => {
                while in_flight.front().is_some_and(|last| *last <= self.matched) {
                    in_flight.pop_front();
                }
            }
            // A heartbeat says nothing about the snapshot that is on its way.
            Stage::Snapshot(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_that_is_no_news_is_no_reason_to_ask_again() {
        let stage = Stage::Pipeline { in_flight: VecDeque::new() };
        let mut progress = Progress { next: 9, matched: 3, stage, round: 0, heard: Time(0) };
        let asks = |progress: &Progress| matches!(progress.stage, Stage::Probe { asked: false });
        progress.conflicts(6);
        assert!(asks(&progress) && progress.next == 7);
        progress.stage = Stage::Probe { asked: true };
        progress.conflicts(6);
        assert!(!asks(&progress), "the answer to a question before the last");
        progress.conflicts(1);
        assert!(asks(&progress) && progress.next == 4, "it had more than that");
        progress.stage = Stage::Probe { asked: true };
        progress.conflicts(0);
        assert!(!asks(&progress), "it has lost what it had");
    }
}
