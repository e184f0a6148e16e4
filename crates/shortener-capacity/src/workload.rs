//! What visitors want: a few links very often, and very many hardly ever.
//!
//! Zipf's law with exponent s: the k-th most popular of all links is wanted in proportion to 1 / k^s. For
//! pages of the web s lies between 0.64 and 0.83 (Breslau, Cao, Fan, Phillips and Shenker, "Web Caching
//! and Zipf-like Distributions", INFOCOM 1999); for what is shared, near 1.

use machine::Random;
use rand::Rng;

/// Draws links by their popularity.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The weight of each link and all before it.
    up_to: Vec<f64>,
}

impl Zipf {
    /// So many links, at least one.
    pub fn new(links: usize, exponent: f64) -> Zipf {
        let weight = |rank: usize| (rank as f64).powf(-exponent);
        let add = |sum: &mut f64, rank| {
            *sum += weight(rank);
            Some(*sum)
        };
        Zipf { up_to: (1..=links.max(1)).scan(0.0, add).collect() }
    }

    /// The next link that somebody wants; 0 is the most popular one.
    pub fn draw(&self, random: &mut Random) -> usize {
        let total = self.up_to.last().copied().unwrap_or_default();
        let drawn = random.next_u64() as f64 / 2f64.powi(64) * total;
        self.up_to.partition_point(|up_to| *up_to <= drawn).min(self.up_to.len() - 1)
    }

    /// The share of the visits that the most popular ones have.
    pub fn share(&self, most_popular: usize) -> f64 {
        let total = self.up_to.last().copied().unwrap_or_default();
        most_popular
            .checked_sub(1)
            .map_or(0.0, |last| self.up_to[last.min(self.up_to.len() - 1)] / total)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn links_are_drawn_as_often_as_the_law_says() {
        let (zipf, mut random) = (Zipf::new(1_000, 1.0), Random::seed_from_u64(1));
        let draws = 200_000;
        let mut counts = vec![0u32; 1_000];
        (0..draws).for_each(|_| counts[zipf.draw(&mut random)] += 1);
        for most_popular in [1, 10, 100, 1_000] {
            let drawn = counts[..most_popular].iter().sum::<u32>() as f64 / f64::from(draws);
            let expected = zipf.share(most_popular);
            assert!((drawn - expected).abs() < 0.01, "{most_popular}: {drawn}, not {expected}");
        }
        assert_eq!(zipf.share(0), 0.0);
    }
}
