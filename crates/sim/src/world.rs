//! The simulated world: an event loop over virtual time.
//!
//! The law: everything that happens is an event in one queue, and everything that is drawn comes
//! from the seed. So the same seed and the same plan give the same run, to the last event, and a
//! world can be cloned at any event and go on in two directions.

use std::sync::Arc;
use std::time::Duration;

use machine::{
    Input, Inspection, Link, Machine, NodeId, Now, Output, Outputs, Protocol, Time, Wall,
};
use std::hash::Hasher;

use crate::chaos::Chaos;
use crate::disk::Unsynced;
use crate::history::Entry;
use crate::network::{Delays, Network};
use crate::node::{Node, Op, Waiting};
use crate::queue::Queue;
use crate::recorder::{Moment, Recorder};
use crate::trace::TraceHash;

/// The sender of what does not come from a node: the operations of a plan, and the tester's hand.
pub const OUTSIDE: NodeId = NodeId(u32::MAX);

pub(crate) type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;
pub(crate) type Note<M> = <<M as Machine>::Protocol as Protocol>::Note;

/// Makes the machine of a node, as it is before it has read its disk.
pub type Boot<M> = Arc<dyn Fn(NodeId) -> M + Send + Sync>;

#[derive(Clone, Debug)]
pub(crate) enum Event<M> {
    /// `epoch` is that of the stream; a datagram has none.
    Deliver {
        from: NodeId,
        to: NodeId,
        epoch: Option<u32>,
        message: M,
    },
    Timer {
        node: NodeId,
        incarnation: u32,
        ticket: u32,
    },
    Disk {
        node: NodeId,
        incarnation: u32,
        schedule: u32,
    },
    Wake {
        node: NodeId,
        incarnation: u32,
    },
    Reset {
        node: NodeId,
        peer: NodeId,
        incarnation: u32,
    },
    Thaw {
        from: NodeId,
        to: NodeId,
    },
    FaultBegins(usize),
    FaultEnds(usize),
    Flap(usize),
}

/// A simulated world of nodes that speak one protocol.
#[derive(Clone)]
pub struct World<M: Machine> {
    pub(crate) now: Time,
    pub(crate) queue: Queue<Event<Message<M>>>,
    pub(crate) nodes: Vec<Node<M>>,
    pub(crate) zones: Vec<u8>,
    pub(crate) network: Network<Message<M>>,
    pub(crate) chaos: Chaos<M>,
    pub(crate) boot: Boot<M>,
    history: Vec<Entry<Note<M>>>,
    pub(crate) trace: TraceHash,
    events: u64,
    pub(crate) healed_at: Option<Time>,
    outputs: Outputs<M::Protocol>,
    pub(crate) recorder: Option<Recorder>,
}

impl<M: Machine> World<M> {
    /// A world with one node for each zone in `zones`, all of them booted at time zero.
    pub fn new(seed: u64, zones: &[u8], delays: Delays, boot: Boot<M>) -> Self {
        let ids = (0..zones.len() as u32).map(NodeId);
        let mut world = World {
            now: Time(0),
            queue: Queue::new(),
            nodes: ids.clone().map(|id| Node::new(seed, id)).collect(),
            zones: zones.to_vec(),
            network: Network::new(zones.len(), delays),
            chaos: Chaos::default(),
            boot,
            history: Vec::new(),
            trace: TraceHash::new(),
            events: 0,
            healed_at: None,
            outputs: Outputs::default(),
            recorder: None,
        };
        ids.for_each(|id| world.start(id));
        world
    }

    /// Handles the next event; false where there is none.
    pub fn step(&mut self) -> bool {
        self.step_due(Time(u64::MAX))
    }

    /// Handles the next event if it is due by then; false where none is.
    pub(crate) fn step_due(&mut self, by: Time) -> bool {
        let Some((at, event)) = self.queue.take_due(by) else { return false };
        self.now = at;
        self.events += 1;
        match event {
            Event::Deliver { from, to, epoch, message } => self.deliver(from, to, epoch, message),
            Event::Timer { node, incarnation, ticket } => {
                if self.node(node).incarnation == incarnation {
                    self.timer_due(node, ticket);
                }
            }
            Event::Disk { node, incarnation, schedule } => {
                self.disk_done(node, incarnation, schedule)
            }
            Event::Wake { node, incarnation } => {
                if self.node(node).incarnation == incarnation {
                    self.work_off(node);
                }
            }
            Event::Reset { node, peer, incarnation } => {
                if self.node(node).incarnation == incarnation {
                    self.network.abandon(node, peer);
                    self.trace.event(at.0, kind(4, peer, node), &());
                    self.record(|| Moment::Reset { node, peer });
                    self.hand(node, Input::LinkReset { peer });
                }
            }
            Event::Thaw { from, to } => self.thaw(from, to),
            Event::FaultBegins(index) => {
                self.trace.event(at.0, 5, &self.chaos.faults[index].fault);
                self.begin_fault(index);
            }
            Event::FaultEnds(index) => {
                self.trace.event(at.0, 6, &index);
                self.end_fault(index);
            }
            Event::Flap(index) => self.flap(index),
        }
        true
    }

    /// Handles all events up to and including this time, and goes there.
    pub fn run_until(&mut self, time: Time) {
        while self.step_due(time) {}
        self.now = self.now.max(time);
    }

    /// Handles all events of this much more time.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.next_at()
    }

    /// Gives a node a message from outside, now.
    pub fn tell(&mut self, node: NodeId, message: Message<M>) {
        self.tell_at(self.now, node, message);
    }

    /// Gives a node a message from outside, at a time to come.
    pub fn tell_at(&mut self, at: Time, node: NodeId, message: Message<M>) {
        let event = Event::Deliver { from: OUTSIDE, to: node, epoch: None, message };
        self.queue.schedule(at.max(self.now), event);
    }

    /// The world's time: the true one.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What the wall clock of a node shows.
    pub fn wall(&self, node: NodeId) -> Wall {
        self.node(node).clock.wall(self.now)
    }

    /// How many nodes there are, up or down.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A world without nodes?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The machine of a node; `None` while it is down.
    pub fn machine(&self, node: NodeId) -> Option<&M> {
        self.node(node).machine.as_ref()
    }

    /// What the machine of a node shows of itself; `None` while it is down.
    pub fn inspect(&self, node: NodeId) -> Option<Inspection> {
        self.machine(node).map(Machine::inspect)
    }

    /// All notes so far.
    pub fn history(&self) -> &[Entry<Note<M>>] {
        &self.history
    }

    /// One number over every event so far.
    pub fn trace_hash(&self) -> u64 {
        self.trace.finish()
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// When the safety phase ended, if it has.
    pub fn healed_at(&self) -> Option<Time> {
        self.healed_at
    }

    /// Was the node healed, so that no fault touches it any more?
    pub fn is_calm(&self, node: NodeId) -> bool {
        self.network.is_calm(node)
    }

    pub(crate) fn node(&self, node: NodeId) -> &Node<M> {
        &self.nodes[node.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, node: NodeId) -> &mut Node<M> {
        &mut self.nodes[node.0 as usize]
    }

    pub(crate) fn record(&mut self, moment: impl FnOnce() -> Moment) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(self.now, moment());
        }
    }

    fn deliver(&mut self, from: NodeId, to: NodeId, epoch: Option<u32>, message: Message<M>) {
        if let Some(epoch) = epoch {
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
        }
        self.arrive(from, to, message);
    }

    /// A stream was healed: what the cut held back goes on, and what came later after it.
    fn thaw(&mut self, from: NodeId, to: NodeId) {
        while !self.network.is_cut(from, to) {
            let Some(message) = self.network.stream(from, to).held.pop_front() else { return };
            if self.node(to).machine.is_none() {
                return self.refuse(from, to, &message);
            }
            self.arrive(from, to, message);
        }
    }

    fn arrive(&mut self, from: NodeId, to: NodeId, message: Message<M>) {
        self.trace.event(self.now.0, kind(1, from, to), &message);
        self.record(|| Moment::Delivered { from, to, text: format!("{message:?}") });
        self.hand(to, Input::Message { from, message });
    }

    fn disk_done(&mut self, id: NodeId, incarnation: u32, schedule: u32) {
        let node = self.node_mut(id);
        if (node.incarnation, node.disk_schedule) != (incarnation, schedule) {
            return;
        }
        let Some((command, op)) = node.disk_ops.pop_front() else { return };
        let shown = self.recorder.is_some().then(|| Recorder::short(&command));
        let result = self.node_mut(id).disk.perform(command);
        self.trace.event(self.now.0, kind(3, id, id), &(&op, &result));
        if let Some(command) = shown {
            let failed = result.as_ref().err().copied();
            self.record(|| Moment::Disk { node: id, command, failed });
        }
        self.hand(id, Input::Disk { op, result });
    }

    /// Hands an input to a machine, or lets it wait its turn.
    pub(crate) fn hand(&mut self, id: NodeId, input: Input<M::Protocol>) {
        let now = self.now;
        let node = self.node_mut(id);
        if node.machine.is_none() {
            return;
        }
        if node.is_busy(now) {
            node.inbox.push_back(Waiting::Input(input));
            return;
        }
        self.handle(id, input);
        self.wake_later(id);
    }

    /// As [`World::hand`], for a timer.
    fn timer_due(&mut self, id: NodeId, ticket: u32) {
        let now = self.now;
        let node = self.node_mut(id);
        if node.is_busy(now) {
            node.inbox.push_back(Waiting::Timer(ticket));
        } else if self.fire(id, ticket) {
            self.wake_later(id);
        }
    }

    /// Lets a timer fire, unless it was cancelled or set again since it came due.
    fn fire(&mut self, id: NodeId, ticket: u32) -> bool {
        let Some(name) = self.node_mut(id).take_timer(ticket) else { return false };
        self.trace.event(self.now.0, kind(2, id, id), &name);
        self.record(|| Moment::Timer { node: id, name: format!("{name:?}") });
        self.handle(id, Input::Timer(name));
        true
    }

    /// A node is free again: it works off what has waited.
    pub(crate) fn work_off(&mut self, id: NodeId) {
        loop {
            let now = self.now;
            let node = self.node_mut(id);
            if node.paused > 0 || now < node.busy_until {
                return;
            }
            let Some(waiting) = node.inbox.pop_front() else { return };
            let handled = match waiting {
                Waiting::Timer(ticket) => self.fire(id, ticket),
                Waiting::Input(input) => {
                    self.handle(id, input);
                    true
                }
            };
            if handled && self.wake_later(id) {
                return;
            }
        }
    }

    /// Where an input takes time, what comes next waits for the end of it.
    fn wake_later(&mut self, id: NodeId) -> bool {
        let now = self.now;
        let node = self.node_mut(id);
        if node.service_ns == 0 || node.machine.is_none() {
            return false;
        }
        node.busy_until = Time(now.0 + node.service_ns);
        let (at, incarnation) = (node.busy_until, node.incarnation);
        self.queue.schedule(at, Event::Wake { node: id, incarnation });
        true
    }

    #[inline]
    fn handle(&mut self, id: NodeId, input: Input<M::Protocol>) {
        let node = &mut self.nodes[id.0 as usize];
        let Some(machine) = node.machine.as_mut() else { return };
        let (time, wall) = node.clock.read(self.now);
        let mut now = Now { time, wall, generation: node.generation, random: &mut node.random };
        let mut outputs = std::mem::take(&mut self.outputs);
        machine.handle(&mut now, input, &mut outputs);
        for output in outputs.drain() {
            self.carry_out(id, output);
        }
        self.outputs = outputs;
    }

    fn carry_out(&mut self, id: NodeId, output: Output<M::Protocol>) {
        // A machine that halted is gone: what it asked for afterwards goes with it.
        if self.nodes[id.0 as usize].machine.is_none() {
            return;
        }
        match output {
            Output::Send { to, message, link } => self.send(id, to, message, link),
            Output::SetTimer { timer, after } => {
                let now = self.now;
                let node = self.node_mut(id);
                let incarnation = node.incarnation;
                let (ticket, at) = node.set_timer(now, timer, machine::nanos(after));
                self.queue.schedule(at, Event::Timer { node: id, incarnation, ticket });
            }
            Output::CancelTimer(name) => {
                self.node_mut(id).timers.retain(|timer| timer.name != name);
            }
            Output::Disk { command, op } => self.ask_disk(id, *command, op),
            Output::Note(note) => {
                self.trace.event(self.now.0, kind(8, id, id), &note);
                self.record(|| Moment::Note { node: id, text: format!("{note:?}") });
                self.history.push(Entry { at: self.now, node: id, note });
            }
            Output::Halt { why } => {
                self.trace.event(self.now.0, kind(9, id, id), &why);
                self.record(|| Moment::Halted { node: id, why });
                self.node_mut(id).halted = true;
                self.crash_now(id, Unsynced::Kept);
            }
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: Message<M>, link: Link) {
        if to.0 as usize >= self.nodes.len() {
            return;
        }
        let random = &mut self.nodes[from.0 as usize].network_random;
        match link {
            Link::Stream => {
                let (at, epoch) = self.network.stream_send(self.now, from, to, random);
                let epoch = Some(epoch);
                self.queue.schedule(at, Event::Deliver { from, to, epoch, message });
            }
            Link::Datagram => {
                let [first, copy] = self.network.datagram(self.now, from, to, random);
                if let Some(at) = copy {
                    let message = message.clone();
                    self.queue.schedule(at, Event::Deliver { from, to, epoch: None, message });
                }
                match first {
                    Some(at) => {
                        self.queue.schedule(at, Event::Deliver { from, to, epoch: None, message });
                    }
                    None => {
                        self.record(|| Moment::Lost { from, to, text: format!("{message:?}") });
                    }
                }
            }
        }
    }

    pub(crate) fn ask_disk(&mut self, id: NodeId, command: machine::DiskCommand, op: Op<M>) {
        let now = self.now;
        let node = self.node_mut(id);
        let ends = node.disk.busy_until.max(now.0) + node.disk.latency(&command);
        node.disk.busy_until = ends;
        node.disk_ops.push_back((command, op));
        let (incarnation, schedule) = (node.incarnation, node.disk_schedule);
        self.queue.schedule(Time(ends), Event::Disk { node: id, incarnation, schedule });
    }
}

/// What kind of event, and between whom, in one word of the trace.
#[inline]
pub(crate) fn kind(kind: u64, from: NodeId, to: NodeId) -> u64 {
    kind << 56 ^ u64::from(from.0) << 24 ^ u64::from(to.0)
}
