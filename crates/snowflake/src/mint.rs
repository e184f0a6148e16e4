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
