//! Trouble on the way of the clicks.

use sim::{FaultKind, Script, Target};

use super::words::{MS, made, visits};
use crate::shape::{Draft, Shape};

/// The tally is away in every way there is, again and again; meanwhile instances crash too, and connections
/// break, so that clicks are sent more than once. Links are few, so that their counts are large.
pub(super) fn analytics_stall(draft: &mut Draft) {
    let shape = Shape {
        instances: draft.number(1, 3),
        shards: draft.number(1, 2),
        users: draft.number(2, 4),
        ..Shape::default()
    };
    shape.draw(draft);
    draft.phases(MS(3_000), MS(3_000));
    made(draft, shape, 4);
    visits(draft, shape, 240, 4);
    for _ in 0..draft.number(1, 3) {
        let stall = draft.number(0, 3);
        let mut away = draft.lasting(MS(50), MS(1_500));
        match stall {
            0 => away.pause(shape.tally()),
            1 => away.crash(shape.tally()),
            2 => away.power_loss(shape.tally()),
            _ => away.partition(shape.instance_ids(), [shape.tally()]),
        }
    }
    for _ in 0..draft.number(0, 6) {
        draft.lasting(MS(1), MS(20)).link_reset(shape.instance_ids(), [shape.tally()]);
    }
    let kinds = [
        FaultKind::Crash,
        FaultKind::PowerLoss,
        FaultKind::TornWrite,
        FaultKind::Delay,
        FaultKind::SlowDisk,
        FaultKind::FullDisk,
    ];
    let instances: Vec<_> = shape.instance_ids().into_iter().map(Target::from).collect();
    draft.swarm(&kinds, &instances);
    draft.swarm(
        &[FaultKind::SlowDisk, FaultKind::FullDisk, FaultKind::TornWrite],
        &[shape.tally().into()],
    );
}
