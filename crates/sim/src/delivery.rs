//! How messages travel: from what a machine sends to what another is handed.

use machine::{DATAGRAM, Input, Link, Machine, NodeId, Protocol, Time};
use recording::Moment;

use crate::conditions::{Arrivals, Befell};
use crate::lanes::{Carried, NotSent};
use crate::node::Waiting;
use crate::random::Draw;
use crate::world::{Event, Message, OUTSIDE, World, kind};

/// From this weight on a message takes its receiver time, in bytes.
const HEAVY: u32 = 16 << 10;

/// How long the receiver of a message of this weight is busy with it, in nanoseconds: four bytes take one.
pub(crate) fn handling_ns(weight: u32) -> u64 {
    if weight < HEAVY { 0 } else { u64::from(weight / 4) }
}

pub(crate) fn weight<M: Machine>(message: &Message<M>) -> u32 {
    M::Protocol::weight(message)
}

impl<M: Machine> World<M> {
    #[inline(always)]
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: Message<M>, link: Link) {
        if to.0 as usize >= self.nodes.len() || self.absent > 0 && !self.has(to) {
            return self.no_such_node(from, to, &message, link);
        }
        let weight = weight::<M>(&message);
        if link == Link::Datagram && weight > DATAGRAM {
            return self.too_heavy(from, to, &message, weight);
        }
        if !self.chaos.filters.is_empty() && !self.passes(from, to, &message, link) {
            return;
        }
        if link != Link::Datagram {
            return self.send_on_lane(from, to, message, link, weight);
        }
        let drawn = self.draw_for_datagram(from, to);
        let conditions = &self.network.conditions;
        let (at, draw) = conditions.arrival_without_faults(self.now, from, to, drawn);
        let Some(late) = conditions.added_delay(from, to, draw) else {
            return self.send_through_faults((from, to), message, self.now, at, draw);
        };
        self.queue.schedule(Time(at.0 + late), Event::Datagram { from, to, message });
    }

    #[inline(always)]
    fn draw_for_datagram(&mut self, from: NodeId, to: NodeId) -> u64 {
        match self.network.draws_of_pair(from, to) {
            Some(draws) => draws.draw(),
            None => self.nodes[from.0 as usize].draws.draw(),
        }
    }

    /// Nobody has this number, or not yet.
    #[cold]
    fn no_such_node(&mut self, from: NodeId, to: NodeId, message: &Message<M>, link: Link) {
        if to == OUTSIDE {
            return;
        }
        self.record_loss(from, to, message);
        if link != Link::Datagram && !self.network.lanes.is_dead(from, to) {
            let (at, epoch) = self.network.no_such_node(self.now, from, to);
            let incarnation = self.node(from).incarnation;
            self.schedule_event(at, Event::Reset { node: from, peer: to, incarnation, epoch });
        }
    }

    fn send_on_lane(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: Message<M>,
        link: Link,
        weight: u32,
    ) {
        match self.network.send(self.now, (from, to), link, weight) {
            Ok((at, epoch, befell)) => {
                self.schedule_event(at, Event::Segment { from, to, link, epoch, message });
                if let Some(befell) = befell {
                    self.meet(from, to, befell);
                }
            }
            Err(why) => {
                self.record_loss(from, to, &message);
                if why == NotSent::TooMuch {
                    self.reset_link(from, to);
                }
            }
        }
    }

    /// A datagram that a fault may touch.
    #[inline(never)]
    fn send_through_faults(
        &mut self,
        (from, to): (NodeId, NodeId),
        message: Message<M>,
        leaves: Time,
        at: Time,
        draw: Draw,
    ) {
        let (weight, conditions) = (weight::<M>(&message), &self.network.conditions);
        let arrivals = conditions.datagram(leaves, (from, to), weight, at, draw);
        let Arrivals { first, copy, befell } = arrivals;
        if let Some(befell) = befell {
            self.meet(from, to, befell);
        }
        if let Some(at) = copy {
            let message = message.clone();
            self.schedule_event(at, Event::Datagram { from, to, message });
        }
        match first {
            Some(at) => self.schedule_event(at, Event::Datagram { from, to, message }),
            None => self.record_loss(from, to, &message),
        }
    }

    /// A datagram that leaves later than it was sent.
    pub(crate) fn send_late(
        &mut self,
        leaves: Time,
        from: NodeId,
        to: NodeId,
        message: Message<M>,
    ) {
        let drawn = self.draw_for_datagram(from, to);
        let (at, draw) = self.network.conditions.arrival_without_faults(leaves, from, to, drawn);
        self.send_through_faults((from, to), message, leaves, at, draw);
    }

    /// A machine's error, which makes the run's verdict unknown.
    #[cold]
    fn too_heavy(&mut self, from: NodeId, to: NodeId, message: &Message<M>, weight: u32) {
        self.record_loss(from, to, message);
        let at = self.now.0 as f64 / 1e6;
        self.error.get_or_insert_with(|| {
            format!(
                "{from:?} sent {to:?} a datagram of {weight} bytes at {at} ms, which never arrives: the \
                 heaviest has {DATAGRAM}"
            )
        });
    }

    /// A message on a lane has come to the end of its way.
    #[inline]
    pub(crate) fn segment(
        &mut self,
        (from, to): (NodeId, NodeId),
        link: Link,
        epoch: u32,
        message: Message<M>,
    ) {
        let hindered = self.network.conditions.hinders(from);
        let ready = self.nodes[to.0 as usize].is_ready(self.now);
        let way = self.network.lanes.way(from, to);
        if way.epoch != epoch {
            return;
        }
        let lane = way.lane(link);
        if hindered || !lane.held.is_empty() {
            return self.pass((from, to), link, Carried::Message(message));
        }
        let weight = weight::<M>(&message);
        if !ready || handling_ns(weight) > 0 {
            return self.arrive_on_lane((from, to), link, epoch, message);
        }
        if lane.take(weight) {
            self.give_credit(from, to, link);
        }
        self.show_arrival(from, to, &message);
        self.handle(to, Input::Message { from, message });
    }

    /// The same, to a node that is busy, or will be, or is down.
    #[inline(never)]
    fn arrive_on_lane(
        &mut self,
        (from, to): (NodeId, NodeId),
        link: Link,
        epoch: u32,
        message: Message<M>,
    ) {
        if self.node(to).machine.is_none() {
            return self.refuse(from, to, &message);
        }
        self.show_arrival(from, to, &message);
        self.queue_input(to, Waiting::Message { from, link, epoch, message });
    }

    /// A credit has come to the end of its way.
    pub(crate) fn credit_arrives(&mut self, (from, to): (NodeId, NodeId), link: Link, epoch: u32) {
        // It may be of a connection that is over, and counts for that alone.
        if self.network.lanes.way(from, to).epoch == epoch {
            self.pass((from, to), link, Carried::Credit);
        }
    }

    /// What has come to the end of its way goes on, unless a cut, a slow link, or something before it holds it back.
    #[inline(never)]
    fn pass(&mut self, (from, to): (NodeId, NodeId), link: Link, carried: Carried<Message<M>>) {
        if self.network.conditions.is_cut(from, to) && self.network.conditions.is_unmet(from, to) {
            self.meet(from, to, Befell { cut: true, ..Befell::default() });
        }
        if let (Some(recorder), Carried::Message(message)) = (&mut self.recorder, &carried) {
            recorder.held_back(self.now, (from, to), &format!("{message:?}"));
        }
        let held = &mut self.network.lanes.way_with(from, to, link).lane(link).held;
        held.push_back(carried);
        if held.len() == 1 {
            self.pass_held((from, to), link);
        }
    }

    /// The first that a slow link held back has passed it.
    pub(crate) fn passed(&mut self, (from, to): (NodeId, NodeId), link: Link, number: u32) {
        let cut = self.network.conditions.is_cut(from, to);
        // Where it is cut, all begins anew when it is healed.
        if !cut && self.network.lanes.way_with(from, to, link).lane(link).released == number {
            self.go_on((from, to), link);
            self.pass_held((from, to), link);
        }
    }

    /// A way was healed: what was held back goes on.
    pub(crate) fn release_held(&mut self, from: NodeId, to: NodeId) {
        for link in [Link::Stream, Link::Bulk] {
            self.pass_held((from, to), link);
        }
    }

    /// Lets go on what is held back, in order, up to where the link is cut, or so slow that the next has to wait.
    fn pass_held(&mut self, (from, to): (NodeId, NodeId), link: Link) {
        while !self.network.conditions.is_cut(from, to) {
            let lane = self.network.lanes.way_with(from, to, link).lane(link);
            let number = lane.released;
            let weight = match lane.held.front() {
                None => return,
                Some(Carried::Credit) => 0,
                Some(Carried::Message(message)) => weight::<M>(message),
            };
            let passing = self.network.conditions.passing_ns(from, to, weight);
            if passing > 0 {
                let at = Time(self.now.0 + passing);
                self.schedule_event(at, Event::Passed { from, to, link, number });
                if self.network.conditions.is_unmet(from, to) {
                    self.meet(from, to, Befell { slowed: true, ..Befell::default() });
                }
                return;
            }
            self.go_on((from, to), link);
        }
    }

    /// The first that is held back on a lane is held back no longer.
    fn go_on(&mut self, (from, to): (NodeId, NodeId), link: Link) {
        let way = self.network.lanes.way_with(from, to, link);
        let epoch = way.epoch;
        match way.lane(link).release() {
            None => {}
            Some(Carried::Credit) => self.admit(to, Waiting::Credit { from, link, epoch }),
            Some(Carried::Message(message)) => {
                self.arrive_on_lane((from, to), link, epoch, message);
            }
        }
    }

    /// A message of this weight, which waited, is handed to the machine.
    pub(crate) fn take(
        &mut self,
        (from, to): (NodeId, NodeId),
        link: Link,
        epoch: u32,
        weight: u32,
    ) {
        let way = self.network.lanes.way(from, to);
        if way.epoch == epoch && way.lane(link).take(weight) {
            self.give_credit(from, to, link);
        }
    }

    /// For every so much that is taken of a lane a credit goes back.
    #[cold]
    fn give_credit(&mut self, from: NodeId, to: NodeId, link: Link) {
        for _ in 0..self.network.lanes.way(from, to).lane(link).credits_due() {
            let (at, epoch) = self.network.send_credit(self.now, to, from, link);
            self.schedule_event(at, Event::Credit { from: to, to: from, link, epoch });
        }
    }

    /// A datagram arrives. Inlined, so that nothing of it moves.
    #[inline(always)]
    pub(crate) fn arrive(&mut self, from: NodeId, to: NodeId, message: Message<M>) {
        self.show_arrival(from, to, &message);
        self.dispatch_message(to, from, message);
    }

    pub(crate) fn arrive_from_outside(&mut self, to: NodeId, message: Message<M>) {
        self.arrive(OUTSIDE, to, message);
    }

    #[inline(always)]
    fn show_arrival(&mut self, from: NodeId, to: NodeId, message: &Message<M>) {
        self.trace.event(self.now.0, kind(1, from, to), message);
        if self.recorder.is_some() {
            self.record_delivery(from, to, message);
        }
    }

    #[cold]
    fn record_delivery(&mut self, from: NodeId, to: NodeId, message: &Message<M>) {
        self.record(|| Moment::Delivered { from, to, text: format!("{message:?}") });
    }

    #[cold]
    pub(crate) fn record_loss(&mut self, from: NodeId, to: NodeId, message: &Message<M>) {
        self.record(|| Moment::Lost { from, to, text: format!("{message:?}") });
    }
}
