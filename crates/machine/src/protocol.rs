//! What the machines of one cluster share: how nodes are called, what they say to each other, and on what
//! kind of link.

use std::fmt::{self, Debug};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// The number of a node: a server, a client or an outside service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// As diagrams write it: `n3`.
impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// The words that the machines of one cluster share, so that servers and clients of different
/// types can live in one world.
pub trait Protocol: Clone + Debug + 'static {
    /// What nodes send each other. Bulk data travels in it as reference-counted bytes.
    type Message: Clone + Debug + Hash + Send + Sync;
    /// The name of a timer; setting it again replaces it.
    type Timer: Clone + Debug + Hash + Eq + Send + Sync;
    /// What to do when a disk operation ends: a continuation, as data.
    type Op: Clone + Debug + Hash + Send + Sync;
    /// What a machine tells the history, or its owner when it is embedded in another.
    type Note: Clone + Debug + Hash + Send + Sync;

    /// What a message weighs, in bytes: no less than it has on the wire, and not much more (at most an eighth
    /// and 64). Both worlds count the windows of their links by it, and no message for less than
    /// [`LIGHTEST`](crate::LIGHTEST).
    fn weight(message: &Self::Message) -> u32 {
        let _ = message;
        64
    }

    /// Is this message there to say that nothing has changed, as a heartbeat is? Whoever tells what happened counts
    /// such messages, and shows none that made no difference.
    fn routine(message: &Self::Message) -> Routine {
        let _ = message;
        Routine::Never
    }

    /// The token of the question that this message answers, and whether it is the last answer to it. Whoever
    /// asks from outside is a node to the machine, and knows its answers by that.
    fn answers(message: &Self::Message) -> Option<(u64, bool)> {
        let _ = message;
        None
    }
}

/// When a message says no more than that nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Routine {
    /// Whenever it is sent: a heartbeat.
    Always,
    /// If it says the same as the one before from the same sender to the same receiver: an acknowledgement.
    Again,
    /// It has something to say.
    Never,
}

/// The kinds of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// UDP: lost, doubled and reordered.
    Datagram,
    /// TCP: in order and without gaps, stalling until it is healed or reset.
    Stream,
    /// As [`Link::Stream`], on a connection of its own beside it: what is large goes here, and delays
    /// no heartbeat.
    Bulk,
}
