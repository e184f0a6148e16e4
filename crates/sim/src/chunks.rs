//! A list that only grows, in chunks that its clones share.
//!
//! The law: to clone it copies the last chunk and a pointer for each other one, however long it is.

use std::sync::Arc;

/// How many items a chunk holds. What a clone copies is less than that.
const CHUNK: usize = 4_096;

#[derive(Clone, Debug)]
pub(crate) struct Chunks<T> {
    full: Vec<Arc<[T]>>,
    last: Vec<T>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Chunks { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Chunks<T> {
    pub(crate) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        self.last.push(item);
        if self.last.len() >= CHUNK {
            self.seal();
        }
    }

    /// As [`Chunks::push`], where what was pushed since the last seal must stay side by side.
    #[inline]
    pub(crate) fn push_beside(&mut self, item: T) {
        self.last.push(item);
    }

    /// What fills whole chunks is shared from now on.
    pub(crate) fn seal(&mut self) {
        while self.last.len() >= CHUNK {
            let chunk = self.last.drain(..CHUNK).collect();
            self.full.push(chunk);
        }
    }

    /// What was not sealed.
    #[inline]
    pub(crate) fn unsealed(&self) -> &[T] {
        &self.last
    }

    /// Is there something to seal?
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.last.len() >= CHUNK
    }

    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        match self.full.get(number / CHUNK) {
            Some(chunk) => chunk.get(number % CHUNK),
            None => self.last.get(number - self.full.len() * CHUNK),
        }
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.last.last().or_else(|| self.full.last()?.last())
    }

    /// Those from this number on.
    pub(crate) fn since(&self, from: usize) -> impl DoubleEndedIterator<Item = &T> {
        let full = self.full.get(from / CHUNK..).unwrap_or_default();
        let last =
            self.last.get(from.saturating_sub(self.full.len() * CHUNK)..).unwrap_or_default();
        let skipped = if full.is_empty() { 0 } else { from % CHUNK };
        let first = full.first().map_or(&[][..], |chunk| &chunk[skipped..]);
        let rest = full.iter().skip(1).flat_map(|chunk| chunk.iter());
        first.iter().chain(rest).chain(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_a_list_is_from_any_number_on() {
        let mut chunks = Chunks::default();
        for number in 0..2 * CHUNK + 9 {
            assert_eq!(chunks.len(), number);
            chunks.push(number);
        }
        for from in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 8, 2 * CHUNK + 9] {
            assert!(chunks.since(from).copied().eq(from..chunks.len()), "from {from}");
            assert_eq!(chunks.get(from), chunks.since(from).next());
            let clone = chunks.clone();
            assert!(clone.since(from).copied().eq(from..chunks.len()));
        }
    }

    #[test]
    fn clones_share_what_is_full() {
        let mut chunks = Chunks::default();
        (0..3 * CHUNK).for_each(|number| chunks.push(number));
        let clone = chunks.clone();
        assert!(
            chunks.since(0).zip(clone.since(0)).all(|(ours, theirs)| std::ptr::eq(ours, theirs))
        );
    }

    #[test]
    fn what_is_to_stay_side_by_side_does_until_it_is_sealed() {
        let mut chunks = Chunks::default();
        (0..2 * CHUNK + 9).for_each(|number| chunks.push_beside(number));
        assert!(chunks.unsealed().iter().copied().eq(0..2 * CHUNK + 9));
        chunks.seal();
        assert!(chunks.unsealed().iter().copied().eq(2 * CHUNK..2 * CHUNK + 9));
        assert!(chunks.since(CHUNK - 1).copied().eq(CHUNK - 1..2 * CHUNK + 9));
    }
}
