//! The timers of a node: by name, and by when they are due.
//!
//! The law: a timer comes due once for each time it was set, on the node's monotonic clock; of two that are due at
//! the same time the one that was set first. Setting it again or cancelling it costs no event, and nothing here
//! looks through all timers: what is no longer set is left in the heap until it comes to its front, or until most
//! of the heap is such.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hash};

use machine::Time;

use crate::trace::TraceHash;

/// Names a timer as it was set, and no other time it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    /// Grows with everything that is set.
    number: u64,
    slot: u32,
}

/// So many in the heap are never worth a new one.
const FEW: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    /// The name of each timer that is set, and the number under which it was set last.
    slots: Vec<Option<(T, u64)>>,
    free: Vec<u32>,
    /// Never iterated.
    by_name: HashMap<T, u32, BuildHasherDefault<TraceHash>>,
    /// On the monotonic clock. Some are no longer set.
    heap: BinaryHeap<Reverse<(Time, Ticket)>>,
    numbers: u64,
}

impl<T: Clone + Hash + Eq> Timers<T> {
    pub(crate) fn new() -> Self {
        Timers {
            slots: Vec::new(),
            free: Vec::new(),
            by_name: Default::default(),
            heap: BinaryHeap::new(),
            numbers: 0,
        }
    }

    /// Sets a timer, instead of whenever it was set to before.
    pub(crate) fn set(&mut self, name: T, due: Time) {
        self.numbers += 1;
        let number = self.numbers;
        let slot = match self.by_name.entry(name) {
            Entry::Occupied(known) => {
                let slot = *known.get();
                if let Some((_, last)) = &mut self.slots[slot as usize] {
                    *last = number;
                }
                slot
            }
            Entry::Vacant(new) => {
                let entry = Some((new.key().clone(), number));
                let slot = match self.free.pop() {
                    Some(slot) => {
                        self.slots[slot as usize] = entry;
                        slot
                    }
                    None => {
                        self.slots.push(entry);
                        self.slots.len() as u32 - 1
                    }
                };
                *new.insert(slot)
            }
        };
        self.heap.push(Reverse((due, Ticket { number, slot })));
        if self.heap.len() > FEW + 2 * self.by_name.len() {
            let slots = &self.slots;
            self.heap.retain(|Reverse((_, ticket))| is_set(slots, *ticket));
        }
    }

    /// Forgets a timer.
    pub(crate) fn cancel(&mut self, name: &T) {
        if let Some(slot) = self.by_name.remove(name) {
            self.slots[slot as usize] = None;
            self.free.push(slot);
        }
    }

    /// When the first one is due.
    pub(crate) fn earliest(&mut self) -> Option<Time> {
        loop {
            let &Reverse((due, ticket)) = self.heap.peek()?;
            if is_set(&self.slots, ticket) {
                return Some(due);
            }
            self.heap.pop();
        }
    }

    /// The first one, if it is due. It stays set until it is taken.
    pub(crate) fn come_due(&mut self, now: Time) -> Option<Ticket> {
        if self.earliest()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, ticket))| ticket)
    }

    /// Takes one that came due, unless it was cancelled or set again since.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<T> {
        if !is_set(&self.slots, ticket) {
            return None;
        }
        let (name, _) = self.slots[ticket.slot as usize].take()?;
        self.by_name.remove(&name);
        self.free.push(ticket.slot);
        Some(name)
    }
}

fn is_set<T>(slots: &[Option<(T, u64)>], ticket: Ticket) -> bool {
    let set = slots.get(ticket.slot as usize).and_then(Option::as_ref);
    set.is_some_and(|(_, number)| *number == ticket.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, below, stream};

    /// Those that are due by then, in order.
    fn due(timers: &mut Timers<u64>, now: u64) -> Vec<u64> {
        let ticket = |timers: &mut Timers<u64>| timers.come_due(Time(now));
        let mut names = Vec::new();
        while let Some(ticket) = ticket(timers) {
            names.extend(timers.take(ticket));
        }
        names
    }

    #[test]
    fn as_a_list_does() {
        let mut random = stream(1, Purpose::Machine, 0);
        let (mut timers, mut list, mut now) = (Timers::new(), Vec::new(), 0);
        for turn in 0..20_000_u64 {
            let name = below(&mut random, 50);
            match below(&mut random, 10) {
                0 => {
                    timers.cancel(&name);
                    list.retain(|&(_, _, other)| other != name);
                }
                1 => {
                    now += below(&mut random, 40);
                    list.sort_unstable();
                    let fired: Vec<u64> = list
                        .iter()
                        .filter(|(due, ..)| *due <= now)
                        .map(|(.., name)| *name)
                        .collect();
                    list.retain(|(due, ..)| *due > now);
                    assert_eq!(due(&mut timers, now), fired, "turn {turn}");
                }
                _ => {
                    let at = now + below(&mut random, 60);
                    timers.set(name, Time(at));
                    list.retain(|&(_, _, other)| other != name);
                    list.push((at, turn, name));
                }
            }
            assert_eq!(timers.earliest(), list.iter().map(|(at, ..)| Time(*at)).min());
            assert!(timers.heap.len() <= FEW + 2 * timers.slots.len() + 1);
        }
    }

    /// A lease that is renewed all day leaves nothing behind.
    #[test]
    fn one_that_is_set_again_and_again_takes_no_memory() {
        let mut timers = Timers::new();
        (0..10_000).for_each(|now| timers.set(now % 3, Time(1_000_000 + now)));
        assert!(timers.heap.len() <= FEW + 2 * 3, "{}", timers.heap.len());
        assert_eq!(due(&mut timers, 2_000_000), [1, 2, 0]);
    }

    #[test]
    fn one_that_came_due_can_still_be_cancelled_or_set_again() {
        let mut timers = Timers::new();
        (0..3).for_each(|name| timers.set(name, Time(name)));
        let tickets: Vec<_> = (0..3).map(|_| timers.come_due(Time(9)).unwrap()).collect();
        timers.cancel(&0);
        timers.set(1, Time(20));
        timers.set(7, Time(30));
        let taken: Vec<_> = tickets.into_iter().map(|ticket| timers.take(ticket)).collect();
        assert_eq!(taken, [None, None, Some(2)]);
        assert_eq!(due(&mut timers, 40), [1, 7]);
    }
}
