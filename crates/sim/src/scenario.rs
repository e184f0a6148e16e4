//! What a system registers: its mechanisms, its promises, the scenarios that put them to the test,
//! and for every mechanism a witness that it is needed.

use std::fmt::Debug;

use machine::{Machine, MechanismInfo, NodeId, Switches};
use recording::NoteKind;
use serde::{Serialize, de::DeserializeOwned};

use crate::cluster::{Cluster, Shape};
use crate::draft::Draft;
use crate::fault::FaultKind;
use crate::figures::Figures;
use crate::filter::MessageFilter;
use crate::history::History;
use crate::plan::Plan;
use crate::promise::Promise;
use crate::world::{Message, Note, World};

/// A system of the lab, as the simulated world sees it.
pub trait System: Sized + 'static {
    /// Servers and clients, usually an enum made by [`crate::nodes!`].
    type Node: Machine;
    /// Who is in a cluster, and what else a scenario draws of it.
    type Shape: Shape;
    /// What a plan can tell a client to do.
    type Operation: Clone + Debug + Serialize + DeserializeOwned + Send + Sync;

    /// The crate's name.
    const NAME: &'static str;
    /// What it is, in one sentence.
    const ABOUT: &'static str;
    /// Its protective mechanisms, as [`machine::mechanisms!`] lists them.
    const MECHANISMS: &'static [MechanismInfo] = &[];
    /// What it promises.
    const PROMISES: &'static [PromiseSpec<Self::Node, Self::Shape>];
    /// The roles that its machines may have ([`Machine::roles`]), and faults be aimed at.
    const ROLES: &'static [&'static str] = &[];
    /// What faults can pick messages by.
    const FILTERS: &'static [MessageFilter<Message<Self::Node>>] = &[];
    /// The kinds of fault that it survives: what it promises holds through them, and each of them reaches it in
    /// one of its scenarios.
    const SURVIVES: &'static [FaultKind] = &[];
    /// For every mechanism, a seed at which a promise breaks without it.
    const WITNESSES: &'static [Witness] = &[];

    /// The scenarios; the first is the demo.
    fn scenarios() -> Vec<Scenario<Self>>;
    /// Makes the machine of a node, as it is before it has read its disk. A node whose number is not among those
    /// of the shape's members joined later.
    fn boot(cluster: &Cluster<Self::Shape>, node: NodeId, switches: Switches) -> Self::Node;
    /// An operation as the message that the client is sent.
    fn perform(operation: &Self::Operation) -> Message<Self::Node>;
    /// How many events' worth of work an operation is: a saved plan whose operations are more than
    /// a run may take is refused.
    fn work(_operation: &Self::Operation) -> u64 {
        1
    }
    /// What a note means to the lab.
    fn note_kind(_note: &Note<Self::Node>) -> NoteKind {
        NoteKind::Plain
    }
    /// What the notes say of clients' operations, as a file that checkers of histories read (the
    /// crate `check` writes it); none where the system has no such operations.
    fn history(_notes: &History<Note<Self::Node>>) -> Option<String> {
        None
    }
    /// What the system says of a run that is over, in numbers of its own, which `run` and `sweep` report beside those
    /// that the lab has of every run. As checkers, it is not told which mechanisms are on.
    fn figures(_cluster: &Cluster<Self::Shape>, _world: &World<Self::Node>) -> Figures {
        Figures::default()
    }
    /// A node's name in diagrams.
    fn node_name(cluster: &Cluster<Self::Shape>, node: NodeId) -> String {
        format!("n{} {}", node.0, cluster.shape.member(node))
    }
}

/// The plan of a system's run.
pub(crate) type PlanOf<S> = Plan<<S as System>::Operation, <S as System>::Shape>;

/// A promise and what checks it.
pub struct PromiseSpec<M: Machine, C> {
    /// In kebab-case.
    pub name: &'static str,
    /// What is promised, in one sentence, with its bounds.
    pub about: &'static str,
    /// Makes the checker of one run. It is not told which mechanisms are on.
    pub checker: Checker<M, C>,
}

impl<M: Machine, C> PromiseSpec<M, C> {
    /// A promise of this name, what it says, and its checker.
    pub const fn new(name: &'static str, about: &'static str, checker: Checker<M, C>) -> Self {
        PromiseSpec { name, about, checker }
    }
}

/// Makes the checker of a promise, for a run of this cluster.
pub type Checker<M, C> = fn(&Cluster<C>) -> Box<dyn Promise<M>>;

/// Says who is healed when the safety phase ends.
pub type Heals<M, C> = fn(&Cluster<C>, &World<M>) -> Vec<NodeId>;

/// What a promise is, for people.
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
    pub draw: fn(&mut Draft<S::Operation, S::Shape>),
    /// Who is healed when the safety phase ends: a quorum at least.
    pub heals: Heals<S::Node, S::Shape>,
    /// How many seeds its default sweep has.
    pub seeds: u64,
    /// Kinds of fault and "sometimes" events, with the least count that the default sweep must
    /// reach: no sweep passes by doing nothing.
    pub reaches: &'static [(&'static str, u64)],
}

impl<S: System> Scenario<S> {
    /// A scenario with all mechanisms, at whose end everybody is healed, over 200 seeds that need
    /// not reach anything; set what differs.
    pub fn new(
        name: &'static str,
        about: &'static str,
        promises: &'static [&'static str],
        draw: fn(&mut Draft<S::Operation, S::Shape>),
    ) -> Self {
        let (leaves_out, heals, reaches) = (&[][..], heal_all as _, &[][..]);
        Scenario { name, about, leaves_out, promises, draw, heals, seeds: 200, reaches }
    }
}

/// Heals everybody.
pub fn heal_all<C, M: Machine>(_cluster: &Cluster<C>, world: &World<M>) -> Vec<NodeId> {
    (0..world.len() as u32).map(NodeId).collect()
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
    /// Without this mechanism this promise breaks in this scenario at this seed.
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

            fn first_files(&self) -> ::std::vec::Vec<(::machine::FileName, $crate::Bytes)> {
                match self { $($name::$kind(machine) => machine.first_files()),+ }
            }

            fn roles(&self, see: &mut dyn FnMut(&'static str, ::std::option::Option<u32>)) {
                match self { $($name::$kind(machine) => machine.roles(see)),+ }
            }

            fn inspect(&self) -> ::machine::Inspection {
                match self { $($name::$kind(machine) => machine.inspect()),+ }
            }

            fn fields(&self) -> ::std::vec::Vec<::machine::Field> {
                match self { $($name::$kind(machine) => machine.fields()),+ }
            }
        }
    };
}
