//! The newest links, gathered from the end of the store.
//!
//! The law: as that of a page, from the last entry to the first. The store reads forward only, so it is
//! read in windows, the last one first, each as long as what is wanted yet: whatever is in one has room. An
//! entry that is written again, as an edit does, is new.

use std::sync::Arc;

use super::page::found;
use crate::link::Named;
use crate::message::Reply;
use crate::shard::LONGEST_PAGE;
use bitcask::Change;

/// How often the store is asked for one page, at most.
const ROUNDS: u32 = 50;

/// A page that is being gathered.
#[derive(Clone, Debug)]
pub(crate) struct NewestScan {
    /// Nothing below this position was looked at.
    below: u64,
    /// The window begins behind this one, and was read up to that one.
    window: (u64, u64),
    in_window: Vec<Named>,
    left: u32,
    search: Option<Arc<str>>,
    links: Vec<Named>,
    rounds: u32,
}

impl NewestScan {
    /// An empty one of entries below this position; nothing where there are none.
    pub(crate) fn new(below: u64, limit: u32, search: Option<Arc<str>>) -> Option<NewestScan> {
        let search = search.map(|search| search.to_lowercase().into());
        let left = limit.clamp(1, LONGEST_PAGE);
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

    /// After which entry, up to which, and how many it wants next.
    pub(crate) fn wants(&self) -> (u64, u64, u32) {
        (self.window.1, self.below - 1, self.left)
    }

    /// Takes entries in, and where the store goes on: the reply, or the page where it wants more.
    pub(crate) fn extended(
        mut self,
        changes: Vec<Change>,
        next: Option<u64>,
        is_mine: impl Fn(&[u8]) -> bool,
    ) -> Result<Reply, NewestScan> {
        self.in_window.extend(found(changes, self.search.as_deref(), is_mine));
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
