//! Which caches a key lives on, as an application server sees its fleet.
//!
//! The law: where a key lives follows from the key and the caches in the fleet, so that all fronts that
//! know of the same caches agree without a message. Only where one request of many is *sent* may depend
//! on what is under way.

use std::collections::BTreeMap;

use hash_ring::{BoundedRing, Modulo, Node, NodeIndex, Nodes, Placement, Refused, Ring, hash};
use machine::{NodeId, Switches};

use crate::mechanism::Mechanism;

/// A cache, as it is to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where to call it.
    pub id: NodeId,
    /// What it is called: where keys live follows from it.
    pub name: String,
    /// What fails together with it.
    pub zone: String,
    /// What it can carry, next to the others.
    pub weight: u32,
}

/// The placement of keys, and who is who in it.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    switches: Switches,
    /// How many caches a key lives on.
    copies: usize,
    placements: Placements,
    ids: BTreeMap<NodeIndex, NodeId>,
}

#[derive(Clone, Debug)]
enum Placements {
    Bounded(BoundedRing),
    Ring(Ring),
    Modulo(Modulo),
}

impl Router {
    pub(crate) fn new(
        members: &[Member],
        copies: usize,
        switches: Switches,
    ) -> Result<Self, Refused> {
        let nodes: Result<Vec<_>, _> =
            members.iter().map(|member| describe(member, switches)).collect();
        let nodes = Nodes::new(nodes?)?;
        let ids =
            nodes.iter().zip(members).map(|((index, _), member)| (index, member.id)).collect();
        let vnodes = if Mechanism::VirtualNodes.on(switches) { Ring::VNODES } else { 1 };
        let placements = if !Mechanism::ConsistentHashing.on(switches) {
            Placements::Modulo(Modulo::new(nodes)?)
        } else if Mechanism::BoundedLoad.on(switches) {
            let ring = Ring::with_vnodes(nodes, vnodes)?;
            Placements::Bounded(BoundedRing::with_bound(ring, BoundedRing::BOUND)?)
        } else {
            Placements::Ring(Ring::with_vnodes(nodes, vnodes)?)
        };
        Ok(Router { switches, copies, placements, ids })
    }

    /// The caches that a key lives on, its home first.
    pub(crate) fn copies(&self, key: u64) -> Vec<NodeId> {
        let (placements, key) = (self.placements.idle(), hash_of(key));
        let chosen = if self.copies == 1 {
            vec![placements.locate(key)]
        } else if Mechanism::ReplicaSpread.on(self.switches) {
            placements.replicas(key, self.copies)
        } else {
            let mut chosen = Vec::new();
            for index in placements.candidates(key) {
                if chosen.len() < self.copies && !chosen.contains(&index) {
                    chosen.push(index);
                }
            }
            chosen
        };
        chosen.into_iter().map(|index| self.ids[&index]).collect()
    }

    /// The cache that a request for a key is sent to, and counted on until it is released.
    pub(crate) fn admit(&mut self, key: u64) -> NodeId {
        let index = self.placements.busy().admit(hash_of(key));
        self.ids[&index]
    }

    /// A request is no longer with the cache that it was counted on.
    pub(crate) fn release(&mut self, cache: NodeId) {
        if let (Placements::Bounded(ring), Some(index)) =
            (&mut self.placements, index(&self.ids, cache))
        {
            // The requests of a cache that left went with it.
            let _ = ring.release(index);
        }
    }

    /// Takes a cache in.
    pub(crate) fn join(&mut self, member: &Member) -> Result<(), Refused> {
        let index = self.placements.busy().add(describe(member, self.switches)?)?;
        self.ids.insert(index, member.id);
        Ok(())
    }

    /// Takes a cache out.
    pub(crate) fn leave(&mut self, member: &Member) -> Result<(), Refused> {
        self.placements.busy().remove(&member.name)?;
        self.ids.retain(|_, id| *id != member.id);
        Ok(())
    }
}

impl Placements {
    /// The placement of an idle fleet.
    fn idle(&self) -> &dyn Placement {
        match self {
            Placements::Bounded(ring) => ring.ring(),
            Placements::Ring(ring) => ring,
            Placements::Modulo(modulo) => modulo,
        }
    }

    /// The placement with all that is under way.
    fn busy(&mut self) -> &mut dyn Placement {
        match self {
            Placements::Bounded(ring) => ring,
            Placements::Ring(ring) => ring,
            Placements::Modulo(modulo) => modulo,
        }
    }
}

fn describe(member: &Member, switches: Switches) -> Result<Node, Refused> {
    // A division has no weights.
    let weighted = Mechanism::Weighting.on(switches) && Mechanism::ConsistentHashing.on(switches);
    let weight = if weighted { member.weight } else { 1 };
    Node::new(&member.name)?.with_weight(f64::from(weight))?.with_zone(&member.zone)
}

fn index(ids: &BTreeMap<NodeIndex, NodeId>, cache: NodeId) -> Option<NodeIndex> {
    ids.iter().find(|(_, id)| **id == cache).map(|(index, _)| *index)
}

fn hash_of(key: u64) -> u64 {
    hash(&key.to_le_bytes())
}
