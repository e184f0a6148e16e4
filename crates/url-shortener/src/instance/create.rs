//! Making a link.
//!
//! The law: an acknowledged link has a code that no other link has. An alias belongs to whoever asks
//! first: the shard stores a link only if the code is free. A picked code comes from a leased number, so
//! it needs no lookup to be unique among picked codes. The shard checks all the same, since an import may
//! have used a code that is picked later; then the next code is tried.

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

/// How many picked codes are tried for one link.
const TRIES: u32 = 8;

/// A link that is being made.
#[derive(Clone, Debug)]
pub(super) struct Create {
    asker: Asker,
    key: Key,
    link: Link,
    /// The number of codes picked for it so far; none for an alias.
    picks: Option<u32>,
}

/// The lease of numbers that is under way, and the links that wait for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Leasing {
    /// The place of the shard to ask next.
    shard: usize,
    under_way: bool,
    /// The number of shards in a row that leased nothing.
    failures: usize,
    waiting: VecDeque<Create>,
}

impl Leasing {
    /// At boot: draws the first shard to ask, so that not all instances ask the same one.
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

    /// 2. Without an alias, a code is picked as soon as there are numbers.
    fn pick(&mut self, mut create: Create, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        create.key.code = match self.numbers.pick(now.wall) {
            Pick::Code(code) => code,
            Pick::Never(why) => {
                return self.answer_waiting(create.asker, Answer::Unavailable(why.into()), out);
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

    /// The call is paid for here, and not earlier: a link that waited for numbers has not paid yet.
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

    /// 3. The shard of the code is called.
    fn put(&mut self, create: Create, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        let (key, mut link, client) =
            (create.key.clone(), create.link.clone(), create.asker.client);
        let shard = self.shards.of(&key);
        let (first, is_alias) =
            (create.picks.is_none_or(|picks| picks == 1), create.picks.is_none());
        let call = self.calls.begin(shard, Purpose::Create(create), now.time, out);
        if is_alias {
            // The alias may have named another link before. The number of the call tells them apart.
            link.incarnation = call;
        }
        if first {
            out.note(Note::Called { call, client, why: Why::Create, key: Some(key.clone()) });
        }
        out.send(shard, Message::Call { call, wanted: Call::PutIfAbsent(key, link) });
    }

    /// 4. The call is over.
    pub(super) fn create_ended(
        &mut self,
        create: Create,
        reply: Option<Reply>,
        now: &Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        // As after every change: copies read meanwhile may be older than it.
        self.invalidate(&create.key);
        if matches!(reply, Some(Reply::Stored(_))) {
            let (token, key) = (create.asker.token, create.key.clone());
            out.note(Note::Acknowledged { token, key });
        }
        let with = match (reply, create.picks) {
            (Some(Reply::Stored(link)), _) => Answer::Link(create.key, link),
            (Some(Reply::Taken), None) => Answer::Taken,
            (Some(Reply::Taken), Some(..TRIES)) => return self.pick(create, now, out),
            (Some(Reply::Taken), _) => {
                Answer::Unavailable("the codes that were picked are taken".into())
            }
            (other, _) => unavailable(other),
        };
        self.answer_waiting(create.asker, with, out);
    }

    /// Asks a shard for more numbers, if they run low; the first one for the key of codes before.
    fn lease(&mut self, now: &Now<'_>, out: &mut Outputs<Shortener>) {
        if self.leasing.under_way || !self.numbers.run_low() {
            return;
        }
        let (place, wanted) = match self.numbers.lack_key() {
            true => (0, Call::CodeKey),
            false => (self.leasing.shard, Call::LeaseRange),
        };
        let Some(shard) = self.shards.at(place) else { return };
        self.leasing.under_way = true;
        let call = self.calls.begin(shard, Purpose::Lease, now.time, out);
        out.send(shard, Message::Call { call, wanted });
    }

    /// The lease is over. If it failed, the next shard is asked, while links wait and not all shards have
    /// failed.
    pub(super) fn lease_ended(
        &mut self,
        reply: Option<Reply>,
        now: &Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        self.leasing.under_way = false;
        let lessors = match self.numbers.lack_key() {
            true => 1,
            false => self.numbers.lessors(self.shards.count()),
        };
        self.leasing.shard = (self.leasing.shard + 1) % lessors;
        match reply {
            Some(Reply::CodeKey(key)) => {
                self.leasing.failures = 0;
                self.numbers.permute_under(key);
                self.lease(now, out);
            }
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
