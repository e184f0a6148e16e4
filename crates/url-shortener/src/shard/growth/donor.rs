//! The donor's side of a join: every other shard hands over the links that move to the joining shard.
//!
//! The links are read from the donor's log, which has all changes in order. The joining shard reads the
//! log while the donor still answers for these links. At the end of the log the donor cedes them with one
//! write, and the last few changes are read. Then the donor removes its copies.
//!
//! The law: a donor says that links are ceded only when that is durable. While a joining shard reads the
//! log, the log keeps removals (`keep-removals`).

use machine::Outputs;

use super::ownership::{KeyOwner, Ownership, RING, RingState};
use crate::Key;
use crate::mechanism::Mechanism;
use crate::message::{Handover, Note, Reply, Shortener, Timer};
use crate::ring::RingPhase;
use crate::shard::{CallStep, Job, PendingOp, Shard};
use bitcask::Change;

/// Log entries read for one reply. With the longest links these are less than 3 MiB; a batch of the store
/// may have 4 MiB.
const CHANGES_PER_PAGE: u32 = 500;

impl Shard {
    /// 1. The joining shard asks for a step of the handover.
    pub(in crate::shard) fn hand_over(
        &mut self,
        job: Job,
        shards: u32,
        step: Handover,
        out: &mut Outputs<Shortener>,
    ) {
        let RingState { shards: mine, phase } = self.ownership.ring_state();
        let (before, since) = (mine + 1 == shards, mine == shards);
        let next = |shards, phase| RingState { shards, phase };
        match (step, phase) {
            (Handover::Changes { .. }, RingPhase::Settled) if before && mine > 0 => {
                self.save_ring_state(next(mine, RingPhase::Donating), Some(job), out);
            }
            (Handover::Changes { after }, RingPhase::Donating) if before => {
                self.read_changes(after, job, out);
            }
            (Handover::Changes { after }, RingPhase::Ceded) if since => {
                self.read_changes(after, job, out)
            }
            (Handover::Cede, RingPhase::Donating) if before => {
                self.save_ring_state(next(shards, RingPhase::Ceded), Some(job), out);
            }
            (Handover::Clean, RingPhase::Ceded) if since => {
                self.save_ring_state(next(shards, RingPhase::Cleaning), Some(job), out);
            }
            // Asked again because the first answer was lost. The next change may have begun meanwhile.
            (Handover::Cede | Handover::Clean, _) if mine >= shards => {
                self.finish(job, Reply::Agreed, out);
            }
            _ => self.finish(job, Reply::Refused("the ring is in another change".into()), out),
        }
    }

    /// Makes a new ring state durable. Then the call begins again.
    pub(in crate::shard) fn save_ring_state(
        &mut self,
        ring_state: RingState,
        job: Option<Job>,
        out: &mut Outputs<Shortener>,
    ) {
        if self.recording.is_some() {
            let busy = Reply::Refused("the ring is in another change".into());
            return job.into_iter().for_each(|job| self.finish(job, busy.clone(), out));
        }
        self.recording = Some(ring_state);
        let mut batch = vec![(RING.into(), Some(ring_state.bytes().to_vec().into()))];
        if ring_state.phase == RingPhase::Settled {
            batch.extend(self.join.cursor_removals());
        }
        self.commit(batch, PendingOp::RingStateSaved(job), out);
    }

    /// The ring state is durable, or the disk was full.
    pub(in crate::shard) fn ring_state_saved(
        &mut self,
        job: Option<Job>,
        failed: Option<&'static str>,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(ring_state) = self.recording.take() else { return };
        self.due.extend(self.held.drain(..));
        match (failed, job) {
            (None, job) => {
                match Ownership::new(self.place, ring_state) {
                    Ok(ownership) => self.ownership = ownership,
                    Err(bad) => return out.halt(bad.to_string()),
                }
                self.due.extend(job);
                self.enter_phase(out);
            }
            (Some(why), Some(job)) => self.finish(job, Reply::Refused(why.into()), out),
            // The timer tries again.
            (Some(_), None) => self.tick_later(out),
        }
    }

    /// The ring state is durable: after boot, or after a change.
    pub(in crate::shard) fn enter_phase(&mut self, out: &mut Outputs<Shortener>) {
        let RingState { shards, phase } = self.ownership.ring_state();
        if self.ownership.ring_state() != self.initial_ring_state() {
            out.note(Note::Ring { shards, phase });
        }
        let is_followed = matches!(phase, RingPhase::Donating | RingPhase::Ceded);
        self.store.keep_removals(is_followed && Mechanism::KeepRemovals.on(self.switches));
        match phase {
            RingPhase::Settled => {
                self.join = self.join.ended();
                out.cancel_timer(Timer::Handover);
            }
            RingPhase::Donating | RingPhase::Ceded => {}
            RingPhase::Cleaning => self.look_for_copies(0, out),
            RingPhase::Joining => {
                self.join.begin(shards - 1);
                self.tick_later(out);
            }
        }
    }

    /// 2. Reads the next changes from the log.
    fn read_changes(&mut self, after: u64, job: Job, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(PendingOp::Call(job, CallStep::Changes));
        self.store.scan(Some(after), CHANGES_PER_PAGE, ticket, out);
    }

    pub(in crate::shard) fn changes_read(
        &mut self,
        job: Job,
        mut changes: Vec<Change>,
        next: Option<u64>,
        out: &mut Outputs<Shortener>,
    ) {
        changes.retain(|(key, _)| Key::of_bytes(key).is_some() && self.ownership.moves_away(key));
        self.finish(job, Reply::Changes { changes, next }, out);
    }

    /// 3. The joining shard has everything: the copies here are looked for, and removed.
    fn look_for_copies(&mut self, after: u64, out: &mut Outputs<Shortener>) {
        self.cleaned_to = after;
        let ticket = self.ticket(PendingOp::Cleaning);
        self.store.scan(Some(after), CHANGES_PER_PAGE, ticket, out);
    }

    pub(in crate::shard) fn remove_copies(
        &mut self,
        changes: Vec<Change>,
        next: Option<u64>,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(next) = next else { return self.end_change(out) };
        let is_copy = |(key, value): &Change| {
            let is_link = value.is_some() && Key::of_bytes(key).is_some();
            is_link && self.ownership.of(key) == KeyOwner::Other
        };
        let copies: Vec<Change> =
            changes.into_iter().filter(is_copy).map(|(key, _)| (key, None)).collect();
        match copies.is_empty() {
            true => self.look_for_copies(next, out),
            false => self.commit(copies, PendingOp::Cleaned(next), out),
        }
    }

    pub(in crate::shard) fn cleaned(
        &mut self,
        up_to: u64,
        failed: bool,
        out: &mut Outputs<Shortener>,
    ) {
        match failed {
            false => self.look_for_copies(up_to, out),
            true => self.tick_later(out),
        }
    }

    /// This shard's part in the change is over.
    pub(in crate::shard) fn end_change(&mut self, out: &mut Outputs<Shortener>) {
        let RingState { shards, .. } = self.ownership.ring_state();
        self.save_ring_state(RingState { shards, phase: RingPhase::Settled }, None, out);
    }

    /// Tries again what failed because the disk was full.
    pub(in crate::shard) fn tick(&mut self, out: &mut Outputs<Shortener>) {
        match self.ownership.ring_state().phase {
            RingPhase::Joining if self.join.is_over() && self.recording.is_none() => {
                self.end_change(out);
            }
            RingPhase::Joining => {
                self.join.tick();
                self.tick_later(out);
            }
            RingPhase::Cleaning if self.recording.is_none() => {
                self.look_for_copies(self.cleaned_to, out);
            }
            _ => {}
        }
    }
}
