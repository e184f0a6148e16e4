//! The plans of the scenarios, as their seeds draw them.

use std::time::Duration;

use machine::{NodeId, Time};
use sim::{Delays, FaultKind, Script, Target};

use super::workload::{MIXED, Mix, ask_any, ask_of, change, workload};
use crate::message::{Ask, Operation};
use crate::promise::{ANSWER, RECOVERY, REDUNDANCY};
use crate::shape::{Draft, JOURNAL_GROWTH, SNAPSHOT_CHUNK, Shape};

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;
/// Noise that every promise must bear.
const NOISE: &[FaultKind] = FaultKind::NOISE;
/// The same of single links.
const LINKS: &[FaultKind] = &[FaultKind::SlowLink, FaultKind::LossyLink];
/// And where memory may be lost, or the disk ails.
pub(super) const CRASHES: &[FaultKind] = &[
    FaultKind::Crash,
    FaultKind::PowerLoss,
    FaultKind::TornWrite,
    FaultKind::RollingRestart,
    FaultKind::SlowDisk,
    FaultKind::FullDisk,
    FaultKind::FailingDisk,
    FaultKind::HungDisk,
];

/// Messages between replicas that carry entries, of whoever leads.
pub(super) const ENTRIES: &str = "entries";
const NOBODY_NAMED: [NodeId; 0] = [];

/// When the faults begin: by then there is a leader.
pub(super) const BEGUN: u64 = 1_000;

/// So many replicas, with a log and a journal that are rarely compacted.
fn cluster(draft: &mut Draft, founders: u64, spares: u64) -> Shape {
    let shape = usual(draft, founders, spares);
    begin(draft, shape)
}

fn usual(draft: &mut Draft, founders: u64, spares: u64) -> Shape {
    Shape {
        founders,
        spares,
        clients: draft.number(2, 4),
        snapshot_after: 1 << 20,
        keep_entries: 1_000,
        election_timeout: 300,
        max_batch: 64,
        snapshot_chunk: SNAPSHOT_CHUNK,
        journal_growth: JOURNAL_GROWTH,
        long_values: 0,
        rests: false,
    }
}

/// Replicas whose journals begin a new segment all the time.
fn short_journals(draft: &mut Draft) -> Shape {
    let founders = draft.one_of(&[3, 5]);
    let usual = usual(draft, founders, 0);
    let shape = Shape { journal_growth: draft.magnitude(16, 16 << 10), ..usual };
    begin(draft, shape)
}

pub(super) fn begin(draft: &mut Draft, shape: Shape) -> Shape {
    shape.draw(draft);
    draft.phases(MS(5_000), RECOVERY + ANSWER + MS(1_000));
    shape
}

fn three_or_five(draft: &mut Draft) -> Shape {
    let founders = draft.one_of(&[3, 5]);
    cluster(draft, founders, 0)
}

/// The replicas by number, and whoever leads.
pub(super) fn targets(shape: Shape) -> Vec<Target> {
    let mut targets = shape.replica_targets();
    targets.push("leader".into());
    targets
}

/// The work of the clients, and noise.
pub(super) fn under_noise(draft: &mut Draft, shape: Shape, mix: Mix) {
    workload(draft, shape, 300, mix);
    draft.swarm(NOISE, &targets(shape));
    draft.swarm(LINKS, &targets(shape));
}

/// Some time after the beginning and well before the heal.
pub(super) fn moment(draft: &mut Draft) -> Time {
    let last = draft.heal_at().0 / 1_000_000 - 500;
    Time(0) + MS(draft.number(BEGUN, last))
}

/// For ever, as far as the run is concerned.
fn always(draft: &Draft) -> Time {
    draft.end() + MS(1)
}

pub(super) fn leader_crash(draft: &mut Draft) {
    let shape = three_or_five(draft);
    for _ in 0..draft.number(1, 4) {
        let (at, down) = (moment(draft), MS(draft.magnitude(5, 2_000)));
        draft.between(at, at + down).crash("leader");
    }
    under_noise(draft, shape, MIXED);
}

/// They work for a moment, and rest; then whoever leads goes for good. That is noticed before anybody asks, or
/// when somebody does.
pub(super) fn resting_leader(draft: &mut Draft) {
    let founders = draft.one_of(&[3, 5]);
    let shape = Shape { rests: true, ..usual(draft, founders, 0) };
    let shape = begin(draft, shape);
    for number in 0..draft.number(5, 40) {
        let at = Time(0) + MS(draft.number(BEGUN, BEGUN + 500));
        ask_any(draft, shape, at, append(number));
    }
    let (gone, until) = (Time(0) + MS(draft.number(2_300, 4_000)), always(draft));
    draft.between(gone, until).crash("leader");
    let (from, end) = (gone.0 / 1_000_000, draft.end().0 / 1_000_000);
    for number in 0..draft.number(5, 40) {
        let at = Time(0) + MS(draft.number(from, end));
        ask_any(draft, shape, at, append(100 + number));
    }
    draft.swarm(NOISE, &targets(shape));
}

fn append(number: u64) -> Ask {
    Ask::Append { key: "a".into(), value: format!("{number}.").into() }
}

pub(super) fn flapping_leader(draft: &mut Draft) {
    let shape = three_or_five(draft);
    let (at, until) = (moment(draft), always(draft));
    let period = MS(draft.number(600, 3_000));
    draft.between(at, until).flapping_link(["leader"], shape.replica_ids(), period);
    under_noise(draft, shape, MIXED);
}

pub(super) fn one_way_partition(draft: &mut Draft) {
    let shape = three_or_five(draft);
    let (at, until) = (moment(draft), always(draft));
    draft.between(at, until).one_way_partition(shape.replica_ids(), ["leader"]);
    under_noise(draft, shape, MIXED);
}

pub(super) fn minority_leader(draft: &mut Draft) {
    let shape = three_or_five(draft);
    for _ in 0..draft.number(1, 3) {
        let (at, lasts) = (moment(draft), MS(draft.number(300, 2_000)));
        draft.between(at, at + lasts).partition(["leader"], shape.replica_ids());
    }
    under_noise(draft, shape, Mix { reads: 50, leases: 0 });
}

pub(super) fn rolling_restart(draft: &mut Draft) {
    let shape = short_journals(draft);
    for _ in 0..draft.number(1, 2) {
        let (at, lasts) = (moment(draft), MS(draft.magnitude(100, 3_000)));
        draft.between(at, at + lasts).rolling_restart(shape.replica_ids());
    }
    under_noise(draft, shape, MIXED);
    draft.swarm(CRASHES, &targets(shape));
}

/// Whoever is back has heard who leads before the next one is told to stop.
pub(super) fn planned_restarts(draft: &mut Draft) {
    let shape = three_or_five(draft);
    let lasts = MS(draft.number(500, 800)) * shape.founders as u32;
    draft
        .between(Time(0) + MS(BEGUN), Time(0) + MS(BEGUN) + lasts)
        .rolling_restart(shape.replica_ids());
    workload(draft, shape, 600, MIXED);
}

pub(super) fn power_loss(draft: &mut Draft) {
    let shape = short_journals(draft);
    for _ in 0..draft.number(1, 4) {
        let at = moment(draft);
        // From one replica to all, within some milliseconds.
        for replica in shape.replica_ids() {
            if draft.percent(60) {
                let at = at + MS(draft.number(0, 5));
                let down = MS(draft.magnitude(5, 500));
                let torn = draft.percent(50);
                let mut gone = draft.between(at, at + down);
                if torn { gone.torn_write(replica) } else { gone.power_loss(replica) }
            }
        }
    }
    under_noise(draft, shape, MIXED);
    draft.swarm(CRASHES, &targets(shape));
}

pub(super) fn slow_follower(draft: &mut Draft) {
    let shape = three_or_five(draft);
    for _ in 0..draft.number(1, 3) {
        let (at, lasts) = (moment(draft), MS(draft.number(200, 1_500)));
        let slow = draft.one_of(&shape.replica_ids());
        let others = shape.replica_ids().into_iter().filter(|replica| *replica != slow);
        let kind = draft.number(0, 2);
        let mut during = draft.between(at, at + lasts);
        match kind {
            0 => during.slow_disk(slow, 100),
            1 => during.delay([slow], MS(150)),
            _ => during.partition([slow], others),
        }
        // As soon as it is back, or a little before.
        let at = at + lasts - MS(draft.number(0, 50));
        let down = MS(draft.magnitude(300, 2_000));
        draft.between(at, at + down).crash("leader");
    }
    under_noise(draft, shape, MIXED);
}

/// Heartbeats reach it, so it campaigns against nobody; entries do not.
pub(super) fn starved_follower(draft: &mut Draft) {
    let shape = three_or_five(draft);
    for _ in 0..draft.number(1, 3) {
        let (at, lasts) = (moment(draft), MS(draft.number(200, 1_500)));
        let starved = draft.one_of(&shape.replica_ids());
        // A filter does not end with the heal.
        let until = (at + lasts).min(draft.heal_at());
        draft.between(at, until).drop_messages(ENTRIES, NOBODY_NAMED, [starved]);
        // As soon as they reach it, or a little before.
        let at = until - MS(draft.number(0, 50));
        let down = MS(draft.magnitude(300, 2_000));
        draft.between(at, at + down).crash("leader");
    }
    under_noise(draft, shape, MIXED);
}

pub(super) fn gray_leader(draft: &mut Draft) {
    let shape = three_or_five(draft);
    for _ in 0..draft.number(1, 3) {
        let (at, lasts) = (moment(draft), MS(draft.number(300, 2_000)));
        draft.between(at, at + lasts).gray_failure("leader", shape.replica_ids());
    }
    under_noise(draft, shape, MIXED);
}

pub(super) fn clock_drift(draft: &mut Draft) {
    let shape = cluster(draft, 3, 0);
    let end = draft.end();
    for replica in shape.replica_ids() {
        let ppm = draft.one_of(&[-20_000, 20_000, 0]);
        draft.between(Time(0), end).clock_drift(replica, ppm);
    }
    for _ in 0..draft.number(1, 3) {
        let at = moment(draft);
        let lasts = MS(draft.number(300, 1_500));
        let voter = draft.one_of(&shape.replica_ids());
        match draft.number(0, 2) {
            // A follower that has heard nothing for long finds a voter that has forgotten whom it heard.
            0 => {
                let deaf = draft.one_of(&shape.replica_ids());
                let early = at - MS(draft.number(300, 900));
                draft.between(early, at + lasts).partition(["leader"], [deaf]);
                let back = at + MS(draft.number(1, 20));
                draft.between(at, back).crash(voter);
            }
            1 => {
                let early = at - MS(draft.number(0, 10));
                ask_any(draft, shape, early, Ask::Transfer { to: Some(voter) });
            }
            _ => {}
        }
        draft.between(at, at + lasts).partition(["leader"], shape.replica_ids());
    }
    workload(draft, shape, 600, Mix { reads: 60, leases: 95 });
    draft.swarm(NOISE, &targets(shape));
}

pub(super) fn membership_change(draft: &mut Draft) {
    let founders = draft.number(3, 4);
    let shape = cluster(draft, founders, 5 - founders);
    shape.spares_join(draft, 2 * BEGUN);
    let replicas = shape.replica_ids();
    for _ in 0..draft.number(1, 4) {
        let at = moment(draft);
        let voters = some_of(draft, &replicas);
        ask_any(draft, shape, at, change(shape, &voters));
        if draft.percent(70) {
            let side = some_of(draft, &replicas);
            let rest = replicas.iter().copied().filter(|replica| !side.contains(replica));
            let cut = at + MS(draft.number(0, 100));
            let lasts = MS(draft.number(300, 2_000));
            draft.between(cut, cut + lasts).partition(side.iter().copied(), rest);
        }
    }
    under_noise(draft, shape, MIXED);
}

/// Two or three of these.
pub(super) fn some_of(draft: &mut Draft, replicas: &[NodeId]) -> Vec<NodeId> {
    let mut some = replicas.to_vec();
    for _ in 0..replicas.len() as u64 - draft.number(2, 3) {
        let out = draft.number(0, some.len() as u64 - 1);
        some.remove(out as usize);
    }
    some
}

pub(super) fn two_of_five_lost(draft: &mut Draft) {
    let shape = cluster(draft, 5, 0);
    let until = always(draft);
    for _ in 0..2 {
        let (at, target) = (moment(draft), draft.one_of(&targets(shape)));
        draft.between(at, until).crash(target);
    }
    under_noise(draft, shape, MIXED);
}

/// Fewer disks than a majority: more would be the loss of everything that was promised.
pub(super) fn disk_replaced(draft: &mut Draft) {
    let shape = three_or_five(draft);
    let mut replicas = shape.replica_ids();
    for _ in 0..shape.founders / 2 {
        let lost = replicas.remove(draft.number(0, replicas.len() as u64 - 1) as usize);
        let late = draft.one_of(&replicas);
        let (at, lasts) = (moment(draft), MS(draft.number(300, 1_500)));
        draft.between(at, at + lasts).partition([late], shape.replica_ids());
        let at = at + lasts - MS(draft.number(0, 20));
        let down = MS(draft.number(1, 50));
        draft.between(at, at + down).disk_replaced(lost);
        let gone = MS(draft.number(300, 1_500));
        draft.between(at, at + gone).crash("leader");
    }
    under_noise(draft, shape, MIXED);
}

/// What one replica has on its disk is altered while it runs; when it is back it may refuse to go on. What it wrote
/// last before it went down is left alone: of that nobody can tell rot from a write that the crash cut off. So is the
/// founder, of which the others may not have heard yet: with its disk it would take the group along.
pub(super) fn rotten_disk(draft: &mut Draft) {
    let shape = three_or_five(draft);
    let rotten = draft.one_of(&shape.replica_ids()[1..]);
    for _ in 0..draft.number(1, 2) {
        let at = moment(draft);
        let until = at + MS(draft.number(50, 500));
        if draft.percent(50) {
            let bits = draft.magnitude(10, 300) as u32;
            draft.between(at, until).bit_rot_in(rotten, "journal-", bits);
        } else {
            let ppm = draft.number(200_000, 1_000_000) as u32;
            draft.between(at, until).misdirected_write_in(rotten, "journal-", ppm);
        }
        let down = until + MS(500);
        let back = down + MS(draft.number(1, 100));
        draft.between(down, back).crash(rotten);
    }
    under_noise(draft, shape, MIXED);
}

/// One replica has what the others wrote, and loses a part of its journal when nothing has been written for so
/// long that its bound knows of everything. While those are gone who have it too, those come back who missed it:
/// with the one that lost it they are a majority.
pub(super) fn lost_files(draft: &mut Draft) {
    let short = draft.percent(50);
    let shape = if short { short_journals(draft) } else { three_or_five(draft) };
    draft.phases(MS(8_000), RECOVERY + ANSWER + MS(1_000));
    let mut replicas = shape.replica_ids();
    let mut one =
        |draft: &mut Draft| replicas.remove(draft.number(0, replicas.len() as u64 - 1) as usize);
    let lost = one(draft);
    let late: Vec<NodeId> = (0..shape.founders / 2).map(|_| one(draft)).collect();
    for number in 0..draft.number(5, 30) {
        let at = Time(0) + MS(draft.number(BEGUN, 2_000));
        ask_any(draft, shape, at, append(number));
    }
    let at = Time(0) + MS(draft.number(6_000, 6_500));
    for node in late {
        let gone = Time(0) + MS(draft.number(BEGUN, 1_500));
        let back = at + MS(draft.number(1, 300));
        draft.between(gone, back).crash(node);
    }
    let heal = draft.heal_at();
    for node in replicas {
        draft.between(at, heal).crash(node);
    }
    let back = at + MS(draft.number(1, 300));
    match draft.number(0, 1) {
        0 => draft.between(at, back).file_cut(lost, "journal-"),
        _ => draft.between(at, back).file_missing(lost, "journal-"),
    };
    for number in 0..draft.number(5, 40) {
        let at = at + MS(draft.number(1, 3_000));
        ask_any(draft, shape, at, append(1_000 + number));
    }
}

/// A follower loses what it has written since it came back, which is less than a second ago: its bound knows nothing of
/// it. Its leader does, has the time to say so, and then goes; who comes back is the one that has missed it all.
pub(super) fn lost_end(draft: &mut Draft) {
    let shape = cluster(draft, 3, 0);
    draft.phases(MS(6_000), RECOVERY + ANSWER + MS(1_000));
    let late = draft.one_of(&shape.replica_ids());
    let time = |ms| Time(0) + MS(ms);
    let restarted = draft.number(3_000, 3_500);
    draft.between(time(restarted), time(restarted + 10)).crash("follower");
    let at = restarted + draft.number(300, 700);
    let back = at + draft.number(1, 50);
    // Each boot begins a segment.
    match draft.number(0, 1) {
        0 => draft.between(time(at), time(back)).file_cut("follower", "journal-2"),
        _ => draft.between(time(at), time(back)).file_missing("follower", "journal-2"),
    };
    let gone = back + draft.number(150, 600);
    let heal = draft.heal_at();
    draft.between(time(gone), heal).crash("leader");
    let missed = draft.number(BEGUN, 1_500);
    draft.between(time(missed), time(gone + 50)).crash(late);
    for number in 0..draft.number(20, 200) {
        let at = time(draft.number(restarted, at));
        ask_any(draft, shape, at, append(number));
    }
    for number in 0..draft.number(5, 40) {
        let at = time(gone + draft.number(100, 1_500));
        ask_any(draft, shape, at, append(1_000 + number));
    }
}

/// A voter is down, for longer than anybody would wait for it, while the disk of another is replaced; in
/// half of the seeds the first that this one hears is a leader whose word counts for nothing.
pub(super) fn disk_replaced_voter_down(draft: &mut Draft) {
    let shape = three_or_five(draft);
    draft.phases(MS(12_000), REDUNDANCY + MS(1_000));
    let mut replicas = shape.replica_ids();
    let mut one =
        |draft: &mut Draft| replicas.remove(draft.number(0, replicas.len() as u64 - 1) as usize);
    let (lost, down, doomed) = (one(draft), one(draft), one(draft));
    let at = Time(0) + MS(draft.number(2_000, 3_000));
    let away = MS(draft.magnitude(500, 9_000));
    draft.between(at, at + away).crash(down);
    let at = at + MS(draft.number(0, 500));
    let back = at + MS(draft.number(1, 50));
    draft.between(at, back).disk_replaced(lost);
    if draft.percent(50) {
        ask_any(draft, shape, Time(0) + MS(1_500), Ask::Transfer { to: Some(doomed) });
        let others = [replicas, vec![down]].concat();
        let until = at + MS(draft.number(300, 2_000));
        draft.between(at, until).partition([doomed, lost], others.iter().copied());
        // What they would have heard of it after the cut is lost with the links.
        let reset = until - MS(draft.number(1, 20));
        draft.between(reset, until).link_reset([lost], others);
    }
    under_noise(draft, shape, MIXED);
}

/// The moves of the paper's figure 8. Messages take so long, and carry so little, that what a move
/// interrupts is rarely over.
pub(super) fn figure_eight(draft: &mut Draft) {
    let shape = Shape { election_timeout: 500, max_batch: 1, ..usual(draft, 5, 0) };
    shape.draw(draft);
    draft.delays(Delays::micros(20_000, 60_000));
    draft.phases(MS(6_000), RECOVERY + ANSWER + MS(1_000));
    let [few, most] = [vec![0, 1], vec![2, 3, 4]];
    let time = |ms| Time(0) + MS(ms);
    for client in shape.client_ids() {
        let transfer = Operation { replica: NodeId(0), ask: Ask::Transfer { to: Some(NodeId(0)) } };
        let at = time(draft.number(800, 1_200));
        draft.operation(at, client, transfer);
    }
    // (a) The leader and one other have entries that the others do not have.
    let cut = draft.number(1_400, 1_600);
    for number in 0..draft.number(1, 30) {
        let at = time(cut + draft.number(0, 200));
        let ask = Ask::Append { key: "a".into(), value: format!("{number}!").into() };
        ask_of(draft, shape, at, NodeId(0), ask);
    }
    let joined = cut + draft.number(900, 1_200);
    draft.between(time(cut), time(joined)).partition(few.clone(), most.clone());
    // (b) Of the others one is elected and cannot tell them; it is gone for a while.
    for at in (cut + 550..joined).step_by(120) {
        let from = [Target::from("candidate")];
        draft.between(time(at), time(joined)).one_way_partition(from, shape.replica_targets());
    }
    let parted = joined + draft.number(500, 1_500);
    draft.between(time(joined - 1), time(parted)).partition(["leader"], shape.replica_ids());
    // (c) The first leads again, and what it had reaches a majority. (d) Then it is gone, and the one
    // that was elected between is back.
    let over = parted + draft.number(700, 2_000);
    draft.between(time(parted), time(over)).partition(few, most);
    workload(draft, shape, 100, MIXED);
}
