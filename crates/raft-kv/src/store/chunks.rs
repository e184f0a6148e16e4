//! A map in order of key that is frozen at once: it is a map of chunks, each shared until it changes.
//!
//! The law: chunks follow each other in order, none is empty, and each is in its place by its first key as it
//! was when the chunk began.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

/// A chunk with more pairs is halved.
const MOST: usize = 256;
/// One with fewer goes to the one before it, if both are no longer than a half.
const FEW: usize = MOST / 8;

/// A key, and before it its first eight bytes as a number, which is in the same order: most comparisons end
/// there, and follow no pointer.
pub(super) type OrderedKey = (u64, Bytes);

#[inline]
pub(super) fn ordered(key: Bytes) -> OrderedKey {
    let mut first = [0; 8];
    first.iter_mut().zip(&key).for_each(|(first, byte)| *first = *byte);
    (u64::from_be_bytes(first), key)
}

type Chunk = Vec<(OrderedKey, Bytes)>;

/// Keys and values. A clone costs as much as there are chunks, and a change of a chunk that is shared a copy of
/// that one, without its bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks {
    chunks: BTreeMap<OrderedKey, Arc<Chunk>>,
    length: usize,
}

impl Chunks {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub(super) fn get(&self, key: &OrderedKey) -> Option<&Bytes> {
        let (_, chunk) = self.chunks.range(..=key).next_back()?;
        let at = chunk.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        Some(&chunk[at].1)
    }

    pub(super) fn insert(&mut self, key: OrderedKey, value: Bytes) {
        let mut before = self.chunks.range_mut(..=&key);
        let Some((_, chunk)) = before.next_back() else { return self.insert_first(key, value) };
        let chunk = Arc::make_mut(chunk);
        // Most keys that are new come in order.
        let last = chunk.last().is_some_and(|(last, _)| *last < key);
        let place = if last { Err(chunk.len()) } else { place(chunk, &key) };
        match place {
            Ok(at) => chunk[at].1 = value,
            Err(at) => {
                chunk.insert(at, (key, value));
                self.length += 1;
                if chunk.len() > MOST {
                    // Where they come in order the one before stays full.
                    let half = if last { MOST } else { MOST / 2 };
                    let rest = chunk.split_off(half);
                    self.chunks.insert(rest[0].0.clone(), Arc::new(rest));
                }
            }
        }
    }

    /// Before all that there is: its chunk is in another place now.
    fn insert_first(&mut self, key: OrderedKey, value: Bytes) {
        self.length += 1;
        let first = self.chunks.first_key_value().filter(|(_, chunk)| chunk.len() < MOST);
        let first = first.map(|(place, _)| place.clone());
        let mut chunk = first.and_then(|place| self.chunks.remove(&place)).unwrap_or_default();
        Arc::make_mut(&mut chunk).insert(0, (key.clone(), value));
        self.chunks.insert(key, chunk);
    }

    pub(super) fn remove(&mut self, key: &OrderedKey) {
        let Some((start, chunk)) = self.chunks.range_mut(..=key).next_back() else { return };
        let Ok(at) = place(chunk, key) else { return };
        let (start, chunk) = (start.clone(), Arc::make_mut(chunk));
        chunk.remove(at);
        self.length -= 1;
        if chunk.len() < FEW {
            self.join(&start);
        }
    }

    /// A chunk with few pairs goes to the one before it; one with none goes.
    fn join(&mut self, start: &OrderedKey) {
        let Some(few) = self.chunks.remove(start) else { return };
        let before = self.chunks.range_mut(..start).next_back().map(|(_, chunk)| chunk);
        match before.filter(|before| before.len() + few.len() <= MOST / 2) {
            Some(before) => Arc::make_mut(before).extend(few.iter().cloned()),
            None if few.is_empty() => {}
            None => drop(self.chunks.insert(start.clone(), few)),
        }
    }

    /// The pairs from a key on, or after it.
    pub(super) fn from(
        &self,
        start: Bound<&OrderedKey>,
    ) -> impl Iterator<Item = &(OrderedKey, Bytes)> {
        let (mut begins, mut skipped) = (Bound::Unbounded, 0);
        if let Bound::Included(key) | Bound::Excluded(key) = start
            && let Some((first, chunk)) = self.chunks.range(..=key).next_back()
        {
            begins = Bound::Included(first);
            skipped = match (place(chunk, key), start) {
                (Ok(at), Bound::Excluded(_)) => at + 1,
                (Ok(at) | Err(at), _) => at,
            };
        }
        let chunks = self.chunks.range::<OrderedKey, _>((begins, Bound::Unbounded));
        chunks.flat_map(move |(_, chunk)| &chunk[std::mem::take(&mut skipped)..])
    }
}

fn place(chunk: &Chunk, key: &OrderedKey) -> Result<usize, usize> {
    chunk.binary_search_by(|(other, _)| other.cmp(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u16) -> OrderedKey {
        ordered(Bytes::copy_from_slice(&number.to_be_bytes()))
    }

    fn laws(chunks: &Chunks) {
        let mut last: Option<OrderedKey> = None;
        for (place, chunk) in &chunks.chunks {
            assert!(!chunk.is_empty() && chunk.len() <= MOST, "{} pairs", chunk.len());
            assert!(*place <= chunk[0].0);
            for (key, _) in chunk.iter() {
                assert!(last.as_ref().is_none_or(|last| last < key));
                last = Some(key.clone());
            }
        }
    }

    proptest! {
        /// In runs of neighbours, so that chunks fill and empty.
        #[test]
        fn chunks_are_a_map_and_a_frozen_one_stays(
            runs in prop::collection::vec((0..3_000_u16, 1..400_u16, any::<bool>(), any::<bool>()), 1..30),
            starts in prop::collection::vec(0..3_500_u16, 5),
        ) {
            let (mut chunks, mut map) = (Chunks::default(), BTreeMap::new());
            let (frozen, then) = (chunks.clone(), map.clone());
            let mut frozen = vec![(frozen, then)];
            for (first, length, removes, backwards) in runs {
                for step in 0..length {
                    let number = if backwards { first + length - step } else { first + step };
                    if removes {
                        chunks.remove(&key(number));
                        map.remove(&key(number));
                    } else {
                        let value = Bytes::copy_from_slice(&step.to_le_bytes());
                        chunks.insert(key(number), value.clone());
                        map.insert(key(number), value);
                    }
                }
                laws(&chunks);
                frozen.push((chunks.clone(), map.clone()));
            }
            for (chunks, map) in &frozen {
                prop_assert_eq!(chunks.len(), map.len());
                for start in &starts {
                    let start = key(*start);
                    prop_assert_eq!(chunks.get(&start), map.get(&start));
                    for bound in [Bound::Included(&start), Bound::Excluded(&start), Bound::Unbounded] {
                        let expected = map.range::<OrderedKey, _>((bound, Bound::Unbounded));
                        let found = chunks.from(bound).map(|(key, value)| (key, value));
                        prop_assert!(found.eq(expected), "from {:?}", bound);
                    }
                }
            }
        }
    }
}
