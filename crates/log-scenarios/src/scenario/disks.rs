//! What befalls disks: power cuts, rot, replacement, no space left.

use sim::{FaultKind, Script, Shape as _};

use super::workload::{
    BEGUN, HEAL, LAST, MS, at, begin, burst, others, produce_between, shuffled, usual,
};
use crate::shape::{Draft, Shape};
use replicated_log::note::Operation;

/// Proposals of a leader to change its ISR.
pub(super) const ALTERS: &str = "alters";

/// Brokers, and in some seeds controllers, within 50 ms.
pub(super) fn power_loss(draft: &mut Draft) {
    let shape = usual(draft);
    let shape = begin(draft, shape);
    let mut cut = draft.number(BEGUN + 200, 3_000);
    for _ in 0..draft.number(1, 2) {
        let and_controllers = draft.percent(30);
        let targets = if and_controllers { shape.server_targets() } else { shape.broker_targets() };
        for target in targets {
            let lost = cut + draft.number(0, 50);
            let back = lost + draft.magnitude(20, 800);
            let torn = draft.percent(50);
            let mut gone = draft.between(at(lost), at(back));
            if torn { gone.torn_write(target) } else { gone.power_loss(target) }
        }
        burst(draft, shape, cut + 20);
        cut += draft.number(2_000, 2_500);
    }
    produce_between(draft, shape, BEGUN, LAST, 150);
}

/// Nothing has been written for so long that the bound knows of everything: what is broken then no crash has torn. In
/// long segments, as a restart reads the active one only.
pub(super) fn bit_rot(draft: &mut Draft) {
    let replication_factor = draft.number(2, 3);
    let usual = usual(draft);
    let shape = begin(draft, Shape { segment_bytes: 64 << 10, replication_factor, ..usual });
    let quiet = draft.number(BEGUN + 300, 2_500);
    let rots = quiet + draft.number(1_500, 2_000);
    let bits = draft.number(1, 4) as u32;
    draft.between(at(rots), at(rots + 1)).bit_rot_in("follower/0", "p", bits);
    let restarts = rots + draft.number(2, 40);
    let back = restarts + draft.number(5, 60);
    draft.between(at(restarts), at(back)).crash("follower/0");
    let gone = back + draft.number(0, 60);
    let until = gone + draft.number(700, 2_000);
    draft.between(at(gone), at(until)).crash("leader/0");
    produce_between(draft, shape, BEGUN, quiet, 100);
    produce_between(draft, shape, restarts, LAST, 60);
}

/// One broker writes where it should not while it runs, or comes back without a file, the end of one, or the means to read
/// a part of it. Nothing has been written for so long that its bound knows of everything: it says what is damaged, or
/// refuses to start. Then the leader crashes.
pub(super) fn damaged_files(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { segment_bytes: 64 << 10, ..usual });
    let broker = draft.one_of(&shape.broker_ids());
    let quiet = draft.number(BEGUN + 300, 2_500);
    let down = quiet + draft.number(1_500, 2_000);
    let back = down + draft.number(10, 200);
    match draft.number(0, 3) {
        0 => draft.between(at(down), at(back)).file_cut(broker, "p"),
        1 => draft.between(at(down), at(back)).file_missing(broker, "p"),
        2 => {
            let sectors = draft.number(1, 4) as u32;
            draft.between(at(down - 100), at(LAST)).bad_sector_in(broker, "p", sectors);
            draft.between(at(down), at(back)).crash(broker);
        }
        _ => {
            let ppm = draft.number(50_000, 1_000_000) as u32;
            draft.between(at(BEGUN), at(quiet)).misdirected_write_in(broker, "p", ppm);
            draft.between(at(down), at(back)).crash(broker);
        }
    }
    let gone = back + draft.number(0, 400);
    let until = gone + draft.number(700, 2_000);
    draft.between(at(gone), at(until)).crash("leader/0");
    produce_between(draft, shape, BEGUN, quiet, 100);
    produce_between(draft, shape, down, LAST, 60);
}

/// A follower that was cut off is to be taken into the ISR again, and that proposal is late; or it is in the ISR. It
/// comes back with an empty disk, and reaches no other broker. Then the leader crashes.
pub(super) fn disk_replaced(draft: &mut Draft) {
    let replication_factor = draft.number(2, 3);
    let usual = usual(draft);
    let shape = begin(draft, Shape { replication_factor, session: 1_200, ..usual });
    let doomed = shuffled(draft, shape)[0];
    let rest = others(shape, &[doomed]);
    let mut lost = draft.number(BEGUN + 400, 3_000);
    if draft.percent(60) {
        let healed = lost + draft.number(1_200, 1_500);
        draft.between(at(lost), at(healed)).partition([doomed], rest.clone());
        let by = MS(draft.number(200, 700));
        let filter = (at(healed - 10), at(healed + draft.number(60, 200)));
        draft.between(filter.0, filter.1).delay_messages(
            ALTERS,
            rest.clone(),
            shape.ids("controller"),
            by,
        );
        lost = healed + draft.number(30, 250);
    }
    let back = lost + draft.number(10, 200);
    draft.between(at(lost), at(back)).disk_replaced(doomed);
    let crash = back + draft.number(20, 700);
    let until = crash + draft.number(1_300, 2_000);
    draft.between(at(lost), at(until)).partition([doomed], rest);
    draft.between(at(crash), at(until)).crash("leader/0");
    produce_between(draft, shape, BEGUN, lost, 80);
    produce_between(draft, shape, lost, LAST, 80);
}

/// Retention keeps two or three segments: when a segment goes there is space again.
pub(super) fn full_disk(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { retention_bytes: 10 << 10, ..usual });
    for _ in 0..draft.number(1, 3) {
        let from = draft.number(BEGUN, HEAL - 1_000);
        let until = from + draft.number(300, 2_000);
        let one = draft.one_of(&[shape.broker_targets(), vec!["leader/0".into()]].concat());
        let all = draft.percent(40);
        let room = draft.number(0, 6_000);
        for target in if all { shape.broker_targets() } else { vec![one] } {
            draft.between(at(from), at(until)).little_room(target, room);
        }
        produce_between(draft, shape, from, until, 60);
    }
    produce_between(draft, shape, BEGUN, LAST, 200);
}

/// What else befalls links, and clocks: they drift as far as sessions bear, and what they show is only written down.
const LINKS_AND_CLOCKS: &[FaultKind] = &[
    FaultKind::FlappingLink,
    FaultKind::LossyLink,
    FaultKind::SlowLink,
    FaultKind::ClockDrift,
    FaultKind::ClockSmear,
    FaultKind::ClockJump,
    FaultKind::ClockRollback,
];

/// Where memory is lost, or a disk ails, and is not lost itself.
const CRASHES: &[FaultKind] = &[
    FaultKind::Crash,
    FaultKind::PowerLoss,
    FaultKind::TornWrite,
    FaultKind::RollingRestart,
    FaultKind::SlowDisk,
    FaultKind::FullDisk,
    FaultKind::FailingDisk,
    FaultKind::HungDisk,
];

/// All that networks, busy machines and disks do, by chance, to brokers, controllers and whoever leads.
pub(super) fn weather(draft: &mut Draft) {
    let usual = usual(draft);
    let (members, racks) = (draft.number(0, 2), draft.percent(50));
    let shape = begin(draft, Shape { members, racks, readers: 3, ..usual });
    for member in shape.ids("member") {
        let comes = draft.number(BEGUN, 3_000);
        draft.operation(at(comes), member, Operation::Come);
    }
    let targets = [shape.server_targets(), vec!["leader/0".into(), "controller".into()]].concat();
    for kinds in [FaultKind::NOISE, LINKS_AND_CLOCKS, CRASHES] {
        draft.swarm(kinds, &targets);
    }
    produce_between(draft, shape, BEGUN, LAST, 200);
}
