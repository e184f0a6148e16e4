//! Named failure scenarios. The tests, the tour and the command line run these.
//!
//! Faults aim at roles: what hurts consensus is what befalls its leader. In the end a quorum is
//! healed; what befalls the others then goes on, since a majority must do without them.

mod plans;
mod snapshots;
mod workload;

use machine::{MechanismInfo, NodeId, Switches};
use raft::{GroupId, Mechanism, Rpc};
use sim::{
    Cluster, FaultKind, History, MessageFilter, NoteKind, PromiseSpec, Registered, Scenario,
    System, Witness, World, heal_all,
};

use crate::history;
use crate::message::{Message, Note, Operation};
use crate::promise::PROMISES;
use crate::shape::{Node, Shape};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct Consensus;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<Consensus>()
}

impl System for Consensus {
    type Node = Node;
    type Shape = Shape;
    type Operation = Operation;

    const NAME: &'static str = "raft";
    const ABOUT: &'static str =
        "Consensus: a log that replicas agree on, and a key-value store that it leads to.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] =
        &["blank", "booting", "candidate", "client", "follower", "leader", "learner", "removed"];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::BitRot,
        FaultKind::ClockDrift,
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
    ];
    const FILTERS: &'static [MessageFilter<Message>] =
        &[MessageFilter { name: plans::ENTRIES, picks: carries_entries }];
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

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Invoked { operation, .. } => NoteKind::Invoked(*operation),
            Note::Answered { operation, .. } => NoteKind::Ok(*operation),
            Note::Failed { operation } => NoteKind::Failed(*operation),
            Note::GivenUp { operation } => NoteKind::GivenUp(*operation),
            Note::Sometimes(name) => NoteKind::Sometimes(name),
        }
    }

    fn history(notes: &History<Note>) -> Option<String> {
        Some(history::edn(notes))
    }
}

fn carries_entries(message: &Message) -> bool {
    let Message::Raft(envelope) = message else { return false };
    let carries = |(_, rpc): &(GroupId, Rpc)| match rpc {
        Rpc::AppendEntries(append) => !append.entries.is_empty(),
        _ => false,
    };
    envelope.rpcs.iter().any(carries)
}

/// Where nodes lose their disks, and nobody changes the members on purpose.
const AND_REDUNDANCY: &[&str] = &[
    "one-leader-per-term",
    "log-matching",
    "leader-completeness",
    "state-machine-safety",
    "linearizable",
    "recovers-after-heal",
    "stable-leader",
    "redundancy-returns",
];
const ALL: &[&str] = AND_REDUNDANCY.split_at(7).0;
/// Where nothing fails.
const AND_OFFICE: &[&str] = &[
    "one-leader-per-term",
    "log-matching",
    "leader-completeness",
    "state-machine-safety",
    "linearizable",
    "recovers-after-heal",
    "stable-leader",
    "leader-keeps-its-place",
];

/// Where nodes are restarted on purpose, and nothing fails.
const AND_HANDOVER: &[&str] = &[
    "one-leader-per-term",
    "log-matching",
    "leader-completeness",
    "state-machine-safety",
    "linearizable",
    "recovers-after-heal",
    "stable-leader",
    "no-election-is-waited-for",
];

/// Recorded, so that the tour need not search for them.
const WITNESSES: &[Witness] = &[
    Witness::new("pre-vote", "stable-leader", "flapping-leader", 0),
    Witness::new("check-quorum", "recovers-after-heal", "one-way-partition", 0),
    Witness::new("up-to-date-vote", "leader-completeness", "slow-follower", 1),
    Witness::new("commit-only-current-term", "state-machine-safety", "figure-eight", 39),
    Witness::new("persist-before-reply", "leader-completeness", "power-loss", 38),
    Witness::new("consistency-check", "log-matching", "minority-leader", 10),
    Witness::new("read-index", "linearizable", "minority-leader", 0),
    Witness::new("lease-margin", "linearizable", "clock-drift", 24),
    Witness::new("joint-consensus", "leader-completeness", "membership-change", 37),
    Witness::new("session-dedup", "linearizable", "leader-crash", 0),
    Witness::new("disk-identity", "state-machine-safety", "disk-replaced", 3),
    Witness::new("durable-bound", "leader-completeness", "lost-files", 0),
    Witness::new("tell-lost", "leader-completeness", "lost-end", 0),
    Witness::new("leadership-transfer", "no-election-is-waited-for", "planned-restarts", 0),
    Witness::new("wake-on-silence", "recovers-after-heal", "resting-leader", 0),
    Witness::new("snapshot-in-pieces", "leader-keeps-its-place", "growing-store", 0),
    Witness::new("hello-again", "redundancy-returns", "disk-replaced-voter-down", 0),
];

fn scenarios() -> Vec<Scenario<Consensus>> {
    let scenario = |name, about, draw, reaches| Scenario {
        reaches,
        heals: heal_the_untroubled,
        ..Scenario::new(name, about, ALL, draw)
    };
    vec![
        scenario(
            "leader-crash",
            "whoever leads crashes, again and again, for up to two seconds",
            plans::leader_crash,
            &[("crash", 150), ("elected", 300), ("repeated-command", 500)],
        ),
        scenario(
            "resting-leader",
            "a group rests between requests, and whoever leads it is gone for good",
            plans::resting_leader,
            &[("crash", 150), ("rested", 150), ("woke", 150)],
        ),
        scenario(
            "flapping-leader",
            "the links of a leader are cut and healed in turn, also when the others are healed",
            plans::flapping_leader,
            &[("flapping-link", 100), ("quorum-lost", 100), ("leader-protected", 1_000)],
        ),
        scenario(
            "one-way-partition",
            "a leader can send but not hear, also when the others are healed",
            plans::one_way_partition,
            &[("one-way-partition", 150), ("quorum-lost", 100)],
        ),
        Scenario {
            leaves_out: &["check-quorum"],
            ..scenario(
                "minority-leader",
                "a leader is cut off from a majority, but not from its clients",
                plans::minority_leader,
                &[("partition", 200), ("log-truncated", 100)],
            )
        },
        Scenario {
            leaves_out: &["pre-vote"],
            heals: heal_all,
            ..scenario(
                "figure-eight",
                "the moves of the paper's figure 8: leaders are cut off with entries that few have, \
                 and come back after others were elected",
                plans::figure_eight,
                &[("one-way-partition", 200), ("partition", 200), ("log-truncated", 100)],
            )
        },
        scenario(
            "rolling-restart",
            "all replicas are restarted one after the other, under load",
            plans::rolling_restart,
            &[("rolling-restart", 200), ("elected", 300)],
        ),
        Scenario {
            promises: AND_HANDOVER,
            heals: heal_all,
            ..scenario(
                "planned-restarts",
                "all replicas are told to stop and started again, one after the other, and nothing fails",
                plans::planned_restarts,
                &[("rolling-restart", 200), ("transferred", 300)],
            )
        },
        Scenario {
            // It would see what a power cut took back that was never synced.
            leaves_out: &["tell-lost"],
            ..scenario(
                "power-loss",
                "replicas lose power, some or all of them at once",
                plans::power_loss,
                &[("power-loss", 300), ("torn-write", 300), ("elected", 300)],
            )
        },
        scenario(
            "slow-follower",
            "a follower lags behind: its disk or its links are slow or cut; then leaders crash",
            plans::slow_follower,
            &[("crash", 100), ("slow-disk", 50), ("log-truncated", 30)],
        ),
        scenario(
            "starved-follower",
            "every message with entries to a follower is dropped, and it hears from its leader all the same; then \
             leaders crash",
            plans::starved_follower,
            &[("message-filter", 150), ("crash", 150), ("elected", 300)],
        ),
        scenario(
            "gray-leader",
            "a leader is neither up nor down: its processor and disk are slow, and its links lose some of what \
             they carry",
            plans::gray_leader,
            &[("slow-node", 200), ("slow-disk", 200), ("lossy-link", 100)],
        ),
        scenario(
            "clock-drift",
            "reads rest on leases while clocks drift by up to 2%, leaders hand over and followers \
             restart",
            plans::clock_drift,
            &[("clock-drift", 300), ("lease-read", 10_000), ("transferred", 30)],
        ),
        Scenario {
            promises: AND_OFFICE,
            heals: heal_all,
            ..scenario(
                "growing-store",
                "a store grows by long values on slow disks, and nothing fails",
                snapshots::growing_store,
                &[("slow-disk", 500), ("snapshot-taken", 1_000)],
            )
        },
        scenario(
            "snapshot-under-churn",
            "logs are compacted every few entries while replicas come and go",
            snapshots::snapshot_under_churn,
            &[("snapshot-taken", 5_000), ("snapshot-installed", 150)],
        ),
        Scenario {
            heals: heal_all,
            ..scenario(
                "membership-change",
                "voters change while old and new ones are cut off from each other",
                plans::membership_change,
                &[("partition", 300), ("joint-committed", 100)],
            )
        },
        Scenario {
            heals: heal_all,
            // A snapshot from the middle of a change is rare.
            seeds: 600,
            ..scenario(
                "change-during-snapshots",
                "voters change while logs are compacted every few entries and snapshots travel in \
                 pieces",
                snapshots::change_during_snapshots,
                &[
                    ("changed-snapshot-installed", 300),
                    ("joint-snapshot-installed", 1),
                    ("learner-snapshot-installed", 300),
                    ("change-overtook-snapshot", 200),
                    ("snapshot-below-change", 300),
                ],
            )
        },
        scenario(
            "rotten-disk",
            "bits of a replica's journal flip and its writes land in the wrong place; then it restarts",
            plans::rotten_disk,
            &[("bit-rot", 100), ("misdirected-write", 50), ("crash", 200)],
        ),
        Scenario {
            heals: heal_all,
            ..scenario(
                "lost-files",
                "a part of a replica's journal is gone when it comes back, and who else has it is away",
                plans::lost_files,
                &[("file-cut", 60), ("file-missing", 60), ("crash", 300)],
            )
        },
        Scenario {
            heals: heal_all,
            ..scenario(
                "lost-end",
                "a follower loses what it wrote last, of which its bound does not know; then its leader goes, and who \
                 missed it comes back",
                plans::lost_end,
                &[("file-cut", 50), ("file-missing", 50), ("loss-told", 50)],
            )
        },
        scenario(
            "two-of-five-lost",
            "two of five replicas are gone for good",
            plans::two_of_five_lost,
            &[("crash", 200), ("elected", 200)],
        ),
        Scenario {
            heals: heal_all,
            promises: AND_REDUNDANCY,
            ..scenario(
                "disk-replaced",
                "a replica comes back with an empty disk while others are cut off",
                plans::disk_replaced,
                &[("disk-replaced", 100), ("member-adopted", 80)],
            )
        },
        Scenario {
            heals: heal_all,
            promises: AND_REDUNDANCY,
            ..scenario(
                "disk-replaced-voter-down",
                "a replica comes back with an empty disk while another is down, and may first hear a \
                 leader that is cut off",
                plans::disk_replaced_voter_down,
                &[("disk-replaced", 150), ("crash", 150), ("member-adopted", 100)],
            )
        },
    ]
}

/// Heals the clients and the replicas that no fault hits at the moment, if they are a quorum that has
/// begun; everybody otherwise. Of a fault between two sides the smaller one is hit.
fn heal_the_untroubled(cluster: &Cluster<Shape>, world: &World<Node>) -> Vec<NodeId> {
    let shape = cluster.shape;
    let smaller = |(one, other): (&[NodeId], &[NodeId])| {
        let side = if other.is_empty() || one.len() <= other.len() { one } else { other };
        side.to_vec()
    };
    let troubled: Vec<NodeId> = world.active_faults().flat_map(smaller).collect();
    let well = |node: &NodeId| !troubled.contains(node);
    let begun = |node: &&NodeId| match world.machine(**node) {
        Some(Node::Replica(replica)) => {
            replica.group().is_some_and(|group| group.log().last_index() > 0)
        }
        _ => false,
    };
    let well: Vec<NodeId> = shape.replica_ids().into_iter().filter(well).collect();
    let quorum = 2 * well.iter().filter(begun).count() as u64 > shape.founders;
    if quorum { [well, shape.client_ids()].concat() } else { heal_all(cluster, world) }
}
