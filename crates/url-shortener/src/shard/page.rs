//! A page of links, gathered from the store.
//!
//! The law: a page has at most the requested number of links, and the next page begins right after the
//! last entry that was read. A search reads a bounded number of entries for a page, even if it finds
//! little.

use std::sync::Arc;

use machine::LONGEST;

use crate::Key;
use crate::link::Named;
use crate::link::codec::decode_link;
use crate::message::{HEAVIEST_LINK, Reply};
use bitcask::Change;

/// Links on a page, at most: the heaviest fit into one message.
pub const MAX_PAGE_LINKS: u32 = (LONGEST - 1_024) / HEAVIEST_LINK as u32;
/// The most reads of the store for one page.
const ROUNDS: u32 = 50;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(crate) struct ListScan {
    after: Option<u64>,
    left: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
    rounds: u32,
}

impl ListScan {
    /// An empty page that begins after this position.
    pub(crate) fn new(after: Option<u64>, limit: u32, search: Option<Arc<str>>) -> ListScan {
        let search = search.map(|search| search.to_lowercase().into());
        ListScan {
            after,
            left: limit.clamp(1, MAX_PAGE_LINKS),
            search,
            links: Vec::new(),
            rounds: 0,
        }
    }

    /// Where to read next, and how many entries: no more than there is room for.
    pub(crate) fn next_read(&self) -> (Option<u64>, u32) {
        (self.after, self.left)
    }

    /// Adds entries. The reply when the page is done, or else the page, which needs another read.
    pub(crate) fn add(
        mut self,
        changes: Vec<Change>,
        next: Option<u64>,
        is_mine: impl Fn(&[u8]) -> bool,
    ) -> Result<Reply, ListScan> {
        let found = matching_links(changes, self.search.as_deref(), is_mine);
        self.left -= found.len() as u32;
        self.links.extend(found);
        self.after = next;
        self.rounds += 1;
        if next.is_none() || self.left == 0 || self.rounds == ROUNDS {
            return Ok(Reply::Page { links: self.links, next });
        }
        Err(self)
    }
}

/// The links among these entries that belong to the shard and match the search.
pub(super) fn matching_links(
    changes: Vec<Change>,
    search: Option<&str>,
    is_mine: impl Fn(&[u8]) -> bool,
) -> Vec<Named> {
    // Entries that are not links are about the shard itself.
    let named = |(key, value): Change| Some((Key::of_bytes(&key)?, decode_link(&value?)?));
    let mine = changes.into_iter().filter(|(key, _)| is_mine(key)).filter_map(named);
    mine.filter(|(key, link)| search.is_none_or(|search| link.matches(key, search))).collect()
}

#[cfg(test)]
mod tests {
    use machine::{Protocol, Wall};

    use super::*;
    use crate::link::codec::encode_link;
    use crate::link::key::{MAX_CODE_BYTES, MAX_DOMAIN_BYTES};
    use crate::link::names::{MAX_TAG_BYTES, MAX_TAGS, MAX_TITLE_BYTES, MAX_URL_BYTES};
    use crate::message::{Answer, Cursor, Message};
    use crate::{Link, Shortener};

    /// Entries of a log, in order; one in ten is the shard's own.
    fn entries(count: u64) -> Vec<Change> {
        let entry = |n: u64| {
            let url = format!("https://example.org/{n}");
            let title = n.is_multiple_of(7).then(|| "Lucky Seven".into());
            let link = Link { title, ..Link::new(&url, Wall(n)) };
            let key =
                if n % 10 == 5 { b"\0own".to_vec() } else { Key::new("", &n.to_string()).bytes() };
            (key.into(), Some(encode_link(&link)))
        };
        (0..count).map(entry).collect()
    }

    /// All pages of a log, one after the other.
    fn pages(log: &[Change], limit: u32, search: Option<&str>) -> Vec<Vec<u64>> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let mut page = ListScan::new(after, limit, search.map(Arc::from));
            let (links, next) = loop {
                let (after, wanted) = page.next_read();
                let from = after.unwrap_or(0) as usize;
                let end = (from + wanted as usize).min(log.len());
                let next = (end < log.len()).then_some(end as u64);
                match page.add(log[from..end].to_vec(), next, |_| true) {
                    Ok(Reply::Page { links, next }) => break (links, next),
                    Ok(other) => panic!("{other:?} is no page"),
                    Err(more) => page = more,
                }
            };
            assert!(links.len() <= limit as usize);
            pages.push(links.into_iter().map(|(_, link)| link.created_at.0).collect());
            after = next;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_have_every_link_once_whatever_their_length() {
        let all: Vec<_> = (0..500).filter(|n| n % 10 != 5).collect();
        for limit in [1, 7, 100, MAX_PAGE_LINKS] {
            assert_eq!(pages(&entries(500), limit, None).concat(), all, "{limit} a page");
        }
        assert_eq!(pages(&[], 10, None), [Vec::<u64>::new()]);
    }

    /// A heavier message would reset the connection of whoever asked.
    #[test]
    fn the_longest_page_of_the_heaviest_links_is_a_message() {
        let long = |length: usize| -> Arc<str> { "x".repeat(length).into() };
        let link = Link {
            url: long(MAX_URL_BYTES),
            title: Some(long(MAX_TITLE_BYTES)),
            tags: vec![long(MAX_TAG_BYTES); MAX_TAGS],
            ..Link::new("", Wall(0))
        };
        let key = Key { domain: long(MAX_DOMAIN_BYTES), code: long(MAX_CODE_BYTES) };
        let links = vec![(key, link); MAX_PAGE_LINKS as usize];
        let next = Some(Cursor { shards: 1, shard: 0, position: Some(u64::MAX) });
        let answer = Answer::Page { links: links.clone(), next };
        let reply = Reply::Page { links, next: Some(u64::MAX) };
        for message in
            [Message::Answer { token: 0, answer }, Message::Reply { call: 0, shards: 1, reply }]
        {
            let weight = Shortener::weight(&message);
            assert!((LONGEST / 10 * 9..=LONGEST).contains(&weight), "{weight}");
        }
    }

    #[test]
    fn a_search_finds_all_and_fills_its_pages() {
        let lucky: Vec<_> = (0..500).filter(|n| n % 10 != 5 && n % 7 == 0).collect();
        let found = pages(&entries(500), 10, Some("lucky s"));
        assert_eq!(found.concat(), lucky);
        assert!(found[..found.len() - 1].iter().all(|page| page.len() == 10));
        assert_eq!(pages(&entries(500), 10, Some("org/499")).concat(), [499]);
    }

    #[test]
    fn a_search_in_vain_looks_at_so_many_entries_and_says_where_to_go_on() {
        let found = pages(&entries(500), 1, Some("nowhere"));
        assert_eq!(found, vec![Vec::<u64>::new(); 10]);
    }
}
