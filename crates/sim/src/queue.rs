//! The event queue: what is due next, and among what is due at once, what was scheduled first.
//!
//! Keys sit in a binary heap of 16-byte integers; payloads lie still in a slab, so that sifting
//! moves no messages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use machine::Time;

#[derive(Clone, Debug)]
pub(crate) struct Queue<E> {
    /// time (64 bits), order of scheduling (32, wrapping), slot (32)
    keys: BinaryHeap<Reverse<u128>>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    scheduled: u32,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Queue { keys: BinaryHeap::new(), slab: Vec::new(), free: Vec::new(), scheduled: 0 }
    }

    #[inline]
    pub(crate) fn schedule(&mut self, at: Time, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slab.push(Some(event));
                self.slab.len() as u32 - 1
            }
        };
        self.scheduled = self.scheduled.wrapping_add(1);
        let order = u128::from(self.scheduled) << 32 | u128::from(slot);
        self.keys.push(Reverse(u128::from(at.0) << 64 | order));
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse(key) = self.keys.pop()?;
        let slot = key as u32;
        self.free.push(slot);
        let event = self.slab[slot as usize].take()?;
        Some((Time((key >> 64) as u64), event))
    }

    /// When the next event is due.
    #[inline]
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.keys.peek().map(|Reverse(key)| Time((key >> 64) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_in_order_of_scheduling() {
        let mut queue = Queue::new();
        for (at, name) in [(5, "d"), (1, "a"), (5, "e"), (3, "b"), (3, "c")] {
            queue.schedule(Time(at), name);
        }
        assert_eq!(queue.next_at(), Some(Time(1)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d", "e"]);
        queue.schedule(Time(9), "slots are used again");
        assert_eq!(queue.slab.len(), 5);
    }
}
