//! What an id costs: where the format is the limit, and on a layout whose ticks do not run out, by
//! one owner, shared by two threads, and in blocks leased by each of two threads; beside them what
//! any clock-based id and any shared counter cost at least.
//!
//! `cargo bench --bench snowflake`; beside other crates in `peers/`.

#![expect(clippy::disallowed_methods, reason = "a benchmark has clocks and threads")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use machine::Wall;
use snowflake::{Block, Generator, Id, Layout, NotNow, Shared, wait};

const IDS: u64 = 10_000;
/// Threads are worth starting only for more.
const MANY: u64 = 1_000_000;
/// Ids that a thread takes at a time when it leases them.
const LEASED: u64 = 4_096;

fn clock() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64)
}

fn spin<T>(mint: impl FnMut(Wall) -> Result<T, NotNow>) -> T {
    wait::spinning(clock, Duration::from_secs(60), mint).expect("the clock is within the layout")
}

fn times<T>(count: u64, mut each: impl FnMut() -> T) {
    (0..count).for_each(|_| drop(black_box(each())));
}

fn two_threads(each: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        scope.spawn(|| each(MANY / 2));
        each(MANY / 2);
    });
}

fn leased(ids: &Shared, count: u64) {
    let mut block = Block::EMPTY;
    times(count, || {
        block.next().or_else(|| {
            block = spin(|now| ids.lease(now, LEASED));
            block.next()
        })
    });
}

fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one thread");
    group.throughput(Throughput::Elements(IDS));
    for (name, layout) in
        [("twitter, limited by its format", Layout::twitter()), ("wide", Layout::wide())]
    {
        let mut ids = Generator::new(&layout, 1).expect("there is a worker 1");
        group.bench_function(name, |bench| {
            bench.iter(|| times(IDS, || spin(|now| ids.next(now))));
        });
    }
    group.bench_function("floor: clock read", |bench| bench.iter(|| times(IDS, clock)));
    let (layout, mut id) = (Layout::twitter(), 175_928_847_299_117_063);
    group.bench_function("decode", |bench| {
        bench.iter(|| {
            times(IDS, || {
                id += 1;
                layout.decode(Id(id))
            })
        });
    });
    group.finish();
}

fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two threads");
    group.throughput(Throughput::Elements(MANY));
    let wide = || Shared::new(&Layout::wide(), 1).expect("there is a worker 1");
    let counter = AtomicU64::new(0);
    group.bench_function("floor: one shared fetch_add", |bench| {
        bench
            .iter(|| two_threads(|count| times(count, || counter.fetch_add(1, Ordering::Relaxed))));
    });
    let ids = wide();
    group.bench_function("wide, leased blocks", |bench| {
        bench.iter(|| two_threads(|count| leased(&ids, count)));
    });
    let ids = wide();
    group.bench_function("wide, shared", |bench| {
        bench.iter(|| two_threads(|count| times(count, || spin(|now| ids.next(now)))));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
    targets = one_thread, threads
}
criterion_main!(benches);
