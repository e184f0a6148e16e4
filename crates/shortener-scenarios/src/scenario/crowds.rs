//! Many visitors at once: of one link, of none, and of every code there might be.

use sim::{FaultKind, Script, Target};

use super::words::{
    MS, anybody, between, chores, heal_ms, made, named, roll_call, rush, somebody, visits,
};
use crate::shape::{Draft, Shape};
use url_shortener::Wish;

/// What the shards may suffer while visitors wait.
const SLOW: &[FaultKind] =
    &[FaultKind::Delay, FaultKind::SlowDisk, FaultKind::Pause, FaultKind::SlowNode];

pub(super) fn hot_link(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(1, 3),
        shards: draft.number(1, 3),
        users: draft.number(3, 6),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(2_500), MS(2_500));
    made(draft, shape, 3);
    visits(draft, shape, 60, 3);
    for _ in 0..draft.number(4, 8) {
        let (visits, number) = (draft.number(5, 20), draft.number(0, 1));
        rush(draft, shape, visits, number);
    }
    chores(draft, shape, 12, 3);
    draft.swarm(SLOW, &shape.shard_targets());
    roll_call(draft, shape, 3, 0);
}

pub(super) fn dead_link(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(1, 3),
        shards: draft.number(1, 3),
        users: draft.number(4, 8),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(3_000), MS(2_500));
    // Two links are made and deleted; the others never are.
    made(draft, shape, 2);
    visits(draft, shape, 120, 4);
    for number in 0..2 {
        let at = between(draft, 600, 1_500);
        anybody(draft, shape, at, Wish::Delete(named(number)));
    }
    for _ in 0..4 {
        let (visits, number) = (draft.number(5, 15), draft.number(0, 3));
        rush(draft, shape, visits, number);
    }
    draft.swarm(
        &[FaultKind::Delay, FaultKind::SlowDisk, FaultKind::LinkReset, FaultKind::Crash],
        &shape.shard_targets(),
    );
    roll_call(draft, shape, 4, 0);
}

pub(super) fn missing_scan(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(1, 2),
        shards: draft.number(1, 3),
        users: draft.number(3, 5),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(2_500), MS(2_500));
    made(draft, shape, 3);
    visits(draft, shape, 60, 3);
    let scanner = draft.one_of(&shape.user_ids());
    let (mut at, end) = (draft.number(100, 500), heal_ms(draft));
    for number in 0..draft.number(200, 300) {
        at = (at + draft.number(1, 10)).min(end);
        let at = between(draft, at, at + 1);
        somebody(draft, shape, at, scanner, Wish::Visit(named(1_000 + number)));
    }
    let servers: Vec<Target> = shape.server_targets();
    draft.swarm(&[FaultKind::Delay, FaultKind::SlowDisk, FaultKind::SlowNode], &servers);
    if draft.percent(30) {
        let shard = draft.one_of(&shape.shard_ids());
        draft.lasting(MS(100), MS(1_000)).pause(shard);
    }
    roll_call(draft, shape, 3, 0);
}
