//! The two clocks of a node, as functions of the world's time.
//!
//! Both run on one oscillator, which may be off by a rate. The wall clock can besides be wrong by
//! an offset and be slewed, as time daemons do. All arithmetic is in whole nanoseconds.

use machine::{Time, Wall};

/// What wall clocks say when a world begins: 2026-01-01T00:00:00Z.
pub const WORLD_BEGINS: Wall = Wall(1_767_225_600_000_000_000);

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Since when the rates below hold, in the world's time.
    since: Time,
    mono: Time,
    /// The wall clock without its offset.
    wall: Wall,
    /// Off the true rate, both clocks, in parts per million.
    drift_ppm: i32,
    /// And the wall clock alone.
    slew_ppm: i32,
    offset: i64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            since: Time(0),
            mono: Time(0),
            wall: WORLD_BEGINS,
            drift_ppm: 0,
            slew_ppm: 0,
            offset: 0,
        }
    }

    /// What both show.
    #[inline(always)]
    pub(crate) fn read(&self, now: Time) -> (Time, Wall) {
        let elapsed = now.0 - self.since.0;
        let mono = at_rate(elapsed, self.drift_ppm);
        let wall = match self.slew_ppm {
            0 => mono,
            slew => at_rate(elapsed, self.drift_ppm + slew),
        };
        let wall = self.wall.0 + wall;
        let wall = if self.offset == 0 { wall } else { wall.saturating_add_signed(self.offset) };
        (Time(self.mono.0 + mono), Wall(wall))
    }

    pub(crate) fn mono(&self, now: Time) -> Time {
        self.read(now).0
    }

    pub(crate) fn wall(&self, now: Time) -> Wall {
        self.read(now).1
    }

    /// How long the world takes until this monotonic clock shows `due`.
    pub(crate) fn until(&self, now: Time, due: Time) -> u64 {
        let rest = due.0.saturating_sub(self.mono(now).0);
        if self.drift_ppm == 0 {
            return rest;
        }
        // Rounded up, so that no timer fires early.
        let rate = (1_000_000 + i64::from(self.drift_ppm)) as u64;
        let takes = match rest.checked_mul(1_000_000) {
            Some(product) => product / rate,
            None => {
                let takes = u128::from(rest) * 1_000_000 / u128::from(rate);
                u64::try_from(takes).unwrap_or(u64::MAX)
            }
        };
        takes.saturating_add(1)
    }

    /// The wall clock is off by so many nanoseconds from now on, on top of what rates did to it.
    pub(crate) fn set_offset(&mut self, offset: i64) {
        self.offset = offset;
    }

    /// Sets the rates; true where that moves what timers are due in the world's time.
    pub(crate) fn set_rates(&mut self, now: Time, drift_ppm: i32, slew_ppm: i32) -> bool {
        if (drift_ppm, slew_ppm) == (self.drift_ppm, self.slew_ppm) {
            return false;
        }
        let moved = drift_ppm != self.drift_ppm;
        self.mono = self.mono(now);
        self.wall =
            Wall(self.wall.0 + at_rate(now.0 - self.since.0, self.drift_ppm + self.slew_ppm));
        self.since = now;
        (self.drift_ppm, self.slew_ppm) = (drift_ppm, slew_ppm);
        moved
    }

    /// A time daemon sets the wall clock right again: what drift and slewing did to it is gone.
    pub(crate) fn discipline(&mut self, now: Time) {
        self.mono = self.mono(now);
        self.since = now;
        self.wall = Wall(WORLD_BEGINS.0 + now.0);
    }

    /// A boot: the monotonic clock starts over.
    pub(crate) fn reboot(&mut self, now: Time) {
        self.set_mono(now, Time(0));
    }

    /// Sets the monotonic clock, as resuming from a snapshot does.
    pub(crate) fn set_mono(&mut self, now: Time, mono: Time) {
        self.wall =
            Wall(self.wall.0 + at_rate(now.0 - self.since.0, self.drift_ppm + self.slew_ppm));
        self.since = now;
        self.mono = mono;
    }
}

/// `elapsed` nanoseconds of the world on a clock whose rate is off by so many parts per million, rounded
/// down.
#[inline]
fn at_rate(elapsed: u64, ppm: i32) -> u64 {
    let rate = (1_000_000 + i64::from(ppm)) as u64;
    // Every event reads clocks, and for the first hours of a world 64 bits are enough.
    match elapsed.checked_mul(rate) {
        Some(product) => product / 1_000_000,
        None => (u128::from(elapsed) * u128::from(rate) / 1_000_000) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_offsets_add_up() {
        let mut clock = Clock::new();
        clock.set_rates(Time(1_000_000), 100, -50);
        clock.set_offset(-7);
        let now = Time(11_000_000);
        assert_eq!(clock.mono(now), Time(11_001_000), "+100 ppm of 10 ms");
        assert_eq!(clock.wall(now), Wall(WORLD_BEGINS.0 + 11_000_500 - 7), "+50 ppm, less 7 ns");
        clock.discipline(now);
        clock.set_offset(0);
        assert_eq!(clock.wall(now), Wall(WORLD_BEGINS.0 + 11_000_000));
        assert_eq!(clock.mono(now), Time(11_001_000), "a time daemon leaves this one alone");
        clock.reboot(now);
        assert_eq!(clock.mono(now), Time(0));
    }

    #[test]
    fn no_timer_fires_early() {
        for ppm in [-200_000, -13, 0, 13, 200_000] {
            let mut clock = Clock::new();
            clock.set_rates(Time(0), ppm, 0);
            for due in [0, 1, 999_983, 5_000_000_017] {
                let takes = clock.until(Time(0), Time(due));
                assert!(clock.mono(Time(takes)).0 >= due, "{ppm} ppm, due {due}");
                assert!(clock.mono(Time(takes)).0 <= due + 3, "nor much later");
            }
        }
    }

    #[test]
    fn rates_are_exact() {
        for ppm in [-900_000, -100, -1, 0, 1, 99, 900_000] {
            for elapsed in [0, 1, 999_999, 1_000_001, 86_400_000_000_001, 1 << 60] {
                let exact = i128::from(elapsed) * i128::from(1_000_000 + ppm) / 1_000_000;
                assert_eq!(i128::from(at_rate(elapsed, ppm)), exact, "{elapsed} at {ppm} ppm");
            }
        }
    }
}
