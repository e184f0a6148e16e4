//! Plans in which logs are compacted every few entries, and snapshots travel in small pieces.

use machine::Time;
use sim::Script;

use crate::shape::{Draft, JOURNAL_GROWTH, SNAPSHOT_CHUNK, Shape};

use super::plans::{BEGUN, CRASHES, MS, begin, moment, some_of, targets, under_noise};
use super::workload::{MIXED, ask_any, change, workload_from};

/// Everything is so small that its end is met: of a log, of a journal and of a piece of a snapshot.
fn small(draft: &mut Draft, founders: u64, spares: u64) -> Shape {
    let clients = draft.number(2, 4);
    let shape = Shape {
        founders,
        spares,
        clients,
        snapshot_after: draft.magnitude(64, 4_000),
        keep_entries: draft.number(0, 10),
        election_timeout: 300,
        max_batch: draft.magnitude(1, 64),
        snapshot_chunk: draft.magnitude(16, 4_000),
        journal_growth: draft.magnitude(16, 64 << 10),
        long_values: 0,
        rests: false,
    };
    begin(draft, shape)
}

/// Long values and slow disks: what is written at once takes long, and nothing fails.
pub(super) fn growing_store(draft: &mut Draft) {
    let shape = Shape {
        founders: 3,
        spares: 0,
        clients: 2,
        snapshot_after: 8 << 20,
        keep_entries: 1_000,
        election_timeout: 300,
        max_batch: 64,
        snapshot_chunk: SNAPSHOT_CHUNK,
        journal_growth: JOURNAL_GROWTH,
        long_values: 100,
        rests: false,
    };
    shape.draw(draft);
    draft.phases(MS(20_000), MS(1_000));
    let slow = draft.number(8, 12) as u32;
    for replica in shape.replica_ids() {
        draft.between(Time(0), draft.end() + MS(1)).slow_disk(replica, slow);
    }
    workload_from(draft, shape, Time(0) + MS(1_500), 150, MIXED);
}

pub(super) fn snapshot_under_churn(draft: &mut Draft) {
    let founders = draft.one_of(&[3, 5]);
    let shape = small(draft, founders, 0);
    for _ in 0..draft.number(2, 6) {
        let (at, lasts) = (moment(draft), MS(draft.magnitude(20, 2_000)));
        let target = draft.one_of(&targets(shape));
        match draft.number(0, 2) {
            0 => draft.between(at, at + lasts).crash(target),
            1 => draft.between(at, at + lasts).power_loss(target),
            _ => draft.between(at, at + lasts).partition([target], shape.replica_targets()),
        }
    }
    under_noise(draft, shape, MIXED);
    draft.swarm(CRASHES, &targets(shape));
}

/// New voters are sent snapshots, and so are old ones who were away when voters changed, or in the middle of it.
pub(super) fn change_during_snapshots(draft: &mut Draft) {
    let founders = draft.number(3, 4);
    let shape = small(draft, founders, 5 - founders);
    shape.spares_join(draft, 2 * BEGUN);
    for _ in 0..draft.number(2, 5) {
        let at = moment(draft);
        let in_the_middle = draft.percent(50);
        let new = if in_the_middle { shape.founder_ids() } else { shape.replica_ids() };
        let voters = some_of(draft, &new);
        let away = draft.one_of(&voters);
        ask_any(draft, shape, at, change(shape, &voters));
        // Who leaves just before it counts as ready, and soon after it no snapshot knows of its middle.
        let (gone, back) = match in_the_middle {
            true => (at - MS(draft.number(0, 10)), at + MS(draft.number(30, 130))),
            false => (at - MS(draft.number(100, 800)), at + MS(draft.number(0, 200))),
        };
        match draft.number(0, 2) {
            0 => draft.between(gone, back).crash(away),
            1 => draft.between(gone, back).power_loss(away),
            _ => draft.between(gone, back).partition([away], shape.replica_targets()),
        }
    }
    under_noise(draft, shape, MIXED);
}
