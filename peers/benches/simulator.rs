//! The simulated world against simcore: deliveries a second by the number of nodes. Ours with all
//! that it draws, keeps and watches; simcore, which has none of that, bare.
//!
//! `cargo bench --bench simulator`; `cargo run --release --bin ratios` prints the ratios.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use peers::ping_pong::{DELIVERIES, PingPong, SIZES, play};
use peers::simcore_ping_pong;
use sim::register;

fn deliveries(criterion: &mut Criterion) {
    let system = register::<PingPong>();
    let mut group = criterion.benchmark_group("deliveries");
    for (nodes, scenario) in SIZES {
        group.throughput(Throughput::Elements(play(&*system, scenario, 1)));
        group.bench_function(BenchmarkId::new("infralab", nodes), |bench| {
            bench.iter(|| play(&*system, scenario, 1));
        });
        group.throughput(Throughput::Elements(DELIVERIES));
        group.bench_function(BenchmarkId::new("simcore", nodes), |bench| {
            bench.iter(|| simcore_ping_pong::play(nodes, DELIVERIES, 1));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = deliveries
}
criterion_main!(benches);
