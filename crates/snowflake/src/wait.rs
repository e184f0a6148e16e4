//! Three ways to take "not now": give up (call `next` and look), spin, or sleep.
//!
//! Both ways of waiting are handed what to try as a closure, so they serve every kind of generator
//! and every kind of mint:
//!
//! ```
//! # use std::time::Duration;
//! # use machine::Wall;
//! # use snowflake::{Generator, Layout, wait};
//! # let mut wall = Wall::from_millis(1_767_225_600_000);
//! # let mut clock = || { wall = wall + Duration::from_nanos(50); wall };
//! let mut ids = Generator::new(&Layout::twitter(), 0)?;
//! let patience = Duration::from_millis(100);
//! let id = wait::spinning(&mut clock, patience, |now| ids.next(now))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `patience` bounds one wait: what would have to wait longer is refused at once, with the reason. A
//! clock that stands still is waited for without end.

use std::hint;
use std::time::Duration;

use machine::Wall;

use crate::error::NotNow;

/// Asks again and again until there is something. For waits of less than a tick, which sleeping would
/// overshoot: a sleep of the operating system ends some 50 us late, that is 200 ids of Twitter's.
pub fn spinning<T>(
    mut clock: impl FnMut() -> Wall,
    patience: Duration,
    mut mint: impl FnMut(Wall) -> Result<T, NotNow>,
) -> Result<T, NotNow> {
    let mut doubt = Doubt::default();
    loop {
        let now = clock();
        match mint(now) {
            Ok(minted) => return Ok(minted),
            Err(not_now) => doubt.pause(not_now, now, patience)?,
        };
        hint::spin_loop();
    }
}

/// Sleeps until there is something. The caller says how to sleep, so any runtime will do.
pub async fn sleeping<T, S: Future<Output = ()>>(
    mut clock: impl FnMut() -> Wall,
    sleep: impl Fn(Duration) -> S,
    patience: Duration,
    mut mint: impl FnMut(Wall) -> Result<T, NotNow>,
) -> Result<T, NotNow> {
    let mut doubt = Doubt::default();
    loop {
        let now = clock();
        let pause = match mint(now) {
            Ok(minted) => return Ok(minted),
            Err(not_now) => doubt.pause(not_now, now, patience)?,
        };
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

/// Whether a clock that went back was looked at twice. With a shared generator the first look may
/// only have been late.
#[derive(Default)]
struct Doubt {
    looked_again: bool,
}

impl Doubt {
    /// How long to wait before asking again, or that there is no point.
    fn pause(
        &mut self,
        not_now: NotNow,
        now: Wall,
        patience: Duration,
    ) -> Result<Duration, NotNow> {
        if matches!(not_now, NotNow::ClockWentBack { .. }) && !self.looked_again {
            self.looked_again = true;
            return Ok(Duration::ZERO);
        }
        let pause = not_now.retry_at().map(|retry_at| retry_at.distance(now));
        pause.filter(|pause| *pause <= patience).ok_or(not_now)
    }
}
