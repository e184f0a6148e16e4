//! The event queue: what is due next, and among what is due at once, what was scheduled first.
//!
//! A hierarchical timing wheel (Varghese and Lauck 1987). A time is six digits of twelve bits; an
//! event lies in the wheel of the highest digit in which its time differs from that of the event
//! that was taken last, in the slot of its own digit there. So the next event is in the first slot
//! taken in the lowest wheel that has any, and what shares that slot moves to lower wheels when it
//! is taken. Slots of the second wheel are 4 us wide, in a round of 17 ms: most messages have one
//! to themselves and never move. A heap would compare and move them the more the fuller it is, and
//! no processor predicts which way a heap turns.

use machine::Time;

const DIGIT: u32 = 12;
const SLOTS: usize = 1 << DIGIT;
const WHEELS: usize = u64::BITS.div_ceil(DIGIT) as usize;
/// No entry.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Queue<E> {
    /// When the event that was taken last was due; nothing is due earlier.
    turned: u64,
    /// Wheels with anything in them, a bit each.
    wheels: u32,
    taken: [Taken; WHEELS],
    /// The last entry of each slot, wheel by wheel. The entries of a slot are a ring, in the order
    /// in which they were scheduled: after the last comes the first.
    slots: Vec<u32>,
    /// Entries lie still; only the rings change.
    entries: Vec<Entry<E>>,
    /// An entry that is free, and names the next that is.
    free: u32,
}

#[derive(Clone, Debug)]
struct Entry<E> {
    at: u64,
    next: u32,
    event: Option<E>,
}

/// Which slots of a wheel have anything in them: a bit for each, and a bit for each word of those.
#[derive(Clone, Copy, Debug)]
struct Taken {
    words: u64,
    slots: [u64; SLOTS / 64],
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Queue {
            turned: 0,
            wheels: 0,
            taken: [Taken { words: 0, slots: [0; SLOTS / 64] }; WHEELS],
            slots: vec![NONE; WHEELS * SLOTS],
            entries: Vec::new(),
            free: NONE,
        }
    }

    /// Schedules an event, not earlier than the one that was taken last.
    #[inline(always)]
    pub(crate) fn schedule(&mut self, Time(at): Time, event: E) {
        debug_assert!(at >= self.turned, "the past is over");
        let place = self.free;
        match self.entries.get_mut(place as usize) {
            Some(entry) => {
                self.free = entry.next;
                (entry.at, entry.event) = (at, Some(event));
                self.link(place, at);
            }
            None => {
                self.entries.push(Entry { at, next: NONE, event: Some(event) });
                self.link(self.entries.len() as u32 - 1, at);
            }
        }
    }

    /// Takes the next event if it is due by then.
    #[inline]
    pub(crate) fn take_due(&mut self, Time(by): Time) -> Option<(Time, E)> {
        let (wheel, slot) = self.first_slot()?;
        let last = self.slots[wheel * SLOTS + slot];
        let place = self.earliest(wheel, last);
        let at = self.entries[place as usize].at;
        if at > by {
            return None;
        }
        self.turned = at;
        let first = self.entries[last as usize].next;
        if wheel == 0 && first != last {
            // The others are due now too: they stay.
            self.entries[last as usize].next = self.entries[place as usize].next;
        } else {
            self.clear(wheel, slot);
            if first != last {
                self.spread(first, last, place);
            }
        }
        let entry = &mut self.entries[place as usize];
        entry.next = self.free;
        self.free = place;
        Some((Time(at), entry.event.take()?))
    }

    /// When the next event is due.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let (wheel, slot) = self.first_slot()?;
        let place = self.earliest(wheel, self.slots[wheel * SLOTS + slot]);
        Some(Time(self.entries[place as usize].at))
    }

    #[inline]
    fn first_slot(&self) -> Option<(usize, usize)> {
        let wheel = self.wheels.trailing_zeros() as usize;
        let taken = self.taken.get(wheel)?;
        let word = taken.words.trailing_zeros() as usize % 64;
        Some((wheel, word * 64 + taken.slots[word].trailing_zeros() as usize))
    }

    /// Which entry of a ring is due first; in the lowest wheel all are due at once.
    #[inline]
    fn earliest(&self, wheel: usize, last: u32) -> u32 {
        let mut place = self.entries[last as usize].next;
        let mut earliest = place;
        while wheel > 0 && place != last {
            place = self.entries[place as usize].next;
            if self.entries[place as usize].at < self.entries[earliest as usize].at {
                earliest = place;
            }
        }
        earliest
    }

    #[inline]
    fn clear(&mut self, wheel: usize, slot: usize) {
        self.slots[wheel * SLOTS + slot] = NONE;
        let taken = &mut self.taken[wheel];
        taken.slots[slot / 64] &= !(1 << (slot % 64));
        taken.words &= !(u64::from(taken.slots[slot / 64] == 0) << (slot / 64));
        self.wheels &= !(u32::from(taken.words == 0) << wheel);
    }

    /// Puts the entries of a ring that was cleared where they belong now, but for one.
    fn spread(&mut self, first: u32, last: u32, but: u32) {
        let mut next = first;
        loop {
            let place = next;
            let entry = &self.entries[place as usize];
            next = entry.next;
            if place != but {
                self.link(place, entry.at);
            }
            if place == last {
                return;
            }
        }
    }

    #[inline]
    fn link(&mut self, place: u32, at: u64) {
        let differs = (at ^ self.turned) | 1;
        let wheel = (differs.ilog2() / DIGIT) as usize;
        let slot = (at >> (wheel as u32 * DIGIT)) as usize % SLOTS;
        self.wheels |= 1 << wheel;
        let taken = &mut self.taken[wheel];
        taken.slots[slot / 64] |= 1 << (slot % 64);
        taken.words |= 1 << (slot / 64);
        let last = std::mem::replace(&mut self.slots[wheel * SLOTS + slot], place);
        let first = match self.entries.get_mut(last as usize) {
            Some(last) => std::mem::replace(&mut last.next, place),
            None => place,
        };
        self.entries[place as usize].next = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, below, log_uniform, stream};

    #[test]
    fn by_time_then_in_order_of_scheduling() {
        let mut queue = Queue::new();
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
            let (mut queue, mut sorted, mut now) = (Queue::new(), Vec::new(), 0);
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
