//! Which group keeps the catalog of a bucket: groups have ranges of names of buckets.
//!
//! The law: ranges are ordered, do not meet, and cover all names. A bucket is in one group, so that what is listed of it
//! is read at one moment. Ranges are fixed when a store is founded.

use std::fmt;
use std::sync::Arc;

use crate::words::{GroupNumber, Name};

/// The ranges of all groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    /// The first name of each group's range, in order; that of group 0 is empty.
    begins: Arc<[Name]>,
}

/// Names that are not the beginnings of ranges: nothing was made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRanges;

impl fmt::Display for NoRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ranges begin with the empty name and rise; there are at most 65,536 of them")
    }
}

impl std::error::Error for NoRanges {}

impl Ranges {
    /// Ranges that begin with these names.
    ///
    /// # Errors
    /// If the first is not empty, they do not rise, or they are too many.
    pub fn new<N: Into<Name>>(begins: impl IntoIterator<Item = N>) -> Result<Ranges, NoRanges> {
        let begins: Arc<[Name]> = begins.into_iter().map(Into::into).collect();
        let rise = begins.windows(2).all(|pair| pair[0] < pair[1]);
        let few = begins.len() <= usize::from(GroupNumber::MAX) + 1;
        let whole = begins.first().is_some_and(|first| first.is_empty());
        if rise && few && whole { Ok(Ranges { begins }) } else { Err(NoRanges) }
    }

    /// Eight of them, by the first letters of buckets.
    pub fn by_letter() -> Ranges {
        Ranges::new(["", "c", "f", "i", "l", "o", "r", "u"]).expect("they rise")
    }

    /// The group of a bucket.
    pub fn group(&self, bucket: &str) -> GroupNumber {
        let begun = self.begins.partition_point(|begin| **begin <= *bucket);
        (begun - 1) as GroupNumber
    }

    /// All groups, in the order of their ranges.
    pub fn groups(&self) -> impl Iterator<Item = GroupNumber> + use<> {
        (0..self.begins.len()).map(|group| group as GroupNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_is_in_the_last_range_that_begins_at_or_before_it(
            mut begins in prop::collection::btree_set("[a-c]{0,3}", 0..6),
            name in "[a-d]{0,4}",
        ) {
            begins.insert(String::new());
            let begins: Vec<_> = begins.into_iter().collect();
            let ranges = Ranges::new(begins.iter().map(String::as_str)).unwrap();
            let group = usize::from(ranges.group(&name));
            prop_assert!(begins[group] <= name);
            prop_assert!(begins.get(group + 1).is_none_or(|next| *next > name));
            prop_assert_eq!(ranges.groups().count(), begins.len());
        }
    }

    #[test]
    fn what_does_not_rise_from_the_empty_name_is_refused() {
        for begins in [&[][..], &["a"], &["", ""], &["", "b", "a"]] {
            assert_eq!(Ranges::new(begins.iter().copied()), Err(NoRanges));
        }
        let ranges = Ranges::by_letter();
        assert_eq!((ranges.group("0"), ranges.group("c"), ranges.group("zoo")), (0, 1, 7));
    }
}
