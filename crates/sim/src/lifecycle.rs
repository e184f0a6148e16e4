//! How nodes join, start and stop, and how lanes break with them.
//!
//! A process that dies leaves a system that resets its connections. A machine without power resets
//! nothing: its peers learn of it when it is back, and until then only by their own time-outs.

use machine::{GRACE, Input, Machine, NodeId, Time};
use recording::Moment;

use crate::disk::Unsynced;
use crate::fault::FaultKind;
use crate::node::Node;
use crate::world::{Event, Message, World, kind};

/// Who starts on a clock that is wrong has met what is wrong with it.
const CLOCKS: [FaultKind; 4] =
    [FaultKind::ClockJump, FaultKind::ClockRollback, FaultKind::ClockDrift, FaultKind::ClockSmear];

impl<M: Machine> World<M> {
    /// The node of this number is made and starts, in this zone: nobody has spoken with it before. Nothing
    /// happens where it is there already.
    pub fn join(&mut self, id: NodeId, zone: u8) {
        while self.nodes.len() <= id.0 as usize {
            let next = NodeId(self.nodes.len() as u32);
            let mut node = Node::new(self.seed, next);
            node.absent = true;
            self.absent += 1;
            self.nodes.push(node);
            self.network.grow(0);
            self.chaos.grow();
        }
        self.expect(id.0 + 1);
        if self.has(id) {
            return;
        }
        self.node_mut(id).absent = false;
        self.absent -= 1;
        self.network.conditions.set_zone(id, zone);
        self.network.lanes.join(id);
        if self.healed_at.is_some() {
            self.network.conditions.heal(id);
        }
        self.trace.event(self.now.0, kind(11, id, id), &zone);
        self.start(id);
    }

    /// Faults may name all nodes below this number, and hit those that are there.
    pub(crate) fn expect(&mut self, numbers: u32) {
        self.numbers = self.numbers.max(numbers);
    }

    /// The same at a time to come; faults may name the node from now on, and do not hit it before.
    pub fn join_at(&mut self, at: Time, node: NodeId, zone: u8) {
        self.expect(node.0 + 1);
        self.schedule_event(at.max(self.now), Event::Join { node, zone });
    }

    /// Boots the machine of a node that is down.
    pub(crate) fn start(&mut self, id: NodeId) {
        let machine = (self.boot)(id);
        let now = self.now;
        let node = self.node_mut(id);
        if std::mem::take(&mut node.disk.is_new) {
            machine.first_files().into_iter().for_each(|(name, bytes)| node.disk.put(name, bytes));
        }
        node.machine = Some(machine);
        node.halted = false;
        node.clock.reboot(now);
        self.reached.push(id);
        CLOCKS.iter().for_each(|&kind| self.met(id, kind));
        let node = self.node_mut(id);
        let (disk, silent) = (node.disk.id, std::mem::take(&mut node.silent));
        self.trace.event(now.0, kind(7, id, id), &disk);
        self.record(|| Moment::Started { node: id });
        if silent {
            for peer in self.network.lanes.peers(id) {
                self.network.lanes.reset(id, peer);
                self.tell_of_reset(peer, id);
            }
        }
        // What it sends as it starts is on the new lanes already.
        self.network.lanes.begin_anew(id);
        self.dispatch(id, Input::Start { disk });
    }

    /// Tells a machine that its node is to end.
    pub(crate) fn tell_to_stop(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node_mut(id);
        if node.machine.is_none() || node.grace_ends.is_some() {
            return;
        }
        let until = now + GRACE;
        node.grace_ends = Some(until);
        self.schedule_event(until, Event::GraceEnds(id));
        self.trace.event(now.0, kind(12, id, id), &());
        self.record(|| Moment::ToldToStop { node: id });
        self.dispatch(id, Input::Stop);
    }

    /// The process ends of a machine that was told to stop. It starts again if nothing holds it down any more.
    pub(crate) fn end_stopped(&mut self, id: NodeId, how: Moment) {
        self.trace.event(self.now.0, kind(13, id, id), &());
        self.record(|| how);
        let was_told = self.node(id).grace_ends.is_some();
        self.crash_now(id, Unsynced::Kept);
        if was_told && self.node(id).down == 0 {
            self.start(id);
        }
    }

    /// Stops a node.
    pub(crate) fn crash_now(&mut self, id: NodeId, unsynced: Unsynced) {
        let now = self.now;
        let node = self.node_mut(id);
        node.crash(now, unsynced);
        node.silent = unsynced != Unsynced::Kept;
        let silent = node.silent;
        self.reached.push(id);
        self.record(|| Moment::Crashed { node: id });
        for peer in self.network.lanes.peers(id) {
            if self.network.lanes.reset(id, peer) && !silent {
                self.tell_of_reset(peer, id);
            }
        }
    }

    /// What a lane brings to a node that is down: its system refuses it, if that has power.
    pub(crate) fn refuse(&mut self, from: NodeId, to: NodeId, message: &Message<M>) {
        self.record(|| Moment::Lost { from, to, text: format!("{message:?}") });
        if !self.node(to).silent {
            self.reset_link(from, to);
        }
    }

    /// Breaks the lanes between two nodes; both learn of it a little later. False where there are none.
    pub(crate) fn reset_link(&mut self, a: NodeId, b: NodeId) -> bool {
        let there = self.network.lanes.reset(a, b);
        if there {
            self.tell_of_reset(a, b);
            if a != b {
                self.tell_of_reset(b, a);
            }
        }
        there
    }

    fn tell_of_reset(&mut self, node: NodeId, peer: NodeId) {
        if self.node(node).machine.is_none() {
            return;
        }
        let at = Time(self.now.0 + self.network.travel_time(peer, node));
        let incarnation = self.node(node).incarnation;
        // The receiver learns of a gap before it gets what comes after it.
        let at = self.network.lanes.way(peer, node).tell(at);
        let epoch = self.network.lanes.way(node, peer).epoch;
        self.schedule_event(at, Event::Reset { node, peer, incarnation, epoch });
        if let Some(recorder) = &mut self.recorder {
            recorder.will_tell_of_reset(self.events, node, peer);
        }
    }
}
