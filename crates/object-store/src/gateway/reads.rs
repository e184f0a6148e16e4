//! Reads of a stripe: pieces are fetched from their places, those of data first, and others where these fail.
//!
//! A shard that is not at its place is with a substitute: they are asked in the order in which they were.

use std::collections::VecDeque;

use machine::{NodeId, Now, Outputs};

use super::{For, Gateway, answer};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::error::Refusal;
use crate::message::{Message, Note, ObjectStore};
use crate::row::{Kept, Piece};
use crate::shards::{Done, Job, ShardId};
use crate::words::Slot;

/// A read that is under way.
#[derive(Clone, Debug)]
pub(super) struct Read {
    session: NodeId,
    token: u64,
    id: ShardId,
    job: Job,
    data: usize,
    got: Vec<Piece>,
    /// Fetches that are not answered.
    open: usize,
    /// Who may be asked besides, in order.
    others: VecDeque<(Slot, NodeId)>,
}

impl Gateway {
    /// A session wants a stripe.
    pub(super) fn read(
        &mut self,
        (session, token): (NodeId, u64),
        ask: &Ask,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Ask::Read { bucket, key, extent, stripe, bad } = ask else { return };
        let Kept::Shards(shards) = extent.kept else { return };
        let (put, stripe, code) = (extent.put, *stripe, shards.code);
        let group = self.layout.group(bucket, key);
        let length = code.piece(shards.stripe_length(extent.length, stripe));
        let job = Job::Read { stripe, whole: code.piece(shards.stripe), length };
        let places = self.layout.places(group);
        let bad = *bad;
        let slots = || (0..code.shards()).filter(move |slot| bad & 1 << slot == 0);
        let mut others: VecDeque<_> =
            slots().map(|slot| (slot, places[usize::from(slot)])).collect();
        for node in self.layout.order(group).iter().filter(|node| !places.contains(node)) {
            others.extend(slots().map(|slot| (slot, *node)));
        }
        // Who was silent is asked when nobody else is left.
        let (silent, heard): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, node)| self.silent.contains(node));
        let others = heard.into_iter().chain(silent).collect();
        let id = ShardId { group, put, slot: 0 };
        let data = usize::from(code.data);
        self.next_read += 1;
        let number = self.next_read;
        let read = Read { session, token, id, job, data, got: Vec::new(), open: 0, others };
        self.reads.insert(number, read);
        (0..data).for_each(|_| self.fetch(number, now, out));
        self.conclude(number, out);
    }

    fn fetch(&mut self, number: u64, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        let Some(read) = self.reads.get_mut(&number) else { return };
        // A slot that was found needs no second piece.
        let found = |slot: Slot| read.got.iter().any(|piece| piece.slot == slot);
        while let Some((slot, node)) = read.others.pop_front() {
            if found(slot) {
                continue;
            }
            read.open += 1;
            let (id, job) = (ShardId { slot, ..read.id }, read.job.clone());
            let token = self.jobs.begin(node, For::Read(number, node), now.time, out);
            self.outbox.push_back((node, Message::Job { token, id, job }));
            return;
        }
    }

    /// A place has answered; nothing, where it is silent.
    pub(super) fn fetched(
        &mut self,
        number: u64,
        done: Option<Done>,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        let Some(read) = self.reads.get_mut(&number) else { return };
        read.open -= 1;
        match done {
            Some(Done::Read(piece)) if !read.got.iter().any(|it| it.slot == piece.slot) => {
                read.got.push(piece);
            }
            _ => {
                out.note(Note::Sometimes("read-elsewhere"));
                self.fetch(number, now, out);
            }
        }
        self.conclude(number, out);
    }

    fn conclude(&mut self, number: u64, out: &mut Outputs<ObjectStore>) {
        let Some(read) = self.reads.get(&number) else { return };
        let found = match read.got.len() >= read.data {
            true => Answer::Pieces(read.got.clone()),
            false if read.open == 0 => Answer::Refused(Refusal::Unreadable),
            false => return,
        };
        let (session, token) = (read.session, read.token);
        self.reads.remove(&number);
        answer(session, token, found, out);
    }

    /// Nobody waits any more for what this session reads.
    pub(super) fn forget_reads(&mut self, session: NodeId) {
        self.reads.retain(|_, read| read.session != session);
    }
}
