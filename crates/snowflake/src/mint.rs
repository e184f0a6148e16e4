//! Ids one after the other, for a program that only wants some and can wait.

use std::hint;
use std::time::Duration;
use std::vec;

use machine::Wall;

use crate::error::{NotNow, TooLarge};
use crate::generator::Generator;
use crate::id::Id;
use crate::layout::Layout;

/// Ids for each look at the clock.
const BATCH: u64 = 256;
/// A clock that went back further than this is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sleeps end late by less than this, so the last of a wait is spun away.
const SPUN: Duration = Duration::from_millis(1);

/// So many ids. Waits for the next tick when one is used up.
///
/// The law: nothing is remembered. Whoever mints with the same worker number next waits for the end of
/// the last tick ([`Mint::wait_for_the_next_tick`]).
#[derive(Debug)]
pub struct Mint<C, S> {
    ids: Generator,
    tick: Duration,
    batch: vec::IntoIter<Id>,
    left: u64,
    clock: C,
    sleep: S,
}

impl<C: Fn() -> Wall, S: Fn(Duration)> Mint<C, S> {
    /// Mints `count` ids of a worker by this clock; `sleep` is how to wait.
    ///
    /// # Errors
    /// If the layout has no such worker.
    pub fn new(
        layout: &Layout,
        worker: u64,
        count: u64,
        clock: C,
        sleep: S,
    ) -> Result<Mint<C, S>, TooLarge> {
        let ids = Generator::new(layout, worker)?;
        let batch = Vec::new().into_iter();
        Ok(Mint { ids, tick: layout.tick(), batch, left: count, clock, sleep })
    }

    /// Another who starts within the last tick would begin it again.
    pub fn wait_for_the_next_tick(self) {
        if let Some(last) = self.ids.last_timestamp() {
            self.wait_until(last + self.tick);
        }
    }

    fn refill(&mut self) -> Result<(), NotNow> {
        let mut batch = Vec::new();
        loop {
            let count = self.left.min(BATCH) as usize;
            let Err(refused) = self.ids.take((self.clock)(), count, &mut batch) else { break };
            let is_too_long = matches!(refused, NotNow::ClockWentBack { by, .. } if by > PATIENCE);
            match refused.retry_at().filter(|_| !is_too_long) {
                Some(at) => self.wait_until(at),
                None => return Err(refused),
            }
        }
        self.left -= batch.len() as u64;
        self.batch = batch.into_iter();
        Ok(())
    }

    fn wait_until(&self, at: Wall) {
        loop {
            let now = (self.clock)();
            if now >= at {
                return;
            }
            match at.distance(now) {
                wait if wait > SPUN * 2 => (self.sleep)(wait - SPUN),
                _ => hint::spin_loop(),
            }
        }
    }
}

impl<C: Fn() -> Wall, S: Fn(Duration)> Iterator for Mint<C, S> {
    type Item = Result<Id, NotNow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0
            && self.left > 0
            && let Err(refused) = self.refill()
        {
            return Some(Err(refused));
        }
        self.batch.next().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const START: Wall = Wall(1_767_225_600_000_000_000); // 2026-01-01T00:00:00Z

    /// A clock that goes on a little at each look, and by all that is slept.
    struct Clock {
        now: Cell<Wall>,
        slept: Cell<Duration>,
    }

    impl Clock {
        fn new() -> Clock {
            Clock { now: Cell::new(START), slept: Cell::new(Duration::ZERO) }
        }

        /// So many ids of a layout that has four for each 10 ms.
        fn mint(&self, count: u64) -> Mint<impl Fn() -> Wall, impl Fn(Duration)> {
            let layout = "custom:epoch=0,tick=10ms,timestamp=40,worker=4,sequence=2";
            let look = || {
                self.now.set(self.now.get() + Duration::from_micros(1));
                self.now.get()
            };
            let sleep = |time| {
                self.now.set(self.now.get() + time);
                self.slept.set(self.slept.get() + time);
            };
            Mint::new(&layout.parse().unwrap(), 3, count, look, sleep).unwrap()
        }
    }

    #[test]
    fn a_tick_that_is_used_up_is_slept_through() {
        let clock = Clock::new();
        let mut ids: Vec<_> = clock.mint(11).map(|id| id.unwrap().0).collect();
        assert!(ids.is_sorted());
        ids.dedup();
        assert_eq!(ids.len(), 11);
        assert!(clock.slept.get() > Duration::from_millis(15), "slept {:?}", clock.slept.get());
        assert!(clock.now.get() < START + Duration::from_millis(21), "as late as need be");
    }

    #[test]
    fn who_comes_next_begins_another_tick() {
        let clock = Clock::new();
        let mut first = clock.mint(2);
        let ids: Vec<_> = first.by_ref().map(|id| id.unwrap()).collect();
        first.wait_for_the_next_tick();
        let next = clock.mint(2).map(|id| id.unwrap());
        assert!(next.into_iter().all(|id| !ids.contains(&id)));
    }

    #[test]
    fn a_clock_that_went_back_is_waited_for_only_so_long() {
        let clock = Clock::new();
        let mut ids = clock.mint(12);
        assert!(ids.by_ref().take(4).all(|id| id.is_ok()));
        clock.now.set(START - Duration::from_secs(9));
        assert!(ids.by_ref().take(4).all(|id| id.is_ok()));
        assert!(clock.now.get() >= START);
        clock.now.set(START - Duration::from_secs(11));
        assert!(matches!(ids.next(), Some(Err(NotNow::ClockWentBack { .. }))));
    }
}
