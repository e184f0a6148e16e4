//! Interleaved rounds: each contestant has its turn in every round, so that what else the machine
//! does hits all of them alike; the median over the rounds is the result.

use std::time::Instant;

/// Something that is measured: does some work, and tells how much it was.
pub struct Contestant<'a> {
    pub name: String,
    pub work: Box<dyn FnMut() -> u64 + 'a>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: impl Into<String>, work: impl FnMut() -> u64 + 'a) -> Self {
        Contestant { name: name.into(), work: Box::new(work) }
    }
}

/// Nanoseconds for each unit of work, by contestant: the medians over so many rounds, after one
/// that does not count.
#[expect(clippy::disallowed_methods, reason = "a comparison measures time")]
pub fn measure(contestants: &mut [Contestant<'_>], rounds: usize) -> Vec<f64> {
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            let done = (contestant.work)();
            let ns = begin.elapsed().as_nanos() as f64 / done as f64;
            if round > 0 {
                times.push(ns);
            }
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
