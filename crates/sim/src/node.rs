//! One node of the simulated world: a machine, its clocks, its disk, and what waits for it.

use std::collections::VecDeque;

use machine::{Generation, Input, Link, Machine, NodeId, Protocol, Random, Time};

use crate::clock::Clock;
use crate::disk::{Disk, InFlight, Unsynced};
use crate::random::{DrawStream, Purpose, stream};
use crate::timers::{Ticket, Timers};

/// No event is due then.
const NEVER: Time = Time(u64::MAX);

pub(crate) type Op<M> = <<M as Machine>::Protocol as Protocol>::Op;
pub(crate) type TimerName<M> = <<M as Machine>::Protocol as Protocol>::Timer;

/// An input that waits its turn.
#[derive(Clone, Debug)]
pub(crate) enum Waiting<P: Protocol> {
    Input(Input<P>),
    /// A timer that came due: until its turn comes it can be cancelled or set again.
    Timer(Ticket),
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
    /// An operation failed after which the machine may do nothing but halt.
    DiskFailed(Input<P>),
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
    /// How many faults pause it.
    pub(crate) paused: u32,
    pub(crate) inbox: Inbox<M::Protocol>,
    pub(crate) generation: Generation,
    pub(crate) clock: Clock,
    /// Decide what becomes of its datagrams, in a large cluster.
    pub(crate) draws: DrawStream,
    /// Grows with every crash; what belongs to an earlier one is void.
    pub(crate) incarnation: u32,
    pub(crate) timers: Timers<TimerName<M>>,
    /// When the event for the earliest timer is due, in the world's time, and its number: earlier ones are void.
    alarm: (Time, u32),
    pub(crate) random: Random,
    pub(crate) disk: Disk,
    /// Asked of the disk, and not ended yet.
    pub(crate) disk_ops: InFlight<Op<M>>,
    /// How many faults hold it down.
    pub(crate) down: u32,
    /// Nobody has this number yet: one with a higher number joined before.
    pub(crate) absent: bool,
    /// It lost its power, and its peers have not heard of that yet.
    pub(crate) silent: bool,
    /// The machine stopped itself.
    pub(crate) halted: bool,
    /// It was told to stop, and dies then if it has not answered.
    pub(crate) grace_ends: Option<Time>,
}

/// What a virtual machine's snapshot holds.
#[derive(Clone)]
pub(crate) struct Snapshot<M: Machine> {
    incarnation: u32,
    machine: M,
    disk: Disk,
    disk_ops: InFlight<Op<M>>,
    inbox: Inbox<M::Protocol>,
    mono: Time,
    timers: Timers<TimerName<M>>,
}

impl<M: Machine> Node<M> {
    pub(crate) fn new(seed: u64, id: NodeId) -> Self {
        Node {
            machine: None,
            absent: false,
            incarnation: 0,
            generation: Generation(0),
            clock: Clock::new(),
            // Nobody has that number.
            draws: DrawStream::of_pair(seed, Purpose::Network, id.0, u32::MAX),
            disk: Disk::new(seed, id.0),
            random: stream(seed, Purpose::Machine, id.0),
            timers: Timers::new(),
            alarm: (NEVER, 0),
            disk_ops: InFlight::NONE,
            inbox: Inbox::EMPTY,
            busy_until: Time(0),
            service_ns: 0,
            down: 0,
            paused: 0,
            silent: false,
            halted: false,
            grace_ends: None,
        }
    }

    /// Sets a timer to fire after so long.
    pub(crate) fn set_timer(&mut self, now: Time, name: TimerName<M>, after_ns: u64) {
        let due = Time(self.clock.mono(now).0.saturating_add(after_ns));
        self.timers.set(name, due);
    }

    /// When the next event for the earliest timer is due, and its number; nothing where there is one that is due
    /// no later.
    #[inline]
    pub(crate) fn next_alarm(&mut self, now: Time) -> Option<(Time, u32)> {
        let due = self.timers.earliest()?;
        let at = Time(now.0.saturating_add(self.clock.until(now, due)));
        if at >= self.alarm.0 {
            return None;
        }
        self.alarm = (at, self.alarm.1.wrapping_add(1));
        Some(self.alarm)
    }

    /// The event of this number is due: is it the last one, so that timers are?
    pub(crate) fn take_alarm(&mut self, number: u32) -> bool {
        if self.alarm.1 != number {
            return false;
        }
        self.alarm.0 = NEVER;
        true
    }

    /// The event that is scheduled is void: the clock's rate has changed, or all timers have.
    pub(crate) fn void_alarm(&mut self) {
        self.alarm = (NEVER, self.alarm.1.wrapping_add(1));
    }

    /// The machine is gone, and all that was in memory.
    pub(crate) fn crash(&mut self, now: Time, unsynced: Unsynced) {
        self.machine = None;
        self.grace_ends = None;
        self.incarnation += 1;
        self.timers = Timers::new();
        self.void_alarm();
        self.inbox = Inbox::EMPTY;
        self.busy_until = Time(0);
        let in_flight = self.disk_ops.drain();
        self.disk.crash(now, in_flight, unsynced);
    }

    /// A snapshot of the node, if it is up.
    pub(crate) fn snapshot(&self, now: Time) -> Option<Snapshot<M>> {
        Some(Snapshot {
            incarnation: self.incarnation,
            machine: self.machine.clone()?,
            disk: self.disk.snapshot(now),
            disk_ops: self.disk_ops.clone(),
            inbox: self.inbox.clone(),
            mono: self.clock.mono(now),
            timers: self.timers.clone(),
        })
    }

    /// Sets memory, disk and monotonic clock back to a snapshot; false where the node is down or
    /// was rebooted since.
    pub(crate) fn resume(&mut self, now: Time, snapshot: Snapshot<M>) -> bool {
        if self.machine.is_none() || self.incarnation != snapshot.incarnation {
            return false;
        }
        self.machine = Some(snapshot.machine);
        self.disk.resume(now, snapshot.disk);
        self.disk_ops.resume(snapshot.disk_ops);
        self.timers = snapshot.timers;
        self.void_alarm();
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
