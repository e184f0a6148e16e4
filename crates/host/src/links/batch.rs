//! What is written to a connection at once: slices of memory, of which short ones were put together.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use machine::codec::SHARED;

/// No slice is added to so many bytes.
const ENOUGH: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Batch {
    slices: VecDeque<Bytes>,
    bytes: usize,
}

impl Batch {
    /// Adds a slice, by reference.
    pub(super) fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.bytes += slice.len();
            self.slices.push_back(slice);
        }
    }

    /// Takes slices from the queue until there is enough. Short ones that stand side by side are copied
    /// together: the system takes its time with each.
    pub(super) fn fill(&mut self, queue: &mut VecDeque<Bytes>) {
        let mut short = BytesMut::new();
        while self.bytes + short.len() < ENOUGH {
            let Some(slice) = queue.pop_front() else { break };
            if slice.len() >= SHARED {
                self.push(short.split().freeze());
                self.push(slice);
            } else if short.is_empty() && queue.front().is_none_or(|next| next.len() >= SHARED) {
                self.push(slice);
            } else {
                short.extend_from_slice(&slice);
            }
        }
        self.push(short.freeze());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.slices.front().map_or(&[], |slice| slice)
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let filled = out.iter_mut().zip(&self.slices);
        filled.map(|(out, slice)| *out = IoSlice::new(slice)).count()
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(first) = self.slices.front_mut() {
            if count < first.len() {
                return first.advance(count);
            }
            count -= first.len();
            self.slices.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_slices_leave_together_and_in_order() {
        let mut queue: VecDeque<_> = (0..100_u8).map(|n| Bytes::from(vec![n; 1000])).collect();
        let (mut sent, mut batches) = (Vec::new(), 0);
        while !queue.is_empty() {
            let mut batch = Batch::default();
            batch.fill(&mut queue);
            assert_eq!(batch.slices.len(), 1);
            sent.extend_from_slice(&batch.copy_to_bytes(batch.remaining()));
            batches += 1;
        }
        assert_eq!(batches, 2);
        assert!(sent.is_sorted() && sent.len() == 100_000);
    }

    proptest! {
        /// Whatever the system takes of it at a time; and no long slice is copied.
        #[test]
        fn it_is_the_bytes_of_the_queue(
            lengths in prop::collection::vec(prop_oneof![0..20_usize, 0..3 * SHARED], 0..12),
            takes in prop::collection::vec(1..2 * SHARED, 1..8),
        ) {
            let slices = lengths.iter().zip(1..).map(|(length, byte)| Bytes::from(vec![byte; *length]));
            let mut queue: VecDeque<_> = slices.collect();
            let (all, before) = (queue.iter().flatten().copied().collect::<Vec<u8>>(), queue.clone());
            let (mut sent, mut takes) = (Vec::new(), takes.into_iter().cycle());
            let is_whole = |slice: &&Bytes| before.iter().any(|whole| whole.as_ptr() == slice.as_ptr());
            let mut by_reference = 0;
            while !queue.is_empty() {
                let mut batch = Batch::default();
                batch.fill(&mut queue);
                let long = batch.slices.iter().filter(|slice| slice.len() >= SHARED);
                by_reference += long.filter(is_whole).count();
                while batch.has_remaining() {
                    let mut slices = [IoSlice::new(&[]); 3];
                    let count = batch.chunks_vectored(&mut slices);
                    let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                    prop_assert_eq!(slices.first().map(|slice| slice.len()), Some(batch.chunk().len()));
                    let taken = takes.next().unwrap().min(seen.len());
                    sent.extend_from_slice(&seen[..taken]);
                    batch.advance(taken);
                }
            }
            prop_assert_eq!(sent, all);
            let long = before.iter().filter(|slice| slice.len() >= SHARED).count();
            prop_assert_eq!(by_reference, long);
        }
    }
}
