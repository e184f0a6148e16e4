//! The event queue: what is due next, and among what is due at once, what was scheduled first.
//!
//! A calendar queue (Brown 1988) of one year: a ring of slots that begins with the present, and a heap for
//! what lies beyond it. The ring is about as long as a message travels, so nearly every event has a slot
//! of its own and is never moved. A heap alone compares and moves more events the fuller it is, in branches
//! that no processor predicts. Two levels of bitmaps find the first slot that is taken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use machine::Time;

/// Slots in a word of a bitmap, and words in the bitmap of words.
const WORD: usize = u64::BITS as usize;
const SLOTS: usize = WORD * WORD;
/// Of a slot, in nanoseconds: a ring of four milliseconds.
const LEAST_WIDTH: u64 = 1024;
/// No entry.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Queue<E> {
    /// A slot is `1 << width` nanoseconds wide.
    width: u32,
    /// The word in which the event that was taken last lay, counted from time zero. The ring holds
    /// what lies less than its length in words beyond.
    present: u64,
    /// Words with any slot taken, and the slots taken in each.
    words: u64,
    taken: [u64; WORD],
    /// The first entry of each slot that is taken. The entries of a slot are a sorted list.
    slots: Box<[u32; SLOTS]>,
    /// The last one, where there are several.
    lasts: Box<[u32; SLOTS]>,
    /// Beyond the ring: when it is due, a number in insertion order, and the index of the entry. If an event
    /// in here and one in the ring are due at once, the one in here was scheduled first, since the present
    /// only moves on.
    far: BinaryHeap<Reverse<(u64, u64, u32)>>,
    far_count: u64,
    /// Entries are never moved; only the links between them change.
    entries: Vec<QueueEntry<E>>,
    /// The first free entry; each names the next.
    free: u32,
}

#[derive(Clone, Debug)]
struct QueueEntry<E> {
    at: u64,
    /// In its slot, or among those that are free.
    next: u32,
    event: Option<E>,
}

impl<E> Queue<E> {
    /// A queue in which most events are due within so many nanoseconds.
    pub(crate) fn new(horizon: u64) -> Self {
        // The first word is partly over.
        let slots = (SLOTS - WORD) as u64;
        Queue {
            width: horizon.div_ceil(slots).max(LEAST_WIDTH).next_power_of_two().ilog2(),
            present: 0,
            words: 0,
            taken: [0; WORD],
            slots: Box::new([NONE; SLOTS]),
            lasts: Box::new([NONE; SLOTS]),
            far: BinaryHeap::new(),
            far_count: 0,
            entries: Vec::new(),
            free: NONE,
        }
    }

    /// Schedules an event, not earlier than the one that was taken last.
    #[inline(always)]
    pub(crate) fn schedule(&mut self, Time(at): Time, event: E) {
        let new = QueueEntry { at, next: NONE, event: Some(event) };
        let mut index = self.free;
        match self.entries.get_mut(index as usize) {
            Some(entry) => {
                self.free = entry.next;
                *entry = new;
            }
            None => {
                index = self.entries.len() as u32;
                self.entries.push(new);
            }
        }
        debug_assert!(self.word_of(at) >= self.present, "the past is over");
        if self.word_of(at) - self.present < WORD as u64 {
            self.link(index, at);
        } else {
            self.schedule_far(index, at);
        }
    }

    #[inline(never)]
    fn schedule_far(&mut self, index: u32, at: u64) {
        self.far_count += 1;
        self.far.push(Reverse((at, self.far_count, index)));
    }

    /// Takes the next event if it is due by then.
    #[inline(always)]
    pub(crate) fn take_due(&mut self, Time(by): Time) -> Option<(Time, E)> {
        let index = self.take_next(by)?;
        let entry = self.entries.get_mut(index as usize)?;
        entry.next = self.free;
        self.free = index;
        Some((Time(entry.at), entry.event.take()?))
    }

    /// Takes the entry that is due next out of its slot or the heap.
    #[inline]
    fn take_next(&mut self, by: u64) -> Option<u32> {
        let Some(slot) = self.first_slot() else { return self.take_far(by) };
        let index = self.slots[slot];
        let &QueueEntry { at, next, .. } = self.entries.get(index as usize)?;
        if self.far.peek().is_some_and(|&Reverse((far, ..))| far <= at) {
            return self.take_far(by);
        }
        if at > by {
            return None;
        }
        self.present = self.word_of(at);
        self.unlink(slot, next);
        Some(index)
    }

    /// When the next event is due.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let near = self.first_slot().map(|slot| self.entries[self.slots[slot] as usize].at);
        let far = self.far.peek().map(|&Reverse((at, ..))| at);
        near.into_iter().chain(far).min().map(Time)
    }

    #[inline(never)]
    fn take_far(&mut self, by: u64) -> Option<u32> {
        let first = self.far.peek_mut()?;
        let Reverse((at, _, index)) = *first;
        if at > by {
            return None;
        }
        PeekMut::pop(first);
        self.present = self.word_of(at);
        Some(index)
    }

    #[inline]
    fn word_of(&self, at: u64) -> u64 {
        at >> self.width >> WORD.ilog2()
    }

    #[inline]
    fn slot_of(&self, at: u64) -> usize {
        (at >> self.width) as usize % SLOTS
    }

    /// The first slot of the ring that is taken.
    #[inline]
    fn first_slot(&self) -> Option<usize> {
        if self.words == 0 {
            return None;
        }
        let ahead = self.words.rotate_right(self.present as u32 % u64::BITS).trailing_zeros();
        let word = (self.present as usize + ahead as usize) % WORD;
        Some(word * WORD + self.taken[word].trailing_zeros() as usize % WORD)
    }

    #[inline(always)]
    fn link(&mut self, index: u32, at: u64) {
        let slot = self.slot_of(at);
        let (word, bit) = (slot / WORD, 1 << (slot % WORD));
        if self.taken[word] & bit != 0 {
            return self.link_among(index, at, slot);
        }
        self.taken[word] |= bit;
        self.words |= 1 << word;
        self.slots[slot] = index;
    }

    /// The slot is taken already: the entry goes to its index in the list.
    #[inline(never)]
    fn link_among(&mut self, index: u32, at: u64, slot: usize) {
        let first = self.slots[slot];
        let one = self.entries[first as usize].next == NONE;
        let last = if one { first } else { self.lasts[slot] };
        let (mut before, mut after) = (NONE, first);
        if at >= self.entries[last as usize].at {
            (before, after) = (last, NONE);
            self.lasts[slot] = index;
        } else {
            if one {
                self.lasts[slot] = last;
            }
            while self.entries[after as usize].at <= at {
                (before, after) = (after, self.entries[after as usize].next);
            }
        }
        self.entries[index as usize].next = after;
        match self.entries.get_mut(before as usize) {
            Some(before) => before.next = index,
            None => self.slots[slot] = index,
        }
    }

    /// Takes the first entry out of a slot; the next one takes its index.
    #[inline]
    fn unlink(&mut self, slot: usize, next: u32) {
        if next != NONE {
            self.slots[slot] = next;
            return;
        }
        let word = slot / WORD;
        self.taken[word] ^= 1 << (slot % WORD);
        self.words ^= u64::from(self.taken[word] == 0) << word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, below, log_uniform, stream};

    #[test]
    fn by_time_then_in_order_of_scheduling() {
        let mut queue = Queue::new(10_000);
        for (at, name) in [(5, "d"), (1, "a"), (5, "e"), (3, "b"), (3, "c")] {
            queue.schedule(Time(at), name);
        }
        assert_eq!(queue.next_at(), Some(Time(1)));
        assert!(queue.take_due(Time(0)).is_none());
        let next = || queue.take_due(Time(u64::MAX)).map(|(_, name)| name);
        let order: Vec<_> = std::iter::from_fn(next).collect();
        assert_eq!(order, ["a", "b", "c", "d", "e"]);
        queue.schedule(Time(9), "entries are used again");
        assert_eq!(queue.entries.len(), 5);
    }

    #[test]
    fn as_a_sorted_list_does() {
        let mut random = stream(1, Purpose::Plan, 0);
        for longest in [1, 50, 10_000, 1 << 40, 1 << 62] {
            let (mut queue, mut sorted, mut now) = (Queue::new(10_000), Vec::new(), 0);
            for number in 0..4_000u32 {
                let at = match below(&mut random, 20) {
                    0 => u64::MAX,
                    1 => now,
                    _ => u64::saturating_add(now, log_uniform(&mut random, 1, longest)),
                };
                queue.schedule(Time(at), number);
                sorted.push((at, number));
                if below(&mut random, 100) < 45 {
                    sorted.sort_unstable();
                    let by = u64::saturating_add(now, longest / 2);
                    let due = (sorted[0].0 <= by).then(|| sorted.remove(0));
                    let taken = queue.take_due(Time(by));
                    assert_eq!(taken, due.map(|(at, number)| (Time(at), number)));
                    now = due.map_or(now, |(at, _)| at);
                    assert_eq!(queue.next_at(), sorted.first().map(|&(at, _)| Time(at)));
                }
            }
            sorted.sort_unstable();
            for (at, number) in sorted {
                assert_eq!(queue.take_due(Time(u64::MAX)), Some((Time(at), number)));
            }
            assert_eq!(queue.take_due(Time(u64::MAX)), None);
        }
    }
}
