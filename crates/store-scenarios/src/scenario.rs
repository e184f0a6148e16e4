//! Named failure scenarios. The tests, the tour and the command line run these.

mod plans;

use machine::{MechanismInfo, NodeId, Switches};
use object_store::mechanism::Mechanism;
use object_store::message::Message;
use object_store::note::{Note, Operation, What};
use sim::{Cluster, FaultKind, NoteKind, PromiseSpec, Registered, Scenario, System, Witness};

use crate::promise::PROMISES;
use crate::shape::{Node, Shape};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct ObjectStorage;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<ObjectStorage>()
}

impl System for ObjectStorage {
    type Node = Node;
    type Shape = Shape;
    type Operation = Operation;

    const NAME: &'static str = "object-store";
    const ABOUT: &'static str = "An object store over zones, that S3 clients use unchanged.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &[
        "blank",
        "booting",
        "candidate",
        "client",
        "follower",
        "leader",
        "learner",
        "removed",
        "store",
    ];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::Crash,
        FaultKind::Delay,
        FaultKind::LinkReset,
        FaultKind::Partition,
        FaultKind::Pause,
        FaultKind::PowerLoss,
        FaultKind::SlowDisk,
        FaultKind::TornWrite,
        FaultKind::ZoneLoss,
    ];
    const WITNESSES: &'static [Witness] = WITNESSES;

    fn scenarios() -> Vec<Scenario<Self>> {
        scenarios()
    }

    fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        Shape::boot(cluster, node, switches)
    }

    fn perform(operation: &Operation) -> Message {
        Message::Do(*operation)
    }

    fn work(operation: &Operation) -> u64 {
        match operation.what {
            What::Put(size) | What::PutNew(size) | What::Swap(size) => 20 + u64::from(size) / 64,
            What::Make | What::Delete | What::Get => 20,
        }
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Invoked { operation, .. } => NoteKind::Invoked(*operation),
            Note::Answered { operation, .. } => NoteKind::Ok(*operation),
            Note::Failed { operation } | Note::Declined { operation } => {
                NoteKind::Failed(*operation)
            }
            Note::GivenUp { operation } => NoteKind::GivenUp(*operation),
            Note::Puts { .. } => NoteKind::Plain,
            Note::Sometimes(name) => NoteKind::Sometimes(name),
        }
    }
}

/// Recorded, so that the tour need not search for them.
const WITNESSES: &[Witness] = &[
    Witness::new("write-quorum", "durable", "zone-loss", 0),
    Witness::new("zone-spread", "durable", "zone-loss", 0),
    Witness::new("handoff", "puts-go-on", "zone-loss", 19),
    Witness::new("flush-before-ack", "durable", "power-loss", 0),
    Witness::new("metadata-consensus", "linearizable", "metadata-partition", 5),
    Witness::new("conditional-write", "linearizable", "write-race", 0),
];

/// What holds whatever fails.
const SAFE: &[&str] = &["linearizable", "durable"];
/// And where one zone fails at a time.
const AND_ON: &[&str] = &["linearizable", "durable", "puts-go-on"];

fn scenarios() -> Vec<Scenario<ObjectStorage>> {
    let scenario =
        |name, about, draw, reaches| Scenario { reaches, ..Scenario::new(name, about, SAFE, draw) };
    vec![
        Scenario {
            promises: AND_ON,
            ..scenario(
                "zone-loss",
                "the disks of one zone are slow, and another zone loses power for a while",
                plans::zone_loss,
                &[("zone-loss", 150), ("slow-disk", 100), ("handed-over", 200)],
            )
        },
        scenario(
            "power-loss",
            "all nodes lose power within some milliseconds, in the middle of writes",
            plans::power_loss,
            &[("power-loss", 500), ("torn-write", 500), ("snapshot-taken", 500)],
        ),
        scenario(
            "write-race",
            "clients put the same keys at the same time through two gateways, if nothing is there or if it is what they saw",
            plans::write_race,
            &[("delay", 50), ("pause", 50), ("link-reset", 50)],
        ),
        scenario(
            "metadata-partition",
            "whoever leads a group is cut off from the other nodes, but not from its clients",
            plans::metadata_partition,
            &[("partition", 200), ("crash", 50), ("elected", 400)],
        ),
    ]
}
