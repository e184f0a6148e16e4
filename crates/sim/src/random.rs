//! One random stream for each purpose and each thing that it is about (a node, a pair of nodes, a file of a node), so
//! that a new draw in one place shifts no event in another. In a large cluster the datagrams of a sender share one
//! (`network.rs`).

use machine::Random;
use rand::{Rng, SeedableRng};

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Drawing the plan.
    Plan = 1,
    /// The machine's own draws.
    Machine = 2,
    /// Delays and losses of datagrams, and what faults do to them.
    Network = 3,
    /// Which places of a disk go bad, and its identity; with a file's name, how long its operations take and what
    /// of them is lost.
    Disk = 4,
    /// World seeds tried while shrinking.
    Reroll = 5,
    /// Delays and losses on a lane, which may be a stream or bulk.
    Stream = 6,
    Bulk = 7,
}

/// The stream of a seed for a purpose and a node.
pub(crate) fn stream(seed: u64, purpose: Purpose, node: u32) -> Random {
    Random::seed_from_u64(initial_state(seed, purpose, node))
}

/// Where a stream begins: neighbouring seeds, nodes and purposes are spread far apart.
fn initial_state(seed: u64, purpose: Purpose, node: u32) -> u64 {
    spread(spread(seed) ^ ((purpose as u64) << 32 | u64::from(node)))
}

/// Draws from `0..n`.
pub(crate) fn below(random: &mut Random, n: u64) -> u64 {
    Draw(random.next_u64()).choose(n)
}

/// Happens with a probability of `ppm` in a million.
pub(crate) fn happens(random: &mut Random, ppm: u32) -> bool {
    ppm > 0 && below(random, 1_000_000) < u64::from(ppm)
}

/// Draws from a range of which the orders of magnitude are equally likely, ends included.
pub(crate) fn log_uniform(random: &mut Random, from: u64, to: u64) -> u64 {
    let (low, high) = (from.max(1).ilog2(), to.max(1).ilog2());
    let octave = low + below(random, u64::from(high - low + 1)) as u32;
    let start = 1u64 << octave;
    (start + below(random, start)).clamp(from, to)
}

/// What SplitMix64 adds to its state with every draw.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream whose state is one word (SplitMix64: Steele, Lea and Flood 2014), for what is drawn with every
/// message.
#[derive(Clone, Debug)]
pub(crate) struct DrawStream(u64);

impl DrawStream {
    /// The stream of a seed for a purpose and what goes from one node to another.
    pub(crate) fn of_pair(seed: u64, purpose: Purpose, from: u32, to: u32) -> Self {
        DrawStream(spread(initial_state(seed, purpose, from) ^ u64::from(to)))
    }

    /// The stream of a seed for a purpose and what has this name on a node.
    pub(crate) fn named(seed: u64, purpose: Purpose, node: u32, name: &str) -> Self {
        let hashed = name.bytes().fold(initial_state(seed, purpose, node), |state, byte| {
            spread(state ^ u64::from(byte))
        });
        DrawStream(hashed)
    }

    #[inline(always)]
    pub(crate) fn draw(&mut self) -> u64 {
        let drawn = spread(self.0);
        self.0 = self.0.wrapping_add(GAMMA);
        drawn
    }
}

const MILLION: u128 = 1_000_000;
/// How many numbers of 64 bits there are.
const ALL: u128 = 1 << 64;

/// How many of all numbers so many of a million are.
pub(crate) fn share(ppm: u32) -> u128 {
    (u128::from(ppm) * ALL / MILLION).min(ALL)
}

/// A number that was drawn, to decide several things by. As in a range coder (Martin 1979) each answer
/// narrows it down to a part of its range, and where it lies within that part decides what comes next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// One of `0..n`, with one multiplication (Lemire 2019). The bias is below n / 2^64.
    #[inline]
    pub(crate) fn choose(&mut self, n: u64) -> u64 {
        let product = u128::from(self.0) * u128::from(n);
        self.0 = product as u64;
        (product >> 64) as u64
    }

    /// Happens with a probability of `ppm` in a million, where the number is low.
    pub(crate) fn happens(&mut self, ppm: u32) -> bool {
        if ppm == 0 {
            return false;
        }
        let (draw, low) = (u128::from(self.0), share(ppm));
        let happened = draw < low;
        let (place, part) = if happened { (draw, low) } else { (draw - low, ALL - low) };
        self.0 = (place * ALL / part) as u64;
        happened
    }
}

/// What SplitMix64 makes of its state.
fn spread(x: u64) -> u64 {
    let x = x.wrapping_add(GAMMA);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_apart() {
        let first = |seed, purpose, node| stream(seed, purpose, node).next_u64();
        let here = first(1, Purpose::Machine, 0);
        assert_eq!(here, first(1, Purpose::Machine, 0));
        assert_ne!(here, first(2, Purpose::Machine, 0));
        assert_ne!(here, first(1, Purpose::Network, 0));
        assert_ne!(here, first(1, Purpose::Machine, 1));
    }

    #[test]
    fn one_number_decides_several_things_apart() {
        let mut random = stream(7, Purpose::Plan, 0);
        let mut hits = [0; 8];
        for _ in 0..100_000 {
            let mut draw = Draw(random.next_u64());
            let half = draw.choose(9_000_001) < 4_500_000;
            let (rare, often) = (draw.happens(100_000), draw.happens(500_000));
            hits[usize::from(half) * 4 + usize::from(rare) * 2 + usize::from(often)] += 1;
        }
        let near = |(place, &hits): (usize, &u32)| {
            let expected: u32 = if place & 2 == 0 { 22_500 } else { 2_500 };
            // Within four standard deviations.
            hits.abs_diff(expected).pow(2) < 16 * expected
        };
        assert!(hits.iter().enumerate().all(near), "{hits:?}");
    }

    #[test]
    fn what_is_certain_always_happens() {
        for draw in [0, 1, u64::MAX - 1, u64::MAX] {
            assert!(Draw(draw).happens(1_000_000) && !Draw(draw).happens(0));
        }
    }

    #[test]
    fn log_uniform_stays_in_range_and_reaches_every_octave() {
        let mut random = stream(7, Purpose::Plan, 0);
        let mut octaves = [0; 10];
        for _ in 0..10_000 {
            let x = log_uniform(&mut random, 1, 1000);
            assert!((1..=1000).contains(&x));
            octaves[x.ilog2() as usize] += 1;
        }
        assert!(octaves.iter().all(|&hits| hits > 700), "{octaves:?}");
    }
}
