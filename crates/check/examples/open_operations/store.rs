//! Histories of a store that is one, and such as no store has.

use check::{KvInput, KvOutput, Operation};
use rand::rngs::Xoshiro256PlusPlus as Random;
use rand::{RngExt, SeedableRng};

pub(crate) type History = Vec<Operation<KvInput, KvOutput>>;

pub(crate) const OPERATIONS: usize = 4_000;
const CLIENTS: usize = 50;
const KEYS: usize = 10;

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    Get,
    Append,
    Cas,
    Put,
}

/// Where a client is with its operation.
#[derive(Clone, Copy)]
enum Stage {
    Idle,
    Asked(usize),
    Done(usize),
}

/// Fifty clients of a store that is one; `open` in a thousand operations have no answer. Half of
/// these took effect.
pub(crate) fn record(seed: u64, open: u32, asked: &[Asked]) -> History {
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
                let input = ask(&mut random, &store, history.len(), asked);
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

fn ask(random: &mut Random, store: &[String], number: usize, asked: &[Asked]) -> KvInput {
    let place = random.random_range(0..KEYS);
    let (key, value) = (place.to_string(), format!("{number}."));
    match asked[random.random_range(0..asked.len())] {
        Asked::Get => KvInput::Get { key },
        Asked::Append => KvInput::Append { key, value },
        Asked::Cas => KvInput::Cas { key, from: store[place].clone(), to: value },
        Asked::Put => KvInput::Put { key, value },
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
        KvInput::Put { key, value } => {
            store[place(key)].clone_from(value);
            KvOutput::Done
        }
        KvInput::Delete { key } => {
            store[place(key)].clear();
            KvOutput::Done
        }
        KvInput::Get { key } => KvOutput::Value(store[place(key)].clone()),
    }
}

/// One answer in the middle is another than it was.
pub(crate) fn altered(mut history: History, seed: u64) -> History {
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
