//! How long it takes to judge a history: of a store as it is, of the same with one answer altered,
//! and with more and more operations that have no answer.
//!
//! `cargo bench --bench check`

use std::time::{Duration, Instant};

use check::{Budget, Kv, Verdict, linearizable};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use store::{Asked, History, altered};

#[path = "workload/replicas.rs"]
mod replicas;
#[path = "../crates/check/examples/open_operations/store.rs"]
mod store;

const ASKED: [Asked; 3] = [Asked::Get, Asked::Append, Asked::Cas];

fn record(seed: u64, open: u32) -> History {
    store::record(seed, open, &ASKED)
}

fn judge(history: &History) -> Verdict {
    linearizable::<Kv>(history, Budget { remembered: 40_000_000, go_on: &mut || true })
}

fn judging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge 4000 operations");
    let mut seed = 0;
    let mut fresh = move || {
        seed += 1;
        record(seed, 10)
    };
    group.bench_function("as they are", |bench| {
        bench.iter_batched(&mut fresh, |history| judge(&history), BatchSize::LargeInput);
    });
    let mut seed = 0;
    let mut fresh = move || {
        seed += 1;
        altered(record(seed, 10), seed)
    };
    group.bench_function("with one answer altered", |bench| {
        bench.iter_batched(&mut fresh, |history| judge(&history), BatchSize::LargeInput);
    });
    let mut seed = 0;
    let mut fresh = move || {
        seed += 1;
        store::record(seed, 10, &[Asked::Put, Asked::Get, Asked::Append, Asked::Cas])
    };
    group.bench_function("with puts among appends", |bench| {
        bench.iter_batched(&mut fresh, |history| judge(&history), BatchSize::LargeInput);
    });
    for open in [0, 10, 20, 40] {
        let history = record(1, open);
        group.bench_with_input(
            BenchmarkId::new("open per mille", open),
            &history,
            |bench, history| {
                bench.iter(|| judge(history));
            },
        );
    }
    group.finish();
}

/// The same of histories that simulated replicas left, each judged once: criterion has no worst case.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn replicas(_: &mut Criterion) {
    const HISTORIES: u64 = 100;
    for (name, alter) in [("as they are", false), ("with one answer altered", true)] {
        let mut took: Vec<Duration> = (0..HISTORIES)
            .map(|seed| {
                let history = replicas::record(seed);
                let open = history.iter().filter(|operation| operation.returned.is_none()).count();
                assert!(history.len() >= 3_900 && open >= 15, "{} with {open} open", history.len());
                let history = if alter { altered(history, seed) } else { history };
                let began = Instant::now();
                let verdict = judge(&history);
                assert!(!matches!(verdict, Verdict::Unknown(_)), "seed {seed}");
                assert_eq!(matches!(verdict, Verdict::Linearizable), !alter, "seed {seed}");
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
        println!(
            "{HISTORIES} of simulated replicas, {name}: median {median:.1?}, worst {worst:.1?}"
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = judging, replicas
}
criterion_main!(benches);
