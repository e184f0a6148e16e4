//! The hit rate of a cache under Zipf's law, by a model: Che's approximation (Che, Tung and Wang,
//! "Hierarchical Web Caching Systems", 2002), extended to copies that expire.
//!
//! A cache that forgets what was not used for longest forgets each link after about the same time without a
//! visit, the *characteristic time* t of the cache: that in which as many links are visited as it holds.
//! Visits to a link come at random, r a second. A copy that was read is used until it is T old, or until a
//! pause of t:
//!
//! - Where T is below t only age ends it: it answers r T visits, and the next one is a read.
//! - Otherwise the first t answer r t. Without an age it would answer exp(r t) - 1 in all; of those beyond
//!   the first the copy sees as many as if it ended at random, at the rate at which pauses end it.
//!
//! Of m + 1 visits m are hits. The model ignores crashes, further instances and rush hours. It is within
//! two points of what `bench` measures.

use std::time::Duration;

/// Links, and visits to them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// All there are.
    pub links: u64,
    /// Of Zipf's law: the k-th most popular link is wanted in proportion to 1 / k^s.
    pub exponent: f64,
    /// In a second.
    pub visits: u64,
}

/// The settings of an instance's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The number of links that the cache holds at least; at most twice as many.
    pub cached: u64,
    /// How long a copy is used.
    pub freshness: Duration,
}

/// Ranks that are looked at one by one; further ones in blocks that grow by a hundredth.
const SINGLE: u64 = 1_000;
const GROWTH: u64 = 100;

/// Links that are visited equally often.
struct Block {
    links: f64,
    /// A second, each.
    rate: f64,
}

impl Traffic {
    /// The share of the visits that find a copy which is fresh enough.
    pub fn hit_rate(&self, cache: CacheSettings) -> f64 {
        if cache.cached == 0 {
            return 0.0;
        }
        let (blocks, age) = (self.blocks(), cache.freshness.as_secs_f64());
        let pause = characteristic_time(&blocks, cache.cached as f64 * 1.5);
        let hits = blocks.iter().map(|block| {
            let a_copy = hits_of_a_copy(block.rate, pause, age);
            block.links * block.rate * a_copy / (1.0 + a_copy)
        });
        hits.sum::<f64>() / self.visits.max(1) as f64
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut first = 1;
        while first <= self.links {
            let length = if first <= SINGLE { 1 } else { first / GROWTH };
            let end = (first + length).min(self.links + 1);
            let links = (end - first) as f64;
            let weight = match length {
                1 => (first as f64).powf(-self.exponent),
                _ => self.weight(first as f64 - 0.5, end as f64 - 0.5),
            };
            blocks.push(Block { links, rate: weight / links });
            first = end;
        }
        let all: f64 = blocks.iter().map(|block| block.links * block.rate).sum();
        for block in &mut blocks {
            block.rate *= self.visits as f64 / all;
        }
        blocks
    }

    /// The area below 1 / x^s between these: the sum over the ranks in between, nearly.
    fn weight(&self, from: f64, to: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        match rest.abs() < 1e-9 {
            true => (to / from).ln(),
            false => (to.powf(rest) - from.powf(rest)) / rest,
        }
    }
}

/// The time in which so many different links are visited; without an end where there are no more.
fn characteristic_time(blocks: &[Block], held: f64) -> f64 {
    let visited = |time: f64| -> f64 {
        blocks.iter().map(|block| block.links * -(-block.rate * time).exp_m1()).sum()
    };
    let (mut least, mut most) = (0.0, 1.0);
    while visited(most) < held {
        if most > 1e12 {
            return f64::INFINITY;
        }
        most *= 2.0;
    }
    for _ in 0..100 {
        let middle = (least + most) / 2.0;
        if visited(middle) < held {
            least = middle;
        } else {
            most = middle;
        }
    }
    most
}

/// Visits that a copy answers before it is this old, or a pause was this long.
fn hits_of_a_copy(rate: f64, pause: f64, age: f64) -> f64 {
    let before = rate * pause;
    // So popular that there is no such pause.
    if age <= pause || before > 500.0 {
        return rate * age;
    }
    let beyond = before.exp_m1() - before;
    let goes_on = rate * -(-before).exp_m1();
    before + beyond * -(-goes_on * (age - pause) / beyond).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit_rate(links: u64, exponent: f64, cached: u64, freshness: u64) -> f64 {
        let cache = CacheSettings { cached, freshness: Duration::from_secs(freshness) };
        Traffic { links, exponent, visits: 10_000 }.hit_rate(cache)
    }

    #[test]
    fn what_can_be_said_without_the_model_is_what_it_says() {
        // One link, visited 10,000 times a second: a read every ten seconds.
        assert!((hit_rate(1, 1.0, 10, 10) - 100_000.0 / 100_001.0).abs() < 1e-9);
        assert_eq!(hit_rate(1_000, 1.0, 0, 10), 0.0);
        // Equally popular links and no age: as much as is held.
        let share = hit_rate(10_000, 0.0, 2_000, 1_000_000);
        assert!((share - 0.3).abs() < 0.001, "{share}");
        // With room for all, r T of r T + 1 visits to each.
        let share = hit_rate(10_000, 0.0, 10_000, 3);
        assert!((share - 3.0 / 4.0).abs() < 1e-6, "{share}");
    }

    #[test]
    fn blocks_of_ranks_have_the_weight_of_their_ranks() {
        for exponent in [0.8, 1.0, 1.2] {
            let traffic = Traffic { links: 100_000, exponent, visits: 1 };
            let all: f64 = (1..=traffic.links).map(|rank| (rank as f64).powf(-exponent)).sum();
            let blocks = traffic.blocks();
            let links: f64 = blocks.iter().map(|block| block.links).sum();
            assert_eq!(links, 100_000.0);
            let of_ten: f64 = blocks[..10].iter().map(|block| block.rate).sum();
            let exactly: f64 = (1..=10).map(|rank: u32| f64::from(rank).powf(-exponent)).sum();
            assert!((of_ten - exactly / all).abs() < 1e-4, "{of_ten} {}", exactly / all);
        }
    }

    #[test]
    fn of_a_hundred_billion_links_few_are_met_again_in_time() {
        let of_all = |exponent| hit_rate(100_000_000_000, exponent, 100_000, 10);
        assert!((of_all(1.0) - 0.341).abs() < 0.001, "{}", of_all(1.0));
        assert!((of_all(0.8) - 0.018).abs() < 0.001, "{}", of_all(0.8));
    }
}
