//! The newest links, of all shards together.
//!
//! The law: a page takes the same number of links from each shard, and sorts them by creation, newest
//! first. Hashing spreads links evenly over shards, so later pages have older links, except for a few at
//! the edges. A link that exists from the first page to the last is on one page, as in `list.rs`.

use std::cmp::Reverse;
use std::sync::Arc;

use machine::{Now, Outputs, Time};

use super::list::MAX_SEARCH_BYTES;
use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::link::Named;
use crate::message::{Answer, Call, Message, Note, Reply, Shortener, Why};
use crate::shard::MAX_PAGE_LINKS;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(super) struct NewestQuery {
    asker: Asker,
    /// The position at which each shard goes on, by place. A shard that was not asked yet begins at its
    /// end; one at 0 has no more.
    below: Vec<u64>,
    /// The place of the shard that is being asked.
    shard: usize,
    limit: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
}

impl Instance {
    /// 1. A user asks for a page.
    pub(super) fn newest(
        &mut self,
        asker: Asker,
        (mut below, limit): (Vec<u64>, u32),
        search: Option<Arc<str>>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if search.as_ref().is_some_and(|search| search.len() > MAX_SEARCH_BYTES) {
            return answer(asker, Answer::Refused("a search is at most 200 bytes long"), out);
        }
        let shards = below.len().max(self.shards.count());
        if self.shards.among(shards - 1, shards).is_none() {
            return answer(asker, Answer::Refused("there is no such query"), out);
        }
        below.resize(shards, u64::MAX);
        let Some(shard) = below.iter().position(|below| *below > 0) else {
            return answer(asker, Answer::Newest { links: Vec::new(), below: None }, out);
        };
        if self.admit(asker, now.time, out) {
            self.waiting += 1;
            let limit = limit.clamp(1, MAX_PAGE_LINKS).div_ceil(shards as u32);
            let query = NewestQuery { asker, below, shard, limit, search, links: Vec::new() };
            self.ask_newest(query, now.time, out);
        }
    }

    /// 2. A shard is asked for its links.
    fn ask_newest(&mut self, query: NewestQuery, now: Time, out: &mut Outputs<Shortener>) {
        let Some(shard) = self.shards.among(query.shard, query.below.len()) else { return };
        let (below, limit) = (query.below[query.shard], query.limit);
        let wanted = Call::Newest { below, limit, search: query.search.clone() };
        let client = query.asker.client;
        let call = self.calls.begin(shard, Purpose::Newest(query), now, out);
        out.note(Note::Called { call, client, why: Why::List, key: None });
        out.send(shard, Message::Call { call, wanted });
    }

    /// 3. It has replied. The next shard is asked, while the client's limit allows it.
    pub(super) fn newest_replied(
        &mut self,
        mut query: NewestQuery,
        reply: Option<Reply>,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(Reply::Page { links, next }) = reply else {
            return self.answer_waiting(query.asker, unavailable(reply), out);
        };
        query.links.extend(links);
        query.below[query.shard] = next.unwrap_or(0);
        let rest = query.below.iter().enumerate().skip(query.shard + 1);
        if let Some((shard, _)) = rest.into_iter().find(|(_, below)| **below > 0)
            && query.links.len() + query.limit as usize <= MAX_PAGE_LINKS as usize
            && self.limiter.take(query.asker.client, now).is_ok()
        {
            return self.ask_newest(NewestQuery { shard, ..query }, now, out);
        }
        let NewestQuery { asker, below, mut links, .. } = query;
        links.sort_by_key(|(_, link)| Reverse(link.created_at));
        let below = Some(below).filter(|below| below.iter().any(|below| *below > 0));
        self.answer_waiting(asker, Answer::Newest { links, below }, out);
    }
}
