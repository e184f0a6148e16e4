//! How quick the simulated world is, on one core, with everything on that it can break and watch:
//! deliveries a second by the number of nodes, short runs a second in a sweep, and what it costs to clone a
//! world.
//!
//! `cargo bench --bench simulator`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim::{Seeds, register};

#[path = "workload/appends.rs"]
mod appends;
#[path = "workload/ping_pong.rs"]
#[expect(unreachable_pub, reason = "the comparison with peers reaches it")]
mod ping_pong;

use ping_pong::{PingPong, SHORT, SIZES, play};

fn deliveries(criterion: &mut Criterion) {
    let system = register::<PingPong>();
    let mut group = criterion.benchmark_group("deliveries");
    for (_, scenario) in SIZES {
        group.throughput(Throughput::Elements(play(&*system, scenario, 1)));
        group.bench_function(scenario, |bench| bench.iter(|| play(&*system, scenario, 1)));
    }
    group.finish();
}

fn runs(criterion: &mut Criterion) {
    const RUNS: u64 = 100;
    let system = register::<PingPong>();
    let seeds = Seeds { first: 1, count: RUNS, jobs: 1 };
    let sweep = || system.sweep(SHORT, seeds, &[], &|_, _| {}).expect("the scenario is there");
    let mut group = criterion.benchmark_group("runs");
    group.throughput(Throughput::Elements(RUNS));
    let name = format!("of {} events each", sweep().events / RUNS);
    group.bench_function(name, |bench| bench.iter(sweep));
    group.finish();
}

/// What branching off costs in the middle of a long run.
fn clones(criterion: &mut Criterion) {
    let world = appends::world();
    let mut group = criterion.benchmark_group("clones");
    group.bench_function("after a million appends of 100 bytes", |bench| {
        bench.iter_with_large_drop(|| world.clone());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = deliveries, runs, clones
}
criterion_main!(benches);
