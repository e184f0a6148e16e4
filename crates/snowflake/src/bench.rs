//! How fast ids are minted, within three seconds.
//!
//! Nearly every id costs a look at the clock, which is what the floors are for; a layout whose sequence does
//! not run out is used, so that nothing waits. What the usual layout allows is measured by itself.

use std::fmt;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use machine::{Random, Wall};
use rand::{Rng, SeedableRng};
use serde::Serialize;

use crate::alternatives::{Scheme, Ulids, UuidV4, UuidV7};
use crate::{Block, Generator, Layout, NotNow, OutOfYears, Shared, wait};

const ROUNDS: u32 = 8;
/// In a round, of all threads together.
const IDS: u64 = 400_000;
/// Ids that a thread takes at a time when it leases them.
const LEASED: u64 = 64;
/// How long the limit of a layout is put to the test.
const TICKS: u32 = 250;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Speed {
    rows: Vec<Row>,
    twitter_ids_per_ms: Limit,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    name: &'static str,
    threads: u64,
    ns_per_id: f64,
}

/// What one worker mints in a millisecond, and what the layout allows.
#[derive(Clone, Copy, Debug, Serialize)]
struct Limit {
    reached: f64,
    limit: u64,
}

/// Measures this computer. `wall` is its clock, and `stopwatch` says how long ago something was, it does
/// not matter what.
///
/// # Errors
/// If the clock shows a time that a layout cannot write.
pub fn bench(
    wall: impl Fn() -> Wall + Copy + Sync,
    stopwatch: impl Fn() -> Duration + Sync,
) -> Result<Speed, OutOfYears> {
    for layout in [Layout::wide(), Layout::twitter()] {
        layout.has_room_at(wall())?;
    }
    let rows = rows(wall, &stopwatch);
    Ok(Speed { rows, twitter_ids_per_ms: ids_per_ms(wall, &Layout::twitter()) })
}

fn rows(
    wall: impl Fn() -> Wall + Copy + Sync,
    stopwatch: &(impl Fn() -> Duration + Sync),
) -> Vec<Row> {
    let wide = Layout::wide();
    let row = |name, threads, mint: &(dyn Fn(u64) + Sync)| Row {
        name,
        threads,
        ns_per_id: measure(stopwatch, threads, mint),
    };
    let mut rows = vec![row("floor: clock read", 1, &|count| again(count, wall))];
    for threads in [1, 2] {
        let counter = AtomicU64::new(0);
        let add = || counter.fetch_add(1, Ordering::Relaxed);
        rows.push(row("floor: fetch_add", threads, &|count| again(count, add)));
    }
    rows.push(row("snowflake, one owner", 1, &|count| {
        let mut ids = Generator::new(&wide, 0).expect("it has a worker 0");
        again(count, || spin(wall, |now| ids.next(now)));
    }));
    for threads in [1, 2] {
        let ids = Shared::new(&wide, 0).expect("it has a worker 0");
        let mint = || spin(wall, |now| ids.next(now));
        rows.push(row("snowflake, shared", threads, &|count| again(count, mint)));
    }
    for threads in [1, 2] {
        let ids = Shared::new(&wide, 0).expect("it has a worker 0");
        rows.push(row("snowflake, blocks of 64", threads, &|count| leased(wall, &ids, count)));
    }
    rows.push(row("uuid v4", 1, &|count| scheme(UuidV4, || Wall(0), count)));
    rows.push(row("uuid v7, monotonic", 1, &|count| scheme(UuidV7::new(1), wall, count)));
    rows.push(row("ulid, monotonic", 1, &|count| scheme(Ulids::new(1), wall, count)));
    rows
}

/// Nanoseconds an id in the best of a few rounds, for threads that mint at the same time.
#[expect(clippy::disallowed_methods, reason = "what threads cost each other is the question")]
fn measure(
    stopwatch: &(impl Fn() -> Duration + Sync),
    threads: u64,
    mint: &(dyn Fn(u64) + Sync),
) -> f64 {
    let each = IDS / threads;
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

fn leased(wall: impl Fn() -> Wall + Copy, ids: &Shared, count: u64) {
    let mut block = Block::EMPTY;
    again(count, || {
        block.next().or_else(|| {
            block = spin(wall, |now| ids.lease(now, LEASED));
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

fn ids_per_ms(wall: impl Fn() -> Wall + Copy, layout: &Layout) -> Limit {
    let mut ids = Generator::new(layout, 0).expect("it has a worker 0");
    let mut next = || layout.time(spin(wall, |now| ids.next(now)));
    let first = next();
    // The first tick had begun before.
    let began = std::iter::repeat_with(&mut next).find(|at| *at > first).unwrap_or(first);
    let end = began + layout.tick() * TICKS;
    let after_the_first = std::iter::repeat_with(next).take_while(|at| *at < end).count();
    let elapsed = end.distance(began).as_secs_f64() * 1e3;
    Limit { reached: (after_the_first + 1) as f64 / elapsed, limit: layout.max_sequence() + 1 }
}

fn spin<T>(wall: impl Fn() -> Wall, mint: impl FnMut(Wall) -> Result<T, NotNow>) -> T {
    wait::spinning(wall, Duration::from_secs(60), mint).expect("the clock is within the layout")
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<26} {:>7} {:>8}", "", "threads", "ns/id")?;
        for Row { name, threads, ns_per_id } in &self.rows {
            writeln!(f, "{name:<26} {threads:>7} {ns_per_id:>8.1}")?;
        }
        let Limit { reached, limit } = self.twitter_ids_per_ms;
        writeln!(f, "\ntwitter's layout, one worker: {reached:.0} ids/ms of {limit}")
    }
}
