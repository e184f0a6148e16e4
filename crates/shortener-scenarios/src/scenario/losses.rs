//! Machines that go away and come back with what is on their disks.

use std::time::Duration;

use sim::{FaultKind, Script};

use machine::Time;
use url_shortener::{Which, Wish};

use super::words::{MS, anybody, between, chores, chores_within, made, picked, roll_call, visits};
use crate::shape::{Draft, Shape};

fn service(draft: &mut Draft, shards: (u64, u64), snowflake_codes: bool) -> Shape {
    let shape = Shape {
        instances: draft.number(2, 3),
        shards: draft.number(shards.0, shards.1),
        users: draft.number(3, 5),
        snowflake_codes,
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(3_000), MS(3_000));
    shape
}

pub(super) fn shard_loss(draft: &mut Draft) {
    let shape = service(draft, (2, 4), false);
    made(draft, shape, 6);
    visits(draft, shape, 80, 6);
    chores(draft, shape, 30, 6);
    picked(draft, shape, 20);
    for _ in 0..draft.number(1, 3) {
        let shard = draft.one_of(&shape.shard_ids());
        draft.lasting(MS(100), MS(2_000)).crash(shard);
    }
    let kinds = [
        FaultKind::Partition,
        FaultKind::OneWayPartition,
        FaultKind::FlappingLink,
        FaultKind::Pause,
        FaultKind::SlowDisk,
        FaultKind::LinkReset,
    ];
    draft.swarm(&kinds, &shape.server_targets());
    roll_call(draft, shape, 6, 5);
}

/// Codes are leased numbers or snowflake ids.
pub(super) fn instance_crash(draft: &mut Draft) {
    let snowflake_codes = draft.number(0, 1) == 1;
    let shape = service(draft, (1, 3), snowflake_codes);
    picked(draft, shape, 80);
    for _ in 0..draft.number(1, 4) {
        let instance = draft.one_of(&shape.instance_ids());
        draft.lasting(MS(1), MS(500)).crash(instance);
    }
    let kinds = [
        FaultKind::Crash,
        FaultKind::PowerLoss,
        FaultKind::Pause,
        FaultKind::Delay,
        FaultKind::LinkReset,
        FaultKind::ClockRollback,
    ];
    draft.swarm(&kinds, &shape.server_targets());
    roll_call(draft, shape, 0, 15);
}

/// One shard's segments are altered while it runs; in half of the seeds it restarts later, and may refuse to go
/// on. What it wrote last before that is left alone: of that nobody can tell rot from a write that the crash cut off.
pub(super) fn rotten_disk(draft: &mut Draft) {
    let shape = service(draft, (1, 3), false);
    made(draft, shape, 4);
    visits(draft, shape, 60, 4);
    chores(draft, shape, 40, 4);
    picked(draft, shape, 60);
    let rotten = draft.one_of(&shape.shard_ids());
    let (at, lasts) = (between(draft, 300, 1_500), MS(draft.number(100, 600)));
    if draft.percent(60) {
        let bits = draft.magnitude(10, 300) as u32;
        draft.between(at, at).bit_rot(rotten, bits);
    }
    if draft.percent(70) {
        draft.between(at, at + lasts).misdirected_write(rotten, 300_000);
    }
    if draft.percent(50) {
        let down = at + lasts + MS(500);
        let back = down + MS(draft.number(1, 300));
        draft.between(down, back).crash(rotten);
    }
    roll_call(draft, shape, 4, 15);
}

pub(super) fn power_loss(draft: &mut Draft) {
    let shape = service(draft, (1, 3), false);
    made(draft, shape, 4);
    visits(draft, shape, 60, 4);
    chores(draft, shape, 40, 4);
    picked(draft, shape, 30);
    for _ in 0..draft.number(2, 4) {
        let shard = draft.one_of(&shape.shard_ids());
        let least = Duration::from_millis(1);
        match draft.percent(60) {
            true => draft.lasting(least, MS(400)).power_loss(shard),
            false => draft.lasting(least, MS(400)).torn_write(shard),
        }
    }
    draft.swarm(
        &[FaultKind::PowerLoss, FaultKind::TornWrite, FaultKind::SlowDisk],
        &shape.server_targets(),
    );
    draft.swarm(&[FaultKind::PowerLoss, FaultKind::TornWrite], &[shape.tally().into()]);
    roll_call(draft, shape, 4, 8);
}

/// A second after the last change, so that the bound knows of all of them, a shard loses a segment, or the end of
/// one. It does not start; what others keep is served.
pub(super) fn lost_files(draft: &mut Draft) {
    let shape = service(draft, (1, 3), false);
    made(draft, shape, 6);
    for number in 0..20 {
        let (at, which) = (between(draft, 5, 900), Which::Picked(number));
        anybody(draft, shape, at, Wish::Create { alias: None, expires_in_ms: None });
        let at = between(draft, 900, 3_000);
        anybody(draft, shape, at, Wish::Visit(which));
    }
    chores_within(draft, shape, 30, 6, (100, 900));
    visits(draft, shape, 60, 6);
    let shard = draft.one_of(&shape.shard_ids());
    let at = between(draft, 2_200, 2_800);
    let back = at + MS(draft.number(1, 150));
    match draft.percent(50) {
        true => draft.between(at, back).file_cut(shard, "segment"),
        false => draft.between(at, back).file_missing(shard, "segment"),
    };
    // It leases numbers anew.
    let instance = draft.one_of(&shape.instance_ids());
    draft.between(at, back).crash(instance);
    for _ in 0..20 {
        let at = Time(draft.number(back.0, draft.heal_at().0 + 500_000_000));
        anybody(draft, shape, at, Wish::Create { alias: None, expires_in_ms: None });
    }
    roll_call(draft, shape, 6, 15);
}
