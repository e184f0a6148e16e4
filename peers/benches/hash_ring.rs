//! Look-ups of hash-ring against its peers', by the number of nodes.
//!
//! `cargo bench --bench hash_ring`; `cargo run --release --bin ring_ratios` prints the ratios.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use peers::placements::ALL;

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for nodes in [100, 10_000] {
        for build in ALL {
            let mut contestant = build(nodes).contestant();
            group.throughput(Throughput::Elements((contestant.work)()));
            let id = BenchmarkId::new(contestant.name.clone(), nodes);
            group.bench_function(id, |bench| bench.iter(&mut contestant.work));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = lookups
}
criterion_main!(benches);
