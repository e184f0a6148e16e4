//! Named failure scenarios. The tests, the tour and the command line run these.
//!
//! Faults aim at roles: what hurts a partition is what befalls its leader. In the end everybody is healed, and the
//! operator reads what each replica has.

mod disks;
mod failover;
mod moving;
mod workload;

use machine::{MechanismInfo, NodeId, Switches};
use sim::{
    Cluster, FaultKind, Figures, MessageFilter, NoteKind, PromiseSpec, Registered, Scenario,
    System, Witness, World,
};

use crate::promise::{PROMISES, figures};
use crate::shape::{Node, Shape};
use replicated_log::mechanism::Mechanism;
use replicated_log::message::Message;
use replicated_log::note::{Note, Operation};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct Log;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<Log>()
}

impl System for Log {
    type Node = Node;
    type Shape = Shape;
    type Operation = Operation;

    const NAME: &'static str = "replicated-log";
    const ABOUT: &'static str = "A partitioned, replicated log that Kafka clients use unchanged.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &[
        "booting",
        "broker",
        "controller",
        "coordinator",
        "damaged",
        "follower",
        "leader",
        "member",
        "offline",
        "operator",
        "producer",
        "reader",
        "standby",
        "stopping",
        "waiting",
    ];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::BadSector,
        FaultKind::BitRot,
        FaultKind::ClockDrift,
        FaultKind::ClockJump,
        FaultKind::ClockRollback,
        FaultKind::ClockSmear,
        FaultKind::Crash,
        FaultKind::Delay,
        FaultKind::DiskReplaced,
        FaultKind::FailingDisk,
        FaultKind::FileCut,
        FaultKind::FileMissing,
        FaultKind::FlappingLink,
        FaultKind::FullDisk,
        FaultKind::HungDisk,
        FaultKind::LinkReset,
        FaultKind::Loss,
        FaultKind::LossyLink,
        FaultKind::MessageFilter,
        FaultKind::MisdirectedWrite,
        FaultKind::OneWayPartition,
        FaultKind::Partition,
        FaultKind::Pause,
        FaultKind::PowerLoss,
        FaultKind::RollingRestart,
        FaultKind::SlowDisk,
        FaultKind::SlowLink,
        FaultKind::SlowNode,
        FaultKind::TornWrite,
        FaultKind::ZoneLoss,
    ];
    const FILTERS: &'static [MessageFilter<Message>] = &[MessageFilter {
        name: disks::ALTERS,
        picks: |message| matches!(message, Message::Alter(_)),
    }];
    const WITNESSES: &'static [Witness] = WITNESSES;

    fn scenarios() -> Vec<Scenario<Self>> {
        scenarios()
    }

    fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        Shape::boot(cluster, node, switches)
    }

    fn perform(operation: &Operation) -> Message {
        Message::Do(operation.clone())
    }

    fn work(operation: &Operation) -> u64 {
        match operation {
            Operation::Produce { records, .. } => 20 + u64::from(*records),
            _ => 20,
        }
    }

    fn figures(cluster: &Cluster<Shape>, world: &World<Node>) -> Figures {
        figures(cluster, world)
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Sends { operation, .. } | Note::Commits { operation, .. } => {
                NoteKind::Invoked(*operation)
            }
            Note::Acked { operation, .. } | Note::Committed { operation } => {
                NoteKind::Ok(*operation)
            }
            Note::NotCommitted { operation } => NoteKind::Failed(*operation),
            Note::NotAcked { operation } | Note::CommitLost { operation } => {
                NoteKind::GivenUp(*operation)
            }
            Note::Leads { .. } => NoteKind::Sometimes("led"),
            Note::Cut { .. } => NoteKind::Sometimes("cut"),
            Note::Owns { .. } => NoteKind::Sometimes("owned"),
            Note::Damaged { .. } => NoteKind::Sometimes("damage-told"),
            Note::Sometimes(name) => NoteKind::Sometimes(name),
            Note::Boots { .. }
            | Note::Watermark { .. }
            | Note::FetchWaits { .. }
            | Note::FetchAnswered { .. }
            | Note::Partition { .. }
            | Note::Saw { .. }
            | Note::Audited { .. } => NoteKind::Plain,
        }
    }
}

/// What holds whatever fails, and these.
macro_rules! safe_and {
    ($($more:literal),*) => {
        &[
            "acked-kept",
            "one-order",
            "no-phantom",
            "no-duplicate",
            "one-leader-per-epoch",
            "in-sync-after-heal",
            $($more),*
        ]
    };
}

const SAFE: &[&str] = safe_and!();
/// Where one thing fails at a time.
const AND_UP: &[&str] = safe_and!("bounded-downtime");
const AND_STAYS: &[&str] = safe_and!("bounded-downtime", "no-false-failover");
const AND_WAKES: &[&str] = safe_and!("bounded-downtime", "wakes-fetch");
const AND_OWNERS: &[&str] = safe_and!("one-owner-per-generation");
const AND_TAIL: &[&str] = safe_and!("bounded-tail");

/// Recorded, so that the tour need not search for them.
const WITNESSES: &[Witness] = &[
    Witness::new("leader-epoch", "acked-kept", "double-failover", 3),
    Witness::new("high-watermark", "no-phantom", "leader-crash", 2),
    Witness::new("replica-watermark", "no-phantom", "rack-readers", 1),
    Witness::new("min-insync", "acked-kept", "isr-of-one", 0),
    Witness::new("clean-election", "acked-kept", "rack-loss", 0),
    Witness::new("eligible-leaders", "acked-kept", "last-replica-standing", 17),
    Witness::new("isr-commit", "acked-kept", "cut-off-from-controller", 0),
    Witness::new("isr-epoch", "acked-kept", "disk-replaced", 9),
    Witness::new("disk-identity", "acked-kept", "disk-replaced", 2),
    Witness::new("flush-before-ack", "acked-kept", "power-loss", 0),
    Witness::new("rot-is-not-tail", "acked-kept", "bit-rot", 0),
    Witness::new("idempotence", "no-duplicate", "leader-crash", 0),
    Witness::new("generation-fencing", "one-owner-per-generation", "rebalance-storm", 4),
    Witness::new("isr-shrink", "bounded-downtime", "slow-follower", 0),
    Witness::new("controlled-shutdown", "bounded-downtime", "rolling-restart", 0),
    Witness::new("fetch-wakeup", "wakes-fetch", "quiet-topic", 0),
    Witness::new("reassignment-throttle", "bounded-tail", "reassignment-under-load", 0),
];

fn scenarios() -> Vec<Scenario<Log>> {
    let safe =
        |name, about, draw, reaches| Scenario { reaches, ..Scenario::new(name, about, SAFE, draw) };
    let up = |name, about, draw, reaches| Scenario {
        reaches,
        ..Scenario::new(name, about, AND_UP, draw)
    };
    vec![
        up(
            "leader-crash",
            "the leader of a partition crashes, up to three times, while producers and consumers are at it",
            failover::leader_crash,
            &[("crash", 200), ("led", 400)],
        ),
        safe(
            "double-failover",
            "brokers are cut off from each other, the leader crashes, and soon after it the next one",
            failover::double_failover,
            &[("crash", 300), ("partition", 150)],
        ),
        safe(
            "rack-readers",
            "consumers read from replicas in their rack; a leader and a follower are cut off from all others",
            failover::rack_readers,
            &[("partition", 200), ("cut", 50)],
        ),
        safe(
            "isr-of-one",
            "a leader loses touch with its followers until it is alone in sync, and then its disk is replaced",
            failover::isr_of_one,
            &[("partition", 200), ("disk-replaced", 150)],
        ),
        safe(
            "rack-loss",
            "a replica in the second of two racks lags behind, and the first rack loses power",
            failover::rack_loss,
            &[("partition", 150), ("zone-loss", 200)],
        ),
        safe(
            "last-replica-standing",
            "nothing is synced before it is acknowledged; the ISR shrinks to one, which loses power",
            failover::last_replica_standing,
            &[("partition", 200), ("power-loss", 150)],
        ),
        safe(
            "cut-off-from-controller",
            "a leader and a follower are cut off from the third replica and the controllers, for longer than a session",
            failover::cut_off_from_controller,
            &[("partition", 200), ("cut", 50)],
        ),
        up(
            "controller-loss",
            "the leader of a partition and that of the controllers crash together",
            failover::controller_loss,
            &[("crash", 300), ("led", 200)],
        ),
        Scenario {
            promises: AND_STAYS,
            ..up(
                "short-pauses",
                "brokers and controllers sleep for up to 200 ms, and nobody takes them for dead",
                failover::short_pauses,
                &[("pause", 400)],
            )
        },
        safe(
            "power-loss",
            "all brokers lose power within 50 ms, in the middle of writes",
            disks::power_loss,
            &[("power-loss", 200), ("torn-write", 200)],
        ),
        safe(
            "bit-rot",
            "a bit of a follower's log flips, it restarts, and the leader crashes",
            disks::bit_rot,
            &[("bit-rot", 150), ("crash", 300)],
        ),
        safe(
            "damaged-files",
            "a broker writes to the wrong places, or comes back with a file that is gone, cut short or not to be read, \
             and the leader crashes",
            disks::damaged_files,
            &[
                ("misdirected-write", 20),
                ("bad-sector", 20),
                ("file-cut", 20),
                ("file-missing", 20),
                ("crash", 150),
            ],
        ),
        safe(
            "disk-replaced",
            "a follower comes back with an empty disk: within its session, or while a proposal to take it into the ISR is \
             on its way",
            disks::disk_replaced,
            &[("disk-replaced", 200), ("crash", 150), ("message-filter", 50)],
        ),
        safe(
            "full-disk",
            "brokers have no space left, until retention makes some",
            disks::full_disk,
            &[("full-disk", 200)],
        ),
        Scenario {
            promises: AND_OWNERS,
            ..safe(
                "weather",
                "all that networks, busy machines and disks do, by chance and at once",
                disks::weather,
                &[("crash", 50), ("partition", 50), ("failing-disk", 30), ("led", 300)],
            )
        },
        up(
            "slow-follower",
            "a follower's disk hangs, or its links to other brokers are cut",
            moving::slow_follower,
            &[("hung-disk", 80), ("partition", 80)],
        ),
        up(
            "rolling-restart",
            "all brokers are told to stop and started again, one after the other",
            moving::rolling_restart,
            &[("rolling-restart", 200), ("led", 400)],
        ),
        Scenario {
            promises: AND_WAKES,
            ..up(
                "quiet-topic",
                "a record now and then, and readers who wait for it",
                moving::quiet_topic,
                &[("link-reset", 20)],
            )
        },
        Scenario {
            promises: AND_OWNERS,
            ..safe(
                "rebalance-storm",
                "members of a group come, leave and sleep for longer than their session, and the coordinator crashes",
                moving::rebalance_storm,
                &[("pause", 300), ("crash", 100), ("owned", 1_000)],
            )
        },
        Scenario {
            promises: AND_TAIL,
            ..safe(
                "reassignment-under-load",
                "a replica of a partition is moved to another broker over slow links, while producers go on",
                moving::reassignment_under_load,
                &[("slow-link", 200), ("moving", 200)],
            )
        },
        Scenario {
            promises: AND_TAIL,
            ..safe(
                "broker-added",
                "a broker joins, and a replica is moved to it",
                moving::broker_added,
                &[("slow-link", 200), ("moving", 200)],
            )
        },
    ]
}
