//! Rendezvous hashing: every node bids for the key, and the highest bid has it.
//!
//! Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998): a bid is a hash of
//! key and node. When a node goes, its keys fall to the second-highest bidders, spread over all; no
//! other bid changes. There is nothing to build and nothing to tune, but every node is looked at.
//!
//! With weights a bid is a waiting time: -ln(u)/weight of a number u that is drawn between 0 and 1 by
//! the hash. The shortest of such times belongs to a node with a chance of its part of all weights
//! (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005).

use crate::error::Refused;
use crate::hash::{hash_name, mix};
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// Placement by the highest bid.
///
/// The law: the bid of a node follows from the key, its name and its weight. So only keys of the node
/// that came or went move, and the order in which nodes came does not matter.
#[derive(Clone, Debug)]
pub struct Rendezvous {
    nodes: Nodes,
    bidders: Vec<Bidder>,
    even: bool,
}

#[derive(Clone, Debug)]
struct Bidder {
    seed: u64,
    weight: f64,
    index: NodeIndex,
}

impl Bidder {
    fn new(index: NodeIndex, node: &Node) -> Bidder {
        Bidder { seed: hash_name(node.name()), weight: node.weight(), index }
    }

    /// With the same weights all around, the highest number is the shortest wait.
    fn number(&self, key: u64) -> u64 {
        mix(key ^ self.seed)
    }

    fn wait(&self, key: u64) -> f64 {
        let above_zero = ((self.number(key) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -ln(above_zero) / self.weight
    }
}

impl Rendezvous {
    /// A placement on these nodes.
    pub fn new(nodes: Nodes) -> Result<Rendezvous, Refused> {
        let bidders: Vec<_> = nodes.iter().map(|(index, node)| Bidder::new(index, node)).collect();
        let even = have_one_weight(&bidders);
        Ok(Rendezvous { nodes, bidders, even })
    }
}

impl Placement for Rendezvous {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    fn locate(&self, key: u64) -> NodeIndex {
        let winner = if self.even {
            self.bidders.iter().max_by_key(|bidder| bidder.number(key))
        } else {
            self.bidders.iter().min_by(|a, b| a.wait(key).total_cmp(&b.wait(key)))
        };
        winner.expect("there is at least one node").index
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        let index = self.nodes.add(node)?;
        self.bidders.push(Bidder::new(index, &self.nodes[index]));
        self.even = have_one_weight(&self.bidders);
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let (index, node) = self.nodes.remove(name)?;
        self.bidders.retain(|bidder| bidder.index != index);
        self.even = have_one_weight(&self.bidders);
        Ok(node)
    }

    fn bytes(&self) -> usize {
        self.bidders.capacity() * size_of::<Bidder>()
    }

    fn candidates(&self, key: u64) -> Box<dyn Iterator<Item = NodeIndex> + '_> {
        let mut order: Vec<_> = self.bidders.iter().map(|b| (b.wait(key), b)).collect();
        order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        // A wait has 53 of the number's 64 bits: the winner comes from where all of them count.
        let others = order.into_iter().map(|(_, bidder)| bidder.index);
        Box::new(std::iter::once(self.locate(key)).chain(others))
    }
}

fn have_one_weight(bidders: &[Bidder]) -> bool {
    bidders.windows(2).all(|pair| pair[0].weight == pair[1].weight)
}

/// The natural logarithm of a number above 0, by sums and products alone: the last bits of a platform's own
/// function differ from another's, and with them, rarely, the winner.
fn ln(number: f64) -> f64 {
    let bits = number.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        (mantissa, exponent) = (mantissa / 2.0, exponent + 1);
    }
    // ln(m) = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), below 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..11).rev().fold(0.0, |sum, k| sum * s * s + 1.0 / f64::from(2 * k + 1));
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::ln;

    #[test]
    fn the_logarithm_is_one() {
        for number in [f64::MIN_POSITIVE, 1e-17, 0.1, 0.5, 0.7, 0.71, 1.0 - 1e-16, 1.0, 1.5, 1e9] {
            let error = (ln(number) - number.ln()).abs();
            assert!(error <= 4e-16 * number.ln().abs(), "ln({number}) is {error} off");
        }
    }
}
