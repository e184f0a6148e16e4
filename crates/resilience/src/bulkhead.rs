//! Bounds what is under way at once, so that one flooded compartment does not sink the ship
//! (Nygard, "Release It!", 2007).
//!
//! The law: at most `most` are inside and at most `queue` wait; the queue is first
//! come, first served, callers may give up and leave it, and a caller that finds both full is rejected at
//! once, which costs next to nothing. A queue without a bound would turn an overload into waits longer than
//! any caller waits. A queue that callers cannot leave would serve those who have gone first.

use std::collections::VecDeque;

/// A bounded number of places, and a bounded queue before them.
#[derive(Clone, Debug)]
pub struct Bulkhead<T> {
    most: usize,
    queue: usize,
    inside: usize,
    waiting: VecDeque<T>,
}

/// Turned away: all places are taken and the queue is full. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<T> Bulkhead<T> {
    /// An empty one, of at least one place.
    pub fn new(most: usize, queue: usize) -> Self {
        Bulkhead { most: most.max(1), queue, inside: 0, waiting: VecDeque::new() }
    }

    /// Goes in, and is given back; or waits, and is given back by a later [`Bulkhead::leave`] or
    /// [`Bulkhead::give_up`].
    ///
    /// # Errors
    /// If there is room neither inside nor in the queue.
    pub fn enter(&mut self, who: T) -> Result<Option<T>, Full> {
        if self.inside < self.most {
            self.inside += 1;
            return Ok(Some(who));
        }
        if self.waiting.len() == self.queue {
            return Err(Full);
        }
        self.waiting.push_back(who);
        Ok(None)
    }

    /// Those who wait and of whom this is true give up: they leave the queue, and are given back.
    pub fn give_up(&mut self, gives_up: impl FnMut(&T) -> bool) -> Vec<T> {
        let (gone, waiting): (VecDeque<T>, _) =
            std::mem::take(&mut self.waiting).into_iter().partition(gives_up);
        self.waiting = waiting;
        gone.into()
    }

    /// One is done; who waited longest goes in, and is given back.
    pub fn leave(&mut self) -> Option<T> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.inside = self.inside.saturating_sub(1);
        }
        next
    }

    /// How many are inside.
    pub fn inside(&self) -> usize {
        self.inside
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
