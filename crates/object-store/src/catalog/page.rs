//! Pages of a bucket: its objects in the order of their keys.
//!
//! The law: a page is what there is at one moment, and the next one goes on behind its last item. So what is there
//! throughout is on exactly one page, and what is not there throughout is on none.

use std::cmp::Reverse;
use std::ops::Bound;
use std::sync::Arc;

use super::{Catalog, RowKey};
use crate::answer::{Item, Page};
use crate::ask::{Cursor, List};
use crate::row::Row;
use crate::words::{Name, Version};

/// No page has more items.
const MOST: u16 = 1_000;

impl Catalog {
    /// A page of objects, or of versions.
    pub(super) fn page(&self, list: &List) -> Page<Item> {
        let most = usize::from(list.most.min(MOST));
        let (mut items, mut next) = (Vec::new(), None);
        let mut from = self.first(list);
        while let Some((item, cursor)) = from.and_then(|from| self.item(list, from)) {
            if items.len() == most {
                return Page { items, next };
            }
            items.push(item);
            from = behind(&list.bucket, &cursor);
            next = Some(cursor);
        }
        Page { items, next: None }
    }

    /// Where the page begins; nowhere, where that is behind all keys.
    fn first(&self, list: &List) -> Option<Bound<RowKey>> {
        let prefix = Bound::Included((list.bucket.clone(), list.prefix.clone(), NEWEST));
        let Some(cursor) = &list.after else { return Some(prefix) };
        let after = behind(&list.bucket, cursor)?;
        Some(if key_of(&after) >= key_of(&prefix) { after } else { prefix })
    }

    /// The next item from there on.
    fn item(&self, list: &List, from: Bound<RowKey>) -> Option<(Item, Cursor)> {
        for ((bucket, key, Reverse(version)), row) in self.rows_from(from) {
            if *bucket != list.bucket || !key.starts_with(&*list.prefix) {
                return None;
            }
            let is_current = self.is_current(bucket, key, row);
            if !list.versions && (!is_current || row.content.is_none()) {
                continue;
            }
            if let Some(prefix) = common(list, key) {
                return Some((Item::Prefix(prefix.clone()), Cursor::Prefix(prefix)));
            }
            let cursor = match list.versions {
                true => Cursor::Version(key.clone(), *version),
                false => Cursor::Key(key.clone()),
            };
            return Some((Item::Object(key.clone(), Row::clone(row), is_current), cursor));
        }
        None
    }

    fn is_current(&self, bucket: &Name, key: &Name, row: &Arc<Row>) -> bool {
        self.current(bucket, key).is_some_and(|current| current.version == row.version)
    }

    pub(super) fn rows_of(&self, bucket: &Name) -> impl Iterator<Item = (&RowKey, &Arc<Row>)> {
        let from = Bound::Included((bucket.clone(), Name::from(""), NEWEST));
        let of_it = move |(key, _): &(&RowKey, &Arc<Row>)| key.0 == *bucket;
        self.rows_from(from).take_while(of_it)
    }
}

const NEWEST: Reverse<Version> = Reverse(Version::MAX);

fn key_of(bound: &Bound<RowKey>) -> Option<(&RowKey, bool)> {
    match bound {
        Bound::Included(key) => Some((key, false)),
        Bound::Excluded(key) => Some((key, true)),
        Bound::Unbounded => None,
    }
}

/// The place behind a cursor; none where that is behind all keys.
fn behind(bucket: &Name, cursor: &Cursor) -> Option<Bound<RowKey>> {
    let at = |key: &Name, version| (bucket.clone(), key.clone(), Reverse(version));
    match cursor {
        Cursor::Key(key) | Cursor::Upload(key, _) => Some(Bound::Excluded(at(key, 0))),
        Cursor::Version(key, version) => Some(Bound::Excluded(at(key, *version))),
        Cursor::Prefix(prefix) => {
            Some(Bound::Included(at(&successor(prefix)?.into(), Version::MAX)))
        }
    }
}

/// The part of a key up to the delimiter behind the prefix, where it has one.
pub(super) fn common(list: &List, key: &Name) -> Option<Name> {
    let delimiter = list.delimiter.as_ref().filter(|delimiter| !delimiter.is_empty())?;
    let rest = &key[list.prefix.len()..];
    let length = list.prefix.len() + rest.find(&**delimiter)? + delimiter.len();
    Some(key[..length].into())
}

/// The first text that is larger than all that begin so.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_between_a_prefix_and_its_successor_but_what_begins_so(
            prefix in "[a\u{D7FF}\u{10FFFF}]{0,3}",
            other in "[ab\u{D7FF}\u{E000}\u{10FFFF}]{0,4}",
        ) {
            let before = successor(&prefix).is_none_or(|successor| other < successor);
            prop_assert_eq!(other.starts_with(&prefix), other >= prefix && before);
        }
    }
}
