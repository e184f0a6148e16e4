//! Named failure scenarios. The tests, the tour and the command line run these.

mod collection;
mod listing;
mod multipart;
mod plans;

use machine::{MechanismInfo, NodeId, Switches};
use object_store::mechanism::Mechanism;
use object_store::message::Message;
use object_store::note::{Note, Operation};
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
        20 + u64::from(operation.what.sends().unwrap_or_default()) / 64
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Invoked { operation, .. } => NoteKind::Invoked(*operation),
            Note::Answered { operation, .. } => NoteKind::Ok(*operation),
            Note::Failed { operation } | Note::Declined { operation } => {
                NoteKind::Failed(*operation)
            }
            Note::GivenUp { operation } => NoteKind::GivenUp(*operation),
            Note::Puts { .. } | Note::Reads { .. } | Note::Page { .. } => NoteKind::Plain,
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
    Witness::new("multipart-fence", "linearizable", "multipart-retry", 1),
    Witness::new("gc-fence", "nothing-live-collected", "slow-commit", 20),
    Witness::new("read-pin", "nothing-live-collected", "overwrite-during-get", 0),
];

/// What holds whatever fails.
const SAFE: &[&str] = &["linearizable", "durable", "nothing-live-collected"];
/// And where buckets are listed.
const AND_LISTED: &[&str] =
    &["linearizable", "durable", "nothing-live-collected", "listing-consistent"];
/// And where what is dead has time to go.
const AND_GONE: &[&str] = &["linearizable", "durable", "nothing-live-collected", "dead-bytes-go"];
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
        scenario(
            "multipart-retry",
            "clients ask again to complete an upload, since the answer was lost, while others put and read the same keys",
            multipart::multipart_retry,
            &[("link-reset", 1_000), ("completed-again", 80)],
        ),
        Scenario {
            promises: AND_LISTED,
            ..scenario(
                "list-while-changed",
                "buckets are listed by pages while others put and delete, and whoever leads a group is cut off or goes",
                listing::list_while_changed,
                &[("partition", 100), ("crash", 50)],
            )
        },
        Scenario {
            promises: AND_GONE,
            ..scenario(
                "slow-commit",
                "a gateway pauses for some epochs, with puts whose shards are durable and that are not named yet",
                collection::slow_commit,
                &[("pause", 200), ("collected", 400)],
            )
        },
        Scenario {
            promises: AND_GONE,
            ..scenario(
                "overwrite-during-get",
                "objects are put in the place of others that somebody reads slowly",
                collection::overwrite_during_get,
                &[("collected", 400)],
            )
        },
    ]
}
