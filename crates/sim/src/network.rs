//! The network: when a message arrives, and whether it does.
//!
//! A datagram is judged when it is sent. A lane stalls where its direction is cut, holds what was sent in the
//! meantime, and goes on in order when it is healed; a loss costs it the time of a retransmission, a reset costs
//! it what is on its way.
//!
//! What is drawn for messages comes from a stream for each pair of nodes and kind of link, so that what two nodes
//! say to each other moves nothing between others. In a cluster of more than 256 nodes all datagrams of a
//! sender share one: a table of all pairs would be larger than what it is for.

use machine::{Link, NodeId, Time};

use crate::conditions::{Befell, Conditions, Delays, Distance, Trip};
use crate::lanes::{Lanes, NotSent};
use crate::random::{DrawStream, Purpose};

/// In a larger cluster the datagrams of a sender share one stream.
const MOST_PAIRED: usize = 256;

#[derive(Clone, Debug)]
pub(crate) struct Network<M> {
    pub(crate) conditions: Conditions,
    pub(crate) lanes: Lanes<M>,
    datagrams: Datagrams,
}

/// The streams of datagrams, by sender and receiver; none in a cluster that has too many pairs.
#[derive(Clone, Debug)]
struct Datagrams {
    seed: u64,
    nodes: usize,
    draws: Vec<DrawStream>,
}

impl Datagrams {
    fn new(seed: u64, nodes: usize) -> Datagrams {
        let pairs = if nodes <= MOST_PAIRED { nodes as u32 } else { 0 };
        let stream = |from, to| DrawStream::of_pair(seed, Purpose::Network, from, to);
        let of_sender = |from| (0..pairs).map(move |to| stream(from, to));
        Datagrams { seed, nodes, draws: (0..pairs).flat_map(of_sender).collect() }
    }

    #[inline(always)]
    fn of_pair(&mut self, from: NodeId, to: NodeId) -> Option<&mut DrawStream> {
        self.draws.get_mut(from.0 as usize * self.nodes + to.0 as usize)
    }

    /// One more node: what the others have drawn stays, as long as there is a stream for each pair.
    fn grow(&mut self) {
        let mut grown = Datagrams::new(self.seed, self.nodes + 1);
        if !grown.draws.is_empty() {
            for from in 0..self.nodes {
                let old = &self.draws[from * self.nodes..][..self.nodes];
                grown.draws[from * grown.nodes..][..self.nodes].clone_from_slice(old);
            }
        }
        *self = grown;
    }
}

impl<M> Network<M> {
    pub(crate) fn new(seed: u64, zones: &[u8], delays: Delays, distances: &[Distance]) -> Self {
        Network {
            conditions: Conditions::new(zones, delays, distances),
            lanes: Lanes::new(seed, zones.len()),
            datagrams: Datagrams::new(seed, zones.len()),
        }
    }

    /// One more node, in this zone.
    pub(crate) fn grow(&mut self, zone: u8) {
        self.conditions.grow(zone);
        self.lanes.grow();
        self.datagrams.grow();
    }

    /// What decides about datagrams from one node to the other, if that is not what decides about all of the
    /// sender's.
    #[inline(always)]
    pub(crate) fn draws_of_pair(&mut self, from: NodeId, to: NodeId) -> Option<&mut DrawStream> {
        self.datagrams.of_pair(from, to)
    }

    /// When the sender learns that there is no such node, and the epoch that this begins: what it sends until
    /// then goes nowhere.
    pub(crate) fn no_such_node(&mut self, now: Time, from: NodeId, to: NodeId) -> (Time, u32) {
        let delays = self.conditions.delays(from, to);
        let way = self.lanes.way(from, to);
        way.reset();
        let epoch = way.epoch;
        let (travels, _) = delays.choose(way.lane(Link::Stream).draws.draw());
        (way.tell(Time(now.0 + travels)), epoch)
    }

    /// Decides when a message of this weight arrives on a lane, in which epoch it travels, and what befell it.
    #[inline]
    pub(crate) fn send(
        &mut self,
        now: Time,
        (from, to): (NodeId, NodeId),
        link: Link,
        weight: u32,
    ) -> Result<(Time, u32, Option<Befell>), NotSent> {
        let (epoch, lane) = self.lanes.way_with(from, to, link).give(link, weight)?;
        let drawn = lane.draws.draw();
        let Trip { takes, travels, befell } = self.conditions.on_lane(from, to, weight, drawn);
        let mut leaves = now;
        if takes > 0 {
            lane.free = Time(lane.free.max(now).0 + takes);
            leaves = lane.free;
        }
        lane.last_arrival = lane.last_arrival.max(Time(leaves.0 + travels));
        Ok((lane.last_arrival, epoch, befell))
    }

    /// When a credit arrives, and in which epoch it travels: behind what was sent on the same lane.
    pub(crate) fn send_credit(
        &mut self,
        now: Time,
        from: NodeId,
        to: NodeId,
        link: Link,
    ) -> (Time, u32) {
        let way = self.lanes.way_with(from, to, link);
        let epoch = way.epoch;
        let lane = way.lane(link);
        let Trip { travels, .. } = self.conditions.on_lane(from, to, 0, lane.draws.draw());
        lane.last_arrival = lane.last_arrival.max(Time(now.0 + travels));
        (lane.last_arrival, epoch)
    }

    /// How long something takes from one node to another while no fault is on.
    pub(crate) fn travel_time(&mut self, from: NodeId, to: NodeId) -> u64 {
        let drawn = self.lanes.way(from, to).lane(Link::Stream).draws.draw();
        self.conditions.delays(from, to).choose(drawn).0
    }

    /// The ways that hold something back although nothing cuts them any more.
    pub(crate) fn ways_to_release(&self) -> Vec<(NodeId, NodeId)> {
        let holding = self.lanes.holding_back();
        holding.filter(|&(from, to)| !self.conditions.is_cut(from, to)).collect()
    }
}

/// The links between two sides.
pub(crate) fn pairs(a: &[NodeId], b: &[NodeId]) -> impl Iterator<Item = (NodeId, NodeId)> {
    a.iter().flat_map(move |&a| b.iter().map(move |&b| (a, b)))
}
