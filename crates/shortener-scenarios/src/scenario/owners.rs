//! What owners of links do to each other, and clocks to them.

use std::time::Duration;

use machine::Time;
use sim::{FaultKind, Script};

use super::words::{
    MS, alias, anybody, between, chores, heal_ms, made, named, roll_call, somebody, visits,
};
use crate::shape::{Draft, Shape};
use url_shortener::Wish;

/// How far a wall clock may be off, in milliseconds.
const SKEW: u64 = 1_000;

pub(super) fn expiry_clock_jump(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(2, 3),
        shards: draft.number(1, 2),
        users: draft.number(3, 5),
        skew_ms: SKEW,
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(3_000), MS(3_000));
    // The even ones expire, the odd ones are deleted.
    for number in 0..6 {
        let expires_in_ms = (number % 2 == 0).then(|| draft.number(300, 4_000));
        let at = between(draft, 5, 100);
        anybody(draft, shape, at, Wish::Create { alias: Some(alias(number)), expires_in_ms });
        if number % 2 == 1 {
            let at = between(draft, 500, 3_000);
            anybody(draft, shape, at, Wish::Delete(named(number)));
        }
    }
    visits(draft, shape, 150, 6);
    // One at a time, so that no clock is farther off than is promised.
    for instance in shape.instance_ids() {
        let mut at = draft.number(100, 1_000);
        while at < heal_ms(draft) {
            let lasts = draft.number(50, 1_000).min(heal_ms(draft) - at);
            let by = Duration::from_millis(draft.magnitude(1, SKEW));
            let (from, until) = (Time(at * 1_000_000), Time((at + lasts) * 1_000_000));
            match draft.percent(50) {
                true => draft.between(from, until).clock_jump(instance, by),
                false => draft.between(from, until).clock_rollback(instance, by),
            }
            at += lasts + draft.number(50, 1_500);
        }
    }
    draft.swarm(&[FaultKind::Delay, FaultKind::LinkReset], &shape.server_targets());
    roll_call(draft, shape, 6, 0);
}

/// Copies are used longest, and are wrong, where a link was changed while its read was on its way back.
pub(super) fn late_replies(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(2, 3),
        shards: draft.number(1, 2),
        users: draft.number(4, 6),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(3_000), MS(2_500));
    made(draft, shape, 2);
    visits(draft, shape, 250, 3);
    chores(draft, shape, 100, 3);
    for _ in 0..draft.number(4, 8) {
        let (shard, instance) =
            (draft.one_of(&shape.shard_ids()), draft.one_of(&shape.instance_ids()));
        // Shorter than the instance waits.
        draft.lasting(MS(50), MS(290)).one_way_partition([shard], [instance]);
    }
    draft.swarm(
        &[FaultKind::Delay, FaultKind::SlowDisk, FaultKind::Pause, FaultKind::LinkReset],
        &shape.server_targets(),
    );
    roll_call(draft, shape, 3, 0);
}

pub(super) fn alias_race(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(2, 3),
        shards: draft.number(1, 3),
        users: draft.number(3, 6),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(2_000), MS(2_500));
    let (races, end) = (12, heal_ms(draft));
    for number in 0..races {
        let at = draft.number(5, end);
        for user in shape.user_ids() {
            if draft.percent(60) {
                let at = between(draft, at, at + 3);
                let wish = Wish::Create { alias: Some(alias(number)), expires_in_ms: None };
                somebody(draft, shape, at, user, wish);
            }
        }
    }
    visits(draft, shape, 80, races);
    chores(draft, shape, 20, 4);
    draft.swarm(
        &[
            FaultKind::Delay,
            FaultKind::SlowDisk,
            FaultKind::Crash,
            FaultKind::LinkReset,
            FaultKind::Pause,
        ],
        &shape.server_targets(),
    );
    roll_call(draft, shape, races, 0);
}
