//! Puts of bytes that come in stripes: they are spread over places, and named when enough of these have them.
//!
//! # The rule of a put
//!
//! A place that refuses, or is silent for [`Tuning::place`](crate::tuning::Tuning::place), is replaced by the next node
//! without a shard of this put, as long as the gateway still has all that came: the last few stripes are kept in memory, and
//! no more. The put is committed when all shards are durable, or when nobody is left to ask and one more is than the bytes
//! need. With fewer nothing is named.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use machine::{NodeId, Now, Outputs};

use super::{Call, For, Gateway, Want, answer};
use crate::answer::{Answer, Go};
use crate::ask::{Ask, Commit, Place};
use crate::entry::Entry;
use crate::error::Refusal;
use crate::layout;
use crate::mechanism::Mechanism;
use crate::message::{Message, Note, ObjectStore};
use crate::row::{Kept, Piece, Shards};
use crate::shards::{Done, Footer, Job, ShardId};
use crate::words::{Epoch, GroupNumber, Name, PutId, Slot};

/// A put that is under way.
#[derive(Clone, Debug)]
pub(super) struct Put {
    session: NodeId,
    user: Name,
    place: Place,
    of: GroupNumber,
    group: layout::Group,
    slots: Vec<SlotState>,
    /// Nodes that failed it.
    failed: BTreeSet<NodeId>,
    /// The last stripes that came, by number.
    held: VecDeque<(u64, Vec<Piece>)>,
    /// How many came.
    stripes: u64,
    /// Questions of the session, by the stripes that came with them.
    untaken: BTreeMap<u64, u64>,
    /// That was all, the session said with this question.
    end: Option<(u64, Box<Commit>)>,
}

/// A shard of it.
#[derive(Clone, Copy, Debug)]
struct SlotState {
    node: NodeId,
    /// So many stripes were taken there.
    written: u64,
    is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// On its way to the disk.
    Open,
    /// Durable.
    Sealed,
    /// Nowhere.
    Lost,
}

impl Gateway {
    /// The bucket is there, and the put may come.
    pub(super) fn go(
        &mut self,
        (session, token): (NodeId, u64),
        (user, place, epoch): (Name, Place, Epoch),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        if self.puts.len() >= self.tuning.most_puts {
            return answer(session, token, Answer::Refused(Refusal::SlowDown), out);
        }
        let of = self.cluster.ranges.group(&place.bucket);
        let put = self.draw_put(of, epoch, now);
        let group = self.layout.group(&place.bucket, &place.key);
        let slot = |&node: &NodeId| SlotState { node, written: 0, is: Is::Open };
        let slots = self.layout.places(group).iter().map(slot).collect();
        self.puts.insert(
            put,
            Put {
                session,
                user,
                place,
                of,
                group,
                slots,
                failed: BTreeSet::new(),
                held: VecDeque::new(),
                stripes: 0,
                untaken: BTreeMap::new(),
                end: None,
            },
        );
        let (code, stripe, credit) = (self.layout.code(), self.tuning.stripe, self.tuning.credit);
        answer(session, token, Answer::Go(Go { put, code, stripe, credit }), out);
    }

    /// The next stripe of a put came.
    pub(super) fn stripe(
        &mut self,
        (session, token): (NodeId, u64),
        (id, number): (PutId, u64),
        pieces: Vec<Piece>,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let (code, credit) = (self.layout.code(), usize::from(self.tuning.credit));
        let most = code.piece(self.tuning.stripe) as usize;
        let slots_fit = pieces.iter().map(|piece| piece.slot).eq(0..code.shards());
        let fits = slots_fit && pieces.iter().all(|piece| piece.bytes.len() <= most);
        let put = self.puts.get_mut(&id).filter(|put| put.session == session && put.end.is_none());
        let Some(put) =
            put.filter(|put| fits && put.stripes == number && put.untaken.len() < credit)
        else {
            return answer(session, token, Answer::Refused(Refusal::Unavailable), out);
        };
        put.stripes += 1;
        put.untaken.insert(number, token);
        put.held.push_back((number, pieces));
        if put.held.len() > credit {
            put.held.pop_front();
        }
        for slot in 0..code.shards() {
            self.write(id, slot, number, now, out);
        }
        self.look_at(id, now, out);
    }

    /// All has come.
    pub(super) fn end_put(
        &mut self,
        (session, token): (NodeId, u64),
        (id, commit): (PutId, Box<Commit>),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let stripe = self.tuning.stripe;
        let put = self.puts.get_mut(&id).filter(|put| put.session == session && put.end.is_none());
        let fits = |put: &&mut Put| {
            let stripes = commit.size.div_ceil(u64::from(stripe)).max(1);
            put.place == commit.place && put.stripes == stripes
        };
        let Some(put) = put.filter(fits) else {
            return answer(session, token, Answer::Refused(Refusal::Unavailable), out);
        };
        put.end = Some((token, commit));
        for slot in 0..self.layout.code().shards() {
            self.seal(id, slot, now, out);
        }
        self.look_at(id, now, out);
    }

    /// A put is not to be: what was written of it is dropped.
    pub(super) fn abort(&mut self, session: NodeId, id: PutId) {
        if self.puts.get(&id).is_some_and(|put| put.session == session) {
            self.drop_put(id);
        }
    }

    /// Nobody waits any more for what this session put.
    pub(super) fn abort_all(&mut self, session: NodeId) {
        let its = self.puts.iter().filter(|(_, put)| put.session == session);
        for id in its.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.drop_put(id);
        }
    }

    /// Says to all places that nobody will name their shards. Who does not hear it is told by nobody.
    fn drop_put(&mut self, id: PutId) {
        let Some(put) = self.puts.remove(&id) else { return };
        for (slot, state) in (0..).zip(put.slots) {
            let id = ShardId { group: put.group, put: id, slot };
            self.outbox.push_back((state.node, Message::Job { token: 0, id, job: Job::Drop }));
        }
    }

    fn write(
        &mut self,
        id: PutId,
        slot: Slot,
        stripe: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let whole = self.layout.code().piece(self.tuning.stripe);
        let Some(put) = self.puts.get(&id) else { return };
        let held = put.held.iter().find(|(number, _)| *number == stripe);
        let Some(piece) = held.map(|(_, pieces)| pieces[usize::from(slot)].clone()) else { return };
        self.ask_place((id, slot), Job::Write { stripe, whole, piece }, now, out);
    }

    fn seal(&mut self, id: PutId, slot: Slot, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let Some(put) = self.puts.get(&id) else { return };
        let Some((_, commit)) = &put.end else { return };
        let footer = Footer {
            bucket: put.place.bucket.clone(),
            key: put.place.key.clone(),
            length: commit.size,
            shards: self.shards(0),
        };
        self.ask_place((id, slot), Job::Seal(footer), now, out);
    }

    fn shards(&self, missing: u32) -> Shards {
        let (code, layout) = (self.layout.code(), self.layout.number);
        Shards { code, stripe: self.tuning.stripe, layout, missing }
    }

    fn ask_place(
        &mut self,
        (put, slot): (PutId, Slot),
        job: Job,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some(of) = self.puts.get(&put) else { return };
        let state = of.slots[usize::from(slot)];
        if state.is == Is::Lost {
            return;
        }
        let id = ShardId { group: of.group, put, slot };
        let token = self.jobs.begin(state.node, For::Put(put, slot, state.node), now.time, out);
        self.outbox.push_back((state.node, Message::Job { token, id, job }));
    }

    /// A place has said what came of a job.
    pub(super) fn placed(
        &mut self,
        from: NodeId,
        (id, slot): (PutId, Slot),
        done: &Done,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some(put) = self.puts.get_mut(&id) else { return };
        let state = &mut put.slots[usize::from(slot)];
        if state.node != from || state.is == Is::Lost {
            return;
        }
        // Stripes are taken in their order: where one is missing, the file has a hole.
        match done {
            Done::Written(stripe) if *stripe == state.written => state.written += 1,
            Done::Sealed if state.written == put.stripes => state.is = Is::Sealed,
            _ => return self.misplaced((id, slot), from, now, out),
        }
        self.look_at(id, now, out);
    }

    /// A place has refused a shard, or is silent.
    pub(super) fn misplaced(
        &mut self,
        (id, slot): (PutId, Slot),
        node: NodeId,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some(put) = self.puts.get_mut(&id) else { return };
        let state = &mut put.slots[usize::from(slot)];
        if state.node != node || state.is != Is::Open {
            return;
        }
        state.is = Is::Lost;
        put.failed.insert(node);
        let has_all = put.held.front().is_none_or(|(first, _)| *first == 0);
        let next = match has_all && Mechanism::Handoff.on(self.switches) {
            true => {
                let holders = put.slots.iter().filter(|state| state.is != Is::Lost);
                let holders: Vec<_> = holders.map(|state| state.node).collect();
                let is_there = |node: NodeId| !put.failed.contains(&node);
                self.layout.substitute(put.group, &holders, is_there)
            }
            false => None,
        };
        if let Some(node) = next {
            out.note(Note::Sometimes("handed-over"));
            put.slots[usize::from(slot)] = SlotState { node, written: 0, is: Is::Open };
            for stripe in 0..put.stripes {
                self.write(id, slot, stripe, now, out);
            }
            self.seal(id, slot, now, out);
        }
        self.look_at(id, now, out);
    }

    /// Has a stripe been taken, is the put durable, or can it no longer be?
    fn look_at(&mut self, id: PutId, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let Some(put) = self.puts.get_mut(&id) else { return };
        let there = |is: Is| put.slots.iter().filter(|state| state.is == is).count();
        let (open, sealed) = (there(Is::Open), there(Is::Sealed));
        let code = self.layout.code();
        let least = usize::from(code.shards().min(code.data + 1));
        if open + sealed < least {
            let (session, end) = (put.session, put.end.take().map(|(token, _)| token));
            let waiting: Vec<u64> = put.untaken.values().copied().chain(end).collect();
            self.drop_put(id);
            for token in waiting {
                answer(session, token, Answer::Refused(Refusal::Unavailable), out);
            }
            return;
        }
        let taken = put.slots.iter().filter(|state| state.is != Is::Lost);
        let taken = taken.map(|state| state.written).min().unwrap_or_default();
        while let Some(next) = put.untaken.first_entry().filter(|next| *next.key() < taken) {
            answer(put.session, next.remove(), Answer::Taken, out);
        }
        let enough = match Mechanism::WriteQuorum.on(self.switches) {
            true => open == 0,
            false => sealed >= usize::from(code.data),
        };
        if enough && let Some((token, commit)) = put.end.take() {
            self.commit(id, (token, commit), now, out);
        }
    }

    /// The shards are durable: the put is to be named.
    fn commit(
        &mut self,
        id: PutId,
        (token, commit): (u64, Box<Commit>),
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some(put) = self.puts.remove(&id) else { return };
        let lost = (0..).zip(&put.slots).filter(|(_, state)| state.is != Is::Sealed);
        let missing = lost.fold(0, |missing, (slot, _)| missing | 1_u32 << slot);
        if missing != 0 {
            out.note(Note::Sometimes("degraded-commit"));
        }
        let kept = Kept::Shards(self.shards(missing));
        let ask = Ask::End { put: id, commit };
        let at = now.wall.0 / 1_000_000;
        let entry = Box::new(Entry { user: put.user, at, put: Some((id, kept)), ask });
        let want: Want = self.change(entry);
        let session = put.session;
        self.send(
            Call { session, token, group: put.of, want, began: now.time, tried: 0 },
            now,
            out,
        );
    }
}
