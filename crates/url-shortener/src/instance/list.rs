//! To see many links, and what was counted of one.
//!
//! The law: the shards are gone through one after the other, each in the order of its store. A link that
//! is there from the first page to the last is on one of them; one that is changed meanwhile may be on
//! two, or on none, and one that moves to a shard that joins on two.

use std::sync::Arc;

use machine::{NodeId, Now, Outputs, Time};

use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::LinkId;
use crate::analytics::stats::LinkStats;
use crate::link::Named;
use crate::message::{Answer, Call, Cursor, Message, Note, Reply, Shortener, Why};
use crate::shard::LONGEST_PAGE;

/// The longest text that is searched for, in bytes.
pub const LONGEST_SEARCH: usize = 200;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    asker: Asker,
    at: Cursor,
    limit: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
}

/// Who wants to know what was counted, and of what.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    pub(super) asker: Asker,
    link: LinkId,
}

impl Instance {
    /// 1. Somebody wants a page.
    pub(super) fn list(
        &mut self,
        asker: Asker,
        after: Option<Cursor>,
        limit: u32,
        search: Option<Arc<str>>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if search.as_ref().is_some_and(|search| search.len() > LONGEST_SEARCH) {
            return answer(asker, Answer::Refused("a search is at most 200 bytes long"), out);
        }
        let at = after.unwrap_or(Cursor { shards: 0, shard: 0, position: None });
        if self.shard_of(&at).is_none() {
            return answer(asker, Answer::Refused("there is no such page"), out);
        }
        if self.admit(asker, now.time, out) {
            self.waiting += 1;
            let limit = limit.clamp(1, LONGEST_PAGE);
            let gather = Gather { asker, at, limit, search, links: Vec::new() };
            self.scan(gather, now.time, out);
        }
    }

    /// 2. A shard gives what it has.
    fn scan(&mut self, gather: Gather, now: Time, out: &mut Outputs<Shortener>) {
        let Some(shard) = self.shard_of(&gather.at) else { return };
        let limit = gather.limit - gather.links.len() as u32;
        let wanted = Call::Scan { after: gather.at.position, limit, search: gather.search.clone() };
        let client = gather.asker.client;
        let call = self.calls.begin(shard, Purpose::Page(gather), now, out);
        out.note(Note::Called { call, client, why: Why::List, key: None });
        out.send(shard, Message::Call { call, wanted });
    }

    fn shard_of(&self, at: &Cursor) -> Option<NodeId> {
        self.shards.among(at.shard as usize, at.shards as usize)
    }

    /// 3. Where it has no more, the next one is asked for the rest.
    pub(super) fn paged(
        &mut self,
        mut gather: Gather,
        reply: Option<Reply>,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(Reply::Page { links, next }) = reply else {
            return self.answer_waiting(gather.asker, unavailable(reply), out);
        };
        gather.links.extend(links);
        gather.at.position = next;
        gather.at.shards = gather.at.shards.max(self.shards.count() as u32);
        if next.is_none() {
            gather.at.shard += 1;
        }
        let last = self.shard_of(&gather.at).is_none();
        let full = next.is_some() || gather.links.len() >= gather.limit as usize;
        if !last && !full && self.limiter.take(gather.asker.client, now).is_ok() {
            return self.scan(gather, now, out);
        }
        let next = (!last).then_some(gather.at);
        self.answer_waiting(gather.asker, Answer::Page { links: gather.links, next }, out);
    }

    /// 1. Somebody wants to know what was counted: the tally is asked.
    pub(super) fn stats(
        &mut self,
        asker: Asker,
        link: LinkId,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if !self.admit(asker, now.time, out) {
            return;
        }
        self.waiting += 1;
        let purpose = Purpose::Stats(Statistics { asker, link: link.clone() });
        let call = self.calls.begin(self.tally, purpose, now.time, out);
        let (client, why) = (asker.client, Why::Stats);
        out.note(Note::Called { call, client, why, key: Some(link.key.clone()) });
        out.send(self.tally, Message::Tell { call, link });
    }

    /// 2. It knows something, or nothing.
    pub(super) fn told(
        &mut self,
        told: Statistics,
        stats: Option<Arc<LinkStats>>,
        out: &mut Outputs<Shortener>,
    ) {
        let (log, acknowledged) = self.clicks.acknowledged();
        let with = Answer::Stats { link: told.link, stats, log, acknowledged };
        self.answer_waiting(told.asker, with, out);
    }
}
