//! What a machine wants done.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::disk::DiskCommand;
use crate::protocol::{Link, NodeId, Protocol};

/// One thing to be done.
#[derive(Clone, Debug)]
pub enum Output<P: Protocol> {
    /// Send a message.
    Send {
        /// Where to.
        to: NodeId,
        /// What.
        message: P::Message,
        /// How.
        link: Link,
    },
    /// Let the timer fire after this time on the monotonic clock, instead of whenever it was set
    /// to before.
    SetTimer {
        /// Its name.
        timer: P::Timer,
        /// From now.
        after: Duration,
    },
    /// Forget the timer; nothing happens where it is not set.
    CancelTimer(P::Timer),
    /// Ask the disk; the answer comes as [`crate::Input::Disk`] with this `op`.
    Disk {
        /// What to ask. Boxed: sends are many and disk operations few, and an output is as large
        /// as its largest kind.
        command: Box<DiskCommand>,
        /// What to do with the answer.
        op: P::Op,
    },
    /// Tell the history, or the owner.
    Note(P::Note),
    /// A node that may be spoken with from now on. The host dials the address; in the simulated world whoever
    /// is there can be reached.
    Meet {
        /// Its number.
        peer: NodeId,
        /// Where it listens.
        address: SocketAddr,
    },
    /// What the machine had to do before its end is done, and the node ends: the answer to
    /// [`crate::Input::Stop`].
    Stopped,
    /// Stop this node, as a crash does: the machine has found that it cannot keep its promises.
    Halt {
        /// The sentence that the operator reads.
        why: Box<str>,
    },
}

/// Outputs that need no memory of their own; most inputs have no more.
const FEW: usize = 4;

/// The outputs of one input, in order.
#[derive(Clone, Debug)]
pub struct Outputs<P: Protocol> {
    few: [Option<Output<P>>; FEW],
    /// Those after the first few.
    more: VecDeque<Output<P>>,
    /// How many of the few slots were used since the outputs were taken out.
    used: usize,
}

impl<P: Protocol> Default for Outputs<P> {
    fn default() -> Self {
        Outputs { few: Default::default(), more: VecDeque::new(), used: 0 }
    }
}

impl<P: Protocol> Outputs<P> {
    /// Sends on a stream: in order, without gaps, as long as the stream lives.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.add(|| Output::Send { to, message, link: Link::Stream });
    }

    /// Sends a datagram: it may be lost, doubled and overtaken.
    #[inline]
    pub fn datagram(&mut self, to: NodeId, message: P::Message) {
        self.add(|| Output::Send { to, message, link: Link::Datagram });
    }

    /// Sends in bulk: as on a stream, on a connection beside it.
    #[inline]
    pub fn bulk(&mut self, to: NodeId, message: P::Message) {
        self.add(|| Output::Send { to, message, link: Link::Bulk });
    }

    /// Sets a timer, replacing the one of the same name.
    #[inline]
    pub fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        self.add(|| Output::SetTimer { timer, after });
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.push(Output::CancelTimer(timer));
    }

    /// Asks the disk.
    pub fn disk(&mut self, command: DiskCommand, op: P::Op) {
        self.push(Output::Disk { command: Box::new(command), op });
    }

    /// Tells the history, or the owner.
    #[inline]
    pub fn note(&mut self, note: P::Note) {
        self.add(|| Output::Note(note));
    }

    /// Makes a node known.
    pub fn meet(&mut self, peer: NodeId, address: SocketAddr) {
        self.push(Output::Meet { peer, address });
    }

    /// Answers [`crate::Input::Stop`].
    pub fn stopped(&mut self) {
        self.push(Output::Stopped);
    }

    /// Stops this node.
    pub fn halt(&mut self, why: impl Into<Box<str>>) {
        self.push(Output::Halt { why: why.into() });
    }

    /// Adds an output that was made earlier.
    #[inline(always)]
    pub fn push(&mut self, output: Output<P>) {
        self.add(|| output);
    }

    /// Makes an output in its slot: outputs are many, and one made elsewhere would be copied.
    #[inline(always)]
    fn add(&mut self, make: impl FnOnce() -> Output<P>) {
        match self.few.get_mut(self.used) {
            Some(slot) => {
                // There is nothing in it to be dropped: it was taken out.
                std::mem::forget(slot.replace(make()));
                self.used += 1;
            }
            None => self.more.push_back(make()),
        }
    }

    /// Takes the outputs out, in order; those that are not asked for are dropped.
    pub fn drain(&mut self) -> impl Iterator<Item = Output<P>> + '_ {
        self.used = 0;
        std::mem::take(&mut self.few).into_iter().flatten().chain(self.more.drain(..))
    }

    /// Takes out the output of this number: for one who asks for them one after the other, from 0
    /// until there is none.
    #[inline]
    pub fn take(&mut self, number: usize) -> Option<Output<P>> {
        let output = match self.few.get_mut(number) {
            Some(slot) => slot.take(),
            None => self.more.pop_front(),
        };
        if output.is_none() {
            self.used = 0;
        }
        output
    }

    /// The outputs so far.
    pub fn iter(&self) -> impl Iterator<Item = &Output<P>> {
        self.few.iter().flatten().chain(&self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Words;
    impl Protocol for Words {
        type Message = ();
        type Timer = ();
        type Op = ();
        type Note = usize;
    }

    fn noted(count: usize) -> Outputs<Words> {
        let mut out = Outputs::default();
        (0..count).for_each(|number| out.note(number));
        out
    }

    fn number(output: Output<Words>) -> usize {
        match output {
            Output::Note(number) => number,
            other => panic!("{other:?} is no note"),
        }
    }

    #[test]
    fn they_come_out_in_order_however_many_there_are() {
        for count in 0..3 * FEW {
            let mut out = noted(count);
            assert_eq!(out.iter().count(), count);
            for round in 0..2 {
                let taken: Vec<_> =
                    (0..).map_while(|number| out.take(number)).map(number).collect();
                assert_eq!(taken, (0..count).collect::<Vec<_>>(), "round {round}");
                assert!(out.take(0).is_none());
                (0..count).for_each(|number| out.note(number));
            }
            assert_eq!(out.drain().map(number).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_dropped_is_gone_whatever_was_taken_before() {
        for (taken, drained) in [(0, 0), (1, 0), (0, 1), (FEW + 1, 1)] {
            let mut out = noted(2 * FEW);
            (0..taken).for_each(|number| drop(out.take(number)));
            out.drain().take(drained).for_each(drop);
            assert_eq!(out.iter().count(), 0);
            out.note(7);
            assert_eq!(out.take(0).map(number), Some(7));
            assert!(out.take(1).is_none());
        }
    }
}
