//! The hashes that everything here stands on, each with a specification, so that a key has the same
//! owner on every machine.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The hash of a key: XXH3, 64 bits, seed 0.
pub fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The hash of a node's name; seeded, so that a key that is spelled like a node is not special.
pub(crate) fn hash_name(name: &str) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), u64::from_le_bytes(*b"the node"))
}

/// Another number for every number, as far from order as possible: the last step of SplitMix64
/// (Steele, Lea and Flood, OOPSLA 2014; David Stafford's constants).
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

/// The number at a position, from 0, in the stream of SplitMix64 that starts from a seed.
#[inline]
pub(crate) fn nth(seed: u64, position: u64) -> u64 {
    mix(seed.wrapping_add((position.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// A hash scaled down to `0..end`: its upper bits decide. Cheaper than a remainder and as even.
#[inline]
pub fn scale(hash: u64, end: u64) -> u64 {
    ((u128::from(hash) * u128::from(end)) >> 64) as u64
}
