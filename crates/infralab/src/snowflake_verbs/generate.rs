//! `generate`: ids by the clock on the wall.

use std::io::{BufWriter, Write};
use std::time::Duration;

use machine::Wall;
use snowflake::{Generator, Layout, NotNow};

use super::wall;
use crate::exit::{Failure, Outcome, printed};

/// Ids for each look at the clock.
const BATCH: u64 = 256;
/// A clock that went back further than this is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sleeps end late by less than this, so the last of a wait is spun away.
const SPUN: Duration = Duration::from_millis(1);

pub(super) fn generate(count: u64, layout: &Layout, worker: u64) -> Outcome {
    let mut ids = Generator::new(layout, worker).map_err(Failure::input)?;
    layout.has_room_at(wall()).map_err(|error| {
        Failure::input(format!("{error}: set the clock, or name another layout with --layout"))
    })?;
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut batch = Vec::new();
    let mut left = count;
    while left > 0 {
        batch.clear();
        mint(&mut ids, left.min(BATCH) as usize, &mut batch)?;
        left -= batch.len() as u64;
        let written = batch.iter().try_for_each(|id| writeln!(out, "{}", id.0));
        if written.is_err() {
            return printed(written);
        }
    }
    let written = out.flush();
    // Another run that starts within the last tick would begin it again.
    if let Some(last) = ids.last_timestamp() {
        wait_until(last + layout.tick());
    }
    printed(written)
}

fn mint(ids: &mut Generator, count: usize, batch: &mut Vec<snowflake::Id>) -> Result<(), Failure> {
    loop {
        let refused = match ids.take(wall(), count, batch) {
            Ok(_) => return Ok(()),
            Err(not_now) => not_now,
        };
        match refused {
            NotNow::ClockWentBack { by, .. } if by > PATIENCE => {}
            _ => {
                if let Some(at) = refused.retry_at() {
                    wait_until(at);
                    continue;
                }
            }
        }
        return Err(Failure::Environment(refused.to_string()));
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no machine here, only a user who waits")]
fn wait_until(at: Wall) {
    loop {
        let now = wall();
        if now >= at {
            return;
        }
        match at.distance(now) {
            wait if wait > SPUN * 2 => std::thread::sleep(wait - SPUN),
            _ => std::hint::spin_loop(),
        }
    }
}
