//! What a machine wants done.

use std::time::Duration;

use crate::disk::DiskCommand;
use crate::machine::{Link, NodeId, Protocol};

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
    /// Stop this node, as a crash does: the machine has found that it cannot keep its promises.
    Halt {
        /// The sentence that the operator reads.
        why: String,
    },
}

/// The outputs of one input, in order.
#[derive(Clone, Debug)]
pub struct Outputs<P: Protocol>(Vec<Output<P>>);

impl<P: Protocol> Default for Outputs<P> {
    fn default() -> Self {
        Outputs(Vec::new())
    }
}

impl<P: Protocol> Outputs<P> {
    /// Sends on a stream: in order, without gaps, as long as the stream lives.
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.0.push(Output::Send { to, message, link: Link::Stream });
    }

    /// Sends a datagram: it may be lost, doubled and overtaken.
    pub fn datagram(&mut self, to: NodeId, message: P::Message) {
        self.0.push(Output::Send { to, message, link: Link::Datagram });
    }

    /// Sets a timer, replacing the one of the same name.
    pub fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        self.0.push(Output::SetTimer { timer, after });
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.0.push(Output::CancelTimer(timer));
    }

    /// Asks the disk.
    pub fn disk(&mut self, command: DiskCommand, op: P::Op) {
        self.0.push(Output::Disk { command: Box::new(command), op });
    }

    /// Tells the history, or the owner.
    pub fn note(&mut self, note: P::Note) {
        self.0.push(Output::Note(note));
    }

    /// Stops this node.
    pub fn halt(&mut self, why: impl Into<String>) {
        self.0.push(Output::Halt { why: why.into() });
    }

    /// Adds an output that was made earlier.
    pub fn push(&mut self, output: Output<P>) {
        self.0.push(output);
    }

    /// Takes the outputs out, in order; the buffer stays for the next input.
    pub fn drain(&mut self) -> impl Iterator<Item = Output<P>> + '_ {
        self.0.drain(..)
    }

    /// The outputs so far.
    pub fn as_slice(&self) -> &[Output<P>] {
        &self.0
    }
}
