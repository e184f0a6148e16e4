//! The trace hash: one number over every event of a run. Two runs with the same number did the
//! same things at the same times; it is the lab's test of determinism.

use std::hash::{Hash, Hasher};

/// Folds what is written to it by multiplication (after wyhash and FxHash). It is quick, and has told
/// apart all runs that differed by one event; it is no defence against an adversary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHash(u64);

impl TraceHash {
    pub(crate) fn new() -> Self {
        TraceHash(0x243F_6A88_85A3_08D3)
    }

    #[inline]
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product as u64) ^ ((product >> 64) as u64).rotate_left(32);
    }

    #[inline]
    pub(crate) fn event(&mut self, at: u64, kind: u64, payload: &impl Hash) {
        // One multiplication for both: the other one is not in the chain.
        self.fold(at.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ kind);
        payload.hash(self);
    }

    /// What an event brought about, then and there.
    #[inline]
    pub(crate) fn part(&mut self, kind: u64, payload: &impl Hash) {
        // Added: a second one without a payload must not undo the first.
        self.0 = self.0.wrapping_add(kind);
        payload.hash(self);
    }
}

impl Default for TraceHash {
    fn default() -> Self {
        TraceHash::new()
    }
}

impl Hasher for TraceHash {
    fn finish(&self) -> u64 {
        self.0
    }

    // The length is folded in too: "ab" + "c" is not "a" + "bc".
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.fold(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.fold(rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
        self.fold(bytes.len() as u64);
    }

    #[inline]
    fn write_u8(&mut self, x: u8) {
        self.fold(u64::from(x));
    }

    #[inline]
    fn write_u16(&mut self, x: u16) {
        self.fold(u64::from(x));
    }

    #[inline]
    fn write_u32(&mut self, x: u32) {
        self.fold(u64::from(x));
    }

    #[inline]
    fn write_u64(&mut self, x: u64) {
        self.fold(x);
    }

    #[inline]
    fn write_usize(&mut self, x: usize) {
        self.fold(x as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(write: impl Fn(&mut TraceHash)) -> u64 {
        let mut hash = TraceHash::new();
        write(&mut hash);
        hash.finish()
    }

    #[test]
    fn one_changed_thing_changes_it() {
        let original = hash_of(|h| h.event(5, 1, &("mint", 3u32)));
        assert_eq!(original, hash_of(|h| h.event(5, 1, &("mint", 3u32))));
        assert_ne!(original, hash_of(|h| h.event(6, 1, &("mint", 3u32))));
        assert_ne!(original, hash_of(|h| h.event(5, 2, &("mint", 3u32))));
        assert_ne!(original, hash_of(|h| h.event(5, 1, &("mint", 4u32))));
        assert_ne!(original, hash_of(|h| h.event(5, 1, &("mimt", 3u32))));
        assert_ne!(hash_of(|h| h.write(b"")), hash_of(|h| h.write(b"\0")));
    }
}
