//! The index: where the newest value of each key lies. It is all that a store keeps in memory.
//!
//! A key is known by 128 bits of its BLAKE3 hash, so that an entry costs the same however long the
//! name. Users pick aliases: a fast hash whose collisions can be constructed would let one of them
//! hide another's value. What a read brings is compared with the key all the same.

/// 128 bits of the BLAKE3 hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyHash(pub(crate) [u8; 16]);

impl KeyHash {
    pub(crate) fn of(key: &[u8]) -> KeyHash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(key).as_bytes()[..16]);
        KeyHash(hash)
    }
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// What a key costs in memory at most, in bytes: when its table has just grown half of it is in use.
pub const INDEX_BYTES: u64 = size_of::<Slot>() as u64 * 2;

/// A table grows by moving all that is in it; many small ones do so one at a time.
const TABLES: usize = 64;

/// The newest locations, by key.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    tables: Vec<Table>,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index { tables: vec![Table::default(); TABLES] }
    }

    pub(crate) fn get(&self, key: &KeyHash) -> Option<Location> {
        self.tables[table_of(key)].get(key)
    }

    /// Puts a location (`Some`) or removes it; returns the one before.
    pub(crate) fn set(&mut self, key: KeyHash, location: Option<Location>) -> Option<Location> {
        let table = &mut self.tables[table_of(&key)];
        match location {
            Some(location) => table.put(key, location),
            None => table.remove(&key),
        }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.tables.iter().map(|table| table.used).sum()
    }
}

fn table_of(key: &KeyHash) -> usize {
    usize::from(key.0[0]) % TABLES
}

/// Open addressing with linear probing: a key lies in its home slot or in the next free one after it, so
/// that it is found with one look into memory. In a large index each look misses every cache, and `std`'s
/// map needs two: it keeps the tags of its slots apart from them.
#[derive(Clone, Debug, Default)]
struct Table {
    /// At most three quarters are in use, and none for good: there is always a free one.
    slots: Vec<Slot>,
    used: usize,
}

/// Free where the number of the segment is 0, which no segment has.
type Slot = (KeyHash, Location);

const FREE: Slot = (KeyHash([0; 16]), Location { segment: 0, offset: 0, length: 0 });

fn is_free((_, location): &Slot) -> bool {
    location.segment == 0
}

impl Table {
    fn get(&self, key: &KeyHash) -> Option<Location> {
        let slot = self.slots.get(self.find(key))?;
        (!is_free(slot)).then_some(slot.1)
    }

    fn put(&mut self, key: KeyHash, location: Location) -> Option<Location> {
        if self.used >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        let at = self.find(&key);
        let before = std::mem::replace(&mut self.slots[at], (key, location));
        self.used += usize::from(is_free(&before));
        (!is_free(&before)).then_some(before.1)
    }

    fn remove(&mut self, key: &KeyHash) -> Option<Location> {
        let mut gap = self.find(key);
        let (_, removed) = *self.slots.get(gap).filter(|slot| !is_free(slot))?;
        // A look-up stops at a gap, so the entries behind it move up, though not beyond their home slots.
        let mut at = self.after(gap);
        while !is_free(&self.slots[at]) {
            let home = self.home(&self.slots[at].0);
            if self.distance(home, at) >= self.distance(gap, at) {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.slots[gap] = FREE;
        self.used -= 1;
        Some(removed)
    }

    /// The slot of this key, or the free one that it would get.
    fn find(&self, key: &KeyHash) -> usize {
        let mut at = self.home(key);
        while self.slots.get(at).is_some_and(|slot| !is_free(slot) && slot.0 != *key) {
            at = self.after(at);
        }
        at
    }

    /// The home slot of a hash, in proportion to the hash. So keys keep their order when a table grows, and
    /// it is read and written from its beginning to its end.
    fn home(&self, key: &KeyHash) -> usize {
        let [.., a, b, c, d, e, f, g, h] = key.0;
        let hash = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// The distance from one slot to another, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if from <= to { to - from } else { to + self.slots.len() - from }
    }

    fn grow(&mut self) {
        let length = (self.slots.len() / 2 * 3).max(8);
        let slots = std::mem::replace(&mut self.slots, vec![FREE; length]);
        for slot in slots.into_iter().filter(|slot| !is_free(slot)) {
            let at = self.find(&slot.0);
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Their homes are few, the last slot among them, so that neighbours get in each other's way.
    #[test]
    fn a_table_is_what_a_map_is() {
        let (mut table, mut map) = (Table::default(), BTreeMap::new());
        let mut state = 1_u64;
        for step in 1..200_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let drawn = state >> 33;
            let many = if step / 10_000 % 2 == 0 { 1_000 } else { 30 };
            let mut key = KeyHash([0; 16]);
            key.0[..8].copy_from_slice(&(drawn % many).to_le_bytes());
            key.0[15] = [0, 0x55, 0xFE, 0xFF][(drawn % 4) as usize];
            key.0[14] = 0xFF;
            let location = Location { segment: step, offset: 0, length: 0 };
            let (before, known) = match drawn / 1_000 % 3 {
                0 => (table.remove(&key), map.remove(&key.0)),
                1 => (table.put(key, location), map.insert(key.0, location)),
                _ => (table.get(&key), map.get(&key.0).copied()),
            };
            assert_eq!(before, known, "step {step}");
            assert_eq!(table.used, map.len());
        }
        assert!(map.iter().all(|(key, location)| table.get(&KeyHash(*key)) == Some(*location)));
    }
}
