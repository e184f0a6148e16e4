//! The newest links, of all shards together.
//!
//! The law: each page has as many links of each shard, and is in the order in which they were made. Shards
//! get links by their hashes, evenly, so what is on a later page is older, but for a few at its edge. A link
//! that is there from the first page to the last is on one of them, as in a list (`list.rs`).

use std::cmp::Reverse;
use std::sync::Arc;

use machine::{Now, Outputs, Time};

use super::list::LONGEST_SEARCH;
use super::visit::{answer, unavailable};
use super::{Asker, Instance, Purpose};
use crate::link::Named;
use crate::message::{Answer, Call, Message, Note, Reply, Shortener, Why};
use crate::shard::LONGEST_PAGE;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(super) struct Latest {
    asker: Asker,
    /// Where each shard goes on; one that is not in it yet begins at its end, and one at 0 has no more.
    below: Vec<u64>,
    /// The place of the shard that is asked.
    shard: usize,
    limit: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
}

impl Instance {
    /// 1. Somebody wants a page.
    pub(super) fn newest(
        &mut self,
        asker: Asker,
        (mut below, limit): (Vec<u64>, u32),
        search: Option<Arc<str>>,
        now: &mut Now<'_>,
        out: &mut Outputs<Shortener>,
    ) {
        if search.as_ref().is_some_and(|search| search.len() > LONGEST_SEARCH) {
            return answer(asker, Answer::Refused("a search is at most 200 bytes long"), out);
        }
        let shards = below.len().max(self.shards.count());
        if self.shards.among(shards - 1, shards).is_none() {
            return answer(asker, Answer::Refused("there is no such page"), out);
        }
        below.resize(shards, u64::MAX);
        let Some(shard) = below.iter().position(|below| *below > 0) else {
            return answer(asker, Answer::Newest { links: Vec::new(), below: None }, out);
        };
        if self.admit(asker, now.time, out) {
            self.waiting += 1;
            let limit = limit.clamp(1, LONGEST_PAGE).div_ceil(shards as u32);
            let page = Latest { asker, below, shard, limit, search, links: Vec::new() };
            self.ask_newest(page, now.time, out);
        }
    }

    /// 2. A shard gives what it has.
    fn ask_newest(&mut self, page: Latest, now: Time, out: &mut Outputs<Shortener>) {
        let Some(shard) = self.shards.among(page.shard, page.below.len()) else { return };
        let (below, limit) = (page.below[page.shard], page.limit);
        let wanted = Call::Newest { below, limit, search: page.search.clone() };
        let client = page.asker.client;
        let call = self.calls.begin(shard, Purpose::Newest(page), now, out);
        out.note(Note::Called { call, client, why: Why::List, key: None });
        out.send(shard, Message::Call { call, wanted });
    }

    /// 3. And the next one, while its asker has something left to pay with.
    pub(super) fn has_newest(
        &mut self,
        mut page: Latest,
        reply: Option<Reply>,
        now: Time,
        out: &mut Outputs<Shortener>,
    ) {
        let Some(Reply::Page { links, next }) = reply else {
            return self.answer_waiting(page.asker, unavailable(reply), out);
        };
        page.links.extend(links);
        page.below[page.shard] = next.unwrap_or(0);
        let rest = page.below.iter().enumerate().skip(page.shard + 1);
        if let Some((shard, _)) = rest.into_iter().find(|(_, below)| **below > 0)
            && self.limiter.take(page.asker.client, now).is_ok()
        {
            return self.ask_newest(Latest { shard, ..page }, now, out);
        }
        let Latest { asker, below, mut links, .. } = page;
        links.sort_by_key(|(_, link)| Reverse(link.created_at));
        let below = Some(below).filter(|below| below.iter().any(|below| *below > 0));
        self.answer_waiting(asker, Answer::Newest { links, below }, out);
    }
}
