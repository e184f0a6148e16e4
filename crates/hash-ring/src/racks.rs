//! Which nodes fail together: racks within zones, counted so that copies can be kept apart.

use std::collections::BTreeMap;

/// The nodes that share a zone and a rack.
#[derive(Clone, Debug)]
pub(crate) struct Rack {
    /// The number of its zone, below the number of racks.
    pub(crate) zone: usize,
    /// How many nodes are in it.
    pub(crate) nodes: u32,
}

/// The rack of every node. Nodes without a zone are together in one rack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Racks {
    rack_of: Vec<u32>,
    racks: Vec<Rack>,
    /// Numbers of racks by zone and rack, and of zones by zone and nothing.
    rack_numbers: BTreeMap<Box<str>, usize>,
    zone_numbers: BTreeMap<Box<str>, usize>,
}

impl Racks {
    pub(crate) fn rack(&self, node: usize) -> usize {
        self.rack_of[node] as usize
    }

    pub(crate) fn all(&self) -> &[Rack] {
        &self.racks
    }

    /// The memory that it takes for each node.
    pub(crate) fn bytes(&self) -> usize {
        self.rack_of.capacity() * size_of::<u32>()
    }

    /// A node in this zone, at this location: its zone and, if it has one, its rack.
    pub(crate) fn add(&mut self, node: usize, zone: &str, location: &str) {
        let zone = number(&mut self.zone_numbers, zone);
        let rack = number(&mut self.rack_numbers, location);
        if rack == self.racks.len() {
            self.racks.push(Rack { zone, nodes: 0 });
        }
        self.racks[rack].nodes += 1;
        if node >= self.rack_of.len() {
            self.rack_of.resize(node + 1, 0);
        }
        self.rack_of[node] = rack as u32;
    }

    pub(crate) fn remove(&mut self, node: usize) {
        let rack = self.rack(node);
        self.racks[rack].nodes -= 1;
    }
}

/// The number of a name; a new one gets the next.
fn number(numbers: &mut BTreeMap<Box<str>, usize>, name: &str) -> usize {
    match numbers.get(name) {
        Some(number) => *number,
        None => {
            let next = numbers.len();
            numbers.insert(name.into(), next);
            next
        }
    }
}
