//! Interleaved rounds: each contestant has its turn in every round, so that what else the machine
//! does hits all of them alike; the median over the rounds or the best of them is the result.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

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
    let began = Instant::now();
    let times = measure_by(&|| began.elapsed(), contestants, rounds);
    times.iter().map(|times| times[times.len() / 2]).collect()
}

/// For work on one thread, the best of the rounds in time that the thread had a processor: a long turn
/// is interrupted more often than a short one, and others on the machine empty the caches, which is
/// most of what a quick look-up costs then.
pub fn measure_alone(contestants: &mut [Contestant<'_>], rounds: usize) -> Vec<f64> {
    let clock = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    measure_by(&clock, contestants, rounds).iter().map(|times| times[0]).collect()
}

/// The times of each contestant, sorted.
fn measure_by(
    clock: &dyn Fn() -> Duration,
    contestants: &mut [Contestant<'_>],
    rounds: usize,
) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let begin = clock();
            let done = (contestant.work)();
            let ns = (clock() - begin).as_nanos() as f64 / done as f64;
            if round > 0 {
                times.push(ns);
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}
