//! The log: the segments in their order, and the index into them.

use std::collections::BTreeMap;

use crate::index::{Index, Location};
use crate::segment::{Header, Known, Segment};

/// All that is durable.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// By number. They are complete and were synced before another was begun.
    pub(crate) sealed: BTreeMap<u32, Segment>,
    /// The one that is appended to.
    pub(crate) newest: Segment,
    /// What is in the newest, for its hint.
    pub(crate) known: Vec<Known>,
    pub(crate) index: Index,
    /// The number of the next entry.
    pub(crate) next: u64,
    /// Another store follows the log: see [`crate::Store::keep_removals`].
    pub(crate) keep_removals: bool,
}

impl Log {
    /// The log of an empty disk.
    pub(crate) fn new() -> Log {
        Log {
            sealed: BTreeMap::new(),
            newest: Segment::new(Header::new(1, 1)),
            known: Vec::new(),
            index: Index::new(),
            next: 1,
            keep_removals: false,
        }
    }

    pub(crate) fn segment(&self, number: u32) -> Option<&Segment> {
        match number == self.newest.header.number {
            true => Some(&self.newest),
            false => self.sealed.get(&number),
        }
    }

    /// The segment after this one.
    pub(crate) fn after(&self, header: &Header) -> Option<&Segment> {
        let newest = Some(&self.newest).filter(|newest| newest.header.number >= header.next);
        self.sealed.range(header.next..).next().map(|(_, segment)| segment).or(newest)
    }

    /// The number with which it begins.
    pub(crate) fn first_after(&self, header: &Header) -> u64 {
        self.after(header).map_or(self.next, |next| next.header.first)
    }

    fn segment_mut(&mut self, number: u32) -> Option<&mut Segment> {
        match number == self.newest.header.number {
            true => Some(&mut self.newest),
            false => self.sealed.get_mut(&number),
        }
    }

    /// This entry of the newest segment is durable, and the newest about its key.
    pub(crate) fn apply(&mut self, known: Known) {
        let number = self.newest.header.number;
        let location = (!known.removed).then(|| known.location(number));
        if let Some(old) = self.index.set(known.key, location) {
            self.forget(old);
        }
        self.newest.count(&known);
        if !known.removed {
            self.newest.live += known.length;
        }
    }

    /// The index no longer points to this location.
    fn forget(&mut self, location: Location) {
        if let Some(segment) = self.segment_mut(location.segment) {
            segment.live -= location.length;
        }
    }

    /// The newest segment is complete: another one, with this header, begins.
    pub(crate) fn seal(&mut self, header: Header) {
        let sealed = std::mem::replace(&mut self.newest, Segment::new(header));
        if sealed.length > 0 {
            self.sealed.insert(sealed.header.number, sealed);
        }
        self.known.clear();
    }
}
