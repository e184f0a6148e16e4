//! One node of the simulated world: a machine, its clocks, its disk, and what waits for it.

use std::collections::VecDeque;

use machine::{DiskCommand, Generation, Input, Link, Machine, NodeId, Protocol, Random, Time};

use crate::clock::Clock;
use crate::disk::{Disk, Unsynced};
use crate::random::{Purpose, stream};

pub(crate) type Op<M> = <<M as Machine>::Protocol as Protocol>::Op;
pub(crate) type TimerName<M> = <<M as Machine>::Protocol as Protocol>::Timer;

#[derive(Clone, Debug)]
pub(crate) struct Timer<T> {
    pub(crate) name: T,
    /// On the node's monotonic clock.
    due: Time,
    /// Tells a timer from one of the same name that was set before.
    pub(crate) ticket: u32,
}

/// An input that waits its turn.
#[derive(Clone, Debug)]
pub(crate) enum Waiting<P: Protocol> {
    Input(Input<P>),
    /// The ticket of a timer that came due: until its turn comes it can be cancelled or set again.
    Timer(u32),
    /// On a lane, which counts it as taken when its turn comes.
    Message {
        from: NodeId,
        link: Link,
        epoch: u32,
        message: P::Message,
    },
    /// For what was sent on this lane; void if that was reset since.
    Credit {
        from: NodeId,
        link: Link,
        epoch: u32,
    },
    /// The lanes with this peer were reset, which began this epoch.
    Reset {
        peer: NodeId,
        epoch: u32,
    },
}

/// What waits for a node that is busy or paused. Nearly always nothing: then it is one word, at which
/// every delivery looks.
#[derive(Clone, Debug)]
#[expect(
    clippy::box_collection,
    reason = "a deque is four words, of which all nodes would have copies"
)]
pub(crate) struct Inbox<P: Protocol>(Option<Box<VecDeque<Waiting<P>>>>);

impl<P: Protocol> Inbox<P> {
    const EMPTY: Self = Inbox(None);

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn push(&mut self, waiting: Waiting<P>) {
        self.0.get_or_insert_default().push_back(waiting);
    }

    pub(crate) fn pop(&mut self) -> Option<Waiting<P>> {
        let inbox = self.0.as_mut()?;
        let first = inbox.pop_front();
        if inbox.is_empty() {
            self.0 = None;
        }
        first
    }
}

/// What every delivery touches lies together, at the front: in a large cluster a delivery costs what
/// it takes to bring that into the cache.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Node<M: Machine> {
    /// `None` while the node is down.
    pub(crate) machine: Option<M>,
    pub(crate) busy_until: Time,
    /// What every input takes, in nanoseconds.
    pub(crate) service_ns: u64,
    /// How many faults hold it down, and how many pause it.
    pub(crate) down: u32,
    pub(crate) paused: u32,
    pub(crate) inbox: Inbox<M::Protocol>,
    pub(crate) generation: Generation,
    pub(crate) clock: Clock,
    /// Grows with every crash; what belongs to an earlier one is void.
    pub(crate) incarnation: u32,
    tickets: u32,
    pub(crate) timers: Vec<Timer<TimerName<M>>>,
    pub(crate) random: Random,
    pub(crate) disk: Disk,
    /// On their way to the disk, in order.
    pub(crate) disk_ops: VecDeque<(DiskCommand, Op<M>)>,
    /// Grows when the disk turns slow or quick: what is on its way then ends at another time.
    pub(crate) disk_schedule: u32,
    /// It lost its power, and its peers have not heard of that yet.
    pub(crate) silent: bool,
    /// The machine stopped itself.
    pub(crate) halted: bool,
}

/// What a virtual machine's snapshot holds.
#[derive(Clone)]
pub(crate) struct Snapshot<M: Machine> {
    incarnation: u32,
    machine: M,
    disk: Disk,
    disk_ops: VecDeque<(DiskCommand, Op<M>)>,
    inbox: Inbox<M::Protocol>,
    mono: Time,
    timers: Vec<Timer<TimerName<M>>>,
}

impl<M: Machine> Node<M> {
    pub(crate) fn new(seed: u64, id: NodeId) -> Self {
        Node {
            machine: None,
            incarnation: 0,
            generation: Generation(0),
            clock: Clock::new(),
            disk: Disk::new(stream(seed, Purpose::Disk, id.0)),
            random: stream(seed, Purpose::Machine, id.0),
            timers: Vec::new(),
            tickets: 0,
            disk_ops: VecDeque::new(),
            disk_schedule: 0,
            inbox: Inbox::EMPTY,
            busy_until: Time(0),
            service_ns: 0,
            down: 0,
            paused: 0,
            silent: false,
            halted: false,
        }
    }

    /// Sets a timer; gives its ticket and when it fires, in the world's time.
    pub(crate) fn set_timer(
        &mut self,
        now: Time,
        name: TimerName<M>,
        after_ns: u64,
    ) -> (u32, Time) {
        let due = Time(self.clock.mono(now).0.saturating_add(after_ns));
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = self.tickets;
        match self.timers.iter_mut().find(|timer| timer.name == name) {
            Some(timer) => (timer.due, timer.ticket) = (due, ticket),
            None => self.timers.push(Timer { name, due, ticket }),
        }
        (ticket, Time(now.0.saturating_add(self.clock.until(now, due))))
    }

    /// Takes a timer that is due, unless it was cancelled or set again since.
    pub(crate) fn take_timer(&mut self, ticket: u32) -> Option<TimerName<M>> {
        let index = self.timers.iter().position(|timer| timer.ticket == ticket)?;
        Some(self.timers.swap_remove(index).name)
    }

    /// Gives every timer a new ticket, and returns when it fires: the clock's rate has changed.
    pub(crate) fn reset_timers(&mut self, now: Time) -> Vec<(u32, Time)> {
        let mut fires = Vec::new();
        for timer in &mut self.timers {
            self.tickets = self.tickets.wrapping_add(1);
            timer.ticket = self.tickets;
            let after = self.clock.until(now, timer.due);
            fires.push((timer.ticket, Time(now.0.saturating_add(after))));
        }
        fires
    }

    /// The machine is gone, and all that was in memory.
    pub(crate) fn crash(&mut self, now: Time, unsynced: Unsynced) {
        self.machine = None;
        self.incarnation += 1;
        self.timers.clear();
        self.inbox = Inbox::EMPTY;
        self.busy_until = Time(0);
        let in_flight = self.disk_ops.drain(..).map(|(command, _)| command).collect();
        self.disk.crash(in_flight, unsynced);
        self.disk.busy_until = now.0;
    }

    /// A snapshot of the node, if it is up.
    pub(crate) fn snapshot(&self, now: Time) -> Option<Snapshot<M>> {
        Some(Snapshot {
            incarnation: self.incarnation,
            machine: self.machine.clone()?,
            disk: self.disk.clone(),
            disk_ops: self.disk_ops.clone(),
            inbox: self.inbox.clone(),
            mono: self.clock.mono(now),
            timers: self.timers.clone(),
        })
    }

    /// Sets memory, disk and monotonic clock back to a snapshot; false where the node is down or
    /// was rebooted since. The disk_faults of the disk stay: they are the device's.
    pub(crate) fn resume(&mut self, now: Time, snapshot: Snapshot<M>) -> bool {
        if self.machine.is_none() || self.incarnation != snapshot.incarnation {
            return false;
        }
        let disk_faults = self.disk.disk_faults.clone();
        self.machine = Some(snapshot.machine);
        self.disk = snapshot.disk;
        self.disk.disk_faults = disk_faults;
        self.disk.busy_until = now.0;
        self.disk_ops = snapshot.disk_ops;
        self.timers = snapshot.timers;
        self.clock.set_mono(now, snapshot.mono);
        self.inbox = snapshot.inbox;
        self.busy_until = Time(0);
        self.generation.0 += 1;
        self.incarnation += 1;
        true
    }

    /// Takes the next input at once, and is free right after it.
    #[inline]
    pub(crate) fn is_ready(&self, now: Time) -> bool {
        let idle = !self.is_busy(now) && self.inbox.is_empty();
        self.machine.is_some() && self.service_ns == 0 && idle
    }

    /// Does nothing right now, whatever waits.
    #[inline]
    pub(crate) fn is_busy(&self, now: Time) -> bool {
        self.paused > 0 || now < self.busy_until
    }
}
