//! How long it takes to judge a history: of a store as it is, of the same with one answer altered,
//! and with more and more operations that have no answer.
//!
//! `cargo bench --bench check`

use check::{Budget, Kv, KvInput, KvOutput, Operation, Verdict, linearizable};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use machine::Random;
use rand::{RngExt, SeedableRng};

type History = Vec<Operation<KvInput, KvOutput>>;

const OPERATIONS: usize = 4_000;
const CLIENTS: usize = 50;
const KEYS: usize = 10;

/// Where a client is with its operation.
#[derive(Clone, Copy)]
enum Stage {
    Idle,
    Asked(usize),
    Done(usize),
}

/// Fifty clients of a store that is one; `open` in a thousand operations have no answer. Half of
/// these took effect.
fn record(seed: u64, open: u32) -> History {
    let mut random = Random::seed_from_u64(seed);
    let mut store = vec![String::new(); KEYS];
    let mut clients = vec![Stage::Idle; CLIENTS];
    let (mut history, mut at) = (History::new(), 0);
    while history.len() < OPERATIONS {
        at += 1;
        let client = random.random_range(0..CLIENTS);
        let lost = random.random_range(0..2_000) < open;
        clients[client] = match clients[client] {
            Stage::Idle => {
                let input = ask(&mut random, &store, history.len());
                let process = client as u64;
                history.push(Operation { process, input, invoked: at, returned: None });
                Stage::Asked(history.len() - 1)
            }
            Stage::Asked(_) if lost => Stage::Idle,
            Stage::Asked(place) => {
                let output = take_effect(&mut store, &history[place].input);
                history[place].returned = Some((u64::MAX, output));
                Stage::Done(place)
            }
            Stage::Done(place) => {
                let returned = history[place].returned.take().filter(|_| !lost);
                history[place].returned = returned.map(|(_, output)| (at, output));
                Stage::Idle
            }
        };
    }
    for stage in clients {
        if let Stage::Done(place) = stage {
            history[place].returned = None;
        }
    }
    history
}

fn ask(random: &mut Random, store: &[String], number: usize) -> KvInput {
    let place = random.random_range(0..KEYS);
    let (key, value) = (place.to_string(), format!("{number}."));
    match random.random_range(0..3) {
        0 => KvInput::Get { key },
        1 => KvInput::Append { key, value },
        _ => KvInput::Cas { key, from: store[place].clone(), to: value },
    }
}

fn take_effect(store: &mut [String], input: &KvInput) -> KvOutput {
    let place = |key: &str| key.parse::<usize>().unwrap_or(0);
    match input {
        KvInput::Append { key, value } => {
            store[place(key)].push_str(value);
            KvOutput::Done
        }
        KvInput::Cas { key, from, to } => {
            let matches = store[place(key)] == *from;
            if matches {
                store[place(key)].clone_from(to);
            }
            KvOutput::Swapped(matches)
        }
        other => {
            let KvInput::Get { key } = other else { return KvOutput::Done };
            KvOutput::Value(store[place(key)].clone())
        }
    }
}

/// One answer in the middle is another than it was.
fn altered(mut history: History, seed: u64) -> History {
    let mut random = Random::seed_from_u64(seed);
    loop {
        let place = random.random_range(0..history.len());
        match &mut history[place].returned {
            Some((_, KvOutput::Value(value))) => value.push('!'),
            Some((_, KvOutput::Swapped(swapped))) => *swapped = !*swapped,
            _ => continue,
        }
        return history;
    }
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

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = judging
}
criterion_main!(benches);
