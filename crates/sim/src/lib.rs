//! The simulated world: networks, disks and clocks that fail from a seed, and promises that are
//! checked.
//!
//! # The law
//!
//! A run is version + world seed + plan. The [`Plan`] (faults as closed intervals, and what clients
//! do) is drawn first and executed then in a [`World`], an event loop over virtual time in which
//! everything that is drawn comes from the seed. So the same run has the same trace hash, in any
//! process and any build, and any subset of a plan is a plan.
//!
//! A [`System`] says what it is once: who is in a cluster, which mechanisms protect it, what it promises,
//! and in which [`Scenario`]s. [`assert_holds`] and [`assert_breaks_without`] put that to the test;
//! [`Registered`] is the door through which a program runs, sweeps, shrinks and replays it.
//!
//! # A system, whole
//!
//! A client wants every order to arrive over a network that loses datagrams. That it asks again is what
//! keeps the promise:
//!
//! ```
//! use std::collections::BTreeSet;
//! use std::time::Duration;
//! use machine::*;
//! use sim::*;
//!
//! #[derive(Clone, Debug)]
//! struct Words;
//! impl Protocol for Words {
//!     /// The number of an order, and later that it has arrived.
//!     type Message = u64;
//!     type Timer = u64;
//!     type Op = ();
//!     type Note = Note;
//! }
//!
//! #[derive(Clone, Debug, Hash, PartialEq)]
//! enum Note { Ordered, Arrived }
//!
//! machine::mechanisms! {
//!     /// What protects orders.
//!     pub enum Mechanism {
//!         AskAgain = "ask-again": "an order without an answer is sent again",
//!     }
//! }
//!
//! /// Both are as simple as they can be, so one type is enough.
//! #[derive(Clone)]
//! struct Node { id: NodeId, switches: Switches, open: BTreeSet<u64> }
//!
//! impl Machine for Node {
//!     type Protocol = Words;
//!     fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
//!         match input {
//!             // The server: whatever arrives is answered.
//!             Input::Message { from, message } if self.id == NodeId(0) => out.datagram(from, message),
//!             Input::Message { from: OUTSIDE, message } => {
//!                 self.open.insert(message);
//!                 out.note(Note::Ordered);
//!                 self.send(message, out);
//!             }
//!             Input::Message { message, .. } if self.open.remove(&message) => out.note(Note::Arrived),
//!             Input::Timer(order) if self.open.contains(&order) => self.send(order, out),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! impl Node {
//!     fn send(&self, order: u64, out: &mut Outputs<Words>) {
//!         out.datagram(NodeId(0), order);
//!         if Mechanism::AskAgain.on(self.switches) {
//!             out.set_timer(order, Duration::from_millis(20));
//!         }
//!     }
//! }
//!
//! /// The promise, which is judged when the run is over.
//! struct AllArrive;
//! impl Promise<Node> for AllArrive {
//!     fn end(&mut self, world: &World<Node>) -> Verdict {
//!         let count = |note| world.history().iter().filter(|entry| entry.note == note).count();
//!         match count(Note::Ordered) - count(Note::Arrived) {
//!             0 => Verdict::Held,
//!             lost => Verdict::broken(format!("{lost} orders never arrived")),
//!         }
//!     }
//! }
//!
//! struct Orders;
//! impl System for Orders {
//!     type Node = Node;
//!     type Shape = OneServer;
//!     type Operation = u64;
//!     const NAME: &'static str = "orders";
//!     const ABOUT: &'static str = "Orders that arrive.";
//!     const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
//!     const PROMISES: &'static [PromiseSpec<Node, OneServer>] = &[PromiseSpec {
//!         name: "all-arrive",
//!         about: "every order arrives",
//!         checker: |_| Box::new(AllArrive),
//!     }];
//!
//!     fn scenarios() -> Vec<Scenario<Self>> {
//!         vec![Scenario::new("loss", "datagrams are lost", &["all-arrive"], |draft| {
//!             draft.cluster(OneServer { clients: 1 }, 1);
//!             draft.phases(Duration::from_secs(2), Duration::from_secs(1));
//!             draft.swarm(&[FaultKind::Loss], &[0.into()]);
//!             for order in 0..20 {
//!                 draft.operation(Time(order * 100_000_000), NodeId(1), order);
//!             }
//!         })]
//!     }
//!
//!     fn boot(_: &Cluster<OneServer>, id: NodeId, switches: Switches) -> Node {
//!         Node { id, switches, open: BTreeSet::new() }
//!     }
//!
//!     fn perform(order: &u64) -> u64 {
//!         *order
//!     }
//! }
//!
//! sim::assert_holds::<Orders>("loss", 0..100);
//! let shortest = sim::assert_breaks_without::<Orders>("ask-again", "all-arrive", "loss", 0..100);
//! assert!(shortest.to_string().contains("1 orders never arrived"), "{shortest}");
//! ```

mod assertions;
mod chaos;
mod chunks;
mod clock;
mod cluster;
mod conditions;
mod content;
mod declared;
mod delivery;
mod disk;
mod downtime;
mod draft;
mod durations;
mod effects;
mod encounter;
mod fault;
mod figures;
mod filter;
mod history;
mod lanes;
mod lifecycle;
mod network;
mod node;
mod plan;
mod promise;
mod queue;
mod random;
mod refused;
mod registry;
mod replay;
mod run;
mod scenario;
mod script;
mod sentence;
mod shrink;
mod sweep;
mod timers;
mod trace;
mod turn;
mod world;

#[doc(hidden)]
pub use bytes::Bytes;

pub use assertions::{assert_breaks_without, assert_holds};
pub use chaos::FaultId;
pub use clock::WORLD_BEGINS;
pub use cluster::{Cluster, OneServer, Shape, within};
pub use conditions::{Delays, Distance};
pub use disk::{FileChange, Unsynced};
pub use draft::Draft;
pub use durations::{Durations, Percentiles};
pub use fault::{Fault, FaultKind, Target};
pub use figures::{Figures, Share};
pub use filter::MessageFilter;
pub use history::{Counts, Entry, History, Operations};
pub use plan::{Plan, Step};
pub use promise::{Breach, Evidence, Measure, Promise, Verdict};
pub use recording::{Change, Moment, NoteKind, Trail};
pub use refused::Refused;
pub use registry::{Counterexample, Registered, RunRecord, ScenarioInfo, register};
pub use replay::{ReplayError, SavedRun, VERSION};
pub use run::{NO_PANIC, Report, Violation, world_of};
pub use scenario::{Checker, Heals, PromiseInfo, PromiseSpec, Scenario, System, Witness, heal_all};
pub use script::{Interval, Script};
pub use sweep::{Seeds, SweepReport, SweepViolation};
pub use trace::TraceHash;
pub use world::{Boot, OUTSIDE, World};
