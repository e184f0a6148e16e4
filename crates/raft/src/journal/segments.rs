//! Which segments of the journal hold entries that still count.
//!
//! The law: a segment may go when no entry that counts was recorded last in it, and none before it is left.
//! What else a segment has is said again at the beginning of each later one.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::rpc::{GroupId, Index};

/// Which segments count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments {
    /// Where the entries of each group are: from each of these places up to the next, in which segment.
    runs: BTreeMap<GroupId, BTreeMap<Index, u64>>,
}

impl Segments {
    /// The entries of a group from this place on are in this segment.
    pub(crate) fn wrote(&mut self, group: GroupId, first: Index, segment: u64) {
        let runs = self.runs.entry(group).or_default();
        runs.split_off(&first);
        if runs.last_key_value().is_none_or(|(_, last)| *last != segment) {
            runs.insert(first, segment);
        }
    }

    /// These entries of a group were said again, in this segment.
    pub(crate) fn moved(&mut self, group: GroupId, entries: Range<Index>, segment: u64) {
        let runs = self.runs.entry(group).or_default();
        let after = runs.range(..entries.end).next_back().map(|(_, segment)| *segment);
        let later = runs.split_off(&entries.end);
        runs.retain(|first, _| *first < entries.start);
        runs.insert(entries.start, segment);
        if let Some(after) = after
            && !later.contains_key(&entries.end)
        {
            runs.insert(entries.end, after);
        }
        runs.extend(later);
    }

    /// What a group had from this place on counts no more.
    pub(crate) fn ended(&mut self, group: GroupId, first: Index) {
        self.runs.entry(group).or_default().split_off(&first);
    }

    /// What a group has up to `base` counts no more. Its last entry is at `last`.
    pub(crate) fn drop_up_to(&mut self, group: GroupId, base: Index, last: Index) {
        let Some(runs) = self.runs.get_mut(&group) else { return };
        if last <= base {
            runs.clear();
        }
        while runs.keys().nth(1).is_some_and(|next| *next <= base + 1) {
            runs.pop_first();
        }
    }

    /// A group was left: nothing of it counts.
    pub(crate) fn left(&mut self, group: GroupId) {
        self.runs.remove(&group);
    }

    /// The oldest with an entry that counts.
    pub(crate) fn first(&self) -> Option<u64> {
        self.runs.values().flat_map(BTreeMap::values).copied().min()
    }

    /// Which entries are where, in all segments up to this one, the oldest first.
    pub(crate) fn runs_up_to(&self, last: u64) -> Vec<(GroupId, Range<Index>)> {
        let mut found = Vec::new();
        for (group, runs) in &self.runs {
            let ends = runs.keys().skip(1).copied().chain([Index::MAX]);
            let of_group = runs.iter().zip(ends).filter(|((_, segment), _)| **segment <= last);
            found.extend(of_group.map(|((first, segment), end)| (*segment, *group, *first..end)));
        }
        found.sort_by_key(|(segment, group, range)| (*segment, *group, range.start));
        found.into_iter().map(|(_, group, range)| (group, range)).collect()
    }

    /// What a group has from here on up to the next run counts no more.
    pub(crate) fn forget(&mut self, group: GroupId, first: Index) {
        self.runs.entry(group).or_default().remove(&first);
    }
}
