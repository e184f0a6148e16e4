//! The network: what is cut, what is slow, and what is on its way in order.
//!
//! A datagram is judged when it is sent. A stream stalls where its direction is cut, holds what
//! was sent in the meantime, and goes on in order when it is healed; a loss costs it the time of
//! a retransmission, a reset costs it what is on its way.

use std::collections::VecDeque;

use machine::{NodeId, Time};

use crate::random::{Draw, DrawStream, share};

/// What TCP waits before it sends again (Linux, least value).
const RETRANSMISSION: u64 = 200_000_000;

/// How messages travel while no fault is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Delays {
    /// The least delay of a message, in nanoseconds.
    pub least_ns: u64,
    /// The most; in between all are equally likely.
    pub most_ns: u64,
}

impl Delays {
    /// Delays from a range in microseconds, ends included.
    pub const fn micros(least: u64, most: u64) -> Self {
        Delays { least_ns: least * 1000, most_ns: most * 1000 }
    }
}

/// What is wrong with the links of a node. Chances in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkFaults {
    pub(crate) loss_ppm: u32,
    pub(crate) duplicate_ppm: u32,
    pub(crate) reorder_ppm: u32,
    /// Healed for good: nothing is wrong with links to others that are healed too.
    healed: bool,
    /// Some link from here is cut.
    cut: bool,
    /// How late a reordered datagram is.
    pub(crate) reorder_ns: u64,
    /// On top of every delay.
    pub(crate) delay_ns: u64,
}

impl LinkFaults {
    pub(crate) const NONE: LinkFaults = LinkFaults {
        loss_ppm: 0,
        duplicate_ppm: 0,
        reorder_ppm: 0,
        healed: false,
        cut: false,
        reorder_ns: 0,
        delay_ns: 0,
    };

    /// One more thing is wrong.
    pub(crate) fn combine(&mut self, other: &LinkFaults) {
        self.loss_ppm = self.loss_ppm.max(other.loss_ppm);
        self.duplicate_ppm = self.duplicate_ppm.max(other.duplicate_ppm);
        self.reorder_ppm = self.reorder_ppm.max(other.reorder_ppm);
        self.reorder_ns = self.reorder_ns.max(other.reorder_ns);
        self.delay_ns = self.delay_ns.max(other.delay_ns);
    }

    fn summary(&self) -> LinkSummary {
        let any = share(self.loss_ppm) + share(self.reorder_ppm) + share(self.duplicate_ppm);
        // Being cut and being healed depend on the other end: whoever is touched by them has to look there.
        let always = self.cut || self.healed && self.delay_ns > 0;
        let threshold = if always { u64::MAX } else { u64::try_from(any).unwrap_or(u64::MAX) };
        LinkSummary { threshold, delay_ns: self.delay_ns }
    }
}

/// What most messages need to know of [`LinkFaults`].
#[derive(Clone, Copy, Debug)]
struct LinkSummary {
    /// Faults do no more than delay a message with a higher draw.
    threshold: u64,
    delay_ns: u64,
}

/// One direction of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Stream<M> {
    peer: NodeId,
    /// A reset begins a new one; what is on its way in the old one does not arrive.
    pub(crate) epoch: u32,
    /// Nothing sent later arrives earlier.
    last_arrival: Time,
    /// Arrived at the cut, waiting for it to heal.
    pub(crate) held: VecDeque<M>,
}

#[derive(Clone, Debug)]
pub(crate) struct Network<M> {
    pub(crate) delays: Delays,
    /// A bit for each pair of nodes; rows of whole words.
    cuts: Vec<u64>,
    row: usize,
    /// Of each node.
    link_faults: Vec<LinkFaults>,
    /// Their summaries: every message looks at those of both its ends.
    summaries: Vec<LinkSummary>,
    /// By sender; few peers each, in order of number.
    streams: Vec<Vec<Stream<M>>>,
}

/// When a datagram arrives, if it does, and when a copy of it does too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    pub(crate) first: Option<Time>,
    pub(crate) copy: Option<Time>,
}

impl<M> Network<M> {
    pub(crate) fn new(nodes: usize, delays: Delays) -> Self {
        let row = nodes.div_ceil(64);
        Network {
            delays,
            cuts: vec![0; nodes * row],
            row,
            link_faults: vec![LinkFaults::NONE; nodes],
            summaries: vec![LinkFaults::NONE.summary(); nodes],
            streams: (0..nodes).map(|_| Vec::new()).collect(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (from.0 as usize, to.0 as usize);
        self.link_faults[from].cut && self.cuts[from * self.row + to / 64] >> (to % 64) & 1 == 1
    }

    /// Sets all that is wrong with the network, at once.
    pub(crate) fn set(&mut self, cuts: &[(NodeId, NodeId)], link_faults: Vec<LinkFaults>) {
        for (old, new) in self.link_faults.iter_mut().zip(link_faults) {
            *old = LinkFaults { healed: old.healed, ..new };
        }
        self.cuts.fill(0);
        for &(from, to) in cuts {
            if !(self.is_healed(from) && self.is_healed(to)) {
                let (from, to) = (from.0 as usize, to.0 as usize);
                self.link_faults[from].cut = true;
                self.cuts[from * self.row + to / 64] |= 1 << (to % 64);
            }
        }
        self.summaries = self.link_faults.iter().map(LinkFaults::summary).collect();
    }

    pub(crate) fn is_healed(&self, node: NodeId) -> bool {
        self.link_faults[node.0 as usize].healed
    }

    pub(crate) fn heal(&mut self, node: NodeId) {
        self.link_faults[node.0 as usize].healed = true;
    }

    /// What is wrong with a link: the worse of what is wrong at either end.
    fn link_faults(&self, from: NodeId, to: NodeId) -> LinkFaults {
        let (mut from, to) = (self.link_faults[from.0 as usize], &self.link_faults[to.0 as usize]);
        if from.healed && to.healed {
            return LinkFaults::NONE;
        }
        from.combine(to);
        from
    }

    /// When a message that is sent now arrives if no fault touches it. One draw decides it, and what is
    /// left of the draw decides what faults do to the message: so a fault shifts no later draw.
    #[inline(always)]
    pub(crate) fn arrival_without_faults(&self, now: Time, drawn: u64) -> (Time, Draw) {
        let Delays { least_ns, most_ns } = self.delays;
        let mut draw = Draw(drawn);
        (Time(now.0 + least_ns + draw.choose(most_ns - least_ns + 1)), draw)
    }

    /// The delay that faults add to a message with this draw, where they can do no more to it. That is so for
    /// most messages, which therefore need not look at every kind of fault.
    #[inline(always)]
    pub(crate) fn added_delay(&self, from: NodeId, to: NodeId, Draw(draw): Draw) -> Option<u64> {
        let (from, to) = (self.summaries[from.0 as usize], self.summaries[to.0 as usize]);
        let safe = draw > from.threshold.saturating_add(to.threshold);
        safe.then(|| from.delay_ns.max(to.delay_ns))
    }

    /// What faults do to a datagram that would arrive at `at` without them.
    pub(crate) fn datagram(
        &self,
        now: Time,
        from: NodeId,
        to: NodeId,
        at: Time,
        mut draw: Draw,
    ) -> Arrivals {
        let link_faults = self.link_faults(from, to);
        if draw.happens(link_faults.loss_ppm) || self.is_cut(from, to) {
            return Arrivals { first: None, copy: None };
        }
        let late = if draw.happens(link_faults.reorder_ppm) { link_faults.reorder_ns } else { 0 };
        let delayed = |at: Time, by_ns| Time(at.0 + link_faults.delay_ns + by_ns);
        let doubled = draw.happens(link_faults.duplicate_ppm);
        let copy = doubled.then(|| delayed(self.arrival_without_faults(now, draw.0).0, 0));
        Arrivals { first: Some(delayed(at, late)), copy }
    }

    /// Decides when a message on a stream arrives, and in which epoch of the stream it travels.
    pub(crate) fn stream_send(
        &mut self,
        now: Time,
        from: NodeId,
        to: NodeId,
        draws: &mut DrawStream,
    ) -> (Time, u32) {
        let (mut at, mut draw) = self.arrival_without_faults(now, draws.draw());
        at.0 += self.added_delay(from, to, draw).unwrap_or_else(|| {
            let link_faults = self.link_faults(from, to);
            let again = if draw.happens(link_faults.loss_ppm) { RETRANSMISSION } else { 0 };
            link_faults.delay_ns + again
        });
        let stream = self.stream(from, to);
        stream.last_arrival = stream.last_arrival.max(at);
        (stream.last_arrival, stream.epoch)
    }

    pub(crate) fn stream(&mut self, from: NodeId, to: NodeId) -> &mut Stream<M> {
        let streams = &mut self.streams[from.0 as usize];
        let index = match streams.binary_search_by_key(&to, |stream| stream.peer) {
            Ok(index) => index,
            Err(index) => {
                let last_arrival = Time(0);
                let held = VecDeque::new();
                streams.insert(index, Stream { peer: to, epoch: 0, last_arrival, held });
                index
            }
        };
        &mut streams[index]
    }

    /// Resets both directions; false where there was no stream.
    pub(crate) fn reset(&mut self, a: NodeId, b: NodeId) -> bool {
        let mut any = false;
        for (from, to) in [(a, b), (b, a)] {
            let streams = &mut self.streams[from.0 as usize];
            if let Ok(index) = streams.binary_search_by_key(&to, |stream| stream.peer) {
                streams[index].epoch += 1;
                streams[index].held.clear();
                any = true;
            }
        }
        any
    }

    /// A sender has learned of a reset: what it sent until now went into the dead connection.
    pub(crate) fn abandon(&mut self, from: NodeId, to: NodeId) {
        let stream = self.stream(from, to);
        stream.epoch += 1;
        stream.held.clear();
    }

    /// Whom this node has a stream with, in either direction.
    pub(crate) fn peers(&self, node: NodeId) -> Vec<NodeId> {
        let everyone = (0..self.streams.len() as u32).map(NodeId);
        let has = |from: NodeId, to: NodeId| {
            self.streams[from.0 as usize].binary_search_by_key(&to, |stream| stream.peer).is_ok()
        };
        everyone.filter(|&peer| has(node, peer) || has(peer, node)).collect()
    }

    /// What is sent on this stream from now on arrives no earlier than this.
    pub(crate) fn not_before(&mut self, from: NodeId, to: NodeId, at: Time) {
        let stream = self.stream(from, to);
        stream.last_arrival = stream.last_arrival.max(at);
    }

    /// The streams that hold something back although nothing cuts them any more.
    pub(crate) fn streams_to_release(&self) -> Vec<(NodeId, NodeId)> {
        let mut with_held = Vec::new();
        for (from, streams) in self.streams.iter().enumerate() {
            let from = NodeId(from as u32);
            let holding = streams.iter().filter(|stream| !stream.held.is_empty());
            let healed = holding.filter(|stream| !self.is_cut(from, stream.peer));
            with_held.extend(healed.map(|stream| (from, stream.peer)));
        }
        with_held
    }
}

/// How long something takes from one node to another while no fault is on.
pub(crate) fn travel_time(delays: Delays, draws: &mut DrawStream) -> u64 {
    delays.least_ns + Draw(draws.draw()).choose(delays.most_ns - delays.least_ns + 1)
}

/// The links between two sides.
pub(crate) fn pairs(a: &[NodeId], b: &[NodeId]) -> impl Iterator<Item = (NodeId, NodeId)> {
    a.iter().flat_map(move |&a| b.iter().map(move |&b| (a, b)))
}
