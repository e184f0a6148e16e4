//! A map of bounded size that forgets what was not used for longest, more or less.
//!
//! The law: it holds at most twice as many entries as it is told, and what is used at least once while
//! so many others come stays. There are two generations: what is used moves to the young one, and when
//! that is full it becomes the old one, and the old one is forgotten as a whole. That costs a look into
//! two maps rather than a list through all entries.

use std::collections::BTreeMap;
use std::mem;

/// A bounded map.
#[derive(Clone, Debug)]
pub struct Generations<K, V> {
    capacity: usize,
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
}

impl<K: Ord, V> Generations<K, V> {
    /// A map that surely remembers this many entries, one at least.
    pub fn new(capacity: usize) -> Self {
        Generations { capacity: capacity.max(1), young: BTreeMap::new(), old: BTreeMap::new() }
    }

    /// What is there; it counts as used.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// Puts it there, in place of what was there.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets it.
    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// How many entries there are. One that was put again before it was used counts twice.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_keeps_what_is_used() {
        let mut map = Generations::new(10);
        map.insert(0, "used");
        map.insert(1, "not used");
        for key in 2..1_000 {
            map.insert(key, "new");
            assert!(map.len() <= 20);
            assert_eq!(map.get(&0), Some(&mut "used"));
        }
        assert_eq!(map.get(&1), None);
        assert!((990..1_000).all(|key| map.get(&key).is_some()), "the last ten are there");
    }

    #[test]
    fn the_newest_is_found_and_what_is_removed_is_gone() {
        let mut map = Generations::new(2);
        (0..4).for_each(|key| map.insert(key, "old"));
        map.insert(0, "new");
        assert_eq!(map.get(&0), Some(&mut "new"));
        map.remove(&0);
        assert_eq!(map.get(&0), None, "the old one does not come back");
    }
}
