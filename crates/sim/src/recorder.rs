//! What a diagram is drawn from: the moments of a run, in words. Kept only where somebody looks.

use machine::{DiskCommand, DiskError, NodeId, Time};

use crate::chunks::Chunks;

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

/// The moments of a run, in order, with the world's time.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Chunks<(Time, Moment)>);

impl Recorder {
    pub(crate) fn push(&mut self, at: Time, moment: Moment) {
        self.0.push((at, moment));
    }

    /// All moments so far.
    pub(crate) fn moments(&self) -> Vec<(Time, Moment)> {
        self.0.since(0).cloned().collect()
    }

    /// A disk command in a few words.
    pub(crate) fn short(command: &DiskCommand) -> String {
        match command {
            DiskCommand::Write { file, offset, parts } => {
                format!("write {} bytes of {file} at {offset}", parts.len())
            }
            DiskCommand::Sync { file, .. } => format!("sync {file}"),
            DiskCommand::Read { file, .. } => format!("read {file}"),
            DiskCommand::Truncate { file, length } => format!("truncate {file} to {length}"),
            DiskCommand::Replace { file, .. } => format!("replace {file}"),
            DiskCommand::Delete { file } => format!("delete {file}"),
            DiskCommand::Length { file } => format!("ask for the length of {file}"),
            DiskCommand::Allocate { file, length } => format!("allocate {length} bytes of {file}"),
            DiskCommand::List { prefix } => match prefix.as_ref() {
                "" => "list".into(),
                prefix => format!("list {prefix}"),
            },
        }
    }
}
