//! Commands that three simulated replicas commit, a second of this computer's time, on one core:
//! batches of at most 64, commands of 100 bytes, 512 sessions.
//!
//! `cargo bench --bench raft`

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn commits(criterion: &mut Criterion) {
    const STRETCH: Duration = Duration::from_millis(100);
    let mut world = raft_kv::Throughput::new(1);
    // How many a stretch has differs by little; the least makes the figure a lower bound.
    let least = (0..20).map(|_| world.run(STRETCH)).min().expect("twenty stretches");
    let mut group = criterion.benchmark_group("raft");
    group.throughput(Throughput::Elements(least));
    group
        .bench_function("commits", |bench| bench.iter(|| assert!(world.run(STRETCH) >= least / 2)));
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
