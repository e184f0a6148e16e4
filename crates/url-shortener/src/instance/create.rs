//! To make a link.
//!
//! The law: a link is acknowledged under one code, and nobody else's. An alias is the first one's to ask
//! for it: its shard keeps a link only where there is none. A picked code is made of a leased number, so
//! nothing need be looked up before it is given out; the shard looks all the same, since an import may
//! have brought a link under a code that this service would pick one day. Then the next one is tried.

use std::collections::VecDeque;

use machine::{Now, Outputs, Random, Wall};
use rand::Rng;

use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::Key;
use crate::instance::numbers::Pick;
use crate::link::names;
use crate::link::{Link, NewLink};
use crate::message::{Answer, Call, Message, Note, Reply, Shortener, Why};

/// Picked codes that are tried for one link.
const TRIES: u32 = 8;

/// A link that is being made.
#[derive(Clone, Debug)]
pub(super) struct Create {
    asker: Asker,
    key: Key,
    link: Link,
    /// Codes that were picked for it so far; none are where it has an alias.
    picks: Option<u32>,
}

/// Where numbers come from, and who waits for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Leasing {
    /// The place of the shard that is asked next.
    shard: usize,
    under_way: bool,
    /// Shards that did not lease anything, one after the other.
    failures: usize,
    waiting: VecDeque<Create>,
}

impl Leasing {
    /// The node booted: instances do not all begin with the same shard.
    pub(super) fn start(&mut self, random: &mut Random, shards: usize) {
        self.shard = random.next_u64() as usize % shards;
    }
}

impl Instance {
    /// 1. Somebody wants a link.
    pub(super) fn create(
        &mut self,
        asker: Asker,
        new: NewLink,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if let Err(unfit) = names::check_new(&new) {
            return answer(asker, Answer::Refused(unfit.why), out);
        }
        if let Err(full) = self.has_room() {
            return answer(asker, full, out);
        }
        self.waiting += 1;
        let NewLink { alias, domain, mut link, made_at } = new;
        link.created_at = made_at.unwrap_or(Wall::from_millis(now.wall.millis()));
        let picks = if alias.is_some() { None } else { Some(0) };
        let key = Key { domain, code: alias.unwrap_or_default() };
        let create = Create { asker, key, link, picks };
        match picks {
            None => self.first_put(create, now, out),
            Some(_) => self.pick(create, now, out),
        }
    }

    /// 2. Where it has no alias, a code is picked for it, as soon as there are numbers.
    fn pick(&mut self, mut create: Create, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        create.key.code = match self.numbers.pick(now.wall) {
            Pick::Code(code) => code,
            Pick::Never(why) => {
                return self.answer_waiting(create.asker, Answer::Unavailable(why), out);
            }
            Pick::Later => {
                out.note(Note::OutOfNumbers);
                self.leasing.waiting.push_back(create);
                return self.lease(now, out);
            }
        };
        let picks = create.picks.map_or(1, |picks| picks + 1);
        create.picks = Some(picks);
        match picks {
            1 => self.first_put(create, now, out),
            _ => self.put(create, now, out),
        }
        self.lease(now, out);
    }

    /// What the store is asked for is paid for now: whoever waited for a number has not paid yet.
    fn first_put(&mut self, create: Create, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        match self.pay(create.asker, now.time) {
            Ok(()) => self.put(create, now, out),
            Err(too_many) => {
                if create.picks.is_some() {
                    self.numbers.give_back(create.key.code);
                }
                self.answer_waiting(create.asker, too_many, out);
            }
        }
    }

    /// 3. Its shard keeps it.
    fn put(&mut self, create: Create, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        let (key, mut link, client) =
            (create.key.clone(), create.link.clone(), create.asker.client);
        let shard = self.shards.of(&key);
        let (first, is_alias) =
            (create.picks.is_none_or(|picks| picks == 1), create.picks.is_none());
        let call = self.calls.begin(shard, Purpose::Create(create), now.time, out);
        if is_alias {
            // Somebody may have had it before, and no two calls have one number.
            link.incarnation = call;
        }
        if first {
            out.note(Note::Called { call, client, why: Why::Create, key: Some(key.clone()) });
        }
        out.send(shard, Message::Call { call, wanted: Call::PutIfAbsent(key, link) });
    }

    /// 4. It has, or not.
    pub(super) fn created(
        &mut self,
        create: Create,
        reply: Option<Reply>,
        now: &Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        // As after every change: what was read meanwhile may be from before it.
        self.touch(&create.key);
        if matches!(reply, Some(Reply::Stored(_))) {
            let (token, key) = (create.asker.token, create.key.clone());
            out.note(Note::Acknowledged { token, key });
        }
        let with = match (reply, create.picks) {
            (Some(Reply::Stored(link)), _) => Answer::Link(create.key, link),
            (Some(Reply::Taken), None) => Answer::Taken,
            (Some(Reply::Taken), Some(..TRIES)) => return self.pick(create, now, out),
            (Some(Reply::Taken), _) => Answer::Unavailable("the codes that were picked are taken"),
            (other, _) => unavailable(other),
        };
        self.answer_waiting(create.asker, with, out);
    }

    /// Numbers run low: a shard is asked for more.
    fn lease(&mut self, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        if self.leasing.under_way || !self.numbers.run_low() {
            return;
        }
        let Some(shard) = self.shards.at(self.leasing.shard) else { return };
        self.leasing.under_way = true;
        let call = self.calls.begin(shard, Purpose::Lease, now.time, out);
        out.send(shard, Message::Call { call, wanted: Call::LeaseRange });
    }

    /// It leased some, or did not: then the next shard is asked, as long as somebody waits and not all
    /// have failed.
    pub(super) fn leased(
        &mut self,
        reply: Option<Reply>,
        now: &Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        self.leasing.under_way = false;
        let lessors = self.numbers.lessors(self.shards.count());
        self.leasing.shard = (self.leasing.shard + 1) % lessors;
        match reply {
            Some(Reply::Leased(range)) => {
                self.leasing.failures = 0;
                self.numbers.leased(range);
                out.note(Note::Leased(range));
                for create in std::mem::take(&mut self.leasing.waiting) {
                    self.pick(create, now, out);
                }
            }
            other => {
                self.leasing.failures += 1;
                if self.leasing.failures >= lessors {
                    self.leasing.failures = 0;
                    let why = unavailable(other);
                    for create in std::mem::take(&mut self.leasing.waiting) {
                        self.answer_waiting(create.asker, why.clone(), out);
                    }
                } else if !self.leasing.waiting.is_empty() {
                    self.lease(now, out);
                }
            }
        }
    }
}
