//! Every scheme measured in the same way: how large, how far out of order, at what coordination, how
//! fast.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use machine::{Random, Wall};
use rand::{Rng, SeedableRng};
use serde::Serialize;

use crate::alternatives::{Scheme, Shards, Snowflakes, Tickets, Twins, Ulids, UuidV4, UuidV7};
use crate::layout::Layout;
use crate::wait;

/// What was measured of one scheme.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is called.
    pub name: &'static str,
    /// How many bits an id has.
    pub bits: u32,
    /// How many characters the text of its largest id has.
    pub text_length: usize,
    /// Of all ids and their successors in real time, the part that sorts the wrong way round.
    pub inversions_adjacent: f64,
    /// Of all pairs of ids, the part that sorts the wrong way round: 0 is order, 0.5 is chance. Clocks
    /// that disagree a little spoil many neighbours and hardly any pairs.
    pub inversions_all: f64,
    /// What its minters must agree on beforehand, or ask for on the way.
    pub coordination: &'static str,
    /// Visits to what all workers share, for every 1000 ids.
    pub round_trips_per_1000: f64,
    /// Time on the processor for an id. Random bits are drawn beforehand, and waiting, for the next
    /// tick or for a server, is not in it.
    pub ns_per_id: f64,
}

/// What the [`table`] says, column by column.
pub const COLUMNS: &str = "\
bits          how many an id has
chars         how many characters its text has
neighbours    of all ids and those that came next, the part that sorts the wrong way round
pairs         of all pairs of ids, that part: 0% is order, 50% is chance
trips/1000    visits to what all minters share, for a thousand ids
ns/id         time on the processor for an id, without what waits for a tick or a server
coordination  what minters must agree on beforehand, or ask for on the way
";

const WORKERS: usize = 4;
/// How far the clocks of the workers are ahead of real time.
const AHEAD: [Duration; WORKERS] = [
    Duration::ZERO,
    Duration::from_micros(200),
    Duration::from_micros(900),
    Duration::from_micros(2_000),
];
const START: Wall = Wall(1_767_225_600_000_000_000); // 2026-01-01T00:00:00Z
const ORDERED_IDS: usize = 4_000;
const TIMED_IDS: u32 = 20_000;
const ROUNDS: u32 = 5;

/// Measures every scheme. All but the speed follows from the seed; `stopwatch` says how long ago
/// something was, it does not matter what.
pub fn compare(seed: u64, stopwatch: &mut dyn FnMut() -> Duration) -> Vec<Row> {
    let snowflakes = Snowflakes::new(&Layout::twitter(), WORKERS).expect("it has 1024 workers");
    vec![
        measure(snowflakes, seed, stopwatch),
        measure(Shards::new(WORKERS), seed, stopwatch),
        measure(Tickets::new(WORKERS, 1), seed, stopwatch),
        measure(Twins::new(WORKERS), seed, stopwatch),
        measure(Tickets::new(WORKERS, 100), seed, stopwatch),
        measure(Ulids::new(WORKERS), seed, stopwatch),
        measure(UuidV7::new(WORKERS), seed, stopwatch),
        measure(UuidV4, seed, stopwatch),
    ]
}

/// The rows as text, a line each.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<19} {:>4} {:>5} {:>11} {:>9} {:>10} {:>7}  coordination",
        "", "bits", "chars", "neighbours", "pairs", "trips/1000", "ns/id"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:<19} {:>4} {:>5} {:>10.1}% {:>8.2}% {:>10.1} {:>7.1}  {}",
            row.name,
            row.bits,
            row.text_length,
            row.inversions_adjacent * 100.0,
            row.inversions_all * 100.0,
            row.round_trips_per_1000,
            row.ns_per_id,
            row.coordination
        );
    }
    text
}

fn measure<S: Scheme>(mut scheme: S, seed: u64, stopwatch: &mut dyn FnMut() -> Duration) -> Row {
    let mut random = Random::seed_from_u64(seed);
    let ids = mint_in_real_time(&mut scheme, &mut random);
    let round_trips = scheme.round_trips();
    let (adjacent, all) = inversions(&ids);
    let about = scheme.about();
    Row {
        name: about.name,
        bits: about.bits,
        text_length: scheme.text(u128::MAX >> (128 - about.bits)).len(),
        inversions_adjacent: adjacent,
        inversions_all: all,
        coordination: about.coordination,
        round_trips_per_1000: round_trips as f64 * 1_000.0 / ORDERED_IDS as f64,
        ns_per_id: speed(&mut scheme, &mut random, stopwatch),
    }
}

/// Ids in the order in which they were minted: every 20 us by any of the workers, each by its clock.
fn mint_in_real_time(scheme: &mut impl Scheme, random: &mut Random) -> Vec<u128> {
    let mint = |at| {
        let worker = (random.next_u64() % WORKERS as u64) as usize;
        let mut clock = START + Duration::from_micros(20) * at as u32 + AHEAD[worker];
        mint_waiting(scheme, worker, &mut clock, draw(random))
    };
    (0..ORDERED_IDS).map(mint).collect()
}

/// Nanoseconds an id in the best of a few rounds, for one worker whose clock goes on by 1 us an id:
/// slow enough that no layout here has to wait.
fn speed(
    scheme: &mut impl Scheme,
    random: &mut Random,
    stopwatch: &mut dyn FnMut() -> Duration,
) -> f64 {
    let drawn: Vec<u128> = (0..1024).map(|_| draw(random)).collect();
    let mut clock = START + Duration::from_secs(1);
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = stopwatch();
        for random in drawn.iter().cycle().take(TIMED_IDS as usize) {
            clock = clock + Duration::from_micros(1);
            black_box(mint_waiting(scheme, 0, &mut clock, *random));
        }
        best = best.min(stopwatch().saturating_sub(began));
    }
    best.as_nanos() as f64 / f64::from(TIMED_IDS)
}

/// Mints, letting the clock go on where a scheme makes its callers wait.
fn mint_waiting(scheme: &mut impl Scheme, worker: usize, clock: &mut Wall, random: u128) -> u128 {
    let mut reading = *clock;
    let tick = || {
        *clock = reading;
        reading = reading + Duration::from_micros(1);
        *clock
    };
    wait::spinning(tick, Duration::from_secs(1), |now| scheme.mint(worker, now, random))
        .expect("the times are within all layouts and the clocks only go on")
}

fn draw(random: &mut Random) -> u128 {
    u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())
}

/// The parts of neighbours and of all pairs that are out of order.
fn inversions(ids: &[u128]) -> (f64, f64) {
    let adjacent = ids.windows(2).filter(|pair| pair[0] > pair[1]).count();
    let later_and_smaller =
        |(at, id): (usize, &u128)| ids[at + 1..].iter().filter(|later| *later < id).count();
    let all: usize = ids.iter().enumerate().map(later_and_smaller).sum();
    let pairs = ids.len() * (ids.len() - 1) / 2;
    (adjacent as f64 / (ids.len() - 1) as f64, all as f64 / pairs as f64)
}
