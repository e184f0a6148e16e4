//! Random layouts, policies and clocks for the property tests.

use std::time::Duration;

use machine::Wall;
use proptest::prelude::*;
use snowflake::{ClockPolicy, Layout};

pub(crate) const START: Wall = Wall(1_767_225_600_000_000_000);

/// Any possible layout: up to three worker fields at any place, any order that keeps the sequence
/// below the timestamp, up to all 64 bits.
pub(crate) fn any_layout() -> impl Strategy<Value = Layout> {
    let tick = prop_oneof![Just(1_000), Just(1_000_000), Just(10_000_000), Just(1_000_000_000u64)];
    let workers = prop::collection::vec((1u32..=6, 0usize..5), 0..=3);
    (tick, 30u32..=41, 1u32..=23, workers, 0u64..START.millis()).prop_map(
        |(tick, timestamp, sequence, workers, epoch)| {
            let mut left = 64 - timestamp - sequence;
            let mut fields = vec![("timestamp".to_owned(), timestamp)];
            fields.push(("sequence".to_owned(), sequence));
            for (at, (bits, place)) in workers.into_iter().enumerate() {
                if bits <= left {
                    left -= bits;
                    fields.insert(place.min(fields.len()), (format!("part-{at}"), bits));
                }
            }
            Layout::new("any", Wall::from_millis(epoch), Duration::from_nanos(tick), fields)
                .expect("possible by construction")
        },
    )
}

/// A layout with few sequence numbers and room for the times that [`clock_readings`] shows.
pub(crate) fn tight_layout() -> impl Strategy<Value = Layout> {
    let order = prop_oneof![
        Just(["timestamp", "worker", "sequence"]),
        Just(["timestamp", "sequence", "worker"]),
        Just(["worker", "timestamp", "sequence"]),
    ];
    (order, 1u32..=4).prop_map(|(order, sequence)| {
        let fields = order.map(|name| match name {
            "timestamp" => (name, 30),
            "worker" => (name, 4),
            _ => (name, sequence),
        });
        Layout::new("tight", START - Duration::from_secs(60), Duration::from_millis(1), fields)
            .expect("possible by construction")
    })
}

/// The policies that promise no duplicates.
pub(crate) fn safe_policy() -> impl Strategy<Value = ClockPolicy> {
    prop_oneof![
        Just(ClockPolicy::Wait),
        Just(ClockPolicy::Refuse),
        (0u64..20_000_000)
            .prop_map(|nanos| ClockPolicy::KeepCounting { bound: Duration::from_nanos(nanos) }),
    ]
}

/// What a bad clock shows: it stands still, creeps, jumps ahead and goes back.
pub(crate) fn clock_readings() -> impl Strategy<Value = Vec<Wall>> {
    let step = prop_oneof![
        4 => Just(0i64),
        4 => 0i64..300_000,
        2 => 0i64..5_000_000,
        1 => -5_000_000i64..0,
        1 => -2_000_000_000i64..2_000_000_000,
    ];
    prop::collection::vec(step, 1..150).prop_map(|steps| {
        let mut now = START;
        let shown = steps.into_iter().map(|step| {
            now = Wall(now.0.saturating_add_signed(step));
            now
        });
        shown.collect()
    })
}
