//! To join: a shard follows the logs of all others until it has what is its own.
//!
//! The law: a change that was copied is durable together with how far that was, so that a crash repeats and
//! leaves out nothing. It answers for what a donor knew of when that donor has ceded it and the end of its
//! log was reached (`catch-up`).

use std::time::Duration;

use bytes::Bytes;
use machine::codec::Reader;
use machine::{NodeId, Outputs, Random, Time};
use resilience::Calls;

use super::tenure::{RingPhase, Tenure};
use crate::message::{Call, Handover, Message, Note, Reply, Shortener, Timer};
use crate::shard::{Job, Open, Shard};
use bitcask::Change;

/// How often donors are asked whether there is more.
const TICK: Duration = Duration::from_millis(50);
/// When a donor is taken for silent, and asked again. A stream that loses something is reset, so this is
/// for what should not happen; an answer that comes later than that is in vain, and a donor's disk slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far a shard has come.
#[derive(Clone, Debug)]
pub(in crate::shard) struct Join {
    calls: Calls<Timer, u32>,
    /// By their places; none where nothing is joined.
    donors: Vec<Donor>,
}

impl Default for Join {
    fn default() -> Join {
        Join { calls: Calls::new(PATIENCE, Timer::Calls), donors: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Donor {
    /// What its log says up to this position is here.
    after: u64,
    has: Has,
    /// A call, or a commit of what it brought, is under way.
    busy: bool,
    /// It may be asked.
    due: bool,
}

/// What is here of what a donor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Has {
    Some,
    /// All of it, a moment ago.
    Most,
    /// It has ceded the share; a few changes may be missing.
    Ceded,
    All,
    /// And the donor takes its copies away.
    Cleaned,
}

/// What was copied from the donor at this place, up to where.
#[derive(Clone, Copy, Debug)]
pub(in crate::shard) struct CopyBatch {
    place: u32,
    after: u64,
    is_all: bool,
}

/// Where it is kept how far a shard has come with the donor at this place. No link's key is like that.
pub(in crate::shard) fn cursor_key(place: u32) -> Bytes {
    format!("\0from-{place}").into()
}

impl Join {
    pub(in crate::shard) fn start(&mut self, random: &mut Random) {
        self.calls.start(random);
    }

    /// So many donors are there; of some it may be known how far it has come.
    pub(in crate::shard) fn begin(&mut self, donors: u32) {
        let new = Donor { after: 0, has: Has::Some, busy: false, due: true };
        self.donors.resize(donors as usize, new);
    }

    /// It is over.
    pub(in crate::shard) fn over(&self) -> Join {
        Join { calls: self.calls.clone(), donors: Vec::new() }
    }

    /// At boot: what was kept of this donor.
    pub(in crate::shard) fn knows(&mut self, place: u32, kept: Option<&[u8]>) -> Option<()> {
        self.begin(place + 1);
        if let Some(kept) = kept {
            let cursor = |from: &mut Reader<&[u8]>| Ok((from.take_u64()?, from.take_bool()?));
            let (after, is_all) = Reader::whole(kept, cursor).ok()?;
            let donor = &mut self.donors[place as usize];
            (donor.after, donor.has) = (after, if is_all { Has::All } else { Has::Some });
        }
        Some(())
    }

    /// Is all here of what the donor at this place has to give?
    pub(in crate::shard) fn has(&self, place: u32) -> bool {
        self.donors.get(place as usize).is_some_and(|donor| donor.has >= Has::All)
    }

    pub(in crate::shard) fn lacks_something(&self) -> bool {
        self.least().is_some_and(|least| least < Has::All)
    }

    /// Does every donor take its copies away?
    pub(in crate::shard) fn is_over(&self) -> bool {
        self.least() == Some(Has::Cleaned)
    }

    /// What was kept of donors, as removals.
    pub(in crate::shard) fn forgotten(&self) -> impl Iterator<Item = Change> {
        (0..self.donors.len() as u32).map(|place| (cursor_key(place), None))
    }

    pub(in crate::shard) fn tick(&mut self) {
        self.donors.iter_mut().for_each(|donor| donor.due = true);
    }

    pub(in crate::shard) fn overdue(&mut self, now: Time, out: &mut Outputs<Shortener>) {
        for (_, place) in self.calls.overdue(now, out) {
            self.free(place);
        }
    }

    pub(in crate::shard) fn reset(&mut self, peer: NodeId) {
        for (_, place) in self.calls.reset(peer) {
            self.free(place);
        }
    }

    fn free(&mut self, place: u32) {
        self.donors.get_mut(place as usize).into_iter().for_each(|donor| donor.busy = false);
    }

    fn least(&self) -> Option<Has> {
        self.donors.iter().map(|donor| donor.has).min()
    }
}

impl Shard {
    /// 1. Somebody wants it to join.
    pub(in crate::shard) fn join(&mut self, job: Job, out: &mut Outputs<Shortener>) {
        match self.ownership.tenure().shards {
            0 => {
                let tenure = Tenure { shards: self.place + 1, phase: RingPhase::Joining };
                self.record(tenure, Some(job), out);
            }
            _ => self.done(job, Reply::Agreed, out),
        }
    }

    /// 2. Every donor that may be asked is asked for what comes next.
    ///
    /// That is its changes; when all donors have given most of them, to cede; and when all have given all,
    /// to take its copies away.
    pub(in crate::shard) fn go_on(&mut self, now: Time, out: &mut Outputs<Shortener>) {
        let Tenure { shards, phase } = self.ownership.tenure();
        let Some(least) = self.join.least().filter(|_| phase == RingPhase::Joining) else { return };
        if self.leases.is_none() || self.recording.is_some() {
            return;
        }
        for (place, donor) in (0..).zip(&mut self.join.donors) {
            let step = match donor.has {
                Has::Most if least >= Has::Most => Handover::Cede,
                Has::Some | Has::Most | Has::Ceded => Handover::Changes { after: donor.after },
                Has::All if least == Has::All => Handover::Clean,
                Has::All | Has::Cleaned => continue,
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

    /// 3. A donor, which knows of so many shards, has replied.
    pub(in crate::shard) fn given(
        &mut self,
        from: NodeId,
        call: u64,
        shards: u32,
        reply: Reply,
        out: &mut Outputs<Shortener>,
    ) {
        let Some((_, place)) = self.join.calls.end(call, from) else { return };
        self.join.free(place);
        let has_ceded = shards >= self.ownership.tenure().shards;
        let Some(donor) = self.join.donors.get_mut(place as usize) else { return };
        match (reply, donor.has) {
            (Reply::Changes { changes, next: Some(after) }, _) => {
                self.copy(changes, CopyBatch { place, after, is_all: false }, out);
            }
            (Reply::Changes { changes, next: None }, _) if has_ceded => {
                let after = donor.after;
                self.copy(changes, CopyBatch { place, after, is_all: true }, out);
            }
            (Reply::Changes { .. }, _) => donor.has = Has::Most,
            (Reply::Agreed, Has::Most) => (donor.has, donor.due) = (Has::Ceded, true),
            (Reply::Agreed, Has::All) => donor.has = Has::Cleaned,
            // It cannot just now, and is asked again.
            _ => {}
        }
    }

    /// 4. What it gave is kept.
    fn copy(&mut self, mut changes: Vec<Change>, copied: CopyBatch, out: &mut Outputs<Shortener>) {
        let CopyBatch { place, after, is_all } = copied;
        self.join.donors[place as usize].busy = true;
        let cursor = [&after.to_le_bytes()[..], &[u8::from(is_all)]].concat();
        changes.push((cursor_key(place), Some(cursor.into())));
        self.commit(changes, Open::Copied(copied), out);
    }

    /// 5. It is, or there was no space for it.
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
            donor.has = Has::All;
            self.due.extend(self.held.drain(..));
            if !self.join.lacks_something() {
                out.note(Note::Joined { shards: self.ownership.tenure().shards });
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
    use crate::shard::MOST_SHARDS;

    /// That of place 47 was once taken for a link, and its removal handed on to the next shard that joined.
    #[test]
    fn what_is_kept_of_a_donor_is_no_link() {
        assert!((0..MOST_SHARDS).all(|place| Key::of_bytes(&cursor_key(place)).is_none()));
    }
}
