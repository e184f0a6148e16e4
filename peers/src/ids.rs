//! Ways to make ids, each as one contestant: ours, the peers', and the floors under all of them.

#![expect(clippy::disallowed_methods, reason = "a comparison has clocks and threads")]

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferroid::generator::{AtomicSnowflakeGenerator, BasicSnowflakeGenerator};
use ferroid::id::SnowflakeTwitterId;
use ferroid::time::{MonotonicClock, TWITTER_EPOCH};
use machine::Wall;
use snowflake::{Block, Generator, Layout, NotNow, Shared, wait};

use crate::rounds::Contestant;

/// Ids a turn where the format is the limit: so many ticks that the one in whose middle a turn begins
/// makes a difference of at most 0.4%.
const LIMITED: u64 = 1_000_000;
/// Ids a turn elsewhere.
const FREE: u64 = 1_000_000;
/// Ids that a thread takes at a time when it leases them.
const LEASED: u64 = 4_096;

/// All contestants, in groups that are measured in the same rounds.
pub fn groups() -> Vec<(&'static str, Vec<Contestant<'static>>)> {
    vec![
        ("Twitter's layout, one thread (the format allows 244.14)", limited()),
        ("two threads", shared()),
        ("one thread, no limit in the format", free()),
    ]
}

fn clock() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64)
}

fn spin<T>(mint: impl FnMut(Wall) -> Result<T, NotNow>) -> T {
    wait::spinning(clock, Duration::from_secs(60), mint).expect("the clock is within the layout")
}

/// So many ids, one after the other.
fn turn<T>(
    name: &'static str,
    count: u64,
    mut mint: impl FnMut() -> T + 'static,
) -> Contestant<'static> {
    Contestant::new(name, move || {
        for _ in 0..count {
            black_box(mint());
        }
        count
    })
}

/// Half of so many ids on each of two threads.
fn two<T: Sync + 'static>(
    name: &'static str,
    count: u64,
    from: T,
    mint: impl Fn(&T, u64) + Sync + 'static,
) -> Contestant<'static> {
    Contestant::new(name, move || {
        thread::scope(|scope| {
            scope.spawn(|| mint(&from, count / 2));
            mint(&from, count / 2);
        });
        count
    })
}

fn limited() -> Vec<Contestant<'static>> {
    let mut ours = Generator::new(&Layout::twitter(), 1).expect("there is a worker 1");
    let shared = Shared::new(&Layout::twitter(), 2).expect("there is a worker 2");
    let twitter = || MonotonicClock::<1>::with_epoch(TWITTER_EPOCH);
    let basic = BasicSnowflakeGenerator::<SnowflakeTwitterId, _>::new(3, twitter());
    let atomic = AtomicSnowflakeGenerator::<SnowflakeTwitterId, _>::new(4, twitter());
    let mut snowflaked = snowflaked::Generator::new(5);
    let mut rs = rs_snowflake::SnowflakeIdGenerator::new(6, 0);
    vec![
        turn("infralab, one owner", LIMITED, move || spin(|now| ours.next(now))),
        turn("infralab, shared", LIMITED, move || spin(|now| shared.next(now))),
        turn("ferroid, basic", LIMITED, move || basic.next_id(|_| spin_loop())),
        turn("ferroid, atomic", LIMITED, move || atomic.next_id(|_| spin_loop())),
        turn("snowflaked", LIMITED, move || snowflaked.generate::<u64>()),
        turn("rs-snowflake", LIMITED, move || rs.real_time_generate()),
    ]
}

fn shared() -> Vec<Contestant<'static>> {
    let wide = || Shared::new(&Layout::wide(), 1).expect("there is a worker 1");
    vec![
        two("floor: one shared fetch_add", FREE, AtomicU64::new(0), |counter, count| {
            for _ in 0..count {
                black_box(counter.fetch_add(1, Ordering::Relaxed));
            }
        }),
        two("infralab, leased blocks", FREE, wide(), leased),
        two("infralab, shared", FREE, wide(), |ids, count| {
            for _ in 0..count {
                black_box(spin(|now| ids.next(now)));
            }
        }),
        two("uuid v4", FREE, (), |(), count| {
            for _ in 0..count {
                black_box(uuid::Uuid::new_v4());
            }
        }),
        two("uuid v7", FREE, (), |(), count| {
            for _ in 0..count {
                black_box(uuid::Uuid::now_v7());
            }
        }),
    ]
}

fn leased(ids: &Shared, count: u64) {
    let mut block = Block::EMPTY;
    for _ in 0..count {
        let id = block.next().or_else(|| {
            block = spin(|now| ids.lease(now, LEASED));
            block.next()
        });
        black_box(id);
    }
}

fn free() -> Vec<Contestant<'static>> {
    let mut ours = Generator::new(&Layout::wide(), 1).expect("there is a worker 1");
    let mut ulids = ulid::Generator::new();
    let (counter, compared) = (AtomicU64::new(0), AtomicU64::new(0));
    vec![
        turn("floor: clock read", FREE, clock),
        turn("floor: fetch_add", FREE, move || counter.fetch_add(1, Ordering::Relaxed)),
        turn("floor: compare and swap", FREE, move || {
            let now = compared.load(Ordering::Relaxed);
            compared.compare_exchange(now, now + 1, Ordering::Relaxed, Ordering::Relaxed)
        }),
        turn("infralab, one owner", FREE, move || spin(|now| ours.next(now))),
        turn("uuid v4", FREE, uuid::Uuid::new_v4),
        turn("uuid v7", FREE, uuid::Uuid::now_v7),
        turn("ulid, monotonic", FREE, move || ulids.generate().ok()),
    ]
}
