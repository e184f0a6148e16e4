//! Lists of links, and the statistics of one link.
//!
//! The law: a list goes through the shards one after the other, each in the order of its store. A link
//! that exists from the first page to the last is on one page. A link that is changed meanwhile may be on
//! two pages or none, and one that moves to a joining shard may be on two.

use std::sync::Arc;

use machine::{NodeId, Now, Outputs, Time};

use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::LinkId;
use crate::analytics::stats::LinkStats;
use crate::link::Named;
use crate::message::{Answer, Call, Cursor, Message, Note, Reply, Shortener, Why};
use crate::shard::MAX_PAGE_LINKS;

/// The longest search, in bytes.
pub const MAX_SEARCH_BYTES: usize = 200;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(super) struct ListQuery {
    asker: Asker,
    at: Cursor,
    limit: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
}

/// A question about the statistics of a link.
#[derive(Clone, Debug)]
pub(super) struct StatsQuery {
    pub(super) asker: Asker,
    link: LinkId,
}

impl Instance {
    /// 1. A user asks for a page.
    pub(super) fn list(
        &mut self,
        asker: Asker,
        after: Option<Cursor>,
        limit: u32,
        search: Option<Arc<str>>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if search.as_ref().is_some_and(|search| search.len() > MAX_SEARCH_BYTES) {
            return answer(asker, Answer::Refused("a search is at most 200 bytes long"), out);
        }
        let at = after.unwrap_or(Cursor { shards: 0, shard: 0, position: None });
        if self.shard_of(&at).is_none() {
            return answer(asker, Answer::Refused("there is no such page"), out);
        }
        if self.admit(asker, now.time, out) {
            self.waiting += 1;
            let limit = limit.clamp(1, MAX_PAGE_LINKS);
            let query = ListQuery { asker, at, limit, search, links: Vec::new() };
            self.scan(query, now.time, out);
        }
    }

    /// 2. A shard is asked for its links.
    fn scan(&mut self, query: ListQuery, now: Time, out: &mut Outputs<Shortener>) {
        let Some(shard) = self.shard_of(&query.at) else { return };
        let limit = query.limit - query.links.len() as u32;
        let wanted = Call::Scan { after: query.at.position, limit, search: query.search.clone() };
        let client = query.asker.client;
        let call = self.calls.begin(shard, Purpose::List(query), now, out);
        out.note(Note::Called { call, client, why: Why::List, key: None });
        out.send(shard, Message::Call { call, wanted });
    }

    fn shard_of(&self, at: &Cursor) -> Option<NodeId> {
        self.shards.among(at.shard as usize, at.shards as usize)
    }

    /// 3. It has replied. If it has no more links, the next shard is asked for the rest.
    pub(super) fn list_replied(
        &mut self,
        mut query: ListQuery,
        reply: Option<Reply>,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(Reply::Page { links, next }) = reply else {
            return self.answer_waiting(query.asker, unavailable(reply), out);
        };
        query.links.extend(links);
        query.at.position = next;
        query.at.shards = query.at.shards.max(self.shards.count() as u32);
        if next.is_none() {
            query.at.shard += 1;
        }
        let last = self.shard_of(&query.at).is_none();
        let full = next.is_some() || query.links.len() >= query.limit as usize;
        if !last && !full && self.limiter.take(query.asker.client, now).is_ok() {
            return self.scan(query, now, out);
        }
        let next = (!last).then_some(query.at);
        self.answer_waiting(query.asker, Answer::Page { links: query.links, next }, out);
    }

    /// 1. A user asks for statistics: the tally is asked.
    pub(super) fn stats(
        &mut self,
        asker: Asker,
        link: LinkId,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if self.admit(asker, now.time, out) {
            self.ask_tally(asker, link, now, out);
        }
    }

    /// 1. Or how often a link on a page was followed, for which nothing is paid any more.
    pub(super) fn clicks_of(
        &mut self,
        asker: Asker,
        link: LinkId,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        match self.has_room() {
            Ok(()) => self.ask_tally(asker, link, now, out),
            Err(full) => answer(asker, full, out),
        }
    }

    fn ask_tally(
        &mut self,
        asker: Asker,
        link: LinkId,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        self.waiting += 1;
        let purpose = Purpose::Stats(StatsQuery { asker, link: link.clone() });
        let call = self.calls.begin(self.tally, purpose, now.time, out);
        let (client, why) = (asker.client, Why::Stats);
        out.note(Note::Called { call, client, why, key: Some(link.key.clone()) });
        out.send(self.tally, Message::GetStats { call, link });
    }

    /// 2. It has replied.
    pub(super) fn stats_replied(
        &mut self,
        query: StatsQuery,
        stats: Option<Arc<LinkStats>>,
        out: &mut Outputs<Shortener>,
    ) {
        let (log, acknowledged) = self.clicks.acknowledged();
        let with = Answer::Stats { link: query.link, stats, log, acknowledged };
        self.answer_waiting(query.asker, with, out);
    }
}
