//! A generator with one owner.

use machine::Wall;

use crate::block::Block;
use crate::claim::{ClockPolicy, Rules, Run};
use crate::error::{NotNow, TooLarge};
use crate::id::Id;
use crate::layout::Layout;

/// Mints the ids of one worker.
///
/// The law: whatever times it is handed, every id is larger than all before it, unless the policy is
/// [`ClockPolicy::Trust`] or waiting for the sequence is off. A call that is refused changes nothing.
///
/// ```
/// use machine::Wall;
/// use snowflake::{Generator, Layout};
///
/// let mut ids = Generator::new(&Layout::twitter(), 7)?;
/// let now = Wall::from_millis(1_767_225_600_000);
/// let (first, second) = (ids.next(now)?, ids.next(now)?);
/// assert!(first < second);
/// assert_eq!(Layout::twitter().worker(first), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    rules: Rules,
    next: u64,
    ceiling: u64,
    open: Tick,
}

/// The tick of `next`, so that most calls need not work it out: while the clock shows this tick and
/// it has room, `next` is the position to mint, whatever the policy.
#[derive(Clone, Copy, Debug)]
struct Tick {
    began: Wall,
    lasts: u64,
    end: u64,
}

impl Tick {
    /// No time is within it.
    const NONE: Tick = Tick { began: Wall(0), lasts: 0, end: 0 };
}

impl Generator {
    /// A generator that has minted nothing yet. A layout without worker bits has one worker, 0.
    pub fn new(layout: &Layout, worker: u64) -> Result<Generator, TooLarge> {
        let rules = Rules::new(layout, worker)?;
        Ok(Generator { rules, next: 0, ceiling: u64::MAX, open: Tick::NONE })
    }

    /// What to do when the clock goes back; [`ClockPolicy::Wait`] unless told otherwise.
    #[must_use]
    pub fn with_clock_policy(mut self, policy: ClockPolicy) -> Generator {
        self.rules.set_policy(policy);
        self
    }

    /// Whether to wait for the next tick once the sequence is used up. Off, it starts over within the
    /// tick and mints duplicates, to see what waiting is for.
    #[must_use]
    pub fn with_sequence_wait(mut self, wait: bool) -> Generator {
        self.rules.set_sequence_wait(wait);
        self
    }

    /// Mints nothing in the tick of `mark` or before it, under any policy. A mark that was stored, such
    /// as [`last_timestamp`](Generator::last_timestamp), keeps ids apart across a restart.
    #[must_use]
    pub fn start_after(mut self, mark: Wall) -> Generator {
        self.rules.set_floor(mark);
        self.open = Tick::NONE;
        self
    }

    /// Mints nothing after the tick of `ceiling` until a higher one is set. A generator that starts
    /// after the same time shares no id with this one; what was minted already stays minted.
    pub fn set_ceiling(&mut self, ceiling: Wall) {
        self.ceiling = self.rules.position_after(ceiling);
        self.open = Tick::NONE;
    }

    /// Mints an id.
    #[inline]
    pub fn next(&mut self, now: Wall) -> Result<Id, NotNow> {
        self.room(now)?;
        let id = self.rules.id(self.next);
        self.next += 1;
        Ok(id)
    }

    /// Mints up to `count` ids and appends them to `ids`. Like a read from a file it may give fewer
    /// than asked for, then says how many; it is refused only when it can give none.
    pub fn take(&mut self, now: Wall, count: usize, ids: &mut Vec<Id>) -> Result<usize, NotNow> {
        let mut taken = 0;
        while taken < count {
            let room = match self.room(now) {
                Ok(room) => room,
                Err(_) if taken > 0 => break,
                Err(not_now) => return Err(not_now),
            };
            let run = Run { start: self.next, len: room.min((count - taken) as u64) };
            self.next += run.len;
            ids.extend(Block::new(&self.rules, run));
            taken += run.len as usize;
        }
        Ok(taken)
    }

    /// When the tick of the last id began: the mark that a successor starts after.
    pub fn last_timestamp(&self) -> Option<Wall> {
        self.next.checked_sub(1).map(|last| self.rules.wall_of(last))
    }

    /// How many positions from `next` on may be minted in its tick: at least one.
    #[inline]
    fn room(&mut self, now: Wall) -> Result<u64, NotNow> {
        let within = now.0.wrapping_sub(self.open.began.0) < self.open.lasts;
        if !within || self.next >= self.open.end {
            self.turn_to(now)?;
        }
        Ok(self.open.end - self.next)
    }

    /// Opens the tick of the next id.
    #[inline(never)]
    fn turn_to(&mut self, now: Wall) -> Result<(), NotNow> {
        let run = self.rules.claim(self.next, self.ceiling, now, u64::MAX)?;
        self.next = run.start;
        self.open = Tick {
            began: self.rules.wall_of(run.start),
            lasts: self.rules.tick_nanos(),
            end: run.start + run.len,
        };
        Ok(())
    }
}
