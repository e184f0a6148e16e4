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
//! A [`System`] registers its [`Scenario`]s, its promises and its mechanisms once; [`Registered`] is the
//! door through which the command line, the tour and the tests run, sweep, shrink and replay them.

mod assertions;
mod chaos;
mod clock;
mod cluster;
mod content;
mod declared;
mod delivery;
mod diagram;
mod disk;
mod downtime;
mod draft;
mod durations;
mod effects;
mod fault;
mod history;
mod lifecycle;
mod network;
mod node;
mod plan;
mod promise;
mod queue;
mod random;
mod recorder;
mod refused;
mod registry;
mod replay;
mod run;
mod scenario;
mod script;
mod shrink;
mod sweep;
mod trace;
mod turn;
mod world;

pub use assertions::{assert_breaks_without, assert_holds};
pub use chaos::FaultId;
pub use clock::WORLD_BEGINS;
pub use cluster::{Cluster, OneServer, Shape, within};
pub use diagram::{Window, diagram};
pub use disk::Unsynced;
pub use draft::Draft;
pub use durations::Durations;
pub use fault::{Fault, FaultKind, Target};
pub use history::{Counts, Entry, NoteKind, Operations};
pub use network::Delays;
pub use plan::{Plan, Step};
pub use promise::{Promise, Verdict};
pub use recorder::{Moment, Recorder};
pub use refused::Refused;
pub use registry::{Registered, RunRecord, ScenarioInfo, Shortest, register};
pub use replay::{ReplayError, SavedRun, VERSION};
pub use run::{NO_PANIC, Report, Violation, world_of};
pub use scenario::{Checker, Heals, PromiseInfo, PromiseSpec, Scenario, System, Witness, heal_all};
pub use script::{During, Script};
pub use sweep::{Breach, Seeds, SweepReport};
pub use trace::TraceHash;
pub use world::{Boot, OUTSIDE, World};
