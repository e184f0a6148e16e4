//! Shards that join.

use machine::{NodeId, Time};
use sim::{FaultKind, Script, Target};

use super::words::{MS, between, chores, chores_within, heal_ms, made, picked, roll_call, visits};
use crate::shape::{Draft, Shape};
use url_shortener::{Action, Wish};

/// One or two shards join, one after the other, while owners are busy. They are told more than once, since
/// nobody may have heard it; at last when all is well again.
pub(super) fn shard_added(draft: &mut Draft) {
    let joining = draft.number(1, 2);
    let shape = Shape {
        instances: draft.number(2, 3),
        shards: draft.number(1, 3) + joining,
        joining,
        users: draft.number(3, 5),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(3_500), MS(3_000));
    made(draft, shape, 12);
    visits(draft, shape, 100, 12);
    chores(draft, shape, 100, 12);
    picked(draft, shape, 30);
    let mut at = draft.number(200, 1_000);
    for (place, shard) in shape.joining_ids().into_iter().enumerate() {
        let donors = &shape.shard_ids()[..shape.founders() as usize + place];
        // Links are ceded some 150 ms after the joiner was told: then many are changed, and the last changes
        // may be long on their way.
        chores_within(draft, shape, 60, 12, (at + 50, at + 500));
        for _ in 0..2 {
            let from = between(draft, at + 50, at + 400);
            let lasts = MS(draft.number(20, 250));
            let donor = draft.one_of(donors);
            draft.between(from, from + lasts).partition([donor], [shard]);
        }
        let starts = Time(0) + MS(at.saturating_sub(draft.number(0, 200)));
        draft.join(starts, shard, (shard.0 % 3) as u8);
        for _ in 0..3 {
            join(draft, shape, at, shard);
            at += draft.number(50, 400);
        }
    }
    for shard in shape.joining_ids() {
        let healed = heal_ms(draft) + 100;
        join(draft, shape, healed, shard);
    }
    let shards = shape.shard_targets();
    let kinds = [
        FaultKind::Crash,
        FaultKind::PowerLoss,
        FaultKind::TornWrite,
        FaultKind::Pause,
        FaultKind::Partition,
        FaultKind::Delay,
        FaultKind::SlowDisk,
        FaultKind::LinkReset,
        FaultKind::FullDisk,
    ];
    draft.swarm(&kinds, &shards);
    if draft.percent(30) {
        let instance: Target = draft.one_of(&shape.instance_ids()).into();
        draft.swarm(
            &[FaultKind::Partition, FaultKind::Delay, FaultKind::Crash],
            &[instance, shards[0].clone()],
        );
    }
    roll_call(draft, shape, 12, 5);
    // Logs are followed in pages, which a slow link holds up longer than what is said meanwhile.
    draft.swarm(&[FaultKind::SlowLink, FaultKind::LossyLink], &shards);
}

fn join(draft: &mut Draft, shape: Shape, at: u64, shard: NodeId) {
    let (at, user) = (between(draft, at, at + 50), draft.one_of(&shape.user_ids()));
    draft.operation(at, user, Action { instance: shard, wish: Wish::Join });
}
