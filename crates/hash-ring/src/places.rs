//! Which nodes fail together: racks within zones, counted so that copies can be kept apart.

use std::collections::BTreeMap;

use crate::nodes::{Node, NodeIndex};

/// The nodes that share a zone and a rack.
#[derive(Clone, Debug)]
pub(crate) struct Rack {
    /// The number of its zone, below the number of racks.
    pub(crate) zone: usize,
    /// How many nodes are in it.
    pub(crate) nodes: u32,
}

/// The whereabouts of every node. Nodes of which nothing is known are together in one rack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    rack_of: Vec<u32>,
    racks: Vec<Rack>,
    /// Numbers of racks by zone and rack, and of zones by zone and nothing.
    rack_numbers: BTreeMap<Box<str>, usize>,
    zone_numbers: BTreeMap<Box<str>, usize>,
}

impl Places {
    pub(crate) fn rack(&self, index: NodeIndex) -> usize {
        self.rack_of[index.at()] as usize
    }

    pub(crate) fn racks(&self) -> &[Rack] {
        &self.racks
    }

    /// What it takes for each node.
    pub(crate) fn bytes(&self) -> usize {
        self.rack_of.capacity() * size_of::<u32>()
    }

    pub(crate) fn add(&mut self, index: NodeIndex, node: &Node) {
        let zone = number(&mut self.zone_numbers, node.zone().unwrap_or_default());
        let rack = number(&mut self.rack_numbers, node.location());
        if rack == self.racks.len() {
            self.racks.push(Rack { zone, nodes: 0 });
        }
        self.racks[rack].nodes += 1;
        if index.at() >= self.rack_of.len() {
            self.rack_of.resize(index.at() + 1, 0);
        }
        self.rack_of[index.at()] = rack as u32;
    }

    pub(crate) fn remove(&mut self, index: NodeIndex) {
        let rack = self.rack(index);
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
