//! Copies apart: the nodes of a key's copies, spread over zones and racks.

use crate::nodes::{NodeIndex, Nodes};

/// Picks `count` nodes, one after the other: among the nodes that are left, those in the zone with
/// the fewest copies so far, of these the ones in the rack with the fewest, of these the one that the
/// key would have first. `candidates` name every node.
pub(crate) fn spread<C: Iterator<Item = NodeIndex>>(
    nodes: &Nodes,
    count: usize,
    candidates: impl Fn() -> C,
) -> Vec<NodeIndex> {
    let mut copies = Copies::new(nodes);
    for _ in 0..count.min(nodes.count()) {
        let fewest = copies.fewest();
        let next = candidates().find(|node| copies.fits(*node, fewest));
        copies.add(next.expect("the candidates name every node, and some are left"));
    }
    copies.chosen
}

/// How many copies the node to be picked next finds in its zone and in its rack.
type Crowd = (u32, u32);

/// The copies so far, by zone and by rack.
struct Copies<'a> {
    nodes: &'a Nodes,
    chosen: Vec<NodeIndex>,
    in_zone: Vec<u32>,
    in_rack: Vec<u32>,
}

impl<'a> Copies<'a> {
    fn new(nodes: &'a Nodes) -> Copies<'a> {
        let none = vec![0; nodes.racks().len()];
        Copies { nodes, chosen: Vec::new(), in_zone: none.clone(), in_rack: none }
    }

    /// The fewest copies that a node which is left can have beside it.
    fn fewest(&self) -> Crowd {
        let racks = self.nodes.racks().iter().enumerate();
        let left = racks.filter(|(at, rack)| rack.nodes > self.in_rack[*at]);
        left.map(|(at, _)| self.crowd(at)).min().unwrap_or_default()
    }

    fn fits(&self, node: NodeIndex, fewest: Crowd) -> bool {
        self.crowd(self.nodes.rack(node)) == fewest && !self.chosen.contains(&node)
    }

    fn crowd(&self, rack: usize) -> Crowd {
        (self.in_zone[self.nodes.racks()[rack].zone], self.in_rack[rack])
    }

    fn add(&mut self, node: NodeIndex) {
        let rack = self.nodes.rack(node);
        self.in_zone[self.nodes.racks()[rack].zone] += 1;
        self.in_rack[rack] += 1;
        self.chosen.push(node);
    }
}
