//! What travels in order between two nodes: two lanes in each direction, a stream and bulk beside it.
//!
//! The law: what a lane was given arrives in order, without gaps, up to a reset. A reset ends both lanes in both
//! directions. Each end is told of it a little later, and what it sends until then goes into the dead connection:
//! so neither end ever sees a gap that it was not told of. What is outstanding on a lane is what its sender gave
//! it, less the credit that the sender's machine was told of: the same count as [`machine::Window`]'s.

use std::collections::VecDeque;

use machine::{CREDIT, LIGHTEST, LONGEST, Link, NodeId, Time, WINDOW};

use crate::random::{DrawStream, Purpose};

/// What a lane carries.
#[derive(Clone, Debug)]
pub(crate) enum Carried<M> {
    Message(M),
    /// The receiver of the lane in the other direction has taken so much of it.
    Credit,
}

/// A lane, in one direction.
#[derive(Clone, Debug)]
pub(crate) struct Lane<M> {
    /// Decide how long things take on it, and whether they are lost on their way.
    pub(crate) draws: DrawStream,
    /// When the last heavy message has left, and the next can.
    pub(crate) free: Time,
    /// Nothing sent later arrives earlier.
    pub(crate) last_arrival: Time,
    /// Arrived at a cut, waiting for it to heal, or at a slow link, of which it has not all passed.
    pub(crate) held: VecDeque<Carried<M>>,
    /// How many of those that were held back went on: tells the first that is held from another.
    pub(crate) released: u32,
    /// Weight that was sent, less credit.
    outstanding: u32,
    /// Weight that the receiver's machine was handed, since the last credit.
    taken: u32,
}

/// Both lanes from one node to another.
#[derive(Clone, Debug)]
pub(crate) struct Way<M> {
    peer: NodeId,
    /// Grows with every reset. What is on its way in an earlier one does not arrive.
    pub(crate) epoch: u32,
    /// The epoch that the sender was told of. Until it is told of this one the way is dead.
    told: u32,
    /// When the receiver is told of the last reset: nothing that was sent since arrives before.
    told_at: Time,
    stream: Lane<M>,
    /// Few need it.
    bulk: Option<Box<Lane<M>>>,
}

/// All of a world.
#[derive(Clone, Debug)]
pub(crate) struct Lanes<M> {
    seed: u64,
    /// By sender; few peers each, in order of number.
    ways: Vec<Vec<Way<M>>>,
}

/// Why a lane does not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// It was reset, and the sender has not heard of that yet.
    Dead,
    /// It is too heavy, or too much is outstanding: the pair is to be reset.
    TooMuch,
}

impl<M> Lane<M> {
    fn new(seed: u64, link: Link, from: NodeId, to: NodeId) -> Self {
        let purpose = if link == Link::Bulk { Purpose::Bulk } else { Purpose::Stream };
        Lane {
            draws: DrawStream::of_pair(seed, purpose, from.0, to.0),
            free: Time(0),
            last_arrival: Time(0),
            held: VecDeque::new(),
            released: 0,
            outstanding: 0,
            taken: 0,
        }
    }

    /// A message of this weight was handed to the receiver's machine; is credit due for it?
    #[inline(always)]
    pub(crate) fn take(&mut self, weight: u32) -> bool {
        self.taken += weight.max(LIGHTEST);
        self.taken >= CREDIT
    }

    /// The credits that are due.
    pub(crate) fn credits_due(&mut self) -> u32 {
        let due = self.taken / CREDIT;
        self.taken %= CREDIT;
        due
    }

    /// Nothing of it outlives the connection: not how late it was either.
    fn reset(&mut self, told_at: Time) {
        (self.free, self.last_arrival) = (Time(0), told_at);
        self.held.clear();
        self.released = self.released.wrapping_add(1);
        (self.outstanding, self.taken) = (0, 0);
    }

    /// Takes the first that is held back.
    pub(crate) fn release(&mut self) -> Option<Carried<M>> {
        self.released = self.released.wrapping_add(1);
        self.held.pop_front()
    }
}

impl<M> Way<M> {
    /// The epoch and the lane for a message of this weight, which is counted.
    #[inline(always)]
    pub(crate) fn give(&mut self, link: Link, weight: u32) -> Result<(u32, &mut Lane<M>), NotSent> {
        if self.told != self.epoch {
            return Err(NotSent::Dead);
        }
        let epoch = self.epoch;
        let (lane, counts) = (self.lane(link), weight.max(LIGHTEST));
        if weight > LONGEST || lane.outstanding + counts > WINDOW {
            return Err(NotSent::TooMuch);
        }
        lane.outstanding += counts;
        Ok((epoch, lane))
    }

    /// The sender's machine is told of a credit.
    pub(crate) fn credit(&mut self, link: Link) {
        let lane = self.lane(link);
        lane.outstanding = lane.outstanding.saturating_sub(CREDIT);
    }

    /// What is sent on one of its lanes from now on arrives no earlier than this.
    pub(crate) fn hold_up(&mut self, link: Link, until: Time) {
        let lane = self.lane(link);
        lane.last_arrival = lane.last_arrival.max(until);
    }

    /// The receiver is told of a reset at this time, or later where it is told of an earlier one first; what is
    /// sent from now on arrives no earlier.
    pub(crate) fn tell(&mut self, at: Time) -> Time {
        self.told_at = self.told_at.max(at);
        for lane in [Some(&mut self.stream), self.bulk.as_deref_mut()].into_iter().flatten() {
            lane.last_arrival = lane.last_arrival.max(self.told_at);
        }
        self.told_at
    }

    /// One of its lanes.
    #[inline(always)]
    pub(crate) fn lane(&mut self, link: Link) -> &mut Lane<M> {
        match (link, &mut self.bulk) {
            (Link::Bulk, Some(bulk)) => bulk,
            _ => &mut self.stream,
        }
    }

    fn holds_back(&self) -> bool {
        let holds = |lane: &Lane<M>| !lane.held.is_empty();
        holds(&self.stream) || self.bulk.as_deref().is_some_and(holds)
    }

    pub(crate) fn reset(&mut self) {
        self.epoch += 1;
        self.stream.reset(self.told_at);
        self.bulk.iter_mut().for_each(|bulk| bulk.reset(self.told_at));
    }
}

impl<M> Lanes<M> {
    pub(crate) fn new(seed: u64, nodes: usize) -> Self {
        Lanes { seed, ways: (0..nodes).map(|_| Vec::new()).collect() }
    }

    /// One more node.
    pub(crate) fn grow(&mut self) {
        self.ways.push(Vec::new());
    }

    /// Is the way from one node to another dead, since its sender was not told of its last reset?
    pub(crate) fn is_dead(&mut self, from: NodeId, to: NodeId) -> bool {
        let way = self.way(from, to);
        way.told != way.epoch
    }

    /// The way from one node to another.
    #[inline(always)]
    pub(crate) fn way(&mut self, from: NodeId, to: NodeId) -> &mut Way<M> {
        match find(&self.ways[from.0 as usize], to) {
            Ok(index) => &mut self.ways[from.0 as usize][index],
            Err(index) => self.open(from, to, index),
        }
    }

    /// The same, with the lane of this kind on it.
    #[inline(always)]
    pub(crate) fn way_with(&mut self, from: NodeId, to: NodeId, link: Link) -> &mut Way<M> {
        if link == Link::Bulk {
            self.open_bulk(from, to);
        }
        self.way(from, to)
    }

    #[cold]
    fn open(&mut self, from: NodeId, to: NodeId, index: usize) -> &mut Way<M> {
        let stream = Lane::new(self.seed, Link::Stream, from, to);
        let ways = &mut self.ways[from.0 as usize];
        ways.insert(
            index,
            Way { peer: to, epoch: 0, told: 0, told_at: Time(0), stream, bulk: None },
        );
        &mut ways[index]
    }

    #[inline(never)]
    fn open_bulk(&mut self, from: NodeId, to: NodeId) {
        let seed = self.seed;
        let way = self.way(from, to);
        // What the ends must be told before anything arrives, this lane waits for too.
        let last_arrival = way.told_at;
        way.bulk.get_or_insert_with(|| {
            Box::new(Lane { last_arrival, ..Lane::new(seed, Link::Bulk, from, to) })
        });
    }

    /// Resets both directions; false where there was nothing to reset.
    pub(crate) fn reset(&mut self, a: NodeId, b: NodeId) -> bool {
        if !self.has(a, b) && !self.has(b, a) {
            return false;
        }
        self.way(a, b).reset();
        if a != b {
            self.way(b, a).reset();
        }
        true
    }

    /// The sender was told of the reset that began this epoch: if it is the last one, the way is open again.
    pub(crate) fn told(&mut self, from: NodeId, to: NodeId, epoch: u32) {
        let way = self.way(from, to);
        way.told = way.told.max(epoch);
    }

    /// The node boots, or is resumed: it has nothing to be told of what was before.
    pub(crate) fn begin_anew(&mut self, from: NodeId) {
        self.ways[from.0 as usize].iter_mut().for_each(|way| way.told = way.epoch);
    }

    /// The node joins: whoever was looking for it in vain is told so before it hears from it.
    pub(crate) fn join(&mut self, node: NodeId) {
        for peer in (0..self.ways.len() as u32).map(NodeId) {
            if self.is_dead_to(peer, node) {
                let told_at = self.way(peer, node).told_at;
                self.way(node, peer).tell(told_at);
            }
        }
    }

    fn is_dead_to(&self, from: NodeId, to: NodeId) -> bool {
        let ways = &self.ways[from.0 as usize];
        find(ways, to).is_ok_and(|index| ways[index].told != ways[index].epoch)
    }

    /// With whom this node has lanes, in either direction.
    pub(crate) fn peers(&self, node: NodeId) -> Vec<NodeId> {
        let everyone = (0..self.ways.len() as u32).map(NodeId);
        everyone.filter(|&peer| self.has(node, peer) || self.has(peer, node)).collect()
    }

    /// The ways that hold something back.
    pub(crate) fn holding_back(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.ways.iter().enumerate().flat_map(|(from, ways)| {
            let holding = ways.iter().filter(|way| way.holds_back());
            holding.map(move |way| (NodeId(from as u32), way.peer))
        })
    }

    fn has(&self, from: NodeId, to: NodeId) -> bool {
        find(&self.ways[from.0 as usize], to).is_ok()
    }
}

#[inline(always)]
fn find<M>(ways: &[Way<M>], peer: NodeId) -> Result<usize, usize> {
    ways.binary_search_by_key(&peer, |way| way.peer)
}
