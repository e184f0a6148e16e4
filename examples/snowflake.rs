//! snowflake in a program of yours: ids from one thread, from many, and across a restart.
//! Run: cargo run --example snowflake

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use machine::Wall;
use snowflake::{Generator, Id, Layout, NotNow, Shared, wait};

/// The library never reads a clock; a program hands it one.
#[expect(clippy::disallowed_methods, reason = "this is a program, not a machine")]
fn clock() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(since.as_nanos() as u64)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let layout = Layout::twitter();

    // One owner. `next` says when to ask again; `spinning` asks again.
    let mut ids = Generator::new(&layout, 7)?;
    let patience = Duration::from_millis(50);
    let id: Id = wait::spinning(clock, patience, |now| ids.next(now))?;
    let decoded = layout.decode(id)?;
    println!("{id} was minted at {} by worker {}", decoded.time, layout.worker(id));

    // A restart: whatever the clock shows, start after what was minted before. A server keeps this
    // mark on disk, a little ahead of the clock, and raises it before it is used.
    let mark = ids.last_timestamp().unwrap_or(Wall(0));
    let mut restarted = Generator::new(&layout, 7)?.start_after(mark);
    match restarted.next(mark) {
        Err(not_now) => println!("restarted, with the clock at the mark: {not_now}"),
        Ok(id) => return Err(format!("{id} is not above the mark").into()),
    }
    let next = wait::spinning(clock, patience, |now| restarted.next(now))?;
    assert!(next > id);

    // Many threads: each leases a block of sequence numbers and mints without touching the others.
    let shared = Shared::new(&Layout::wide(), 1)?;
    let mint = || -> Result<Vec<Id>, NotNow> {
        Ok(wait::spinning(clock, patience, |now| shared.lease(now, 1_000))?.collect())
    };
    let mut all = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "this is a program, not a machine")]
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(mint)).collect();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;
    let minted = all.len();
    all.sort_unstable();
    all.dedup();
    println!("4 threads minted {minted} ids, {} of them distinct", all.len());
    assert_eq!(all.len(), minted);
    Ok(())
}
