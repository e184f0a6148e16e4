//! The index: where the newest value of each key lies. It is all that a store keeps in memory.
//!
//! A key is known by 128 bits of its BLAKE3 hash, so that an entry costs the same however long the
//! name. Users pick aliases: a fast hash whose collisions can be constructed would let one of them
//! hide another's link. What a read brings is compared with the key all the same.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// 128 bits of the BLAKE3 hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyHash(pub(super) [u8; 16]);

/// A part of it is hash enough.
impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, to: &mut H) {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        to.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Takes a hash for what it is.
#[derive(Clone, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl KeyHash {
    pub(super) fn of(key: &[u8]) -> KeyHash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(key).as_bytes()[..16]);
        KeyHash(hash)
    }
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// What a key costs in memory at most, in bytes: its entry and a byte of the map's own, when the map has
/// just grown and seven sixteenths of it are in use.
pub const INDEX_BYTES: u64 = (size_of::<(KeyHash, Place)>() as u64 + 1) * 16 / 7;

/// A map grows by moving all that is in it; many small ones do so one at a time.
const MAPS: usize = 64;

/// The newest places, by key. Only ever looked up: the order of a map is nobody's.
#[derive(Clone, Debug)]
pub(super) struct Index {
    maps: Vec<Map>,
}

type Map = HashMap<KeyHash, Place, BuildHasherDefault<AsItIs>>;

impl Index {
    pub(super) fn new() -> Index {
        Index { maps: vec![Map::default(); MAPS] }
    }

    pub(super) fn get(&self, key: &KeyHash) -> Option<Place> {
        self.maps[map_of(key)].get(key).copied()
    }

    /// Puts a place (`Some`) or takes it away; the place before.
    pub(super) fn set(&mut self, key: KeyHash, place: Option<Place>) -> Option<Place> {
        let map = &mut self.maps[map_of(&key)];
        match place {
            Some(place) => map.insert(key, place),
            None => map.remove(&key),
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.maps.iter().map(Map::len).sum()
    }
}

fn map_of(key: &KeyHash) -> usize {
    usize::from(key.0[0]) % MAPS
}
