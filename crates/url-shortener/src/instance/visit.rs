//! Visits, and looks at a link by its owner.
//!
//! The law (`single-flight`): at most one read of a link is under way. Visits that arrive meanwhile share
//! its result, which is as fresh as a cached copy may be. A look by the owner must see the current link,
//! so it waits for a read that begins after it arrived.

use std::sync::Arc;
use std::time::Duration;

use machine::{NodeId, Now, Outputs, Time};

use super::{Asker, Instance, Purpose};
use crate::analytics::click::Click;
use crate::instance::cache::Known;
use crate::mechanism::Mechanism;
use crate::message::{Answer, Call, Message, Note, Reply, Shortener, Why};
use crate::{Key, Link};

/// The most questions that wait for calls at once.
const MAX_WAITING: usize = 1 << 14;

/// A read that is under way.
#[derive(Clone, Debug)]
pub(super) struct LinkRead {
    key: Key,
    /// Who is answered with its result.
    waiting: Vec<Visitor>,
    /// Who needs a read that begins later.
    later: Vec<Visitor>,
    /// The link was changed through this instance since the read began. The result is not cached, and
    /// only answers those who came before the change.
    outdated: bool,
}

/// A visitor, or an owner, who waits for a link.
#[derive(Clone, Debug)]
struct Visitor {
    asker: Asker,
    /// None for a look by the owner.
    click: Option<Click>,
}

impl Instance {
    /// 1. Somebody follows a link.
    pub(super) fn visit(
        &mut self,
        asker: Asker,
        click: Click,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match self.cache.get(&click.key, now.time) {
            Some(known) => {
                let with = self.response(&known, Some(click), true, now, out);
                answer(asker, with, out);
            }
            None => {
                let (key, visitor) = (click.key.clone(), Visitor { asker, click: Some(click) });
                self.wait_for_read(key, visitor, now.time, out);
            }
        }
    }

    /// 1. Or an owner looks at it.
    pub(super) fn look(
        &mut self,
        asker: Asker,
        key: Key,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        self.wait_for_read(key, Visitor { asker, click: None }, now.time, out);
    }

    /// 2. The cache has no copy.
    ///
    /// Joins the read that is under way if its result will be fresh enough, waits for the next read if
    /// not, or begins one if there is none.
    fn wait_for_read(
        &mut self,
        key: Key,
        visitor: Visitor,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) {
        let under_way = self.reads.get(&key).copied();
        if let Some((asked, Purpose::Read(read))) =
            under_way.and_then(|call| self.calls.get_mut(call))
            && visitor.click.is_some()
            && !read.outdated
            && self.cache.is_fresh(asked, now)
            && self.waiting < MAX_WAITING
        {
            self.waiting += 1;
            return read.waiting.push(visitor);
        }
        if !self.admit(visitor.asker, now, out) {
            return;
        }
        self.waiting += 1;
        match under_way.and_then(|call| self.calls.get_mut(call)) {
            Some((_, Purpose::Read(read))) => read.later.push(visitor),
            _ => {
                let why = if visitor.click.is_some() { Why::Visit } else { Why::Look };
                self.read(key, vec![visitor], why, now, out);
            }
        }
    }

    /// May this question cause a call? If not, it is answered here.
    pub(super) fn admit(&mut self, asker: Asker, now: Time, out: &mut Outputs<Shortener>) -> bool {
        let refused = match self.has_room() {
            Ok(()) => self.pay(asker, now).err(),
            Err(full) => Some(full),
        };
        let admitted = refused.is_none();
        refused.into_iter().for_each(|with| answer(asker, with, out));
        admitted
    }

    pub(super) fn has_room(&self) -> Result<(), Answer> {
        match self.waiting < MAX_WAITING {
            true => Ok(()),
            false => Err(Answer::Unavailable("too many questions wait already".into())),
        }
    }

    /// Takes the cost of a call out of the client's bucket.
    pub(super) fn pay(&mut self, asker: Asker, now: Time) -> Result<(), Answer> {
        let retry = |wait: Duration| wait.as_nanos().div_ceil(1_000_000) as u64;
        let paid = self.limiter.take(asker.client, now);
        paid.map_err(|wait| Answer::TooMany { retry_after_ms: retry(wait) })
    }

    fn read(
        &mut self,
        key: Key,
        waiting: Vec<Visitor>,
        why: Why,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(first) = waiting.first() else { return };
        let client = first.asker.client;
        let shard = self.shards.of(&key);
        let read = LinkRead { key: key.clone(), waiting, later: Vec::new(), outdated: false };
        let call = self.calls.begin(shard, Purpose::Read(read), now, out);
        if Mechanism::SingleFlight.on(self.switches) {
            self.reads.insert(key.clone(), call);
        }
        out.note(Note::Called { call, client, why, key: Some(key.clone()) });
        out.send(shard, Message::Call { call, wanted: Call::Get(key) });
    }

    /// The link has moved to another shard, and is read there. This read begins after any change that
    /// made the first one outdated.
    pub(super) fn read_at_other_shard(
        &mut self,
        call: u64,
        shard: NodeId,
        read: LinkRead,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) -> u64 {
        out.note(Note::ReadEnded { call, missing: false });
        let client = read.waiting.first().map_or(0, |first| first.asker.client);
        let key = read.key.clone();
        let read = LinkRead { outdated: false, ..read };
        let call = self.calls.begin(shard, Purpose::Read(read), now, out);
        if let Some(under_way) = self.reads.get_mut(&key) {
            *under_way = call;
        }
        out.note(Note::Called { call, client, why: Why::Again, key: Some(key) });
        call
    }

    /// 3. The read is over.
    pub(super) fn read_ended(
        &mut self,
        call: u64,
        asked: Time,
        read: LinkRead,
        reply: Option<Reply>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        let LinkRead { key, waiting, later, outdated } = read;
        self.reads.remove(&key);
        out.note(Note::ReadEnded { call, missing: matches!(reply, Some(Reply::Missing)) });
        let known = match reply {
            Some(Reply::Found(link)) => Ok(Known::Link(link)),
            Some(Reply::Missing) => Ok(Known::Missing),
            other => Err(unavailable(other)),
        };
        for Visitor { asker, click } in waiting {
            let with = match &known {
                Err(unavailable) => unavailable.clone(),
                Ok(Known::Link(link)) if click.is_none() => Answer::Link(key.clone(), link.clone()),
                Ok(known) => self.response(known, click, false, now, out),
            };
            self.answer_waiting(asker, with, out);
        }
        if let (Ok(known), false) = (known, outdated) {
            self.cache.learn(key.clone(), known, asked);
        }
        self.read(key, later, Why::Again, now.time, out);
    }

    /// The answer to a visitor. If it is a redirect, its click is logged.
    fn response(
        &mut self,
        known: &Known,
        click: Option<Click>,
        from_cache: bool,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) -> Answer {
        let link: &Arc<Link> = match known {
            Known::Missing => return Answer::Missing,
            Known::Link(link) if !link.is_live(now.wall) => return Answer::Expired,
            Known::Link(link) => link,
        };
        if let Some(click) = click {
            let click = Click { at_ms: now.wall.millis(), ..click };
            self.clicks.clicked(click, link.incarnation, now, out);
        }
        let expires_in = link.expires_at.map(|expires_at| expires_at.distance(now.wall));
        let (url, status, forward_query) = (link.url.clone(), link.status, link.forward_query);
        Answer::Redirect { url, status, expires_in, forward_query, from_cache }
    }

    /// Answers a question that has waited.
    pub(super) fn answer_waiting(
        &mut self,
        asker: Asker,
        with: Answer,
        out: &mut Outputs<Shortener>,
    ) {
        self.waiting -= 1;
        answer(asker, with, out);
    }

    /// A link was changed through this instance, or may have been: what is cached of it, or being read,
    /// is outdated.
    pub(super) fn invalidate(&mut self, key: &Key) {
        self.cache.forget(key);
        let under_way = self.reads.get(key).copied();
        if let Some((_, Purpose::Read(read))) = under_way.and_then(|call| self.calls.get_mut(call))
        {
            read.outdated = true;
        }
    }
}

pub(super) fn answer(asker: Asker, answer: Answer, out: &mut Outputs<Shortener>) {
    out.send(asker.user, Message::Answer { token: asker.token, answer });
}

/// The answer when a shard did not do what was asked.
pub(super) fn unavailable(reply: Option<Reply>) -> Answer {
    Answer::Unavailable(match reply {
        Some(Reply::Refused(why)) => why,
        Some(_) => "the shard replied to something else".into(),
        None => "the shard is silent".into(),
    })
}
