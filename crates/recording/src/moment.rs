//! What happens in a run, in words, and what led to it.

use std::fmt;

use machine::{DiskError, Field, NodeId, Time};

/// Something that happened, at a node or between two.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are named by what they are")]
pub enum Moment {
    Delivered {
        from: NodeId,
        to: NodeId,
        text: String,
    },
    Lost {
        from: NodeId,
        to: NodeId,
        text: String,
    },
    Reset {
        node: NodeId,
        peer: NodeId,
    },
    Timer {
        node: NodeId,
        name: String,
    },
    Disk {
        node: NodeId,
        command: String,
        failed: Option<DiskError>,
    },
    Note {
        node: NodeId,
        text: String,
    },
    Started {
        node: NodeId,
    },
    Crashed {
        node: NodeId,
    },
    ToldToStop {
        node: NodeId,
    },
    /// As it was told to.
    Stopped {
        node: NodeId,
    },
    /// It was told to stop, and did not in time.
    Overdue {
        node: NodeId,
    },
    Halted {
        node: NodeId,
        why: String,
    },
    Resumed {
        node: NodeId,
    },
    FaultBegins {
        nodes: Vec<NodeId>,
        text: String,
    },
    FaultEnds {
        nodes: Vec<NodeId>,
        text: String,
    },
    Healed,
    Broken {
        promise: String,
        why: String,
    },
}

/// What led to a moment, and what it means. It has the number of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The number of the moment in whose turn this was sent, scheduled or done; none of a step of the plan.
    pub cause: Option<usize>,
    /// When a message left its sender.
    pub sent: Option<Time>,
    /// For how long of its way a cut or a slow link held a message back, in nanoseconds.
    pub held_ns: u64,
    /// Is it a message that says that nothing has changed?
    pub routine: bool,
    /// After how many events of the world.
    pub event: u64,
    /// What a note means to the lab.
    pub note: Option<NoteKind>,
}

/// A field of a node's state has another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number of the moment whose turn changed it.
    pub moment: usize,
    /// Whose.
    pub node: NodeId,
    /// The field, with its new value.
    pub field: Field,
}

/// What a note means to the lab, whatever the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A client began the operation of this number. Invoke and return bracket the operation.
    Invoked(u64),
    /// It ended well.
    Ok(u64),
    /// It ended, and certainly did nothing.
    Failed(u64),
    /// The client waits for it no longer; it may have happened, so it stays open.
    GivenUp(u64),
    /// Something that a sweep must not be without.
    Sometimes(&'static str),
    /// Nothing that the lab counts.
    Plain,
}

/// What happened, in words, without where.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Moment::*;
        match self {
            Delivered { text, .. } | Note { text, .. } => f.write_str(text),
            Lost { text, .. } => write!(f, "{text} (lost)"),
            Reset { peer, .. } => write!(f, "link to {peer:?} reset"),
            Timer { name, .. } => write!(f, "timer: {name}"),
            Disk { command, failed: None, .. } => write!(f, "{command}: done"),
            Disk { command, failed: Some(error), .. } => write!(f, "{command}: {error}"),
            Started { .. } => f.write_str("starts"),
            Crashed { .. } => f.write_str("is down"),
            ToldToStop { .. } => f.write_str("is told to stop"),
            Stopped { .. } => f.write_str("has stopped"),
            Overdue { .. } => f.write_str("has not stopped in time"),
            Halted { why, .. } => write!(f, "halts: {why}"),
            Resumed { .. } => f.write_str("resumed from its snapshot"),
            FaultBegins { text, .. } => write!(f, "[ {text}"),
            FaultEnds { text, .. } => write!(f, "] {text}: over"),
            Healed => f.write_str("the network is healed"),
            Broken { promise, why } => write!(f, "✗ {promise}: {why}"),
        }
    }
}

impl Moment {
    /// Where it happened: of a message, where it arrived; of a fault, at each node that it hits.
    pub fn nodes(&self) -> &[NodeId] {
        use Moment::*;
        match self {
            Delivered { to: node, .. }
            | Lost { to: node, .. }
            | Reset { node, .. }
            | Timer { node, .. }
            | Disk { node, .. }
            | Note { node, .. }
            | Started { node }
            | Crashed { node }
            | ToldToStop { node }
            | Stopped { node }
            | Overdue { node }
            | Halted { node, .. }
            | Resumed { node } => std::slice::from_ref(node),
            FaultBegins { nodes, .. } | FaultEnds { nodes, .. } => nodes,
            Healed | Broken { .. } => &[],
        }
    }
}
