//! How the time that a verdict takes grows with the share of operations without an answer: as a
//! table, and as a plot where a file is named. Half a minute; more histories make it longer.
//!
//! `cargo run --release -p check --example open_operations -- [PLOT.svg] [HISTORIES] [puts]`

mod plot;
mod store;

use std::time::{Duration, Instant};

use check::{Budget, Kv, Verdict, linearizable};
use store::{Asked, History, altered, record};

/// Operations without an answer, in a thousand.
const SHARES: [u32; 7] = [0, 10, 20, 40, 60, 80, 100];
/// What takes longer counts as unknown.
const LIMIT: Duration = Duration::from_secs(5);

/// The times of some histories.
pub(crate) struct Times {
    sorted: Vec<Duration>,
    unknown: usize,
}

impl Times {
    pub(crate) fn median(&self) -> Duration {
        self.sorted[self.sorted.len() / 2]
    }

    pub(crate) fn worst(&self) -> Duration {
        self.sorted[self.sorted.len() - 1]
    }
}

/// A share, and the times of histories as they are and with one answer altered.
pub(crate) type Row = (u32, Times, Times);

fn main() -> std::io::Result<()> {
    let (mut file, mut histories, mut asked) =
        (None, 10, vec![Asked::Get, Asked::Append, Asked::Cas]);
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(number) => histories = u64::max(number, 1),
            Err(_) if argument == "puts" => asked.push(Asked::Put),
            Err(_) => file = Some(argument),
        }
    }
    println!("{histories} histories of {} operations a row; milliseconds", store::OPERATIONS);
    println!(
        "{:>6} {:>9} {:>7} {:>9} {:>7} {:>8}",
        "open", "as it is", "", "altered", "", "unknown"
    );
    println!("{:>6} {:>9} {:>7} {:>9} {:>7}", "", "median", "worst", "median", "worst");
    let mut rows: Vec<Row> = Vec::new();
    for share in SHARES {
        let as_it_is = times((1..=histories).map(|seed| record(seed, share, &asked)));
        let one_altered =
            times((1..=histories).map(|seed| altered(record(seed, share, &asked), seed)));
        let [median, worst, median_altered, worst_altered] =
            [as_it_is.median(), as_it_is.worst(), one_altered.median(), one_altered.worst()]
                .map(|time| time.as_millis());
        println!(
            "{:>5}% {median:>9} {worst:>7} {median_altered:>9} {worst_altered:>7} {:>8}",
            share / 10,
            as_it_is.unknown + one_altered.unknown
        );
        rows.push((share, as_it_is, one_altered));
    }
    file.map_or(Ok(()), |file| std::fs::write(file, plot::svg(&rows)))
}

#[expect(clippy::disallowed_methods, reason = "the time it takes is what is measured")]
fn times(histories: impl Iterator<Item = History>) -> Times {
    let mut times = Times { sorted: Vec::new(), unknown: 0 };
    for history in histories {
        let began = Instant::now();
        let mut go_on = || began.elapsed() < LIMIT;
        let budget = Budget { remembered: 40_000_000, go_on: &mut go_on };
        let verdict = linearizable::<Kv>(&history, budget);
        times.sorted.push(began.elapsed());
        times.unknown += usize::from(matches!(verdict, Verdict::Unknown(_)));
    }
    times.sorted.sort();
    times
}
