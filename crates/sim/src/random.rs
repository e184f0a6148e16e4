//! One random stream per node and purpose, so that a new draw in one place shifts no event in
//! another.

use machine::Random;
use rand::{Rng, SeedableRng};

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Drawing the plan.
    Plan = 1,
    /// The machine's own draws.
    Machine = 2,
    /// Delays and losses of what a node sends.
    Network = 3,
    /// What the disk of a node loses, tears and takes long over.
    Disk = 4,
    /// World seeds tried while shrinking.
    Reroll = 5,
}

/// The stream of a seed for a purpose and a node.
pub(crate) fn stream(seed: u64, purpose: Purpose, node: u32) -> Random {
    // SplitMix64's finaliser spreads neighbouring seeds, nodes and purposes far apart.
    let place = (purpose as u64) << 32 | u64::from(node);
    Random::seed_from_u64(spread(spread(seed) ^ place))
}

/// Draws from `0..n` with one multiplication (Lemire 2019). The bias is below n / 2^64.
pub(crate) fn below(random: &mut Random, n: u64) -> u64 {
    scaled(random.next_u64(), n)
}

/// Maps a number that was drawn already to `0..n`.
#[inline]
pub(crate) fn scaled(drawn: u64, n: u64) -> u64 {
    ((u128::from(drawn) * u128::from(n)) >> 64) as u64
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

fn spread(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
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
