//! Named failure scenarios. The tests, the tour and the command line run these.
//!
//! In the first five the operator has given each worker its number, and the high-water mark on its
//! own disk keeps it safe; in the others an authority leases numbers out, in the last one of several. Each leaves out the
//! mechanisms that would hide those it is about.

mod authorities;

use std::time::Duration;

use machine::{MechanismInfo, NodeId, Switches, Time};
use sim::{
    Delays, FaultKind, MessageFilter, NoteKind, PromiseSpec, Registered, Scenario, Script, System,
    Target, Witness,
};

use crate::mechanism::Mechanism;
use crate::message::{Get, Message, Note};
use crate::promise::PROMISES;
use crate::shape::{Cluster, Draft, Node, Shape};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct Snowflakes;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<Snowflakes>()
}

impl System for Snowflakes {
    type Node = Node;
    type Shape = Shape;
    type Operation = Get;

    const NAME: &'static str = "snowflake";
    const ABOUT: &'static str =
        "Unique 64-bit ids, sortable by time, minted by many workers without coordination.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &[
        "authority",
        "blank",
        "booting",
        "candidate",
        "client",
        "follower",
        "holder",
        "leader",
        "learner",
        "refusing",
        "removed",
        "waiting",
        "worker",
    ];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::BitRot,
        FaultKind::ClockDrift,
        FaultKind::ClockJump,
        FaultKind::ClockRollback,
        FaultKind::ClockSmear,
        FaultKind::Crash,
        FaultKind::Delay,
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
        FaultKind::SlowNode,
        FaultKind::SnapshotResumed,
        FaultKind::TornWrite,
    ];
    const FILTERS: &'static [MessageFilter<Message>] = &[MessageFilter {
        name: authorities::GRANTS,
        picks: |message| matches!(message, Message::Granted(_)),
    }];
    const WITNESSES: &'static [Witness] = WITNESSES;

    fn scenarios() -> Vec<Scenario<Self>> {
        scenarios()
    }

    fn boot(cluster: &Cluster, node: NodeId, switches: Switches) -> Node {
        Shape::boot(cluster, node, switches)
    }

    fn perform(operation: &Get) -> Message {
        Message::Get(*operation)
    }

    fn work(operation: &Get) -> u64 {
        u64::from(operation.count)
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Invoked { token, .. } => NoteKind::Invoked(*token),
            Note::Received { token, .. } => NoteKind::Ok(*token),
            Note::AllRefused { token } => NoteKind::Failed(*token),
            Note::ClockWentBack { .. } => NoteKind::Sometimes("clock-went-back"),
            Note::TickUsedUp => NoteKind::Sometimes("tick-used-up"),
            Note::StartedBelowMark => NoteKind::Sometimes("started-below-mark"),
            Note::ClockWrong => NoteKind::Sometimes("clock-wrong"),
            Note::Compared { .. } => NoteKind::Plain,
            Note::Stopped { .. } => NoteKind::Sometimes("stopped"),
            Note::Resumed { .. } => NoteKind::Sometimes("resumed"),
            Note::LeaseExpired => NoteKind::Sometimes("lease-expired"),
            Note::GenerationChanged => NoteKind::Sometimes("generation-changed"),
            Note::HolderChanged => NoteKind::Sometimes("holder-changed"),
            Note::Fenced => NoteKind::Sometimes("fenced"),
            Note::Group(what) => NoteKind::Sometimes(what),
        }
    }
}

const ALL: &[&str] =
    &["unique", "increasing-per-worker", "order-within-skew", "available-after-heal"];
/// Where a disk is altered or loses a file, which may cost availability.
const NEVER_WRONG: &[&str] = ALL.split_at(3).0;

/// Recorded, so that the tour need not search for them.
const WITNESSES: &[Witness] = &[
    Witness::new("clock-guard", "unique", "clock-step-back", 4),
    Witness::new("high-water-mark", "unique", "restart-after-step-back", 3),
    Witness::new("timestamp-ceiling", "unique", "holder-change-under-skew", 0),
    Witness::new("lease-fencing", "unique", "authority-partition", 13),
    Witness::new("stop-before-expiry", "unique", "authority-partition", 2),
    Witness::new("sequence-wait", "unique", "overload", 0),
    Witness::new("generation-check", "unique", "snapshot-resumed", 0),
    Witness::new("skew-check", "order-within-skew", "clock-drift", 0),
    Witness::new("lease-grace", "unique", "authority-partition", 46),
    Witness::new("lease-recount", "unique", "authority-crash", 35),
];

fn scenarios() -> Vec<Scenario<Snowflakes>> {
    let scenario =
        |name, about, draw, reaches| Scenario { reaches, ..Scenario::new(name, about, ALL, draw) };
    vec![
        scenario(
            "clock-step-back",
            "wall clocks of workers step back by up to 400 ms, and forward again",
            clock_step_back,
            &[("clock-rollback", 200), ("clock-went-back", 100)],
        ),
        scenario(
            "leap-smear",
            "a leap second, scaled to 500 ms: some workers smear it, others step back",
            leap_smear,
            &[("clock-smear", 50), ("clock-rollback", 50)],
        ),
        scenario(
            "crash-restart",
            "workers crash and are back within a millisecond, with the same number",
            crash_restart,
            &[("crash", 200), ("started-below-mark", 100)],
        ),
        scenario(
            "restart-after-step-back",
            "workers restart, and find their wall clock up to 400 ms behind what it was",
            restart_after_step_back,
            &[("clock-rollback", 200), ("started-below-mark", 100)],
        ),
        scenario(
            "overload",
            "ticks have room for 64 ids and clients ask for hundreds at once",
            overload,
            &[("tick-used-up", 1_000)],
        ),
        scenario(
            "clock-drift",
            "leased numbers; clocks drift by up to 2% and wall clocks are off by up to 5 s",
            clock_drift,
            &[("clock-drift", 100), ("clock-wrong", 100)],
        ),
        Scenario {
            leaves_out: &["timestamp-ceiling"],
            ..scenario(
                "authority-partition",
                "leased numbers; holders lose touch with the authority, or pause, for longer than \
                 a lease lasts, while its clock and theirs drift apart, or what it granted comes late",
                authority_partition,
                &[
                    ("partition", 200),
                    ("message-filter", 20),
                    ("lease-expired", 100),
                    ("fenced", 50),
                ],
            )
        },
        scenario(
            "holder-change-under-skew",
            "leased numbers change hands between workers whose clocks are up to 90 ms off",
            holder_change_under_skew,
            &[("holder-changed", 100)],
        ),
        Scenario {
            leaves_out: &["timestamp-ceiling", "skew-check"],
            ..scenario(
                "snapshot-resumed",
                "leased numbers; a holder is set back to a snapshot after its number was given away",
                snapshot_resumed,
                &[("snapshot-resumed", 100), ("generation-changed", 100)],
            )
        },
        Scenario {
            promises: NEVER_WRONG,
            ..scenario(
                "rotten-disk",
                "the mark of a worker, or the table of the authority, rots, is cut off or goes missing",
                rotten_disk,
                &[("bit-rot", 40), ("file-cut", 40), ("file-missing", 40)],
            )
        },
        Scenario {
            heals: authorities::heal_a_majority,
            ..scenario(
                "rotten-authority",
                "leased numbers; of three authorities one has its journal altered, and restarts",
                authorities::rotten_authority,
                &[("bit-rot", 80), ("misdirected-write", 40), ("crash", 150)],
            )
        },
        Scenario {
            leaves_out: &["timestamp-ceiling"],
            heals: authorities::heal_a_majority,
            ..scenario(
                "authority-crash",
                "leased numbers; of three authorities the acting one crashes, is cut off or neither up nor \
                 down, and in the end one may be missing for good",
                authorities::authority_crash,
                &[
                    ("crash", 150),
                    ("partition", 200),
                    ("lossy-link", 10),
                    ("took-over", 500),
                    ("lease-expired", 100),
                ],
            )
        },
    ]
}

const MS: fn(u64) -> Duration = Duration::from_millis;
/// Noise that every promise must bear.
const NOISE: &[FaultKind] = FaultKind::NOISE;
/// And where a worker's memory may be lost.
const CRASHES: &[FaultKind] = &[
    FaultKind::Crash,
    FaultKind::PowerLoss,
    FaultKind::RollingRestart,
    FaultKind::SlowDisk,
    FaultKind::FullDisk,
    FaultKind::FailingDisk,
    FaultKind::HungDisk,
];

fn clock_step_back(draft: &mut Draft) {
    let shape = fixed(draft, 400, 12);
    // One after the other: steps that overlap add up, beyond the bound that the scenario states.
    let steps = draft.number(1, 4);
    let slot = draft.heal_at().0 / steps;
    for step in 0..steps {
        let node = draft.one_of(&shape.worker_targets());
        let by = MS(draft.magnitude(2, 400));
        let lasts = draft.magnitude(50_000_000, 3_000_000_000).min(slot - 1);
        let at = step * slot + draft.number(0, slot - 1 - lasts);
        draft.between(Time(at), Time(at + lasts)).clock_rollback(node, by);
    }
    workload(draft, shape, 400, 64);
    draft.swarm(NOISE, &shape.worker_targets());
}

fn leap_smear(draft: &mut Draft) {
    let shape = fixed(draft, 500, 12);
    let leap = Time(draft.number(500, 1_500) * 1_000_000);
    for node in shape.worker_targets() {
        let heal = draft.heal_at();
        if draft.percent(50) {
            draft.between(leap, leap + MS(2_500)).clock_smear(node, -200_000);
        } else {
            draft.between(leap, heal).clock_rollback(node, MS(500));
        }
    }
    workload(draft, shape, 400, 64);
    draft.swarm(NOISE, &shape.worker_targets());
}

fn crash_restart(draft: &mut Draft) {
    let shape = fixed(draft, 0, 12);
    draft.delays(Delays::micros(20, 100));
    for _ in 0..draft.number(2, 6) {
        let worker = draft.one_of(&shape.worker_ids());
        let client = draft.one_of(&shape.client_ids());
        let at = draft.number(1_000_000, draft.heal_at().0 - 10_000_000);
        let down = draft.number(50_000, 900_000);
        draft.between(Time(at), Time(at + down)).crash(worker);
        for _ in 0..20 {
            let near = Time(at - 500_000 + draft.number(0, down + 1_000_000));
            draft.operation(near, client, Get { worker, count: 1 });
        }
    }
    workload(draft, shape, 250, 64);
    draft.swarm(NOISE, &shape.worker_targets());
    draft.swarm(CRASHES, &shape.worker_targets());
}

fn restart_after_step_back(draft: &mut Draft) {
    let shape = fixed(draft, 400, 12);
    // One after the other, as above: each takes less than a second.
    let restarts = draft.number(1, 3);
    let slot = draft.heal_at().0 / restarts;
    for restart in 0..restarts {
        let node = draft.one_of(&shape.worker_targets());
        let at = restart * slot + draft.number(300_000_000, slot - 1_000_000_000);
        let down = draft.magnitude(1_000_000, 50_000_000);
        let by = MS(draft.magnitude(20, 400));
        draft.between(Time(at), Time(at + down)).crash(node.clone());
        let back = Time(at + down + 900_000_000);
        draft.between(Time(at + down / 2), back).clock_rollback(node, by);
    }
    workload(draft, shape, 400, 64);
    draft.swarm(NOISE, &shape.worker_targets());
    draft.swarm(CRASHES, &shape.worker_targets());
}

fn overload(draft: &mut Draft) {
    let shape = fixed(draft, 0, 6);
    for _ in 0..draft.number(10, 40) {
        let (worker, client) =
            (draft.one_of(&shape.worker_ids()), draft.one_of(&shape.client_ids()));
        let at = Time(draft.number(0, draft.end().0));
        let count = draft.magnitude(32, 400) as u32;
        for _ in 0..draft.number(1, 5) {
            draft.operation(at, client, Get { worker, count });
        }
    }
    workload(draft, shape, 100, 64);
    draft.swarm(NOISE, &shape.worker_targets());
}

fn clock_drift(draft: &mut Draft) {
    let shape = leased(draft);
    for node in shape.worker_targets() {
        let ppm = draft.number(0, 40_000) as i32 - 20_000;
        draft.lasting(MS(500), MS(3_500)).clock_drift(node.clone(), ppm);
        let by = MS(draft.magnitude(1, 5_000));
        let ahead = draft.percent(50);
        let mut wrong = draft.lasting(MS(100), MS(3_000));
        if ahead { wrong.clock_jump(node, by) } else { wrong.clock_rollback(node, by) }
    }
    workload(draft, shape, 300, 64);
    draft.swarm(NOISE, &targets(shape));
}

fn authority_partition(draft: &mut Draft) {
    let shape = leased(draft);
    authorities::drift_apart(draft, shape);
    for _ in 0..draft.number(0, 2) {
        draft.lasting(MS(800), MS(2_500)).partition(["holder"], [0]);
    }
    workload(draft, shape, 500, 64);
    draft.swarm(NOISE, &targets(shape));
    draft.swarm(CRASHES, &targets(shape));
    if draft.percent(50) {
        authorities::late_grants(draft, shape);
    }
}

fn holder_change_under_skew(draft: &mut Draft) {
    let shape = leased(draft);
    let end = draft.end();
    for node in shape.worker_targets() {
        let by = MS(draft.number(20, 45));
        let ahead = draft.percent(50);
        let mut all_along = draft.between(Time(0), end);
        if ahead { all_along.clock_jump(node, by) } else { all_along.clock_rollback(node, by) }
    }
    for _ in 0..draft.number(1, 3) {
        // Either somebody else gets the number, or its holder does again, and finds another time.
        let at = draft.number(300_000_000, draft.heal_at().0 - 2_000_000_000);
        let (node, down) =
            (draft.one_of(&shape.worker_ids()), draft.magnitude(100_000, 20_000_000));
        if draft.percent(50) {
            let until = at + draft.number(1_100_000_000, 2_000_000_000);
            draft.between(Time(at), Time(until)).partition(["holder"], [0]);
        } else {
            let by = MS(draft.number(10, 45));
            let back = Time(at + 300_000_000);
            draft.between(Time(at), Time(at + down)).crash(node);
            draft.between(Time(at + down / 2), back).clock_rollback(node, by);
            for _ in 0..40 {
                let near = Time(at - 40_000_000 + draft.number(0, 100_000_000));
                let client = draft.one_of(&shape.client_ids());
                draft.operation(near, client, Get { worker: node, count: 1 });
            }
        }
    }
    workload(draft, shape, 600, 64);
    draft.swarm(NOISE, &targets(shape));
    draft.swarm(CRASHES, &targets(shape));
}

fn snapshot_resumed(draft: &mut Draft) {
    let shape = leased(draft);
    let at = Time(draft.number(300, 800) * 1_000_000);
    // Cut off for long enough to lose its number to another, and set back to when it held it.
    let resumed = at + MS(draft.number(1_300, 2_500));
    draft.between(at, resumed).snapshot_resumed("holder");
    let healed = resumed + MS(draft.number(0, 900));
    draft.between(at, healed).partition(["holder"], [0]);
    workload(draft, shape, 600, 64);
    draft.swarm(NOISE, &targets(shape));
}

/// One disk is altered while its node is down: the mark of a worker with a number of its own, or the table of
/// the authority that leases numbers.
fn rotten_disk(draft: &mut Draft) {
    let (shape, node, file) = match draft.percent(50) {
        true => {
            let shape = fixed(draft, 0, 12);
            (shape, draft.one_of(&shape.worker_ids()), "mark")
        }
        false => (leased(draft), NodeId(0), "leases"),
    };
    let at = Time(draft.number(500_000_000, draft.heal_at().0 - 1_000_000_000));
    let back = at + MS(draft.magnitude(1, 200));
    let kind = draft.number(0, 2);
    let bits = draft.magnitude(1, 20) as u32;
    let mut while_down = draft.between(at, back);
    match kind {
        0 => {
            while_down.crash(node);
            while_down.bit_rot_in(node, file, bits);
        }
        1 => while_down.file_cut(node, file),
        _ => while_down.file_missing(node, file),
    }
    workload(draft, shape, 400, 64);
    draft.swarm(NOISE, &targets(shape));
}

/// Writes the shape into a draft.
fn draw(draft: &mut Draft, shape: Shape) {
    // Its sizes were drawn once, each from a range of one.
    draft.skip_draws(if shape.authorities > 1 { 6 } else { 5 });
    draft.cluster(shape, 3);
}

/// Workers whose numbers the operator chose.
fn fixed(draft: &mut Draft, skew_ms: u64, sequence_bits: u64) -> Shape {
    let (workers, clients) = (draft.number(1, 3), draft.number(1, 2));
    let shape = Shape { pool: 0, authorities: 0, workers, clients, skew_ms, sequence_bits };
    draw(draft, shape);
    draft.phases(MS(4_000), shape.recovers_within() + MS(1_500));
    shape
}

/// Workers that lease their numbers from an authority, which has fewer than there are workers.
fn leased(draft: &mut Draft) -> Shape {
    let (pool, clients) = (draft.number(1, 3), draft.number(1, 2));
    let workers = pool + draft.number(1, 2);
    let skew_ms = crate::lease::SKEW_BOUND.as_millis() as u64;
    let shape = Shape { pool, authorities: 1, workers, clients, skew_ms, sequence_bits: 12 };
    draw(draft, shape);
    draft.phases(MS(4_000), shape.recovers_within() + MS(1_500));
    shape
}

fn targets(shape: Shape) -> Vec<Target> {
    let mut targets = shape.worker_targets();
    targets.extend(shape.authority_ids().into_iter().map(Target::from));
    targets
}

/// Clients ask for ids, from one to so many at a time, all through the run.
fn workload(draft: &mut Draft, shape: Shape, operations: u64, most: u64) {
    for _ in 0..operations {
        let at = Time(draft.number(0, draft.end().0));
        let (worker, client) =
            (draft.one_of(&shape.worker_ids()), draft.one_of(&shape.client_ids()));
        let count = draft.magnitude(1, most) as u32;
        draft.operation(at, client, Get { worker, count });
    }
}
