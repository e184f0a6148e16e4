//! The contract: what a machine is handed, and the trait that it implements.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskId, DiskResult, FileName};
#[cfg(doc)]
use crate::outputs::Output;
use crate::outputs::Outputs;
use crate::protocol::{Link, NodeId, Protocol};
use crate::time::{Time, Wall};

/// The random stream that a machine is handed. Xoshiro256++ is portable: a seed gives the same
/// numbers on every platform. It is not for secrets.
pub type Random = rand::rngs::Xoshiro256PlusPlus;

/// How often this machine was brought back from a snapshot of its memory; hypervisors tell their
/// guests the same in the VM generation ID. It is part of [`Now`] rather than a notice, because a
/// notice would come after the first use of stale memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Generation(pub u64);

/// A machine that was told to stop and has not answered for so long is ended as a process that dies.
pub const GRACE: Duration = Duration::from_secs(5);

/// A deterministic state machine: the same inputs give the same outputs, always.
pub trait Machine: Clone + Send + Sync + 'static {
    /// The words it speaks.
    type Protocol: Protocol;

    /// Takes one input and appends what is to be done about it to `out`.
    fn handle(
        &mut self,
        now: &mut Now<'_>,
        input: Input<Self::Protocol>,
        out: &mut Outputs<Self::Protocol>,
    );

    /// What a new disk holds before the first start, in both worlds. So a machine can tell a new disk from one
    /// that lost its files.
    fn first_files(&self) -> Vec<(FileName, Bytes)> {
        Vec::new()
    }

    /// Shows the roles that it has now, and where it has one in each of several groups, in which: faults aim at
    /// "the leader", or at "the leader of group 7". A machine that has one, of all that it is, need not say it
    /// again.
    fn roles(&self, see: &mut dyn FnMut(&'static str, Option<u32>)) {
        see(self.inspect().role, None);
    }

    /// Its role and the state worth showing, for people.
    fn inspect(&self) -> Inspection {
        Inspection { role: "node", state: String::new() }
    }

    /// The parts of that state which are worth following one by one, always in one order.
    fn fields(&self) -> Vec<Field> {
        Vec::new()
    }
}

/// A part of a machine's state, as people follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// What it is, in a word or two.
    pub label: &'static str,
    /// What it is at the moment.
    pub value: FieldValue,
}

/// What a field can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// A number, which charts can draw.
    Number(u64),
    /// Whether it is so.
    Flag(bool),
    /// A name, or a short state.
    Text(String),
    /// There is none at the moment.
    Nothing,
}

impl Field {
    /// A field that is a number.
    pub fn number(label: &'static str, number: u64) -> Field {
        Field { label, value: FieldValue::Number(number) }
    }

    /// A field that is so or not.
    pub fn flag(label: &'static str, is: bool) -> Field {
        Field { label, value: FieldValue::Flag(is) }
    }

    /// A field in words; nothing where there is none.
    pub fn text<T: fmt::Display>(label: &'static str, text: Option<T>) -> Field {
        let value = text.map_or(FieldValue::Nothing, |text| FieldValue::Text(text.to_string()));
        Field { label, value }
    }
}

/// As people read it.
impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::Number(number) => number.fmt(f),
            FieldValue::Flag(true) => f.write_str("yes"),
            FieldValue::Flag(false) => f.write_str("no"),
            FieldValue::Text(text) => f.write_str(text),
            FieldValue::Nothing => f.write_str("none"),
        }
    }
}

/// The moment at which an input is handled.
#[derive(Debug)]
pub struct Now<'a> {
    /// The monotonic clock, since this node booted. Timers and leases are measured with it.
    pub time: Time,
    /// The wall clock. It can jump, drift and be wrong.
    pub wall: Wall,
    /// Changes when memory, disk and monotonic clock were set back to a snapshot.
    pub generation: Generation,
    /// This node's own random stream.
    pub random: &'a mut Random,
}

/// What a machine is told.
#[derive(Clone, Debug)]
pub enum Input<P: Protocol> {
    /// The node booted. The machine is as it was constructed: what it knew is on the disk.
    Start {
        /// The identity of the disk. One that was never seen before is empty.
        disk: DiskId,
    },
    /// A message arrived.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What they sent.
        message: P::Message,
    },
    /// A timer that was set fired.
    Timer(P::Timer),
    /// A disk operation ended.
    Disk {
        /// The continuation that was given with the operation.
        op: P::Op,
        /// How it ended.
        result: DiskResult,
    },
    /// The lanes to and from this peer were reset: what was on its way in either direction may be
    /// lost. The next send on [`Link::Stream`] or [`Link::Bulk`] opens new ones.
    LinkReset {
        /// The other end.
        peer: NodeId,
    },
    /// The peer's machine has taken [`CREDIT`](crate::CREDIT) more of what was sent on this lane.
    Writable {
        /// The other end.
        peer: NodeId,
        /// The lane.
        link: Link,
    },
    /// The operator wants the node to end: hand over, make durable what is worth it, then
    /// [`Output::Stopped`], within [`GRACE`].
    Stop,
}

/// What a machine shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its role at the moment (`leader`, `holder`).
    pub role: &'static str,
    /// Its state in a few words, for people.
    pub state: String,
}

impl Inspection {
    /// Does it do what it is for? Whoever does not, not yet or not now, says so by its role.
    pub fn is_ready(&self) -> bool {
        !["booting", "refusing", "waiting"].contains(&self.role)
    }
}
