//! The joining shard's side: it reads the logs of all other shards, its donors, until it has all of its
//! links.
//!
//! The law: copied changes are stored in one batch with the position in the donor's log, so that a crash
//! neither repeats nor skips any. The shard answers for links of a donor only when the donor has ceded
//! them and the end of its log was read (`catch-up`).

use std::time::Duration;

use bytes::Bytes;
use machine::codec::Reader;
use machine::{NodeId, Outputs, Random, Time};
use resilience::Calls;

use super::ownership::RingState;
use crate::message::{Call, Handover, Message, Note, Reply, Shortener, Timer};
use crate::ring::RingPhase;
use crate::shard::{Job, PendingOp, Shard};
use bitcask::Change;

/// How often donors are asked whether there is more.
const TICK: Duration = Duration::from_millis(50);
/// A donor that does not reply within this time is asked again. Lost messages reset the connection, so
/// this is only a safety net. It is long because a late reply is ignored, and disks can be slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// The progress of a join.
#[derive(Clone, Debug)]
pub(in crate::shard) struct JoinState {
    calls: Calls<Timer, u32>,
    /// By their places; empty when no join is under way.
    donors: Vec<Donor>,
}

impl Default for JoinState {
    fn default() -> JoinState {
        JoinState { calls: Calls::new(PATIENCE, Timer::Calls), donors: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Donor {
    /// Its log was copied up to this position.
    after: u64,
    progress: CopyProgress,
    /// A call, or the commit of its result, is under way.
    busy: bool,
    /// It may be asked.
    due: bool,
}

/// How much was copied from a donor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CopyProgress {
    Some,
    /// All that was in its log when it replied.
    Most,
    /// The donor has ceded the links; the last changes may be missing.
    Ceded,
    All,
    /// All, and the donor removes its copies.
    Cleaned,
}

/// Changes copied from the donor at this place, up to this position.
#[derive(Clone, Copy, Debug)]
pub(in crate::shard) struct CopyBatch {
    place: u32,
    after: u64,
    is_all: bool,
}

/// The store's key of the position in this donor's log. No key of a link begins with a zero byte.
pub(in crate::shard) fn cursor_key(place: u32) -> Bytes {
    format!("\0from-{place}").into()
}

impl JoinState {
    pub(in crate::shard) fn start(&mut self, random: &mut Random) {
        self.calls.start(random);
    }

    /// Begins with this many donors. Positions that were restored at boot stay.
    pub(in crate::shard) fn begin(&mut self, donors: u32) {
        let new = Donor { after: 0, progress: CopyProgress::Some, busy: false, due: true };
        self.donors.resize(donors as usize, new);
    }

    /// The state after the join.
    pub(in crate::shard) fn ended(&self) -> JoinState {
        JoinState { calls: self.calls.clone(), donors: Vec::new() }
    }

    /// At boot: restores the position in this donor's log.
    pub(in crate::shard) fn restore_donor(
        &mut self,
        place: u32,
        kept: Option<&[u8]>,
    ) -> Option<()> {
        self.begin(place + 1);
        if let Some(kept) = kept {
            let cursor = |from: &mut Reader<&[u8]>| Ok((from.take_u64()?, from.take_bool()?));
            let (after, is_all) = Reader::whole(kept, cursor).ok()?;
            let donor = &mut self.donors[place as usize];
            (donor.after, donor.progress) =
                (after, if is_all { CopyProgress::All } else { CopyProgress::Some });
        }
        Some(())
    }

    /// Was everything copied from the donor at this place?
    pub(in crate::shard) fn has_all_of(&self, place: u32) -> bool {
        self.donors.get(place as usize).is_some_and(|donor| donor.progress >= CopyProgress::All)
    }

    pub(in crate::shard) fn is_incomplete(&self) -> bool {
        self.least_progress().is_some_and(|least| least < CopyProgress::All)
    }

    /// Do all donors remove their copies?
    pub(in crate::shard) fn is_over(&self) -> bool {
        self.least_progress() == Some(CopyProgress::Cleaned)
    }

    /// Removals of all stored positions.
    pub(in crate::shard) fn cursor_removals(&self) -> impl Iterator<Item = Change> {
        (0..self.donors.len() as u32).map(|place| (cursor_key(place), None))
    }

    pub(in crate::shard) fn tick(&mut self) {
        self.donors.iter_mut().for_each(|donor| donor.due = true);
    }

    pub(in crate::shard) fn overdue(&mut self, now: Time, out: &mut Outputs<Shortener>) {
        for (_, place) in self.calls.overdue(now, out) {
            self.release(place);
        }
    }

    pub(in crate::shard) fn reset(&mut self, peer: NodeId) {
        for (_, place) in self.calls.reset(peer) {
            self.release(place);
        }
    }

    fn release(&mut self, place: u32) {
        self.donors.get_mut(place as usize).into_iter().for_each(|donor| donor.busy = false);
    }

    fn least_progress(&self) -> Option<CopyProgress> {
        self.donors.iter().map(|donor| donor.progress).min()
    }
}

impl Shard {
    /// 1. The shard is told to join.
    pub(in crate::shard) fn join(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        match self.ownership.ring_state().shards {
            0 => {
                let ring_state = RingState { shards: self.place + 1, phase: RingPhase::Joining };
                self.save_ring_state(ring_state, Some(job), out);
            }
            _ => self.finish(job, Reply::Agreed, out),
        }
    }

    /// 2. Sends each idle donor its next request.
    ///
    /// First for changes; to cede when all donors' logs were read once; and to remove its copies when
    /// everything was copied from all donors.
    pub(in crate::shard) fn ask_donors(&mut self, now: Time, out: &mut Outputs<Shortener>) {
        let RingState { shards, phase } = self.ownership.ring_state();
        let Some(least) = self.join.least_progress().filter(|_| phase == RingPhase::Joining) else {
            return;
        };
        if self.leases.is_none() || self.recording.is_some() {
            return;
        }
        for (place, donor) in (0..).zip(&mut self.join.donors) {
            let step = match donor.progress {
                CopyProgress::Most if least >= CopyProgress::Most => Handover::Cede,
                CopyProgress::Some | CopyProgress::Most | CopyProgress::Ceded => {
                    Handover::Changes { after: donor.after }
                }
                CopyProgress::All if least == CopyProgress::All => Handover::Clean,
                CopyProgress::All | CopyProgress::Cleaned => continue,
            };
            if donor.busy || !donor.due {
                continue;
            }
            (donor.busy, donor.due) = (true, false);
            let node = self.roster.nodes[place as usize];
            let call = self.join.calls.begin(node, place, now, out);
            out.send(node, Message::Call { call, wanted: Call::Handover { shards, step } });
        }
    }

    /// 3. A donor has replied. It knows of this many shards.
    pub(in crate::shard) fn donor_replied(
        &mut self,
        from: NodeId,
        call: u64,
        shards: u32,
        reply: Reply,
        out: &mut Outputs<Shortener>,
    ) {
        let Some((_, place)) = self.join.calls.end(call, from) else { return };
        self.join.release(place);
        let has_ceded = shards >= self.ownership.ring_state().shards;
        let Some(donor) = self.join.donors.get_mut(place as usize) else { return };
        match (reply, donor.progress) {
            (Reply::Changes { changes, next: Some(after) }, _) => {
                self.copy(changes, CopyBatch { place, after, is_all: false }, out);
            }
            (Reply::Changes { changes, next: None }, _) if has_ceded => {
                let after = donor.after;
                self.copy(changes, CopyBatch { place, after, is_all: true }, out);
            }
            (Reply::Changes { .. }, _) => donor.progress = CopyProgress::Most,
            (Reply::Agreed, CopyProgress::Most) => {
                (donor.progress, donor.due) = (CopyProgress::Ceded, true)
            }
            (Reply::Agreed, CopyProgress::All) => donor.progress = CopyProgress::Cleaned,
            // The donor refused for now, and is asked again.
            _ => {}
        }
    }

    /// 4. Stores the changes.
    fn copy(&mut self, mut changes: Vec<Change>, copied: CopyBatch, out: &mut Outputs<Shortener>) {
        let CopyBatch { place, after, is_all } = copied;
        self.join.donors[place as usize].busy = true;
        let cursor = [&after.to_le_bytes()[..], &[u8::from(is_all)]].concat();
        changes.push((cursor_key(place), Some(cursor.into())));
        self.commit(changes, PendingOp::Copied(copied), out);
    }

    /// 5. They are stored, or the disk was full.
    pub(in crate::shard) fn copied(
        &mut self,
        copied: CopyBatch,
        failed: bool,
        out: &mut Outputs<Shortener>,
    ) {
        let CopyBatch { place, after, is_all } = copied;
        let Some(donor) = self.join.donors.get_mut(place as usize) else { return };
        donor.busy = false;
        if failed {
            return;
        }
        (donor.after, donor.due) = (after, true);
        if is_all {
            donor.progress = CopyProgress::All;
            self.due.extend(self.held.drain(..));
            if !self.join.is_incomplete() {
                out.note(Note::Joined { shards: self.ownership.ring_state().shards });
            }
        }
    }

    pub(in crate::shard) fn tick_later(&self, out: &mut Outputs<Shortener>) {
        out.set_timer(Timer::Handover, TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::ring::MAX_SHARDS;

    /// The entry of place 47 was once taken for a link, since byte 47 is `/`, and handed on to the next
    /// joining shard.
    #[test]
    fn what_is_kept_of_a_donor_is_no_link() {
        assert!((0..MAX_SHARDS).all(|place| Key::of_bytes(&cursor_key(place)).is_none()));
    }
}
