//! Named failure scenarios: one keeper, clients, and what goes wrong with the disk. Files are small, so that
//! runs reach the beginning of new ones.

use std::time::Duration;

use machine::{MechanismInfo, NodeId, Switches, Time};
use sim::{
    Cluster, Delays, FaultKind, NoteKind, PromiseSpec, Registered, Scenario, Script, System,
    Witness,
};

use crate::client::KEEPER;
use crate::mechanism::Mechanism;
use crate::message::{Message, Note, Order};
use crate::promise::PROMISES;
use crate::shape::{Draft, Node, Shape};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct KeptLog;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<KeptLog>()
}

impl System for KeptLog {
    type Node = Node;
    type Shape = Shape;
    type Operation = Order;

    const NAME: &'static str = "journal";
    const ABOUT: &'static str = "Appending to files that lose nothing in silence.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &["client", "keeper"];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::Crash,
        FaultKind::PowerLoss,
        FaultKind::TornWrite,
        FaultKind::Pause,
        FaultKind::FullDisk,
        FaultKind::SlowDisk,
        FaultKind::FileCut,
        FaultKind::FileMissing,
    ];
    const WITNESSES: &'static [Witness] =
        &[Witness::new("durable-bound", "losses-told", "lost-files", 10)];

    fn scenarios() -> Vec<Scenario<Self>> {
        let scenario = |name, about, promises, draw, reaches| Scenario {
            reaches,
            ..Scenario::new(name, about, promises, draw)
        };
        vec![
            scenario(
                "lost-files",
                "a file is gone, or shorter than it was, when the keeper comes back",
                &["losses-told", "in-order"],
                lost_files,
                &[("file-cut", 50), ("file-missing", 50), ("loss-told", 150)],
            ),
            scenario(
                "power-loss",
                "the power goes while entries are on their way to the disk, or in the middle of a write",
                &["nothing-forgotten", "in-order", "answers-again"],
                power_loss,
                &[
                    ("power-loss", 200),
                    ("torn-write", 100),
                    ("booted-on-data", 200),
                    ("torn-end-cut", 20),
                ],
            ),
            scenario(
                "full-disk",
                "the disk is full for a while, and the process may die on it",
                &["nothing-forgotten", "in-order", "answers-again"],
                full_disk,
                &[("full-disk", 200), ("waited-for-space", 50)],
            ),
        ]
    }

    fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        Shape::boot(cluster, node, switches)
    }

    fn perform(order: &Order) -> Message {
        Message::Do(*order)
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Asked { token, .. } => NoteKind::Invoked(*token),
            Note::Written { token } | Note::Read { token, .. } => NoteKind::Ok(*token),
            Note::GivenUp { token } => NoteKind::GivenUp(*token),
            Note::Cut => NoteKind::Sometimes("torn-end-cut"),
            Note::LossTold => NoteKind::Sometimes("loss-told"),
            Note::Full => NoteKind::Sometimes("waited-for-space"),
            Note::Ready { entries } if *entries > 0 => NoteKind::Sometimes("booted-on-data"),
            Note::Ready { .. } => NoteKind::Plain,
        }
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;
const SHORT: (u64, u64) = (1, 900);

/// One keeper, and some clients who append entries of so many bytes until this time, and read.
fn draw(draft: &mut Draft, until: Time, (least, most): (u64, u64)) {
    let segment = draft.number(300, 3_000);
    let clients = draft.number(1, 3);
    draft.cluster(Shape { segment, clients }, 1);
    draft.delays(Delays::micros(100, 500));
    draft.phases(MS(4_000), MS(1_500));
    for _ in 0..draft.number(40, 120) {
        let at = Time(draft.number(20_000_000, until.0));
        let client = NodeId(draft.number(1, clients) as u32);
        let order = match draft.number(0, 9) {
            0 => Order::Read,
            _ => Order::Append((least - 1 + draft.magnitude(1, most)) as u16),
        };
        draft.operation(at, client, order);
    }
    for client in 1..=clients as u32 {
        draft.operation(draft.end() - MS(600), NodeId(client), Order::Read);
    }
}

/// The disk loses some of what was written, up to the moment in which it does.
fn lost_files(draft: &mut Draft) {
    draw(draft, Time(3_500_000_000), SHORT);
    let at = Time(draft.number(3_000_000_000, 3_500_000_000));
    let back = at + MS(draft.number(1, 300));
    match draft.number(0, 1) {
        0 => draft.between(at, back).file_cut(KEEPER, "log"),
        _ => draft.between(at, back).file_missing(KEEPER, "log"),
    };
}

/// Entries are longer than a sector, at the edges of which a write is torn.
fn power_loss(draft: &mut Draft) {
    draw(draft, Time(3_600_000_000), (600, 900));
    draft.swarm(&[FaultKind::Pause, FaultKind::Crash], &[KEEPER.into()]);
    let slow = draft.number(5, 30) as u32;
    draft.between(Time(0), draft.heal_at()).slow_disk(KEEPER, slow);
    for _ in 0..draft.number(1, 3) {
        draft.lasting(MS(1), MS(300)).power_loss(KEEPER);
    }
    for _ in 0..draft.number(3, 8) {
        draft.lasting(MS(1), MS(50)).torn_write(KEEPER);
    }
}

fn full_disk(draft: &mut Draft) {
    draw(draft, Time(3_600_000_000), SHORT);
    draft.swarm(&[FaultKind::Crash, FaultKind::SlowDisk], &[KEEPER.into()]);
    for _ in 0..draft.number(1, 3) {
        draft.lasting(MS(50), MS(800)).full_disk(KEEPER);
    }
}
