//! The plans of the scenarios, as their seeds draw them.

use std::time::Duration;

use machine::{NodeId, Time};
use object_store::note::{Operation, What};
use sim::{FaultKind, Script};

use crate::shape::{BUCKETS, Draft, Shape, ZONES};

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;
/// When the buckets are made, and when clients begin: there are leaders then.
const MAKE: u64 = 500;
const BEGUN: u64 = 900;

/// Some time after the beginning and well before the heal.
pub(super) fn moment(draft: &mut Draft) -> Time {
    let last = draft.heal_at().0 / 1_000_000 - 300;
    Time(0) + MS(draft.number(BEGUN + 100, last))
}

/// A cluster of this shape, and the buckets of its clients.
pub(super) fn begin(draft: &mut Draft, shape: Shape) {
    draft.cluster(shape, ZONES);
    // Clients are in no zone that may be lost: one that is restarted would count its operations anew.
    let zone = |node: NodeId| (node.0 % u32::from(ZONES)) as u8;
    let stores = shape.store_ids().into_iter().map(zone);
    draft.zones(stores.chain(shape.client_ids().into_iter().map(|_| ZONES)).collect());
    draft.phases(MS(4_000), MS(4_000));
    for key in 0..BUCKETS.len() as u8 {
        let gateway = draft.one_of(&shape.store_ids());
        let client = shape.client_ids()[usize::from(key) % shape.clients as usize];
        draft.operation(Time(0) + MS(MAKE), client, Operation { gateway, key, what: What::Make });
    }
}

/// Bytes of an operation: few, which are kept whole, or many.
pub(super) fn size(draft: &mut Draft) -> u32 {
    match draft.percent(50) {
        true => draft.number(8, 64) as u32,
        false => draft.magnitude(65, 12 << 10) as u32,
    }
}

/// So many operations on a few keys, some while things fail and some after, each asked of one of these.
pub(super) fn workload(
    draft: &mut Draft,
    shape: Shape,
    operations: u64,
    keys: u8,
    gateways: &[NodeId],
) {
    let (from, to) = (BEGUN, draft.end().0 / 1_000_000 - 1_500);
    let slot = (to - from) * 1_000 / operations;
    for number in 0..operations {
        let micros = from * 1_000 + number * slot + draft.number(0, slot - 1);
        let client = draft.one_of(&shape.client_ids());
        let gateway = draft.one_of(gateways);
        let key = draft.number(0, u64::from(keys) - 1) as u8;
        let what = what(draft);
        let at = Time(0) + Duration::from_micros(micros);
        draft.operation(at, client, Operation { gateway, key, what });
    }
}

fn what(draft: &mut Draft) -> What {
    let size = size(draft);
    match draft.number(0, 9) {
        0..=3 => What::Get,
        4 | 5 => What::Put(size),
        6 => What::Swap(size),
        7 | 8 => What::PutNew(size),
        _ => What::Delete,
    }
}

/// Three nodes with copies, or six with data and parity.
pub(super) fn three_or_six(draft: &mut Draft) -> Shape {
    let clients = draft.number(2, 4);
    match draft.percent(50) {
        true => Shape { stores: 3, data: 1, parity: 2, clients, ..Shape::default() },
        false => Shape { stores: 6, clients, ..Shape::default() },
    }
}

/// Disks of one zone are slow, though not so slow that anybody is replaced for it, and another zone is gone for a while.
pub(super) fn zone_loss(draft: &mut Draft) {
    let shape = Shape { clients: draft.number(2, 4), ..Shape::default() };
    begin(draft, shape);
    let (slow, gone) = (draft.number(0, 2) as u32, draft.number(0, 2) as u8);
    if draft.percent(70) {
        let (from, until) = (moment(draft), draft.heal_at());
        let times = draft.number(5, 20) as u32;
        for node in shape.store_ids().into_iter().filter(|node| node.0 % u32::from(ZONES) == slow) {
            draft.between(from, until.max(from)).slow_disk(node, times);
        }
    }
    if u32::from(gone) != slow || draft.percent(50) {
        let at = moment(draft);
        let until = at + MS(draft.number(1_200, 2_500));
        draft.between(at, until).zone_loss(gone);
    }
    workload(draft, shape, 120, 6, &shape.store_ids());
}

pub(super) fn power_loss(draft: &mut Draft) {
    let shape = three_or_six(draft);
    begin(draft, shape);
    for _ in 0..draft.number(1, 3) {
        let at = moment(draft);
        // From some nodes to all, within some milliseconds.
        let share = draft.one_of(&[60, 100]);
        for node in shape.store_ids() {
            if draft.percent(share) {
                let at = at + MS(draft.number(0, 5));
                let down = MS(draft.magnitude(5, 500));
                let torn = draft.percent(50);
                let mut gone = draft.between(at, at + down);
                if torn { gone.torn_write(node) } else { gone.power_loss(node) }
            }
        }
    }
    workload(draft, shape, 150, 6, &shape.store_ids());
}

pub(super) fn write_race(draft: &mut Draft) {
    let shape = Shape { stores: 6, clients: draft.number(2, 4), ..Shape::default() };
    begin(draft, shape);
    let gateways = [NodeId(draft.number(0, 2) as u32), NodeId(draft.number(3, 5) as u32)];
    for _ in 0..draft.number(20, 40) {
        let (at, key) = (moment(draft), draft.number(0, 5) as u8);
        let size = size(draft);
        let what = if draft.percent(60) { What::PutNew(size) } else { What::Swap(size) };
        for (client, gateway) in shape.client_ids().into_iter().zip(gateways.into_iter().cycle()) {
            let at = at + Duration::from_micros(draft.number(0, 2_000));
            draft.operation(at, client, Operation { gateway, key, what });
        }
        let client = draft.one_of(&shape.client_ids());
        let at = at + MS(draft.number(10, 200));
        let what = if draft.percent(50) { What::Delete } else { What::Get };
        draft.operation(at, client, Operation { gateway: gateways[0], key, what });
    }
    let kinds = [FaultKind::Delay, FaultKind::Pause, FaultKind::LinkReset];
    draft.swarm(&kinds, &shape.store_targets());
}

pub(super) fn metadata_partition(draft: &mut Draft) {
    let shape = three_or_six(draft);
    begin(draft, shape);
    for _ in 0..draft.number(1, 3) {
        let (at, lasts) = (moment(draft), MS(draft.number(300, 1_500)));
        let leader = format!("leader/{}", draft.number(0, BUCKETS.len() as u64 - 1));
        draft.between(at, at + lasts).partition([&*leader], shape.store_ids());
    }
    workload(draft, shape, 150, 3, &shape.store_ids());
    draft.swarm(&[FaultKind::Crash], &shape.store_targets());
}
