//! A generator that many threads share without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use machine::Wall;

use crate::block::Block;
use crate::claim::{ClockPolicy, Rules, Run};
use crate::error::{NotNow, TooLarge};
use crate::id::Id;
use crate::layout::Layout;

/// Mints the ids of one worker for many threads.
///
/// The law: as for [`Generator`](crate::Generator), where "before" means that one call returned
/// before another began. Timestamp and sequence are one atomic word that only ever changes by
/// compare-and-swap, so whoever loses a race asks again with what the winner left.
///
/// A thread that reads the clock, is held up and comes late shows the generator an old time. That
/// looks like a clock that went back, and is answered as one; see [`wait`](crate::wait), which reads
/// the clock again.
#[derive(Debug)]
pub struct Shared {
    rules: Rules,
    ceiling: AtomicU64,
    next: OwnLine,
}

/// A word with its cache line for itself, and the neighbour that the processor fetches with it:
/// otherwise every mint would take the line of `rules` away from the other threads.
#[derive(Debug)]
#[repr(align(128))]
struct OwnLine(AtomicU64);

impl Shared {
    /// A generator that has minted nothing yet. A layout without worker bits has one worker, 0.
    pub fn new(layout: &Layout, worker: u64) -> Result<Shared, TooLarge> {
        let (ceiling, next) = (AtomicU64::new(u64::MAX), OwnLine(AtomicU64::new(0)));
        Ok(Shared { rules: Rules::new(layout, worker)?, ceiling, next })
    }

    /// As [`Generator::with_clock_policy`](crate::Generator::with_clock_policy).
    #[must_use]
    pub fn with_clock_policy(mut self, policy: ClockPolicy) -> Shared {
        self.rules.set_policy(policy);
        self
    }

    /// As [`Generator::with_sequence_wait`](crate::Generator::with_sequence_wait).
    #[must_use]
    pub fn with_sequence_wait(mut self, wait: bool) -> Shared {
        self.rules.set_sequence_wait(wait);
        self
    }

    /// As [`Generator::start_after`](crate::Generator::start_after).
    #[must_use]
    pub fn start_after(mut self, mark: Wall) -> Shared {
        self.rules.set_floor(mark);
        self
    }

    /// As [`Generator::set_ceiling`](crate::Generator::set_ceiling). A claim under way in another
    /// thread may still see the ceiling before, so raise it freely and lower it only between uses.
    pub fn set_ceiling(&self, ceiling: Wall) {
        self.ceiling.store(self.rules.position_after(ceiling), Ordering::Relaxed);
    }

    /// Mints an id.
    #[inline]
    pub fn next(&self, now: Wall) -> Result<Id, NotNow> {
        self.claim(now, 1).map(|run| self.rules.id(run.start))
    }

    /// Takes up to `count` ids of one tick for the caller alone. It gives fewer where the tick has
    /// fewer left, and is refused only when it can give none.
    #[inline]
    pub fn lease(&self, now: Wall, count: u64) -> Result<Block, NotNow> {
        if count == 0 {
            return Ok(Block::EMPTY);
        }
        self.claim(now, count).map(|run| Block::new(&self.rules, run))
    }

    /// When the tick of the newest id began: the mark that a successor starts after.
    pub fn last_timestamp(&self) -> Option<Wall> {
        let next = self.next.0.load(Ordering::Relaxed);
        next.checked_sub(1).map(|last| self.rules.wall_of(last))
    }

    #[inline]
    fn claim(&self, now: Wall, count: u64) -> Result<Run, NotNow> {
        // Relaxed is enough: nothing else is published with the word, and all threads agree on the
        // order of changes to a single word.
        let mut next = self.next.0.load(Ordering::Relaxed);
        loop {
            let ceiling = self.ceiling.load(Ordering::Relaxed);
            let run = self.rules.claim(next, ceiling, now, count)?;
            let after = run.start + run.len;
            match self.next.0.compare_exchange_weak(
                next,
                after,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(run),
                Err(newer) => next = newer,
            }
        }
    }
}
