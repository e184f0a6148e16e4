//! What a system registers: its mechanisms, its promises, the scenarios that put them to the test,
//! and for every mechanism a witness that it is needed.

use std::fmt::Debug;

use machine::{Machine, Mechanism, NodeId, Switches};
use serde::{Serialize, de::DeserializeOwned};

use crate::history::{Entry, NoteKind};
use crate::plan::{Cluster, Draft};
use crate::promise::Promise;
use crate::world::{Message, Note, World};

/// A system of the lab, as the simulated world sees it.
pub trait System: Sized + 'static {
    /// Servers and clients, usually an enum made by [`crate::nodes!`].
    type Node: Machine;
    /// What a plan can tell a client to do.
    type Operation: Clone + Debug + Serialize + DeserializeOwned + Send + Sync;

    /// The crate's name.
    const NAME: &'static str;
    /// What it is, in one sentence.
    const ABOUT: &'static str;
    /// Its protective mechanisms; a mechanism's index is its place in [`Switches`].
    const MECHANISMS: &'static [Mechanism];
    /// What it swears to.
    const PROMISES: &'static [PromiseInfo];
    /// For every mechanism, a seed at which a promise breaks without it.
    const WITNESSES: &'static [Witness];

    /// The scenarios; the first is the demo.
    fn scenarios() -> Vec<Scenario<Self>>;
    /// The checker of a promise. It is not told which mechanisms are on.
    fn promise(name: &str, cluster: &Cluster) -> Box<dyn Promise<Self::Node>>;
    /// An operation as the message that the client is told.
    fn perform(operation: &Self::Operation) -> Message<Self::Node>;
    /// How many events' worth of work an operation is: a saved plan whose operations are more than
    /// a run may take is refused.
    fn work(_operation: &Self::Operation) -> u64 {
        1
    }
    /// What a note means to the lab.
    fn note_kind(note: &Note<Self::Node>) -> NoteKind;
    /// What the notes say of clients' operations, as a file that checkers of histories read (the
    /// crate `check` writes it); none where the system has no such operations.
    fn history(_notes: &[Entry<Note<Self::Node>>]) -> Option<String> {
        None
    }
    /// A node's name in diagrams.
    fn node_name(_cluster: &Cluster, node: NodeId) -> String {
        format!("n{}", node.0)
    }
}

/// What a promise is, for the registry and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PromiseInfo {
    /// In kebab-case.
    pub name: &'static str,
    /// What is promised, in one sentence, with its bounds.
    pub about: &'static str,
}

/// A named failure scenario: a cluster, a workload, faults, and the promises that must hold.
pub struct Scenario<S: System> {
    /// In kebab-case.
    pub name: &'static str,
    /// What happens and within which bounds, in one sentence.
    pub about: &'static str,
    /// Mechanisms that it leaves out, so that those it tests are not hidden behind them.
    pub leaves_out: &'static [&'static str],
    /// The promises that it checks.
    pub promises: &'static [&'static str],
    /// Draws the plan of a seed.
    pub draw: fn(&mut Draft<S::Operation>),
    /// Makes the machine of a node.
    pub boot: fn(&Cluster, NodeId, Switches) -> S::Node,
    /// Who is healed when the safety phase ends: a quorum at least.
    pub heals: fn(&Cluster, &World<S::Node>) -> Vec<NodeId>,
    /// How many seeds its default sweep has.
    pub seeds: u64,
    /// Kinds of fault and "sometimes" events, with the least count that the default sweep must
    /// reach: no sweep passes by doing nothing.
    pub reaches: &'static [(&'static str, u64)],
}

impl<S: System> Scenario<S> {
    /// A scenario with all mechanisms, at whose end everybody is healed, over 200 seeds of which
    /// nothing is demanded; name what differs.
    pub fn new(
        name: &'static str,
        about: &'static str,
        promises: &'static [&'static str],
        draw: fn(&mut Draft<S::Operation>),
        boot: fn(&Cluster, NodeId, Switches) -> S::Node,
    ) -> Self {
        let (leaves_out, heals, reaches) = (&[][..], heal_all as _, &[][..]);
        Scenario { name, about, leaves_out, promises, draw, boot, heals, seeds: 200, reaches }
    }
}

/// Heals everybody.
pub fn heal_all<M: Machine>(cluster: &Cluster, _world: &World<M>) -> Vec<NodeId> {
    (0..cluster.zones.len() as u32).map(NodeId).collect()
}

/// A seed at which a promise breaks without a mechanism, recorded so that it need not be searched
/// for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// What is left out.
    pub mechanism: &'static str,
    /// What breaks.
    pub promise: &'static str,
    /// Where.
    pub scenario: &'static str,
    /// When.
    pub seed: u64,
}

impl Witness {
    /// Without this mechanism this promise breaks, there and then.
    pub const fn new(
        mechanism: &'static str,
        promise: &'static str,
        scenario: &'static str,
        seed: u64,
    ) -> Self {
        Witness { mechanism, promise, scenario, seed }
    }
}

/// Makes one type of node from the machines of a cluster, which speak one protocol.
#[macro_export]
macro_rules! nodes {
    ($(#[$doc:meta])* $vis:vis enum $name:ident: $protocol:ty { $($kind:ident($machine:ty)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone)]
        #[expect(missing_docs, reason = "a kind of node is documented at its machine")]
        $vis enum $name { $($kind($machine)),+ }

        impl ::machine::Machine for $name {
            type Protocol = $protocol;

            fn handle(
                &mut self,
                now: &mut ::machine::Now<'_>,
                input: ::machine::Input<$protocol>,
                out: &mut ::machine::Outputs<$protocol>,
            ) {
                match self { $($name::$kind(machine) => machine.handle(now, input, out)),+ }
            }

            fn inspect(&self) -> ::machine::Inspection {
                match self { $($name::$kind(machine) => machine.inspect()),+ }
            }
        }
    };
}
