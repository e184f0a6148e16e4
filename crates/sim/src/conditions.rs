//! How far apart nodes are, and what is wrong with the links between them: what decides when a message
//! arrives, if it does.

use std::sync::Arc;

use machine::{NodeId, Time};

use crate::random::{Draw, share};

/// What TCP waits before it sends again (Linux, least value).
const RETRANSMISSION: u64 = 200_000_000;

/// A lighter message is a packet, and takes no time of its own to leave.
const PACKET: u32 = 1_500;

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

    /// The delay that a draw decides on, and what is left of the draw.
    #[inline(always)]
    pub(crate) fn choose(self, drawn: u64) -> (u64, Draw) {
        let mut draw = Draw(drawn);
        (self.least_ns + draw.choose(self.most_ns - self.least_ns + 1), draw)
    }
}

/// How far two zones are apart, where that is not as far as any two nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    /// Both; the same one twice, for nodes within it.
    pub zones: (u8, u8),
    /// How messages travel between them, in either direction.
    pub delays: Delays,
}

/// What is wrong with the links of a node. Chances in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkFaults {
    pub(crate) loss_ppm: u32,
    pub(crate) duplicate_ppm: u32,
    pub(crate) reorder_ppm: u32,
    /// A message takes so many times as long to pass; 1 where it does not.
    pub(crate) slow: u32,
    /// Healed for good: nothing is wrong with links to others that are healed too.
    pub(crate) healed: bool,
    /// Some link from here is cut or slow.
    pub(crate) hinders: bool,
    /// Something is wrong with some link of this node, and not with others.
    pub(crate) singled_out: bool,
    /// Some of it has not met any message yet: whoever sends one has to look whether it does.
    pub(crate) unmet: bool,
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
        slow: 1,
        healed: false,
        hinders: false,
        singled_out: false,
        unmet: false,
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
        self.slow = self.slow.max(other.slow);
        self.unmet |= other.unmet;
    }

    fn summary(&self) -> LinkSummary {
        let any = share(self.loss_ppm) + share(self.reorder_ppm) + share(self.duplicate_ppm);
        // These depend on the other end: whoever is touched by them has to look there.
        let always =
            self.hinders || self.singled_out || self.unmet || self.healed && self.delay_ns > 0;
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

/// Something is wrong with the links between two sides.
#[derive(Clone, Debug)]
pub(crate) struct Between {
    pub(crate) sides: Arc<Sides>,
    /// In the other direction too?
    pub(crate) both_ways: bool,
    pub(crate) what: Wrong,
    /// No message has met it yet.
    pub(crate) unmet: bool,
}

/// The two sides of a fault; the second is empty where it has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) a: Side,
    pub(crate) b: Side,
}

/// What is wrong with links between two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nothing passes.
    Cut,
    /// See [`LinkFaults`].
    Faults(LinkFaults),
}

/// Nodes, a bit each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side(Vec<u64>);

impl Sides {
    pub(crate) fn of(a: &[NodeId], b: &[NodeId]) -> Arc<Sides> {
        Arc::new(Sides { a: Side::of(a), b: Side::of(b) })
    }

    /// From the first to the second.
    pub(crate) fn lead(&self, from: NodeId, to: NodeId) -> bool {
        self.a.has(from) && self.b.has(to)
    }
}

impl Side {
    fn of(nodes: &[NodeId]) -> Side {
        let words = nodes.iter().max().map_or(0, |last| last.0 as usize / 64 + 1);
        let mut side = Side(vec![0; words]);
        nodes.iter().for_each(|node| side.0[node.0 as usize / 64] |= 1 << (node.0 % 64));
        side
    }

    pub(crate) fn has(&self, node: NodeId) -> bool {
        self.0.get(node.0 as usize / 64).is_some_and(|word| word >> (node.0 % 64) & 1 == 1)
    }

    fn nodes(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let next = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest > 0);
            let words = std::iter::successors(Some(word).filter(|word| *word > 0), next);
            words.map(move |word| at * 64 + word.trailing_zeros() as usize)
        })
    }
}

impl Between {
    fn hits(&self, from: NodeId, to: NodeId) -> bool {
        self.sides.lead(from, to) || self.both_ways && self.sides.lead(to, from)
    }
}

/// The state of all links.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    delays: Delays,
    zones: Vec<u8>,
    /// Those that are not as far apart as any two nodes.
    distances: Vec<Distance>,
    /// Asked only about nodes that some of it touches.
    between: Vec<Between>,
    /// Of each node.
    link_faults: Vec<LinkFaults>,
    /// Their summaries: every message looks at those of both its ends.
    summaries: Vec<LinkSummary>,
}

/// When a datagram arrives, if it does, and when a copy of it does too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    pub(crate) first: Option<Time>,
    pub(crate) copy: Option<Time>,
    pub(crate) befell: Option<Befell>,
}

/// What befell a message on a link on which some fault had met none before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Befell {
    pub(crate) cut: bool,
    pub(crate) slowed: bool,
    pub(crate) delayed: bool,
    pub(crate) lost: bool,
    pub(crate) late: bool,
    pub(crate) doubled: bool,
}

/// How a message on a lane travels: how long it takes to leave, once the lane is free, and then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip {
    pub(crate) takes: u64,
    pub(crate) travels: u64,
    pub(crate) befell: Option<Befell>,
}

impl Conditions {
    pub(crate) fn new(zones: &[u8], delays: Delays, distances: &[Distance]) -> Self {
        Conditions {
            delays,
            zones: zones.to_vec(),
            distances: distances.to_vec(),
            between: Vec::new(),
            link_faults: vec![LinkFaults::NONE; zones.len()],
            summaries: vec![LinkFaults::NONE.summary(); zones.len()],
        }
    }

    /// One more node, in this zone, with whose links nothing is wrong.
    pub(crate) fn grow(&mut self, zone: u8) {
        self.zones.push(zone);
        self.link_faults.push(LinkFaults::NONE);
        self.summaries.push(LinkFaults::NONE.summary());
    }

    /// Where a node is.
    pub(crate) fn zone(&self, node: NodeId) -> u8 {
        self.zones.get(node.0 as usize).copied().unwrap_or(0)
    }

    /// A node is in this zone after all.
    pub(crate) fn set_zone(&mut self, node: NodeId, zone: u8) {
        self.zones[node.0 as usize] = zone;
    }

    /// How long a message travels from one node to the other while no fault is on.
    #[inline(always)]
    pub(crate) fn delays(&self, from: NodeId, to: NodeId) -> Delays {
        if self.distances.is_empty() { self.delays } else { self.by_distance(from, to) }
    }

    #[inline(never)]
    fn by_distance(&self, from: NodeId, to: NodeId) -> Delays {
        let (a, b) = (self.zone(from), self.zone(to));
        let apart = |distance: &&Distance| distance.zones == (a, b) || distance.zones == (b, a);
        self.distances.iter().find(apart).map_or(self.delays, |distance| distance.delays)
    }

    #[inline(always)]
    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.hinders(from) && self.cuts(from, to)
    }

    /// Is some link from here cut or slow?
    #[inline(always)]
    pub(crate) fn hinders(&self, from: NodeId) -> bool {
        self.link_faults[from.0 as usize].hinders
    }

    /// Is there a fault of the links at either end that has not met a message yet?
    pub(crate) fn is_unmet(&self, from: NodeId, to: NodeId) -> bool {
        [from, to].iter().any(|node| self.link_faults[node.0 as usize].unmet)
    }

    /// How much longer a message of this weight takes to pass a link that is slow, in nanoseconds.
    pub(crate) fn passing_ns(&self, from: NodeId, to: NodeId, weight: u32) -> u64 {
        let slow = if self.hinders(from) { self.link_faults(from, to).slow } else { 1 };
        takes_longer(weight, slow)
    }

    #[inline(never)]
    fn cuts(&self, from: NodeId, to: NodeId) -> bool {
        let cuts = |between: &Between| between.what == Wrong::Cut && between.hits(from, to);
        // A role and a number may name the same node: no node is cut off from itself.
        from != to && !self.are_healed(from, to) && self.between.iter().any(cuts)
    }

    /// Sets all that is wrong with links, at once.
    pub(crate) fn set(&mut self, between: Vec<Between>, link_faults: Vec<LinkFaults>) {
        for (old, new) in self.link_faults.iter_mut().zip(link_faults) {
            *old = LinkFaults { healed: old.healed, ..new };
        }
        for one in &between {
            self.mark(&one.sides.a, &one.sides.b, one);
            if one.both_ways {
                self.mark(&one.sides.b, &one.sides.a, one);
            }
        }
        self.between = between;
        self.summaries = self.link_faults.iter().map(LinkFaults::summary).collect();
    }

    /// Those who send from one side to the other have to look at what is wrong between them.
    fn mark(&mut self, from: &Side, to: &Side, between: &Between) {
        let all_healed = to.nodes().all(|node| self.link_faults[node].healed);
        for node in from.nodes() {
            let faults = &mut self.link_faults[node];
            let touched = !(faults.healed && all_healed);
            match between.what {
                Wrong::Cut => faults.hinders |= touched,
                Wrong::Faults(here) => {
                    faults.singled_out |= touched;
                    faults.hinders |= touched && here.slow > 1;
                }
            }
            faults.unmet |= touched && between.unmet;
        }
    }

    pub(crate) fn is_healed(&self, node: NodeId) -> bool {
        self.link_faults.get(node.0 as usize).is_some_and(|faults| faults.healed)
    }

    pub(crate) fn heal(&mut self, node: NodeId) {
        self.link_faults[node.0 as usize].healed = true;
    }

    fn are_healed(&self, a: NodeId, b: NodeId) -> bool {
        self.is_healed(a) && self.is_healed(b)
    }

    /// What is wrong with a link: the worse of what is wrong at either end, and between them.
    fn link_faults(&self, from: NodeId, to: NodeId) -> LinkFaults {
        if self.are_healed(from, to) {
            return LinkFaults::NONE;
        }
        let mut faults = self.link_faults[from.0 as usize];
        faults.combine(&self.link_faults[to.0 as usize]);
        if faults.singled_out && from != to {
            for between in &self.between {
                if let (Wrong::Faults(here), true) = (&between.what, between.hits(from, to)) {
                    faults.combine(here);
                }
            }
        }
        faults
    }

    /// When a message that is sent now arrives if no fault touches it. One draw decides it, and what is
    /// left of the draw decides what faults do to the message: so a fault shifts no later draw.
    #[inline(always)]
    pub(crate) fn arrival_without_faults(
        &self,
        now: Time,
        from: NodeId,
        to: NodeId,
        drawn: u64,
    ) -> (Time, Draw) {
        let (delay, draw) = self.delays(from, to).choose(drawn);
        (Time(now.0 + delay), draw)
    }

    /// The delay that faults add to a message with this draw, where they can do no more to it. That is so for
    /// most messages, which therefore need not look at every kind of fault.
    #[inline(always)]
    pub(crate) fn added_delay(&self, from: NodeId, to: NodeId, Draw(draw): Draw) -> Option<u64> {
        let (from, to) = (self.summaries[from.0 as usize], self.summaries[to.0 as usize]);
        let safe = draw > from.threshold.saturating_add(to.threshold);
        safe.then(|| from.delay_ns.max(to.delay_ns))
    }

    /// What faults do to a datagram of this weight that leaves now and would arrive at `at` without them.
    pub(crate) fn datagram(
        &self,
        leaves: Time,
        (from, to): (NodeId, NodeId),
        weight: u32,
        at: Time,
        mut draw: Draw,
    ) -> Arrivals {
        let link_faults = self.link_faults(from, to);
        let mut befell = Befell { lost: draw.happens(link_faults.loss_ppm), ..Befell::default() };
        befell.cut = !befell.lost && self.is_cut(from, to);
        if befell.lost || befell.cut {
            let befell = link_faults.unmet.then_some(befell);
            return Arrivals { first: None, copy: None, befell };
        }
        befell.late = draw.happens(link_faults.reorder_ppm);
        befell.doubled = draw.happens(link_faults.duplicate_ppm);
        let late = if befell.late { link_faults.reorder_ns } else { 0 };
        let passes = takes_longer(weight, link_faults.slow);
        (befell.delayed, befell.slowed) = (link_faults.delay_ns > 0, passes > 0);
        let delayed = |at: Time, by_ns| Time(at.0 + link_faults.delay_ns + passes + by_ns);
        // A copy leaves with it, and travels by itself.
        let again = || self.arrival_without_faults(leaves, from, to, draw.0).0;
        let copy = befell.doubled.then(|| delayed(again(), 0));
        Arrivals {
            first: Some(delayed(at, late)),
            copy,
            befell: link_faults.unmet.then_some(befell),
        }
    }

    /// How a message of this weight travels on a lane, with this draw.
    #[inline(always)]
    pub(crate) fn on_lane(&self, from: NodeId, to: NodeId, weight: u32, drawn: u64) -> Trip {
        let (travels, draw) = self.delays(from, to).choose(drawn);
        let takes = takes_to_leave(weight);
        match self.added_delay(from, to, draw) {
            Some(added) => Trip { takes, travels: travels + added, befell: None },
            None => {
                self.on_lane_through_faults(from, to, Trip { takes, travels, befell: None }, draw)
            }
        }
    }

    #[inline(never)]
    fn on_lane_through_faults(
        &self,
        from: NodeId,
        to: NodeId,
        mut trip: Trip,
        mut draw: Draw,
    ) -> Trip {
        let link_faults = self.link_faults(from, to);
        let lost = draw.happens(link_faults.loss_ppm);
        trip.travels += link_faults.delay_ns + if lost { RETRANSMISSION } else { 0 };
        let delayed = link_faults.delay_ns > 0;
        trip.befell = link_faults.unmet.then_some(Befell { lost, delayed, ..Befell::default() });
        trip
    }
}

/// How long a message takes to leave, in nanoseconds: at 1.25 gigabytes a second, and nothing where it fits into a
/// packet.
#[inline(always)]
fn takes_to_leave(weight: u32) -> u64 {
    if weight < PACKET { 0 } else { u64::from(weight) * 4 / 5 }
}

/// How much longer it takes to pass a link that is so many times as slow.
fn takes_longer(weight: u32, slow: u32) -> u64 {
    u64::from(weight) * 4 / 5 * u64::from(slow - 1)
}
