//! How messages travel: from what a machine sends to what another is handed.

use machine::{Link, Machine, NodeId, Time};

use crate::network::Arrivals;
use crate::random::Draw;
use crate::recorder::Moment;
use crate::world::{Event, Message, World, kind};

impl<M: Machine> World<M> {
    #[inline(always)]
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: Message<M>, link: Link) {
        if to.0 as usize >= self.nodes.len() {
            return;
        }
        let draws = &mut self.nodes[from.0 as usize].draws;
        if link == Link::Stream {
            let (at, epoch) = self.network.stream_send(self.now, from, to, draws);
            return self.schedule_event(at, Event::Segment { from, to, epoch, message });
        }
        let (at, draw) = self.network.arrival_without_faults(self.now, draws.draw());
        let Some(late) = self.network.added_delay(from, to, draw) else {
            return self.send_through_faults(from, to, message, at, draw);
        };
        self.queue.schedule(Time(at.0 + late), Event::Datagram { from, to, message });
    }

    /// A datagram that a fault may touch.
    #[inline(never)]
    fn send_through_faults(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: Message<M>,
        at: Time,
        draw: Draw,
    ) {
        let Arrivals { first, copy } = self.network.datagram(self.now, from, to, at, draw);
        if let Some(at) = copy {
            let message = message.clone();
            self.schedule_event(at, Event::Datagram { from, to, message });
        }
        match first {
            Some(at) => self.schedule_event(at, Event::Datagram { from, to, message }),
            None => self.record_loss(from, to, &message),
        }
    }

    /// A piece of a stream has come to the end of its way.
    pub(crate) fn segment(&mut self, from: NodeId, to: NodeId, epoch: u32, message: Message<M>) {
        let cut = self.network.is_cut(from, to);
        let stream = self.network.stream(from, to);
        if stream.epoch != epoch {
            return;
        }
        if cut || !stream.held.is_empty() {
            stream.held.push_back(message);
            return;
        }
        if self.node(to).machine.is_none() {
            return self.refuse(from, to, &message);
        }
        self.arrive_on_stream(from, to, message);
    }

    /// A stream was healed: what the cut held back goes on, and what came later after it.
    pub(crate) fn release_held(&mut self, from: NodeId, to: NodeId) {
        while !self.network.is_cut(from, to) {
            let Some(message) = self.network.stream(from, to).held.pop_front() else { return };
            if self.node(to).machine.is_none() {
                return self.refuse(from, to, &message);
            }
            self.arrive_on_stream(from, to, message);
        }
    }

    /// As [`World::arrive`], out of line: streams are rare.
    fn arrive_on_stream(&mut self, from: NodeId, to: NodeId, message: Message<M>) {
        self.arrive(from, to, message);
    }

    /// A message arrives. Inlined where datagrams do: then nothing of it moves.
    #[inline(always)]
    pub(crate) fn arrive(&mut self, from: NodeId, to: NodeId, message: Message<M>) {
        self.trace.event(self.now.0, kind(1, from, to), &message);
        if self.recorder.is_some() {
            self.record_delivery(from, to, &message);
        }
        self.dispatch_message(to, from, message);
    }

    #[cold]
    fn record_delivery(&mut self, from: NodeId, to: NodeId, message: &Message<M>) {
        self.record(|| Moment::Delivered { from, to, text: format!("{message:?}") });
    }

    #[cold]
    fn record_loss(&mut self, from: NodeId, to: NodeId, message: &Message<M>) {
        self.record(|| Moment::Lost { from, to, text: format!("{message:?}") });
    }
}
