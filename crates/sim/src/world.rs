//! The simulated world: an event loop over virtual time.
//!
//! The law: everything that happens is an event in one queue, and everything that is drawn comes
//! from the seed. So the same seed and the same plan give the same run, to the last event, and a
//! world can be cloned at any event and go on in two directions.
//!
//! [`World`] is one type, whose methods stand where they are read. Here are its clock, its event loop
//! and what may be asked of it; then, in the order in which an event meets them:
//!
//! - `delivery.rs`, `filter.rs`: a message travels, or is lost, or a fault picks it by what it says;
//! - `turn.rs`: an input reaches a machine, and what the machine asked for is carried out;
//! - `lifecycle.rs`: a node joins, starts, stops, and resets its lanes;
//! - `chaos.rs`: a fault begins and ends;
//! - `effects.rs`: what follows for links, disks and clocks from the faults that are on;
//! - `encounter.rs`: which of them hit something.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{Inspection, Link, Machine, NodeId, Outputs, Protocol, Time, Wall};
use recording::{Moment, Recorder};
use std::hash::Hasher;

use crate::chaos::Chaos;
use crate::conditions::{Delays, Distance};
use crate::disk::FileChange;
use crate::filter::MessageFilter;
use crate::history::History;
use crate::network::Network;
use crate::node::{Node, Waiting};
use crate::queue::Queue;
use crate::trace::TraceHash;

/// The sender of what does not come from a node: the operations of a plan, and what a test sends.
pub const OUTSIDE: NodeId = NodeId(u32::MAX);

pub(crate) type Message<M> = <<M as Machine>::Protocol as Protocol>::Message;
pub(crate) type Note<M> = <<M as Machine>::Protocol as Protocol>::Note;

/// Makes the machine of a node, as it is before it has read its disk.
pub type Boot<M> = Arc<dyn Fn(NodeId) -> M + Send + Sync>;

#[derive(Clone, Debug)]
pub(crate) enum Event<M> {
    Datagram {
        from: NodeId,
        to: NodeId,
        message: M,
    },
    /// From outside, to a node that may not have joined yet.
    Told {
        to: NodeId,
        message: M,
    },
    /// On a lane, in this epoch of it.
    Segment {
        from: NodeId,
        to: NodeId,
        link: Link,
        epoch: u32,
        message: M,
    },
    /// On a lane, for what came on the lane in the other direction.
    Credit {
        from: NodeId,
        to: NodeId,
        link: Link,
        epoch: u32,
    },
    /// The earliest timer of a node is due.
    Timer {
        node: NodeId,
        number: u32,
    },
    Disk {
        node: NodeId,
        slot: u32,
        ticket: u32,
    },
    Wake {
        node: NodeId,
        incarnation: u32,
    },
    Reset {
        node: NodeId,
        peer: NodeId,
        incarnation: u32,
        epoch: u32,
    },
    ReleaseHeld {
        from: NodeId,
        to: NodeId,
    },
    /// The first that is held back on a lane has passed a slow link, if it is still the one of this number.
    Passed {
        from: NodeId,
        to: NodeId,
        link: Link,
        number: u32,
    },
    Join {
        node: NodeId,
        zone: u8,
    },
    /// Whoever was told to stop and has not answered dies.
    GraceEnds(NodeId),
    FaultBegins(usize),
    FaultEnds(usize),
    Flap(usize),
}

/// A simulated world of nodes that speak one protocol.
#[derive(Clone)]
pub struct World<M: Machine> {
    pub(crate) now: Time,
    pub(crate) queue: Queue<Event<Message<M>>>,
    pub(crate) seed: u64,
    pub(crate) nodes: Vec<Node<M>>,
    /// How many of them have not joined yet, though one of a higher number has.
    pub(crate) absent: u32,
    /// So many numbers are taken, now or by a node that joins later.
    pub(crate) numbers: u32,
    pub(crate) network: Network<Message<M>>,
    pub(crate) chaos: Chaos<M>,
    pub(crate) boot: Boot<M>,
    pub(crate) history: History<Note<M>>,
    pub(crate) trace: TraceHash,
    pub(crate) events: u64,
    pub(crate) reached: Vec<NodeId>,
    pub(crate) healed_at: Option<Time>,
    pub(crate) filters: &'static [MessageFilter<Message<M>>],
    /// The first thing that a machine asked for and that no machine may ask for.
    pub(crate) error: Option<String>,
    pub(crate) outputs: Outputs<M::Protocol>,
    pub(crate) recorder: Option<Recorder>,
}

impl<M: Machine> World<M> {
    /// A world with one node for each zone in `zones`, all of them booted at time zero.
    pub fn new(seed: u64, zones: &[u8], delays: Delays, boot: Boot<M>) -> Self {
        World::with_distances(seed, zones, delays, &[], boot)
    }

    /// The same, in which some zones are not as far apart as any two nodes are.
    pub fn with_distances(
        seed: u64,
        zones: &[u8],
        delays: Delays,
        distances: &[Distance],
        boot: Boot<M>,
    ) -> Self {
        let ids = (0..zones.len() as u32).map(NodeId);
        let mut world = World {
            now: Time(0),
            queue: Queue::new(delays.most_ns / 2 * 3),
            seed,
            nodes: ids.clone().map(|id| Node::new(seed, id)).collect(),
            absent: 0,
            numbers: zones.len() as u32,
            network: Network::new(seed, zones, delays, distances),
            chaos: Chaos::new(zones.len()),
            boot,
            history: History::default(),
            trace: TraceHash::new(),
            events: 0,
            reached: Vec::new(),
            healed_at: None,
            filters: &[],
            error: None,
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
        self.step_inline(by)
    }

    /// As [`World::step_due`], without a call: for the loop that handles nearly all events.
    #[inline(always)]
    pub(crate) fn step_inline(&mut self, by: Time) -> bool {
        let Some((at, event)) = self.queue.take_due(by) else { return false };
        self.now = at;
        if self.events > 0 {
            self.reached.clear();
        }
        self.events += 1;
        match event {
            Event::Datagram { from, to, message } => self.arrive(from, to, message),
            Event::Told { to, message } => {
                if self.has(to) {
                    self.arrive_from_outside(to, message);
                }
            }
            Event::Segment { from, to, link, epoch, message } => {
                self.segment((from, to), link, epoch, message);
            }
            Event::Credit { from, to, link, epoch } => self.credit_arrives((from, to), link, epoch),
            Event::Timer { node, number } => {
                if self.node_mut(node).take_alarm(number) {
                    self.timer_due(node);
                }
            }
            Event::Disk { node, slot, ticket } => self.disk_done(node, slot, ticket),
            Event::Wake { node, incarnation } => {
                if self.node(node).incarnation == incarnation {
                    self.drain_inbox(node);
                }
            }
            Event::Reset { node, peer, incarnation, epoch } => {
                if self.node(node).incarnation == incarnation {
                    self.trace.event(at.0, kind(4, peer, node), &());
                    self.record(|| Moment::Reset { node, peer });
                    self.admit(node, Waiting::Reset { peer, epoch });
                }
            }
            Event::ReleaseHeld { from, to } => self.release_held(from, to),
            Event::Passed { from, to, link, number } => self.passed((from, to), link, number),
            Event::Join { node, zone } => self.join(node, zone),
            Event::GraceEnds(node) => {
                if self.node(node).grace_ends == Some(at) {
                    self.end_stopped(node, Moment::Overdue { node });
                }
            }
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
        self.schedule_event(at.max(self.now), Event::Told { to: node, message });
    }

    /// The world's time: the true one.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What the wall clock of a node shows.
    pub fn wall(&self, node: NodeId) -> Wall {
        self.node(node).clock.wall(self.now)
    }

    /// Is there a node of this number, up or down?
    pub fn has(&self, node: NodeId) -> bool {
        self.nodes.get(node.0 as usize).is_some_and(|node| !node.absent)
    }

    /// Nodes are numbered below this, those that join later too.
    pub(crate) fn numbers(&self) -> u32 {
        self.numbers
    }

    /// All nodes have numbers below this one, and some of those below may not have joined yet.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A world without nodes?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The machine of a node; `None` while it is down.
    pub fn machine(&self, node: NodeId) -> Option<&M> {
        self.nodes.get(node.0 as usize)?.machine.as_ref()
    }

    /// The nodes whose machines are not what they were before the last event, and perhaps some others; after the first
    /// event all that have booted. One may be there twice. A promise about machines need not look at any other.
    pub fn reached(&self) -> &[NodeId] {
        &self.reached
    }

    /// What the machine of a node shows of itself; `None` while it is down.
    pub fn inspect(&self, node: NodeId) -> Option<Inspection> {
        self.machine(node).map(Machine::inspect)
    }

    /// Shows the roles of a node: none while it is down.
    pub(crate) fn see_roles(&self, node: NodeId, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        self.machine(node).into_iter().for_each(|machine| machine.roles(see));
    }

    /// How often the files of a node's disk have changed.
    pub fn file_changes(&self, node: NodeId) -> u64 {
        self.node(node).disk.changes()
    }

    /// The files of a node's disk that have changed after so many changes, and how, in order: a checker that
    /// remembers the count looks only at what is new.
    pub fn changed_files(
        &self,
        node: NodeId,
        since: u64,
    ) -> impl Iterator<Item = (&str, FileChange)> {
        self.node(node).disk.changed_since(since)
    }

    /// What a machine would read now of a file of a node, up or down; none where there is no such file, or it
    /// cannot be read.
    pub fn file(&self, node: NodeId, name: &str) -> Option<Bytes> {
        self.node(node).disk.content(name)
    }

    /// All notes so far.
    pub fn history(&self) -> &History<Note<M>> {
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

    /// What a machine asked for first that no machine may ask for, such as a datagram that is too heavy: the
    /// world did nothing, and what follows shows little.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Was the node healed, so that no fault touches it any more?
    pub fn is_healed(&self, node: NodeId) -> bool {
        self.network.conditions.is_healed(node)
    }

    pub(crate) fn node(&self, node: NodeId) -> &Node<M> {
        &self.nodes[node.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, node: NodeId) -> &mut Node<M> {
        &mut self.nodes[node.0 as usize]
    }

    /// Schedules an event. What happens most, a datagram, goes to the queue itself.
    pub(crate) fn schedule_event(&mut self, at: Time, event: Event<Message<M>>) {
        self.queue.schedule(at, event);
    }

    pub(crate) fn record(&mut self, moment: impl FnOnce() -> Moment) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(self.now, self.events, moment());
        }
    }
}

/// What kind of event, and between whom, in one word of the trace.
#[inline]
pub(crate) fn kind(kind: u64, from: NodeId, to: NodeId) -> u64 {
    kind << 56 ^ u64::from(from.0) << 24 ^ u64::from(to.0)
}
