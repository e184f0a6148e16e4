//! What befalls authorities and those who lease from them, and who is healed in the end of `authority-crash`: a
//! majority of the authorities has to do.

use std::time::Duration;

use machine::{NodeId, Time};
use sim::{Script, Target, World, heal_all};

use super::{CRASHES, MS, NOISE, draw, targets, workload};
use crate::message::Get;
use crate::shape::{Cluster, Draft, Node, Shape};

/// The filter of what an authority grants.
pub(super) const GRANTS: &str = "grants";
/// When the faults begin: by then there is a leader, and numbers are leased.
const BEGUN: u64 = 1_000;

/// A holder is cut off while the authority's clock is fast and those of workers are slow, by up to 2%
/// each: the authority's second is over up to 40 ms before the holder's. The clocks are that far apart
/// from the last renewal to the end of the lease and no longer, or the wall clocks would be too.
pub(super) fn drift_apart(draft: &mut Draft, shape: Shape) {
    let at = Time(draft.number(500_000_000, draft.heal_at().0 - 2_500_000_000));
    let healed = at + MS(draft.number(1_300, 2_400));
    draft.between(at, healed).partition(["holder"], [0]);
    let (fast, slow) = (draft.number(10_000, 20_000), draft.number(10_000, 20_000));
    draft.between(at - MS(300), at + MS(1_200)).clock_drift(0, fast as i32);
    for worker in shape.worker_ids() {
        draft.between(at - MS(300), at + MS(1_200)).clock_drift(worker, -(slow as i32));
    }
    asked_soon(draft, shape, at);
}

/// What a worker is granted is on its way for longer than the authority's grace, and then nobody hears the worker any
/// more: the authority's second is over before one that began with the answer.
pub(super) fn late_grants(draft: &mut Draft, shape: Shape) {
    let worker = draft.one_of(&shape.worker_ids());
    let at = Time(draft.number(1_000_000_000, draft.heal_at().0 - 2_500_000_000));
    let (late, healed) = (MS(draft.number(60, 90)), at + MS(draft.number(1_300, 2_400)));
    draft.between(at - MS(500), at + MS(10)).delay_messages(GRANTS, [0], [worker], late);
    draft.between(at, healed).one_way_partition([worker], [0]);
    asked_soon(draft, shape, at);
}

/// Who was cut off then may lose its number about now; for a moment it could have two holders, who could mint in one
/// tick.
fn asked_soon(draft: &mut Draft, shape: Shape, at: Time) {
    for _ in 0..600 {
        let soon = at + MS(650) + Duration::from_micros(draft.number(0, 500_000));
        let client = draft.one_of(&shape.client_ids());
        let worker = draft.one_of(&shape.worker_ids());
        draft.operation(soon, client, Get { worker, count: 4 });
    }
}

pub(super) fn authority_crash(draft: &mut Draft) {
    let shape = three_authorities(draft);
    for _ in 0..draft.number(1, 3) {
        let (at, lasts) = (moment(draft), MS(draft.magnitude(5, 2_000)));
        strike(draft, shape, at, at + lasts);
        // It is now that a number could have two holders, who could mint in one tick.
        for _ in 0..100 {
            let soon = at + MS(draft.number(0, 1_500));
            let client = draft.one_of(&shape.client_ids());
            let worker = draft.one_of(&shape.worker_ids());
            draft.operation(soon, client, Get { worker, count: 10 });
        }
    }
    if draft.percent(60) {
        // One that is not healed either: the others have to do without it.
        let (at, until) = (moment(draft), draft.end() + MS(1));
        strike(draft, shape, at, until);
    }
    workload(draft, shape, 500, 64);
    let mut targets = targets(shape);
    targets.push("authority".into());
    draft.swarm(NOISE, &targets);
    draft.swarm(CRASHES, &targets);
}

/// What one authority has on its disk is altered while it runs; when it is back it may refuse to go on. What it
/// wrote last before it went down is left alone: of that nobody can tell rot from a write that the crash cut off.
pub(super) fn rotten_authority(draft: &mut Draft) {
    let shape = three_authorities(draft);
    let rotten = draft.one_of(&shape.authority_ids());
    let at = Time(0) + MS(draft.number(BEGUN, 3_500));
    let until = at + MS(draft.number(50, 300));
    if draft.percent(60) {
        let bits = draft.magnitude(10, 300) as u32;
        draft.between(at, until).bit_rot_in(rotten, "journal-", bits);
    } else {
        draft.between(at, until).misdirected_write_in(rotten, "journal-", 1_000_000);
    }
    let down = until + MS(600);
    let back = down + MS(draft.number(1, 100));
    draft.between(down, back).crash(rotten);
    workload(draft, shape, 500, 64);
    draft.swarm(NOISE, &targets(shape));
}

/// Whoever acts as the authority loses its memory, its power, or touch with the others: with all of
/// them, or only with those who would have to agree with it, so that it goes on hearing workers. Or it is neither up
/// nor down.
fn strike(draft: &mut Draft, shape: Shape, at: Time, until: Time) {
    let acting = Target::from("authority");
    let others = shape.authority_ids();
    let everybody = [shape.authority_ids(), shape.worker_ids(), shape.client_ids()].concat();
    let (kind, period) = (draft.number(0, 6), MS(draft.number(600, 2_000)));
    // Whoever is neither up nor down goes on as the authority, so nobody could do without it after the heal.
    let until = if kind < 6 { until } else { until.min(draft.heal_at()) };
    let mut during = draft.between(at, until);
    match kind {
        0 => during.crash(acting),
        1 => during.torn_write(acting),
        2 => during.partition([acting], everybody),
        3 => during.partition([acting], others),
        4 => during.one_way_partition(others, [acting]),
        5 => during.flapping_link([acting], others, period),
        _ => {
            during.gray_failure(acting, everybody);
        }
    }
}

/// Some time after the beginning and well before the heal.
fn moment(draft: &mut Draft) -> Time {
    let last = draft.heal_at().0 / 1_000_000 - 500;
    Time(0) + MS(draft.number(BEGUN, last))
}

/// Workers that lease their numbers, of which there are fewer, from three authorities.
fn three_authorities(draft: &mut Draft) -> Shape {
    let (pool, clients) = (draft.number(1, 3), draft.number(1, 2));
    let workers = pool + draft.number(1, 2);
    let skew_ms = crate::lease::SKEW_BOUND.as_millis() as u64;
    let shape = Shape { pool, authorities: 3, workers, clients, skew_ms, sequence_bits: 12 };
    draw(draft, shape);
    draft.phases(MS(5_000), shape.recovers_within() + MS(1_500));
    shape
}

/// Heals all but the authorities that a fault hits at the moment, if the others are a majority that has
/// begun; everybody otherwise. Of a fault between two sides the smaller one is hit.
pub(super) fn heal_a_majority(cluster: &Cluster, world: &World<Node>) -> Vec<NodeId> {
    let shape = cluster.shape;
    let smaller = |(one, other): (&[NodeId], &[NodeId])| {
        let side = if other.is_empty() || one.len() <= other.len() { one } else { other };
        side.to_vec()
    };
    let troubled: Vec<NodeId> = world.active_faults().flat_map(smaller).collect();
    let begun = |node: &NodeId| match world.machine(*node) {
        Some(Node::ReplicatedAuthority(seat)) => {
            seat.group().is_some_and(|group| group.log().last_index() > 0)
        }
        _ => false,
    };
    let well = |node: &NodeId| !troubled.contains(node) && begun(node);
    let well: Vec<NodeId> = shape.authority_ids().into_iter().filter(well).collect();
    match 2 * well.len() as u64 > shape.authorities {
        true => [well, shape.worker_ids(), shape.client_ids()].concat(),
        false => heal_all(cluster, world),
    }
}
