//! Maglev hashing: one look in a table that all nodes filled in turns.
//!
//! Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016). The table
//! has a prime number of slots. Each node has its own order of all slots, (offset + i x skip) mod
//! slots, and the nodes take turns: each claims the first slot in its order that is still free. The
//! turns make the load even to within one slot a node. When a node goes, its slots are claimed by
//! others, and a few of those would rather have had them than what they have: so a few more keys move
//! than must. That is the price of the balance.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::Refused;
use crate::hash::{hash_name, nth, scale};
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// Placement by a table.
///
/// The law: every slot has an owner. Of nodes of the same weight none has two slots more than another;
/// with weights, a node has turns in proportion to its own: of n nodes one with the part p of the weight
/// has fewer than two slots less than its part of them, and fewer than 1 + n x p more. The table follows from
/// names and weights and from the number of slots, which stays what it was when the table was made.
#[derive(Clone, Debug)]
pub struct Maglev {
    nodes: Nodes,
    table: Table,
}

/// Owners by slots; narrow ones as long as they fit, for twice as many of them in the cache.
#[derive(Clone, Debug)]
enum Table {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

const FEWEST_SLOTS: u32 = 1 << 16;
const MOST_SLOTS: u32 = 1 << 26;
const SLOTS_PER_NODE: usize = 16;
const VACANT: u32 = u32::MAX;

impl Maglev {
    /// A table for these nodes: about 16 slots a node at the least and 65521 in all, the largest prime
    /// below a power of two or one and a half of it. Small enough that with ten thousand nodes it leaves
    /// room in a cache of half a megabyte, which most processors have; in steps so wide that
    /// fleets of about the same size agree on it. A fleet that grows beyond keeps its table, and the
    /// balance gets coarser.
    pub fn new(nodes: Nodes) -> Result<Maglev, Refused> {
        let wanted = nodes.count() * SLOTS_PER_NODE;
        let power = wanted.next_power_of_two();
        let step = if wanted <= power / 4 * 3 { power / 4 * 3 } else { power };
        let limit = step.clamp(FEWEST_SLOTS as usize, MOST_SLOTS as usize) as u32;
        let slots = (2..limit).rev().find(|slots| is_prime(*slots)).expect("2 is prime");
        Maglev::with_slots(nodes, slots)
    }

    /// A table of a size of one's own: a prime, from the number of nodes to 67108864. More slots a node
    /// make the load more even.
    pub fn with_slots(nodes: Nodes, slots: u32) -> Result<Maglev, Refused> {
        if !is_prime(slots) || nodes.count() > slots as usize || slots > MOST_SLOTS {
            return Err(Refused::BadTable { slots, most: MOST_SLOTS });
        }
        let table = fill(&nodes, slots);
        Ok(Maglev { nodes, table })
    }

    /// The owners of all slots.
    pub fn slots(&self) -> impl Iterator<Item = NodeIndex> {
        (0..self.table.len()).map(|slot| self.table.owner(slot))
    }

    fn change_to(&mut self, nodes: Nodes) {
        self.table = fill(&nodes, self.table.len() as u32);
        self.nodes = nodes;
    }
}

impl Placement for Maglev {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        self.table.owner(scale(key, self.table.len() as u64) as usize)
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        if self.nodes.count() == self.table.len() {
            return Err(Refused::Full { capacity: self.table.len() as u32 });
        }
        let mut nodes = self.nodes.clone();
        let index = nodes.add(node)?;
        self.change_to(nodes);
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let mut nodes = self.nodes.clone();
        let (_, node) = nodes.remove(name)?;
        self.change_to(nodes);
        Ok(node)
    }

    fn bytes(&self) -> usize {
        match &self.table {
            Table::Narrow(owners) => owners.capacity() * size_of::<u16>(),
            Table::Wide(owners) => owners.capacity() * size_of::<u32>(),
        }
    }
}

impl Table {
    /// Owners with indices below an end.
    fn new(owners: Vec<u32>, end: usize) -> Table {
        if end <= 1 << 16 {
            return Table::Narrow(owners.iter().map(|owner| *owner as u16).collect());
        }
        Table::Wide(owners)
    }

    #[inline]
    fn owner(&self, slot: usize) -> NodeIndex {
        match self {
            Table::Narrow(owners) => NodeIndex(u32::from(owners[slot])),
            Table::Wide(owners) => NodeIndex(owners[slot]),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Table::Narrow(owners) => owners.len(),
            Table::Wide(owners) => owners.len(),
        }
    }
}

/// A node on its way through its order of the slots.
struct Claimant {
    index: NodeIndex,
    /// How many rounds pass from one of its turns to the next.
    pace: f64,
    turns: u32,
    slot: u32,
    skip: u32,
}

impl Claimant {
    fn new(index: NodeIndex, node: &Node, heaviest: f64, slots: u32) -> Claimant {
        let seed = hash_name(node.name());
        let slot = scale(nth(seed, 0), u64::from(slots)) as u32;
        let skip = 1 + scale(nth(seed, 1), u64::from(slots) - 1) as u32;
        Claimant { index, pace: heaviest / node.weight(), turns: 0, slot, skip }
    }

    /// The round of its next turn.
    fn due(&self) -> u64 {
        (f64::from(self.turns + 1) * self.pace).ceil() as u64
    }

    /// Claims the next slot that is free. Slots being prime, the order comes by all of them.
    fn claim(&mut self, owners: &mut [u32]) {
        let slots = owners.len() as u32;
        while owners[self.slot as usize] != VACANT {
            let next = self.slot + self.skip;
            self.slot = if next < slots { next } else { next - slots };
        }
        owners[self.slot as usize] = self.index.0;
        self.turns += 1;
    }
}

/// The heaviest node has a turn in every round, the others in their part of them; within a round they
/// go by their names.
fn fill(nodes: &Nodes, slots: u32) -> Table {
    let heaviest = nodes.iter().map(|(_, node)| node.weight()).fold(0.0, f64::max);
    let claimant = |(index, node): (NodeIndex, &Node)| Claimant::new(index, node, heaviest, slots);
    let mut claimants: Vec<_> = nodes.by_name().into_iter().map(claimant).collect();
    let turn = |(at, claimant): (usize, &Claimant)| Reverse((claimant.due(), at));
    let mut turns: BinaryHeap<_> = claimants.iter().enumerate().map(turn).collect();
    let mut owners = vec![VACANT; slots as usize];
    for _ in 0..slots {
        let mut next = turns.peek_mut().expect("every node has another turn");
        let Reverse((_, at)) = *next;
        claimants[at].claim(&mut owners);
        *next = Reverse((claimants[at].due(), at));
    }
    Table::new(owners, nodes.end())
}

fn is_prime(number: u32) -> bool {
    let number = u64::from(number);
    number >= 2 && (2..).take_while(|n| n * n <= number).all(|n| number % n != 0)
}
