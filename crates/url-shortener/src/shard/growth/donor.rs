//! To give away what is another's: a shard joins, and takes its share from all others.
//!
//! The share is not counted out: it is read from the log, which has every change once more, in order. The
//! shard that joins follows the log while this one goes on to answer; when it has come to the end the share
//! is ceded, which takes one write, and the last few changes are read. Then the copies are taken away.
//!
//! The law: what is ceded is durable before it is said. While the log is followed it keeps removals
//! (`keep-removals`).

use machine::Outputs;

use super::tenure::{KeyOwner, Ownership, RING, RingPhase, Tenure};
use crate::Key;
use crate::mechanism::Mechanism;
use crate::message::{Handover, Note, Reply, Shortener, Timer};
use crate::shard::{Job, Open, Shard, Step};
use bitcask::Change;

/// So many entries of the log are looked at for one reply: with the longest links less than 3 MiB, and a batch
/// of the store may have 4.
const LOOK_AT: u32 = 500;

impl Shard {
    /// 1. The shard that joins wants something.
    pub(in crate::shard) fn hand_over(
        &mut self,
        job: Job,
        shards: u32,
        step: Handover,
        out: &mut Outputs<Shortener>,
    ) {
        let Tenure { shards: mine, phase } = self.ownership.tenure();
        let (before, since) = (mine + 1 == shards, mine == shards);
        let next = |shards, phase| Tenure { shards, phase };
        match (step, phase) {
            (Handover::Changes { .. }, RingPhase::Settled) if before && mine > 0 => {
                self.record(next(mine, RingPhase::Donating), Some(job), out);
            }
            (Handover::Changes { after }, RingPhase::Donating) if before => {
                self.follow(after, job, out);
            }
            (Handover::Changes { after }, RingPhase::Ceded) if since => {
                self.follow(after, job, out)
            }
            (Handover::Cede, RingPhase::Donating) if before => {
                self.record(next(shards, RingPhase::Ceded), Some(job), out);
            }
            (Handover::Clean, RingPhase::Ceded) if since => {
                self.record(next(shards, RingPhase::Cleaning), Some(job), out);
            }
            // Asked again, since the first answer was lost; the next change may have begun meanwhile.
            (Handover::Cede | Handover::Clean, _) if mine >= shards => {
                self.done(job, Reply::Agreed, out);
            }
            _ => self.done(job, Reply::Refused("the ring is in another change"), out),
        }
    }

    /// What it knows of the ring changes, when that is durable. Then the call begins once more.
    pub(in crate::shard) fn record(
        &mut self,
        tenure: Tenure,
        job: Option<Job>,
        out: &mut Outputs<Shortener>,
    ) {
        if self.recording.is_some() {
            let busy = Reply::Refused("the ring is in another change");
            return job.into_iter().for_each(|job| self.done(job, busy.clone(), out));
        }
        self.recording = Some(tenure);
        let mut batch = vec![(RING.into(), Some(tenure.bytes().to_vec().into()))];
        if tenure.phase == RingPhase::Settled {
            batch.extend(self.join.forgotten());
        }
        self.commit(batch, Open::Recorded(job), out);
    }

    /// It is durable, or there was no space for it.
    pub(in crate::shard) fn recorded(
        &mut self,
        job: Option<Job>,
        failed: Option<&'static str>,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(tenure) = self.recording.take() else { return };
        self.due.extend(self.held.drain(..));
        match (failed, job) {
            (None, job) => {
                match Ownership::new(self.place, tenure) {
                    Ok(ownership) => self.ownership = ownership,
                    Err(bad) => return out.halt(bad.to_string()),
                }
                self.due.extend(job);
                self.entered(out);
            }
            (Some(why), Some(job)) => self.done(job, Reply::Refused(why), out),
            // It is tried again.
            (Some(_), None) => self.tick_later(out),
        }
    }

    /// What it knows of the ring is durable: by boot, or just now.
    pub(in crate::shard) fn entered(&mut self, out: &mut Outputs<Shortener>) {
        let Tenure { shards, phase } = self.ownership.tenure();
        if self.ownership.tenure() != self.at_first() {
            out.note(Note::Ring { shards, phase });
        }
        let is_followed = matches!(phase, RingPhase::Donating | RingPhase::Ceded);
        self.store.keep_removals(is_followed && Mechanism::KeepRemovals.on(self.switches));
        match phase {
            RingPhase::Settled => {
                self.join = self.join.over();
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

    /// 2. Reads what has happened to its share.
    fn follow(&mut self, after: u64, job: Job, out: &mut Outputs<Shortener>) {
        let ticket = self.ticket(Open::Call(job, Step::Changes));
        self.store.scan(Some(after), LOOK_AT, ticket, out);
    }

    pub(in crate::shard) fn changed(
        &mut self,
        job: Job,
        mut changes: Vec<Change>,
        next: Option<u64>,
        out: &mut Outputs<Shortener>,
    ) {
        changes.retain(|(key, _)| Key::of_bytes(key).is_some() && self.ownership.goes(key));
        self.done(job, Reply::Changes { changes, next }, out);
    }

    /// 3. The share is the other's, who has all of it: what is left here are copies.
    fn look_for_copies(&mut self, after: u64, out: &mut Outputs<Shortener>) {
        self.clean = after;
        let ticket = self.ticket(Open::Cleaning);
        self.store.scan(Some(after), LOOK_AT, ticket, out);
    }

    pub(in crate::shard) fn clean(
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
            false => self.commit(copies, Open::Cleaned(next), out),
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

    /// Its part of the change is over.
    pub(in crate::shard) fn end_change(&mut self, out: &mut Outputs<Shortener>) {
        let Tenure { shards, .. } = self.ownership.tenure();
        self.record(Tenure { shards, phase: RingPhase::Settled }, None, out);
    }

    /// What found no space is tried again.
    pub(in crate::shard) fn tick(&mut self, out: &mut Outputs<Shortener>) {
        match self.ownership.tenure().phase {
            RingPhase::Joining if self.join.is_over() && self.recording.is_none() => {
                self.end_change(out);
            }
            RingPhase::Joining => {
                self.join.tick();
                self.tick_later(out);
            }
            RingPhase::Cleaning if self.recording.is_none() => {
                self.look_for_copies(self.clean, out);
            }
            _ => {}
        }
    }
}
