//! A page of the newest links, gathered from the end of the store's log.
//!
//! The law is that of `page.rs`, from the last entry to the first. The store reads forward only, so it is
//! read in windows, the last one first. A window has as many entries as the page has room for. An edit
//! writes an entry again, at the end, so it makes a link new.

use std::sync::Arc;

use super::page::matching_links;
use crate::link::Named;
use crate::message::Reply;
use crate::shard::MAX_PAGE_LINKS;
use bitcask::Change;

/// The most reads of the store for one page.
const ROUNDS: u32 = 50;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(crate) struct NewestScan {
    /// Entries from this position on were read.
    below: u64,
    /// The window begins after the first position, and was read up to the second.
    window: (u64, u64),
    in_window: Vec<Named>,
    left: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
    rounds: u32,
}

impl NewestScan {
    /// An empty page of entries below this position; none if there are no such entries.
    pub(crate) fn new(below: u64, limit: u32, search: Option<Arc<str>>) -> Option<NewestScan> {
        let search = search.map(|search| search.to_lowercase().into());
        let left = limit.clamp(1, MAX_PAGE_LINKS);
        let (in_window, links) = (Vec::new(), Vec::new());
        // The first entry has the position 1.
        let page = NewestScan { below, window: (0, 0), in_window, left, search, links, rounds: 0 };
        (below > 1).then(|| page.next_window())
    }

    fn next_window(mut self) -> NewestScan {
        let first = self.below.saturating_sub(1).saturating_sub(self.left.into());
        self.window = (first, first);
        self
    }

    /// What to read next: after which position, up to which, and how many entries.
    pub(crate) fn next_read(&self) -> (u64, u64, u32) {
        (self.window.1, self.below - 1, self.left)
    }

    /// Adds entries. The reply when the page is done, or else the page, which needs another read.
    pub(crate) fn add(
        mut self,
        changes: Vec<Change>,
        next: Option<u64>,
        is_mine: impl Fn(&[u8]) -> bool,
    ) -> Result<Reply, NewestScan> {
        self.in_window.extend(matching_links(changes, self.search.as_deref(), is_mine));
        self.rounds += 1;
        if let Some(next) = next.filter(|next| next + 1 < self.below) {
            self.window.1 = next;
            return Err(self);
        }
        self.left -= self.in_window.len() as u32;
        self.links.extend(self.in_window.drain(..).rev());
        self.below = self.window.0 + 1;
        let is_more = self.below > 1;
        if !is_more || self.left == 0 || self.rounds >= ROUNDS {
            let next = is_more.then_some(self.below);
            return Ok(Reply::Page { links: self.links, next });
        }
        Err(self.next_window())
    }
}
