//! What moves in order: leaders before a restart, members of a group, replicas to other brokers; and who waits.

use machine::NodeId;
use sim::{Script, Shape as _};

use super::workload::{BEGUN, HEAL, LAST, MS, at, begin, produce, produce_between, usual};
use crate::shape::{Draft, Shape, zone_of_spare};
use replicated_log::ask::Acks;
use replicated_log::note::Operation;

/// Of the one partition that there is. The bound is the lag limit, how often it is looked at, and what it takes to commit
/// the ISR without the follower.
pub(super) fn slow_follower(draft: &mut Draft) {
    let shape = begin(draft, Shape { downtime: 1_400, ..Shape::default() });
    let from = draft.number(BEGUN + 200, 3_000);
    let until = from + draft.number(1_500, 3_500);
    let hangs = draft.percent(50);
    let mut during = draft.between(at(from), at(until));
    if hangs {
        during.hung_disk("follower/0");
    } else {
        during.partition(["follower/0"], shape.broker_targets());
    }
    produce_between(draft, shape, BEGUN, LAST, 250);
}

/// Each has time to come back and to be in sync again before the next one is told.
pub(super) fn rolling_restart(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { downtime: 300, ..usual });
    let from = draft.number(BEGUN + 200, 2_500);
    let lasts = draft.number(1_200, 1_500) * shape.brokers;
    draft.between(at(from), at((from + lasts).min(HEAL))).rolling_restart(shape.broker_ids());
    produce_between(draft, shape, BEGUN, LAST, 300);
}

pub(super) fn quiet_topic(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, usual);
    let mut next = BEGUN;
    while next < LAST {
        produce(draft, shape, at(next));
        next += draft.number(300, 900);
    }
    if draft.percent(50) {
        let from = draft.number(BEGUN, HEAL);
        draft
            .between(at(from), at(from + 1))
            .link_reset(shape.targets("reader"), shape.broker_targets());
    }
}

pub(super) fn rebalance_storm(draft: &mut Draft) {
    let shape = Shape { producers: 1, readers: 0, members: 4, partitions: 4, ..Shape::default() };
    let shape = begin(draft, shape);
    for member in shape.ids("member") {
        let comes = draft.number(1_000, 3_000);
        draft.operation(at(comes), member, Operation::Come);
        for _ in 0..draft.number(0, 2) {
            let from = draft.number(2_500, HEAL - 1_000);
            let lasts = draft.number(700, 1_500);
            draft.between(at(from), at(from + lasts)).pause(member);
        }
        if draft.percent(50) {
            let leaves = draft.number(2_500, HEAL);
            let comes = leaves + draft.number(50, 1_500);
            draft.operation(at(leaves), member, Operation::Leave);
            draft.operation(at(comes), member, Operation::Come);
        }
    }
    if draft.percent(70) {
        let from = draft.number(2_500, 5_000);
        let down = draft.magnitude(20, 1_500);
        draft.between(at(from), at(from + down)).crash("coordinator");
    }
    produce_between(draft, shape, BEGUN, LAST, 150);
}

/// Two partitions that are led by the first broker and followed over the same link: what is moved over it is in the way
/// of the other's acknowledgements.
fn crowded(draft: &mut Draft, shape: Shape, moved_to: NodeId, other: [NodeId; 3]) {
    let brokers = shape.broker_ids();
    draft.between(at(1_300), at(HEAL)).slow_link(brokers.clone(), brokers, SLOW);
    let operator = shape.ids("operator")[0];
    let mut keep = |at_ms, partition, replicas: &[NodeId]| {
        draft.operation(
            at(at_ms),
            operator,
            Operation::Reassign { partition, replicas: replicas.to_vec() },
        );
    };
    let [first, second, third] = [0, 1, 2].map(NodeId);
    keep(1_300, 0, &[first, second, third]);
    keep(1_300, 1, &other);
    let move_at = 4_500;
    keep(move_at, 0, &[first, second, moved_to]);
    // What is to be moved.
    let producer = shape.ids("producer")[0];
    for number in 0..80 {
        let produce = Operation::Produce { partition: 0, records: 4, acks: Acks::All };
        draft.operation(at(1_700 + number * 28), producer, produce);
    }
    for (from, until, batches) in [(BEGUN + 200, move_at, 120), (move_at, LAST, 200)] {
        for _ in 0..batches {
            let (at, producer) =
                (at(draft.number(from, until)), draft.one_of(&shape.ids("producer")));
            draft.operation(
                at,
                producer,
                Operation::Produce { partition: 1, records: 1, acks: Acks::All },
            );
        }
    }
}

/// Links of 2 MiB a second.
const SLOW: u32 = 600;

/// A move of 1.25 MiB.
fn heavy(brokers: u64, spares: u64) -> Shape {
    Shape {
        brokers,
        spares,
        readers: 1,
        partitions: 2,
        record_bytes: 4 << 10,
        segment_bytes: 256 << 10,
        reassignment_bytes: 512 << 10,
        ..Shape::default()
    }
}

pub(super) fn reassignment_under_load(draft: &mut Draft) {
    let brokers = draft.number(4, 5);
    let shape = begin(draft, heavy(brokers, 0));
    let to = NodeId(draft.number(3, brokers - 1) as u32);
    crowded(draft, shape, to, [NodeId(0), to, NodeId(1)]);
}

pub(super) fn broker_added(draft: &mut Draft) {
    let shape = begin(draft, heavy(3, 1));
    let spare = shape.ids("spare")[0];
    let joins = at(draft.number(2_000, 3_500));
    draft.join(joins, spare, zone_of_spare(spare));
    draft.between(joins + MS(1), at(HEAL)).slow_link([spare], shape.broker_ids(), SLOW);
    crowded(draft, shape, spare, [NodeId(0), NodeId(1), NodeId(2)]);
    // It follows the second partition too, before the first one is moved.
    let replicas = vec![NodeId(0), spare, NodeId(1)];
    draft.operation(
        joins + MS(200),
        shape.ids("operator")[0],
        Operation::Reassign { partition: 1, replicas },
    );
}
