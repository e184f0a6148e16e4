//! `bench`: how fast, within three seconds.
//!
//! Nearly every id costs a look at the clock, which is what the floors are for; a layout whose sequence does
//! not run out is used, so that nothing waits. What the usual layout allows is measured by itself.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use machine::{Random, Wall};
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::json;
use snowflake::alternatives::{Scheme, Ulids, UuidV4, UuidV7};
use snowflake::{Block, Generator, Layout, NotNow, Shared, wait};

use super::wall;
use crate::exit::{Failure, Outcome, print};
use crate::progress;
use crate::stopwatch::stopwatch;

const ROUNDS: u32 = 8;
/// In a round, of all threads together.
const IDS: u64 = 400_000;
/// Ids that a thread takes at a time when it leases them.
const LEASED: u64 = 64;
/// How long the limit of a layout is put to the test.
const TICKS: u32 = 250;

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    threads: u64,
    ns_per_id: f64,
}

pub(super) fn bench(json: bool) -> Outcome {
    for layout in [Layout::wide(), Layout::twitter()] {
        let room = layout.has_room_at(wall());
        room.map_err(|error| Failure::Environment(format!("{error}: set the clock")))?;
    }
    let busy = progress::busy("minting");
    let rows = rows();
    let (reached, limit) = ids_per_ms(&Layout::twitter());
    drop(busy);
    if json {
        let twitter = json!({"reached": reached, "limit": limit});
        return print(&format!("{}\n", json!({"rows": rows, "twitter_ids_per_ms": twitter})));
    }
    let mut text = format!("{:<26} {:>7} {:>8}\n", "", "threads", "ns/id");
    for Row { name, threads, ns_per_id } in rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<26} {threads:>7} {ns_per_id:>8.1}");
    }
    let _ = writeln!(text, "\ntwitter's layout, one worker: {reached:.0} ids/ms of {limit}");
    print(&text)
}

fn rows() -> Vec<Row> {
    let wide = Layout::wide();
    let row = |name, threads, mint: &(dyn Fn(u64) + Sync)| Row {
        name,
        threads,
        ns_per_id: measure(threads, mint),
    };
    let mut rows = vec![row("floor: clock read", 1, &|count| again(count, wall))];
    for threads in [1, 2] {
        let counter = AtomicU64::new(0);
        let add = || counter.fetch_add(1, Ordering::Relaxed);
        rows.push(row("floor: fetch_add", threads, &|count| again(count, add)));
    }
    rows.push(row("snowflake, one owner", 1, &|count| {
        let mut ids = Generator::new(&wide, 0).expect("it has a worker 0");
        again(count, || spin(|now| ids.next(now)));
    }));
    for threads in [1, 2] {
        let ids = Shared::new(&wide, 0).expect("it has a worker 0");
        let mint = || spin(|now| ids.next(now));
        rows.push(row("snowflake, shared", threads, &|count| again(count, mint)));
    }
    for threads in [1, 2] {
        let ids = Shared::new(&wide, 0).expect("it has a worker 0");
        rows.push(row("snowflake, blocks of 64", threads, &|count| leased(&ids, count)));
    }
    rows.push(row("uuid v4", 1, &|count| scheme(UuidV4, || Wall(0), count)));
    rows.push(row("uuid v7, monotonic", 1, &|count| scheme(UuidV7::new(1), wall, count)));
    rows.push(row("ulid, monotonic", 1, &|count| scheme(Ulids::new(1), wall, count)));
    rows
}

/// Nanoseconds an id in the best of a few rounds, for threads that mint at the same time.
#[expect(clippy::disallowed_methods, reason = "what threads cost each other is the question")]
fn measure(threads: u64, mint: &(dyn Fn(u64) + Sync)) -> f64 {
    let each = IDS / threads;
    let stopwatch = stopwatch();
    let round = || {
        let line = Barrier::new(threads as usize);
        let run = || {
            line.wait();
            let began = stopwatch();
            mint(each);
            (began, stopwatch())
        };
        // From the first to begin to the last to end: they may have had to take turns.
        let (began, ended) = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let others = others.into_iter().filter_map(|other| other.join().ok());
            let mine = run();
            others.fold(mine, |all, one| (all.0.min(one.0), all.1.max(one.1)))
        });
        ended - began
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    best.as_nanos() as f64 / (each * threads) as f64
}

fn again<T>(count: u64, mut mint: impl FnMut() -> T) {
    for _ in 0..count {
        black_box(mint());
    }
}

fn leased(ids: &Shared, count: u64) {
    let mut block = Block::EMPTY;
    again(count, || {
        block.next().or_else(|| {
            block = spin(|now| ids.lease(now, LEASED));
            block.next()
        })
    });
}

/// Random bits come from a fast generator that is not for secrets; from the system's they cost more.
/// Version 4 looks at no clock.
fn scheme(mut scheme: impl Scheme, clock: impl Fn() -> Wall, count: u64) {
    let mut random = Random::seed_from_u64(1);
    again(count, || {
        let bits = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        scheme.mint(0, clock(), bits)
    });
}

/// What one worker mints in a millisecond, and what the layout allows.
fn ids_per_ms(layout: &Layout) -> (f64, u64) {
    let mut ids = Generator::new(layout, 0).expect("it has a worker 0");
    let mut next = || layout.time(spin(|now| ids.next(now)));
    let first = next();
    // The first tick had begun before.
    let began = std::iter::repeat_with(&mut next).find(|at| *at > first).unwrap_or(first);
    let end = began + layout.tick() * TICKS;
    let after_the_first = std::iter::repeat_with(next).take_while(|at| *at < end).count();
    let elapsed = end.distance(began).as_secs_f64() * 1e3;
    ((after_the_first + 1) as f64 / elapsed, layout.max_sequence() + 1)
}

fn spin<T>(mint: impl FnMut(Wall) -> Result<T, NotNow>) -> T {
    wait::spinning(wall, Duration::from_secs(60), mint).expect("the clock is within the layout")
}
