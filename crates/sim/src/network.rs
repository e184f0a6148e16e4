//! The network: what is cut, what is slow, and what is on its way in order.
//!
//! A datagram is judged when it is sent. A stream stalls where its direction is cut, holds what
//! was sent in the meantime, and goes on in order when it is healed; a loss costs it the time of
//! a retransmission, a reset costs it what is on its way.

use std::collections::VecDeque;

use machine::{NodeId, Random, Time};
use rand::Rng;

use crate::random::{below, scaled};

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

/// What is wrong with the links of a node. Chances in a million. Every
/// message looks at those of both its ends: this is half a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) loss_ppm: u32,
    pub(crate) duplicate_ppm: u32,
    pub(crate) reorder_ppm: u32,
    /// Nothing is wrong with links to others that are calm too.
    calm: bool,
    /// Some link from here is cut.
    cut: bool,
    /// How late a reordered datagram is.
    pub(crate) reorder_ns: u64,
    /// On top of every delay.
    pub(crate) delay_ns: u64,
}

impl Weather {
    pub(crate) const FAIR: Weather = Weather {
        loss_ppm: 0,
        duplicate_ppm: 0,
        reorder_ppm: 0,
        calm: false,
        cut: false,
        reorder_ns: 0,
        delay_ns: 0,
    };

    /// One more thing is wrong.
    pub(crate) fn worsen(&mut self, other: &Weather) {
        self.loss_ppm = self.loss_ppm.max(other.loss_ppm);
        self.duplicate_ppm = self.duplicate_ppm.max(other.duplicate_ppm);
        self.reorder_ppm = self.reorder_ppm.max(other.reorder_ppm);
        self.reorder_ns = self.reorder_ns.max(other.reorder_ns);
        self.delay_ns = self.delay_ns.max(other.delay_ns);
    }
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
    /// A bit from each node to each; rows of whole words.
    cuts: Vec<u64>,
    row: usize,
    /// Of each node.
    weather: Vec<Weather>,
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
            weather: vec![Weather::FAIR; nodes],
            streams: (0..nodes).map(|_| Vec::new()).collect(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (from.0 as usize, to.0 as usize);
        self.weather[from].cut && self.cuts[from * self.row + to / 64] >> (to % 64) & 1 == 1
    }

    /// Sets all that is wrong with the network, at once.
    pub(crate) fn set(&mut self, cuts: &[(NodeId, NodeId)], weather: Vec<Weather>) {
        for (old, new) in self.weather.iter_mut().zip(weather) {
            *old = Weather { calm: old.calm, ..new };
        }
        self.cuts.fill(0);
        for &(from, to) in cuts {
            if !(self.is_calm(from) && self.is_calm(to)) {
                let (from, to) = (from.0 as usize, to.0 as usize);
                self.weather[from].cut = true;
                self.cuts[from * self.row + to / 64] |= 1 << (to % 64);
            }
        }
    }

    pub(crate) fn is_calm(&self, node: NodeId) -> bool {
        self.weather[node.0 as usize].calm
    }

    pub(crate) fn calm(&mut self, node: NodeId) {
        self.weather[node.0 as usize].calm = true;
    }

    /// The weather at both ends of a link; the worse of the two counts.
    #[inline(always)]
    fn ends(&self, from: NodeId, to: NodeId) -> [&Weather; 2] {
        const FAIR: &Weather = &Weather::FAIR;
        let (from, to) = (&self.weather[from.0 as usize], &self.weather[to.0 as usize]);
        if from.calm && to.calm { [FAIR, FAIR] } else { [from, to] }
    }

    #[inline]
    fn delay(&self, drawn: u64, [here, there]: [&Weather; 2]) -> u64 {
        let spread = self.delays.most_ns - self.delays.least_ns + 1;
        self.delays.least_ns + scaled(drawn, spread) + here.delay_ns.max(there.delay_ns)
    }

    /// Decides when a datagram arrives, if it does, and whether a copy of it does too.
    #[inline(always)]
    pub(crate) fn datagram(
        &self,
        now: Time,
        from: NodeId,
        to: NodeId,
        random: &mut Random,
    ) -> Arrivals {
        let ends @ [here, there] = self.ends(from, to);
        // Two draws decide all four questions, in bits that do not overlap enough to matter, so
        // that a fault that begins does not shift the draws of the messages after it.
        let (delay, luck) = (random.next_u64(), random.next_u64());
        let lost = chance(luck, 0, here.loss_ppm.max(there.loss_ppm));
        if lost || self.is_cut(from, to) {
            return Arrivals { first: None, copy: None };
        }
        let late = match chance(luck, 1, here.reorder_ppm.max(there.reorder_ppm)) {
            true => here.reorder_ns.max(there.reorder_ns),
            false => 0,
        };
        let first = Some(Time(now.0 + self.delay(delay, ends) + late));
        let copy = chance(luck, 2, here.duplicate_ppm.max(there.duplicate_ppm))
            .then(|| Time(now.0 + self.delay(delay.rotate_left(32), ends)));
        Arrivals { first, copy }
    }

    /// Decides when a message on a stream arrives, and in which epoch of the stream it travels.
    pub(crate) fn stream_send(
        &mut self,
        now: Time,
        from: NodeId,
        to: NodeId,
        random: &mut Random,
    ) -> (Time, u32) {
        let ends @ [here, there] = self.ends(from, to);
        let (delay, luck) = (random.next_u64(), random.next_u64());
        let lost = chance(luck, 0, here.loss_ppm.max(there.loss_ppm));
        let again = if lost { RETRANSMISSION } else { 0 };
        let undisturbed = Time(now.0 + self.delay(delay, ends) + again);
        let stream = self.stream(from, to);
        stream.last_arrival = stream.last_arrival.max(undisturbed);
        (stream.last_arrival, stream.epoch)
    }

    pub(crate) fn stream(&mut self, from: NodeId, to: NodeId) -> &mut Stream<M> {
        let streams = &mut self.streams[from.0 as usize];
        let place = match streams.binary_search_by_key(&to, |stream| stream.peer) {
            Ok(place) => place,
            Err(place) => {
                let last_arrival = Time(0);
                let held = VecDeque::new();
                streams.insert(place, Stream { peer: to, epoch: 0, last_arrival, held });
                place
            }
        };
        &mut streams[place]
    }

    /// Resets both directions; false where there was no stream.
    pub(crate) fn reset(&mut self, a: NodeId, b: NodeId) -> bool {
        let mut any = false;
        for (from, to) in [(a, b), (b, a)] {
            let streams = &mut self.streams[from.0 as usize];
            if let Ok(place) = streams.binary_search_by_key(&to, |stream| stream.peer) {
                streams[place].epoch += 1;
                streams[place].held.clear();
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

    /// Nothing sent on this stream from now on arrives before then.
    pub(crate) fn not_before(&mut self, from: NodeId, to: NodeId, at: Time) {
        let stream = self.stream(from, to);
        stream.last_arrival = stream.last_arrival.max(at);
    }

    /// The streams that hold something back although nothing cuts them any more.
    pub(crate) fn thawing(&self) -> Vec<(NodeId, NodeId)> {
        let mut thawing = Vec::new();
        for (from, streams) in self.streams.iter().enumerate() {
            let from = NodeId(from as u32);
            let holding = streams.iter().filter(|stream| !stream.held.is_empty());
            let healed = holding.filter(|stream| !self.is_cut(from, stream.peer));
            thawing.extend(healed.map(|stream| (from, stream.peer)));
        }
        thawing
    }
}

/// Decides the question of this number by a number that was drawn already.
#[inline]
fn chance(luck: u64, question: u32, ppm: u32) -> bool {
    scaled(luck.rotate_left(question * 21), 1_000_000) < u64::from(ppm)
}

/// How long something takes from one node to another while no fault is on.
pub(crate) fn passage(delays: Delays, random: &mut Random) -> u64 {
    delays.least_ns + below(random, delays.most_ns - delays.least_ns + 1)
}
