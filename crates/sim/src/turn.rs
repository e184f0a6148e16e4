//! The turn of a node: an input is handed to its machine, or waits until the node is free; what the
//! machine asks for is carried out.

use machine::{DiskCommand, DiskError, Input, Link, Machine, NodeId, Now, Output, Protocol, Time};
use recording::{Moment, Recorder};

use crate::delivery::{handling_ns, weight};
use crate::disk::{Ended, Flight, Unsynced};
use crate::fault::FaultKind;
use crate::history::Entry;
use crate::node::{Op, Waiting};
use crate::timers::Ticket;
use crate::world::{Event, Message, Note, World, kind};

impl<M: Machine> World<M> {
    /// Hands an input to a machine, or lets it wait its turn.
    pub(crate) fn dispatch(&mut self, id: NodeId, input: Input<M::Protocol>) {
        if self.node(id).is_ready(self.now) {
            self.handle(id, input);
        } else {
            self.queue_input(id, Waiting::Input(input));
        }
    }

    /// As [`World::dispatch`], for what concerns lanes and is no message.
    pub(crate) fn admit(&mut self, id: NodeId, waiting: Waiting<M::Protocol>) {
        if self.node(id).is_ready(self.now) {
            self.serve(id, waiting);
        } else {
            self.queue_input(id, waiting);
        }
    }

    /// Hands an input to the machine of a node.
    pub(crate) fn handle(&mut self, id: NodeId, input: Input<M::Protocol>) {
        self.handle_inline(id, input);
    }

    /// As [`World::dispatch`], for what nearly every event is: in place, without a call.
    #[inline(always)]
    pub(crate) fn dispatch_message(&mut self, id: NodeId, from: NodeId, message: Message<M>) {
        if self.node(id).is_ready(self.now) {
            self.handle_inline(id, Input::Message { from, message });
        } else {
            self.queue_input(id, Waiting::Input(Input::Message { from, message }));
        }
    }

    /// The earliest timer of a node fires, or waits its turn; an event comes for the next one.
    pub(crate) fn timer_due(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node_mut(id);
        let mono = node.clock.mono(now);
        if let Some(ticket) = node.timers.come_due(mono) {
            if node.is_ready(now) {
                self.fire(id, ticket);
            } else {
                self.queue_input(id, Waiting::Timer(ticket));
            }
        }
        self.arm(id);
    }

    /// Schedules an event for the earliest timer, if there is none that is due as soon.
    #[inline]
    pub(crate) fn arm(&mut self, id: NodeId) {
        let now = self.now;
        if let Some((at, number)) = self.node_mut(id).next_alarm(now) {
            self.schedule_event(at, Event::Timer { node: id, number });
        }
    }

    /// As [`World::dispatch`], for the failure of an operation after which nobody knows what is on the disk.
    #[cold]
    fn dispatch_last(&mut self, id: NodeId, input: Input<M::Protocol>) {
        if self.node(id).is_ready(self.now) {
            self.handle_last(id, input);
        } else {
            self.queue_input(id, Waiting::DiskFailed(input));
        }
    }

    /// To a node that is down, paused or busy, or will be busy with this input.
    pub(crate) fn queue_input(&mut self, id: NodeId, waiting: Waiting<M::Protocol>) {
        let now = self.now;
        let node = self.node_mut(id);
        if node.machine.is_none() {
            return;
        }
        if node.is_busy(now) || !node.inbox.is_empty() {
            node.inbox.push(waiting);
            let paused = node.paused > 0;
            if let Some(recorder) = &mut self.recorder {
                recorder.waits(self.events, id);
            }
            if paused {
                self.met(id, FaultKind::Pause);
            }
        } else if let Some(handling) = self.serve(id, waiting) {
            self.wake_later(id, handling);
        }
    }

    /// A node is free again: it works off what has waited.
    pub(crate) fn drain_inbox(&mut self, id: NodeId) {
        loop {
            let now = self.now;
            let node = self.node_mut(id);
            if node.is_busy(now) {
                return;
            }
            let Some(waiting) = node.inbox.pop() else { return };
            if let Some(recorder) = &mut self.recorder {
                recorder.takes_turn(self.events, id);
            }
            let handling = self.serve(id, waiting);
            if handling.is_some_and(|handling| self.wake_later(id, handling)) {
                return;
            }
        }
    }

    /// How long it takes by its weight, in nanoseconds; nothing where nothing was left to do.
    fn serve(&mut self, id: NodeId, waiting: Waiting<M::Protocol>) -> Option<u64> {
        match waiting {
            Waiting::Timer(ticket) => return self.fire(id, ticket).then_some(0),
            Waiting::Input(input) => self.handle(id, input),
            Waiting::Message { from, link, epoch, message } => {
                let weight = weight::<M>(&message);
                self.take((from, id), link, epoch, weight);
                self.handle(id, Input::Message { from, message });
                return Some(handling_ns(weight));
            }
            Waiting::Credit { from, link, epoch } => return self.credit(id, from, link, epoch),
            Waiting::Reset { peer, epoch } => {
                self.network.lanes.told(id, peer, epoch);
                self.handle(id, Input::LinkReset { peer });
            }
            Waiting::DiskFailed(input) => self.handle_last(id, input),
        }
        Some(0)
    }

    /// The peer has taken more of what was sent on a lane, unless that was reset since.
    fn credit(&mut self, id: NodeId, peer: NodeId, link: Link, epoch: u32) -> Option<u64> {
        if self.network.lanes.way(peer, id).epoch != epoch {
            return None;
        }
        self.network.lanes.way(id, peer).credit(link);
        self.trace.event(self.now.0, kind(10, peer, id), &link);
        self.handle(id, Input::Writable { peer, link });
        Some(0)
    }

    /// Lets a timer fire, unless it was cancelled or set again since it came due.
    fn fire(&mut self, id: NodeId, ticket: Ticket) -> bool {
        let Some(name) = self.node_mut(id).timers.take(ticket) else { return false };
        self.trace.event(self.now.0, kind(2, id, id), &name);
        self.record(|| Moment::Timer { node: id, name: format!("{name:?}") });
        self.handle(id, Input::Timer(name));
        true
    }

    /// Where an input takes time, by itself or by its weight, what comes next waits for the end of it.
    fn wake_later(&mut self, id: NodeId, handling: u64) -> bool {
        let now = self.now;
        let node = self.node_mut(id);
        let takes = node.service_ns + handling;
        if takes == 0 || node.machine.is_none() {
            return false;
        }
        node.busy_until = Time(now.0 + takes);
        let (at, incarnation, slowed) = (node.busy_until, node.incarnation, node.service_ns > 0);
        self.schedule_event(at, Event::Wake { node: id, incarnation });
        if slowed {
            self.met(id, FaultKind::SlowNode);
        }
        true
    }

    #[inline(always)]
    fn handle_inline(&mut self, id: NodeId, input: Input<M::Protocol>) {
        let node = &mut self.nodes[id.0 as usize];
        let Some(machine) = &mut node.machine else { return };
        let (time, wall) = node.clock.read(self.now);
        let mut now = Now { time, wall, generation: node.generation, random: &mut node.random };
        machine.handle(&mut now, input, &mut self.outputs);
        self.reached.push(id);
        if self.recorder.is_some() {
            self.record_turn(id);
        }
        let mut number = 0;
        while let Some(output) = self.outputs.take(number) {
            self.carry_out(id, output);
            number += 1;
        }
    }

    /// What a machine decided in its turn, so that what follows from it is known to.
    #[cold]
    #[inline(never)]
    fn record_turn(&mut self, id: NodeId) {
        let Some(recorder) = &mut self.recorder else { return };
        let (now, event) = (self.now, self.events);
        for output in self.outputs.iter() {
            match output {
                Output::Send { to, message, .. } => {
                    let routine = M::Protocol::routine(message);
                    recorder.sends((now, event), (id, *to), format!("{message:?}"), routine);
                }
                Output::SetTimer { timer, .. } => recorder.sets(event, id, &format!("{timer:?}")),
                Output::Disk { command, .. } => recorder.asks(event, id, command),
                _ => {}
            }
        }
        let fields = self.nodes[id.0 as usize].machine.as_ref().map(M::fields);
        fields.into_iter().for_each(|fields| recorder.shows(id, fields));
    }

    /// Only a halt is carried out, and a machine that does not halt is halted.
    #[cold]
    fn handle_last(&mut self, id: NodeId, input: Input<M::Protocol>) {
        let node = &mut self.nodes[id.0 as usize];
        let Some(machine) = &mut node.machine else { return };
        let (time, wall) = node.clock.read(self.now);
        let mut now = Now { time, wall, generation: node.generation, random: &mut node.random };
        machine.handle(&mut now, input, &mut self.outputs);
        let mut outputs = self.outputs.drain();
        let why = outputs.find_map(|output| match output {
            Output::Halt { why } => Some(why),
            _ => None,
        });
        drop(outputs);
        self.halt(id, why.unwrap_or_else(|| "its disk failed, and it did not halt".into()));
    }

    #[inline(always)]
    fn carry_out(&mut self, id: NodeId, output: Output<M::Protocol>) {
        match output {
            Output::Send { to, message, link } => self.send(id, to, message, link),
            Output::SetTimer { timer, after } => {
                let now = self.now;
                self.node_mut(id).set_timer(now, timer, machine::nanos(after));
                self.arm(id);
            }
            Output::CancelTimer(name) => self.node_mut(id).timers.cancel(&name),
            Output::Disk { command, op } => self.ask_disk(id, command, op),
            Output::Note(note) => {
                // When and where was hashed with the input that it answers.
                self.trace.part(8, &note);
                if self.recorder.is_some() {
                    self.record_note(id, &note);
                }
                self.history.push(Entry { at: self.now, node: id, note });
            }
            Output::Halt { why } => self.halt(id, why),
            // Whoever is there can be reached: how to dial them is the real world's to know.
            Output::Meet { .. } => {}
            Output::Stopped => self.stopped(id),
        }
    }

    #[cold]
    fn halt(&mut self, id: NodeId, why: Box<str>) {
        self.trace.event(self.now.0, kind(9, id, id), &why);
        self.record(|| Moment::Halted { node: id, why: why.into() });
        self.node_mut(id).halted = true;
        self.crash_now(id, Unsynced::Kept);
        // The machine is gone: what it asked for afterwards goes with it.
        drop(self.outputs.drain());
    }

    /// Its answer to a stop; a machine that was not told to ends all the same.
    #[cold]
    fn stopped(&mut self, id: NodeId) {
        drop(self.outputs.drain());
        self.end_stopped(id, Moment::Stopped { node: id });
    }

    #[cold]
    fn record_note(&mut self, node: NodeId, note: &Note<M>) {
        self.record(|| Moment::Note { node, text: format!("{note:?}") });
    }

    fn ask_disk(&mut self, id: NodeId, command: Box<DiskCommand>, op: Op<M>) {
        let now = self.now;
        let node = self.node_mut(id);
        let (place, span) = node.disk.ask(now, &command);
        let (slot, ticket) = node.disk_ops.push(place, span, command, op);
        let slowed = node.disk.faults.times != 1;
        // While the disk hangs nothing ends.
        if let Some(at) = node.disk.world_time(span.carried_out) {
            self.schedule_event(at, Event::Disk { node: id, slot, ticket });
        }
        if slowed {
            self.met(id, FaultKind::SlowDisk);
            self.met(id, FaultKind::HungDisk);
        }
    }

    /// The disk turned slow or quick: what is on its way ends at another time.
    pub(crate) fn reschedule_disk(&mut self, id: NodeId) {
        let node = self.node_mut(id);
        let mut again = Vec::new();
        for (slot, ticket, next) in node.disk_ops.put_off() {
            again.extend(node.disk.world_time(next).map(|at| (at, slot, ticket)));
        }
        for (at, slot, ticket) in again {
            self.schedule_event(at, Event::Disk { node: id, slot, ticket });
        }
    }

    pub(crate) fn disk_done(&mut self, id: NodeId, slot: u32, ticket: u32) {
        let node = self.node_mut(id);
        if let Some(flight) = node.disk_ops.carried_out(slot, ticket) {
            let Flight { place, command, span, carried_out, .. } = flight;
            *carried_out = Some(node.disk.perform(*place, (**command).clone()));
            if let Some(at) = node.disk.world_time(span.ends) {
                self.schedule_event(at, Event::Disk { node: id, slot, ticket });
            }
            return;
        }
        let Some(Flight { place, command, op, carried_out, .. }) = node.disk_ops.take(slot, ticket)
        else {
            return;
        };
        let shown = self.recorder.is_some().then(|| Recorder::short(&command));
        let last = matches!(
            *command,
            DiskCommand::Sync { .. } | DiskCommand::Replace { .. } | DiskCommand::Delete { .. }
        );
        let Ended { result, met } =
            carried_out.unwrap_or_else(|| self.node_mut(id).disk.perform(place, *command));
        self.trace.event(self.now.0, kind(3, id, id), &(&op, &result));
        if let Some(command) = shown {
            let failed = result.as_ref().err().copied();
            self.record(|| Moment::Disk { node: id, command, failed });
        }
        if let Some(met) = met {
            self.met(id, met);
        }
        if last && result == Err(DiskError::Failed) {
            self.dispatch_last(id, Input::Disk { op, result });
        } else {
            self.dispatch(id, Input::Disk { op, result });
        }
    }
}
