//! Where the next ids go: the one decision that every generator here makes.
//!
//! A worker's ids are numbered by *position*: the timestamp and the sequence, read as one number
//! with the sequence below. A generator is nothing but the next free position, so it can live in one
//! machine word, and a claim is a pure function of that word, the clock and the rules. The law: under
//! every policy but `Trust`, and with `sequence_wait` on, a claim starts at or after the next free
//! position, so no position is claimed twice and positions only go up.

use std::time::Duration;

use machine::{Wall, nanos};

use crate::error::{NotNow, TooLarge};
use crate::id::Id;
use crate::layout::Layout;

/// What a generator does when the clock shows less than it has shown before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ClockPolicy {
    /// Mints nothing until the clock has caught up, and says when that will be, so callers who can
    /// wait do. The right choice where steps are small.
    #[default]
    Wait,
    /// Mints nothing until the clock has caught up, and does not say when: callers are to give up at
    /// once and go elsewhere. The right choice where others can mint.
    Refuse,
    /// Goes on in the newest tick, and into the ticks after it as their sequences are used up, as long
    /// as it stays within `bound` of the clock; beyond that it is as `Wait`. A full tick borrows from
    /// the next in the same way when the clock is right, so a burst need not wait either. What it
    /// costs: timestamps are up to `bound` ahead of the clock.
    KeepCounting {
        /// How far a timestamp may be ahead of the clock.
        bound: Duration,
    },
    /// Believes the clock, whatever it shows, and so mints duplicates when it goes back. It is here so
    /// that the guard can be switched off, to see what it is for.
    Trust,
}

/// Neighbouring positions in one tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) len: u64,
}

/// What does not change while a generator lives, ready for use: shifts, masks, marks as positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    epoch: Wall,
    tick: u64,
    timestamp_shift: u32,
    sequence_shift: u32,
    sequence_bits: u32,
    worker: u64,
    last_timestamp: u64,
    /// One more than the last position. A layout that fills 64 bits gives up its very last id for it.
    end: u64,
    /// The first position above the mark that the generator starts after.
    floor: u64,
    policy: ClockPolicy,
    sequence_wait: bool,
}

impl Rules {
    pub(crate) fn new(layout: &Layout, worker: u64) -> Result<Rules, TooLarge> {
        let (timestamp, sequence) = (layout.timestamp_field(), layout.sequence_field());
        let bits = timestamp.bits() + sequence.bits();
        Ok(Rules {
            epoch: layout.epoch(),
            tick: nanos(layout.tick()),
            timestamp_shift: timestamp.shift(),
            sequence_shift: sequence.shift(),
            sequence_bits: sequence.bits(),
            worker: layout.place_worker(worker)?,
            last_timestamp: timestamp.max(),
            end: 1u64.checked_shl(bits).unwrap_or(u64::MAX),
            floor: 0,
            policy: ClockPolicy::Wait,
            sequence_wait: true,
        })
    }

    pub(crate) fn set_policy(&mut self, policy: ClockPolicy) {
        self.policy = policy;
    }

    pub(crate) fn set_sequence_wait(&mut self, wait: bool) {
        self.sequence_wait = wait;
    }

    pub(crate) fn set_floor(&mut self, mark: Wall) {
        self.floor = self.floor.max(self.position_after(mark));
    }

    /// Up to `count` positions at `now` (at least one: `count` is not 0) for a generator whose next
    /// free position is `next` and whose ceiling, as a position, is `ceiling`.
    #[inline]
    pub(crate) fn claim(
        &self,
        next: u64,
        ceiling: u64,
        now: Wall,
        count: u64,
    ) -> Result<Run, NotNow> {
        let tick = self.tick_of(now).ok_or(NotNow::BeforeEpoch { epoch: self.epoch })?;
        if tick > self.last_timestamp {
            return Err(NotNow::LayoutExhausted);
        }
        let start = self.place(next, tick).max(self.floor);
        if start >= self.end {
            return Err(NotNow::LayoutExhausted);
        }
        if start >> self.sequence_bits > tick {
            self.check_ahead(start, next, now)?;
        }
        if start >= ceiling {
            return Err(NotNow::AboveCeiling);
        }
        let room_in_tick = self.mask() - (start & self.mask()) + 1;
        Ok(Run { start, len: count.min(room_in_tick).min(self.end - start) })
    }

    #[inline]
    pub(crate) fn id(&self, position: u64) -> Id {
        let timestamp = position >> self.sequence_bits << self.timestamp_shift;
        Id(timestamp | self.worker | (position & self.mask()) << self.sequence_shift)
    }

    /// What to add to an id for the one at the next position of the same tick.
    pub(crate) fn step(&self) -> u64 {
        1 << self.sequence_shift
    }

    /// When the tick of a position begins.
    pub(crate) fn wall_of(&self, position: u64) -> Wall {
        let since = (position >> self.sequence_bits).saturating_mul(self.tick);
        Wall(self.epoch.0.saturating_add(since))
    }

    /// How long a tick lasts.
    pub(crate) fn tick_nanos(&self) -> u64 {
        self.tick
    }

    /// The first position after the tick of this time: the floor of a generator that starts after it,
    /// and the ceiling of one that may use it. So the two never meet.
    pub(crate) fn position_after(&self, mark: Wall) -> u64 {
        match self.tick_of(mark) {
            None => 0,
            Some(tick) if tick >= self.last_timestamp => self.end,
            Some(tick) => (tick + 1) << self.sequence_bits,
        }
    }

    /// Where the next id goes, whatever the marks and the policy then say to it.
    #[inline]
    fn place(&self, next: u64, tick: u64) -> u64 {
        let fresh = tick << self.sequence_bits;
        if next <= fresh {
            return fresh;
        }
        // Something was minted in this tick or a later one.
        let newest = (next - 1) >> self.sequence_bits;
        if newest > tick && self.policy == ClockPolicy::Trust {
            return fresh;
        }
        if !self.sequence_wait && next & self.mask() == 0 {
            return newest << self.sequence_bits; // The sequence wraps around: duplicates.
        }
        next
    }

    /// May the next id carry a timestamp ahead of the clock?
    fn check_ahead(&self, start: u64, next: u64, now: Wall) -> Result<(), NotNow> {
        let bound = match self.policy {
            ClockPolicy::KeepCounting { bound } => bound,
            _ => Duration::ZERO,
        };
        let tick_begins = self.wall_of(start);
        if tick_begins <= now + bound {
            return Ok(());
        }
        let retry_at = tick_begins - bound;
        let newest = self.wall_of(next.max(self.floor) - 1);
        if newest <= now + bound {
            return Err(NotNow::TickUsedUp { retry_at });
        }
        let waits = self.policy != ClockPolicy::Refuse;
        Err(NotNow::ClockWentBack { by: newest.distance(now), retry_at: waits.then_some(retry_at) })
    }

    #[inline]
    fn tick_of(&self, now: Wall) -> Option<u64> {
        let since = now.0.checked_sub(self.epoch.0)?;
        // Division by a constant is a multiplication, which is worth a branch that never changes.
        Some(if self.tick == 1_000_000 { since / 1_000_000 } else { since / self.tick })
    }

    #[inline]
    fn mask(&self) -> u64 {
        (1 << self.sequence_bits) - 1
    }
}
