//! Named failure scenarios: one keeper, clients, and what goes wrong with the disk. The tests, the tour and
//! the command line run these. Segments are small, so that runs reach sealing and compaction.

use std::time::Duration;

use journal::Shape;
use machine::{MechanismInfo, NodeId, Switches, Time};
use sim::{
    Cluster, Delays, FaultKind, NoteKind, PromiseSpec, Registered, Scenario, Script, System,
    Witness,
};

use crate::client::KEEPER;
use crate::mechanism::Mechanism;
use crate::message::{Keys, Message, Note, Order};
use crate::promise::PROMISES;
use crate::shape::{self, Draft, Node};

/// The system, as the simulated world sees it.
#[derive(Clone, Copy, Debug)]
pub struct Bitcask;

/// The system, for a registry: all that the simulator is for its types is compiled here, and once.
pub fn registered() -> Box<dyn Registered> {
    sim::register::<Bitcask>()
}

impl System for Bitcask {
    type Node = Node;
    type Shape = Shape;
    type Operation = Order;

    const NAME: &'static str = "bitcask";
    const ABOUT: &'static str =
        "A store of keys and values on one disk: a log, and an index into it in memory.";
    const MECHANISMS: &'static [MechanismInfo] = Mechanism::ALL;
    const PROMISES: &'static [PromiseSpec<Node, Shape>] = PROMISES;
    const ROLES: &'static [&'static str] = &["client", "keeper"];
    const SURVIVES: &'static [FaultKind] = &[
        FaultKind::BitRot,
        FaultKind::Crash,
        FaultKind::FileCut,
        FaultKind::FileMissing,
        FaultKind::FullDisk,
        FaultKind::HungDisk,
        FaultKind::MisdirectedWrite,
        FaultKind::Pause,
        FaultKind::PowerLoss,
        FaultKind::SlowDisk,
        FaultKind::TornWrite,
    ];
    const WITNESSES: &'static [Witness] = &[
        Witness::new("flush-before-ack", "nothing-lost", "power-loss", 0),
        Witness::new("durable-bound", "losses-told", "lost-files", 2),
        Witness::new("entry-checksum", "nothing-false", "bit-rot", 0),
    ];

    fn scenarios() -> Vec<Scenario<Self>> {
        scenarios()
    }

    fn boot(cluster: &Cluster<Shape>, node: NodeId, switches: Switches) -> Node {
        shape::boot(cluster, node, switches)
    }

    fn perform(order: &Order) -> Message {
        Message::Do(*order)
    }

    fn work(order: &Order) -> u64 {
        let (Order::Put(keys, _) | Order::Remove(keys) | Order::Read(keys)) = order;
        10 + u64::from(keys.count)
    }

    fn note_kind(note: &Note) -> NoteKind {
        match note {
            Note::Asked { token, .. } => NoteKind::Invoked(*token),
            Note::Written { token } | Note::Read { token, .. } => NoteKind::Ok(*token),
            Note::Refused { token } => NoteKind::Failed(*token),
            Note::GivenUp { token } => NoteKind::GivenUp(*token),
            Note::Cut => NoteKind::Sometimes("torn-end-cut"),
            Note::LossTold => NoteKind::Sometimes("loss-told"),
            Note::Hinted => NoteKind::Sometimes("hinted"),
            Note::Compacted => NoteKind::Sometimes("compacted"),
            Note::Rotted => NoteKind::Sometimes("rot-told"),
            Note::Ready { keys } if *keys > 0 => NoteKind::Sometimes("booted-on-data"),
            Note::Ready { .. } | Note::Kept { .. } | Note::Looked { .. } => NoteKind::Plain,
        }
    }
}

fn scenarios() -> Vec<Scenario<Bitcask>> {
    const ALL: &[&str] = &["nothing-lost", "nothing-false", "rot-is-rot", "batches-whole"];
    let scenario = |name, about, promises, draw, reaches| Scenario {
        reaches,
        ..Scenario::new(name, about, promises, draw)
    };
    vec![
        scenario(
            "power-loss",
            "the power goes while batches are on their way to the disk",
            ALL,
            power_loss,
            &[("power-loss", 200), ("booted-on-data", 200), ("hinted", 1_000)],
        ),
        scenario(
            "torn-write",
            "the power goes in the middle of writes, of which the first sectors are there",
            ALL,
            torn_write,
            &[("torn-write", 400), ("booted-on-data", 200), ("torn-end-cut", 20)],
        ),
        scenario(
            "compaction",
            "a few keys are put and removed over and over, and the process dies meanwhile",
            ALL,
            compaction,
            &[("compacted", 1_000), ("crash", 200), ("booted-on-data", 200)],
        ),
        scenario(
            "full-disk",
            "the disk is full for a while, and the process may die on it",
            ALL,
            full_disk,
            &[("full-disk", 200), ("crash", 50), ("hinted", 500)],
        ),
        scenario(
            "lost-files",
            "a segment is gone, or shorter than it was, when the keeper comes back",
            &["losses-told", "nothing-false"],
            lost_files,
            &[("file-cut", 50), ("file-missing", 50), ("loss-told", 100)],
        ),
        scenario(
            "bit-rot",
            "bits of what is durable flip, and writes land in the wrong place",
            &["nothing-false"],
            bit_rot,
            &[("bit-rot", 200), ("rot-told", 200), ("misdirected-write", 40)],
        ),
    ]
}

const MS: fn(u64) -> Duration = Duration::from_millis;

/// How much clients write: between so many and so many keys each, bytes in a value, bytes in a segment.
struct Load {
    keys: (u64, u64),
    value: (u64, u64),
    segment: (u64, u64),
}

const SMALL: Load = Load { keys: (2, 6), value: (1, 600), segment: (1_000, 8_000) };
/// Batches of many sectors.
const LARGE: Load = Load { keys: (3, 6), value: (200, 2_000), segment: (20_000, 80_000) };
/// What is written is soon garbage.
const AGAIN: Load = Load { keys: (1, 3), value: (1, 600), segment: (500, 2_000) };

/// One keeper, and some clients who write and read.
fn draw(draft: &mut Draft, load: Load) {
    let segment = draft.number(load.segment.0, load.segment.1);
    let keys = draft.number(load.keys.0, load.keys.1) as u8;
    let clients = draft.number(1, 3);
    draft.cluster(Shape { segment, clients }, 1);
    draft.delays(Delays::micros(100, 500));
    draft.phases(MS(3_000), MS(1_000));
    // The keeper has time to read its disk.
    for _ in 0..draft.number(100, 200) {
        let (at, client) = (moment(draft), NodeId(draft.number(1, clients) as u32));
        let order = order(draft, keys, load.value);
        draft.operation(at, client, order);
    }
    for client in 1..=clients as u32 {
        let all = Order::Read(Keys { first: 0, count: keys });
        draft.operation(draft.end() - MS(400), NodeId(client), all);
    }
}

fn moment(draft: &mut Draft) -> Time {
    Time(draft.number(20_000_000, draft.end().0 - 600_000_000))
}

fn order(draft: &mut Draft, all: u8, value: (u64, u64)) -> Order {
    let first = draft.number(0, u64::from(all) - 1) as u8;
    let keys = Keys { first, count: draft.number(1, u64::from(all - first)) as u8 };
    match draft.number(0, 9) {
        0..=5 => Order::Put(keys, draft.magnitude(value.0, value.1) as u16),
        6 => Order::Remove(keys),
        _ => Order::Read(Keys { first: 0, count: all }),
    }
}

fn power_loss(draft: &mut Draft) {
    draw(draft, SMALL);
    draft.swarm(&[FaultKind::SlowDisk, FaultKind::Pause], &[KEEPER.into()]);
    for _ in 0..draft.number(1, 4) {
        draft.lasting(MS(1), MS(300)).power_loss(KEEPER);
    }
}

fn torn_write(draft: &mut Draft) {
    draw(draft, LARGE);
    let slow = draft.number(5, 30) as u32;
    draft.between(Time(0), draft.heal_at()).slow_disk(KEEPER, slow);
    for _ in 0..draft.number(2, 6) {
        draft.lasting(MS(1), MS(300)).torn_write(KEEPER);
    }
}

fn compaction(draft: &mut Draft) {
    draw(draft, AGAIN);
    draft.swarm(
        &[FaultKind::PowerLoss, FaultKind::TornWrite, FaultKind::SlowDisk, FaultKind::Pause],
        &[KEEPER.into()],
    );
    for _ in 0..draft.number(1, 3) {
        draft.lasting(MS(1), MS(300)).crash(KEEPER);
    }
}

fn full_disk(draft: &mut Draft) {
    draw(draft, SMALL);
    draft.swarm(&[FaultKind::Crash, FaultKind::SlowDisk], &[KEEPER.into()]);
    for _ in 0..draft.number(1, 3) {
        draft.lasting(MS(50), MS(800)).full_disk(KEEPER);
    }
}

/// Up to the moment in which the disk loses it, more is written.
fn lost_files(draft: &mut Draft) {
    draw(draft, SMALL);
    let at = Time(draft.number(1_500_000_000, 2_800_000_000));
    let back = at + MS(draft.number(1, 300));
    match draft.number(0, 1) {
        0 => draft.between(at, back).file_cut(KEEPER, "segment"),
        _ => draft.between(at, back).file_missing(KEEPER, "segment"),
    };
}

fn bit_rot(draft: &mut Draft) {
    draw(draft, SMALL);
    draft.swarm(
        &[FaultKind::MisdirectedWrite, FaultKind::SlowDisk, FaultKind::HungDisk],
        &[KEEPER.into()],
    );
    for _ in 0..draft.number(1, 4) {
        let at = Time(draft.number(500_000_000, draft.heal_at().0));
        let bits = draft.magnitude(10, 1_000) as u32;
        draft.between(at, at).bit_rot(KEEPER, bits);
    }
}
