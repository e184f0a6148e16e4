//! What clients do in scenarios, and when.

use std::time::Duration;

use machine::{NodeId, Time};
use sim::Shape as _;

use crate::shape::{Draft, Shape};
use replicated_log::ask::Acks;
use replicated_log::note::Operation;

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

/// By then the topic is there.
pub(super) const BEGUN: u64 = 1_600;
/// Faults end, and everybody is healed.
pub(super) const HEAL: u64 = 7_000;
/// From then on producers are silent.
pub(super) const LAST: u64 = 8_500;
pub(super) const END: u64 = 11_000;

/// So many milliseconds after the beginning.
pub(super) fn at(ms: u64) -> Time {
    Time(0) + MS(ms)
}

/// Says who is there, and for how long, each node in the next of three zones.
pub(super) fn begin(draft: &mut Draft, shape: Shape) -> Shape {
    draft.cluster(shape, 3);
    draft.delays(sim::Delays::micros(1_000, 10_000));
    draft.phases(MS(HEAL), MS(END - HEAL));
    shape
}

/// With one or two partitions, and what is usual.
pub(super) fn usual(draft: &mut Draft) -> Shape {
    Shape { partitions: draft.number(1, 2), ..Shape::default() }
}

/// A batch of some records, from some producer to some partition.
pub(super) fn produce(draft: &mut Draft, shape: Shape, at: Time) {
    let partition = draft.number(0, shape.partitions - 1) as u32;
    produce_to(draft, shape, at, partition);
}

/// To this partition.
pub(super) fn produce_to(draft: &mut Draft, shape: Shape, at: Time, partition: u32) {
    let producer = draft.one_of(&shape.ids("producer"));
    let records = draft.number(1, 4) as u32;
    let acks = match draft.number(0, 19) {
        0 => Acks::None,
        1 => Acks::Leader,
        _ => Acks::All,
    };
    draft.operation(at, producer, Operation::Produce { partition, records, acks });
}

/// So many batches at any time between.
pub(super) fn produce_between(
    draft: &mut Draft,
    shape: Shape,
    from: u64,
    until: u64,
    batches: u64,
) {
    for _ in 0..batches {
        let at = at(draft.number(from, until));
        produce(draft, shape, at);
    }
}

/// Some batches to the first partition, shortly before and after this time: what fails then, fails under them.
pub(super) fn burst(draft: &mut Draft, shape: Shape, around: u64) {
    for _ in 0..draft.number(4, 16) {
        let at = at(draft.number(around.saturating_sub(40), around + 10));
        produce_to(draft, shape, at, 0);
    }
}

/// Brokers but for these.
pub(super) fn others(shape: Shape, but: &[NodeId]) -> Vec<NodeId> {
    shape.broker_ids().into_iter().filter(|broker| !but.contains(broker)).collect()
}

/// The brokers in any order.
pub(super) fn shuffled(draft: &mut Draft, shape: Shape) -> Vec<NodeId> {
    let mut brokers = shape.broker_ids();
    for place in 1..brokers.len() {
        let other = draft.number(0, place as u64) as usize;
        brokers.swap(place, other);
    }
    brokers
}
