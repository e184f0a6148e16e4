//! What a look-up costs by the number of nodes, and what it costs to build a placement and to lose a
//! node.
//!
//! `cargo bench --bench hash_ring`; beside other crates in `peers/`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hash_ring::{Algorithm, Nodes, hash};

const KEYS: u64 = 1 << 14;

fn nodes(count: u32) -> Nodes {
    Nodes::numbered(count).expect("at least one")
}

fn lookups(criterion: &mut Criterion) {
    let keys: Vec<u64> = (0..KEYS).map(|key| hash(&key.to_le_bytes())).collect();
    let mut group = criterion.benchmark_group("lookup");
    for (algorithm, count) in Algorithm::ALL.iter().flat_map(|a| [(*a, 100), (*a, 10_000)]) {
        let placement = algorithm.build(nodes(count)).expect("a placement");
        // Every look-up looks at every node.
        let keys = if algorithm == Algorithm::Rendezvous { &keys[..64] } else { &keys };
        group.throughput(Throughput::Elements(keys.len() as u64));
        group.bench_function(BenchmarkId::new(algorithm.name(), count), |bench| {
            bench.iter(|| keys.iter().map(|key| placement.locate(*key)).map(black_box).last());
        });
    }
    group.finish();
}

fn builds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("1000 nodes");
    for algorithm in Algorithm::ALL {
        let build = || algorithm.build(nodes(1_000)).expect("a placement");
        group.bench_function(BenchmarkId::new("build", algorithm.name()), |bench| {
            bench.iter_batched(
                || nodes(1_000),
                |nodes| algorithm.build(nodes),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(BenchmarkId::new("lose the last", algorithm.name()), |bench| {
            bench.iter_batched(
                build,
                |mut placement| placement.remove("node-999").map(|_| placement),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700));
    targets = lookups, builds
}
criterion_main!(benches);
