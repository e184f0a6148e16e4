//! How many different visitors there were: HyperLogLog (Flajolet, Fusy, Gandouet & Meunier, 2007), as
//! Apache DataSketches has it.
//!
//! The law: only salted hashes of addresses go in, and only a few bits of each are kept. The first dozens
//! are counted nearly exactly and take four bytes each. From some hundred visitors on it takes 1 KiB,
//! with a typical error of 2%.

use std::fmt;
use std::hash::{Hash, Hasher};

use datasketches::hll::{HllSketch, HllType};

/// 2,048 registers of four bits.
const LG_REGISTERS: u8 = 11;

/// An estimate of how many different visitors there were.
#[derive(Clone)]
pub struct Visitors(HllSketch);

impl Visitors {
    /// This visitor was there.
    pub fn insert(&mut self, visitor: u64) {
        self.0.update(visitor);
    }

    /// About how many different ones there were.
    pub fn estimate(&self) -> u64 {
        self.0.estimate().round() as u64
    }

    /// Its bytes, in the format that DataSketches share among languages.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.serialize()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Visitors> {
        let sketch = HllSketch::deserialize(bytes).ok()?;
        (sketch.lg_config_k() == LG_REGISTERS).then_some(Visitors(sketch))
    }
}

impl Default for Visitors {
    fn default() -> Self {
        let sketch = HllSketch::new(LG_REGISTERS, HllType::Hll4);
        Visitors(sketch.expect("from 2^4 to 2^21 registers are allowed"))
    }
}

impl fmt::Debug for Visitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {}", self.estimate())
    }
}

/// Equal if the estimates are equal: the bytes depend on the order of visitors.
impl PartialEq for Visitors {
    fn eq(&self, other: &Self) -> bool {
        self.0.estimate().to_bits() == other.0.estimate().to_bits()
    }
}

impl Eq for Visitors {}

impl Hash for Visitors {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.estimate().to_bits().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread as salted hashes are.
    fn visitors(count: u64) -> Visitors {
        let mut visitors = Visitors::default();
        for number in (0..count).chain(0..count) {
            visitors.insert(xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()));
        }
        visitors
    }

    #[test]
    fn the_estimate_is_exact_for_few_and_within_6_percent_for_many() {
        for count in [0, 1, 2, 50] {
            assert_eq!(visitors(count).estimate(), count);
        }
        for count in [1_000, 30_000, 1_000_000] {
            let estimate = visitors(count).estimate();
            let off = estimate.abs_diff(count) * 100 / count;
            assert!(off <= 6, "{estimate} of {count}");
        }
    }

    #[test]
    fn its_bytes_are_few_and_lead_back_to_it() {
        for (count, most) in [(0, 16), (5, 32), (100, 512), (1_000_000, 1_200)] {
            let visitors = visitors(count);
            let bytes = visitors.bytes();
            assert!(bytes.len() <= most, "{} bytes for {count}", bytes.len());
            let again = Visitors::from_bytes(&bytes).unwrap();
            assert_eq!(again, visitors);
            assert_eq!(again.bytes().len(), bytes.len());
        }
    }
}
