//! Layouts are data: any possible one packs and unpacks, any impossible one is refused.

use std::time::Duration;

use machine::Wall;
use proptest::prelude::*;
use snowflake::{Generator, Id, Layout, LayoutError};

use crate::strategies::any_layout;

proptest! {
    #[test]
    fn what_is_packed_comes_out(layout in any_layout(), parts: (u64, u64, u64)) {
        let timestamp = parts.0 & layout.max_timestamp();
        let worker = parts.1 & layout.max_worker();
        let sequence = parts.2 & layout.max_sequence();
        let id = layout.encode(timestamp, worker, sequence).unwrap();
        prop_assert_eq!(layout.timestamp(id), timestamp);
        prop_assert_eq!(layout.worker(id), worker);
        prop_assert_eq!(layout.sequence(id), sequence);

        let decoded = layout.decode(id).unwrap();
        let mut by_name = 0;
        for (name, value) in &decoded.fields {
            prop_assert_eq!(layout.field(id, name), Some(*value));
            if name != "sequence" {
                let field = layout.fields().iter().find(|field| field.name() == name).unwrap();
                by_name = by_name << field.bits() | value;
            }
        }
        prop_assert_eq!(by_name, worker);
        let ns = u128::from(layout.epoch().0)
            + u128::from(timestamp) * layout.tick().as_nanos();
        prop_assert_eq!(u128::from(decoded.timestamp_ms), ns / 1_000_000);
    }

    #[test]
    fn what_is_unpacked_packs_again(layout in any_layout(), id: u64) {
        let id = Id(id >> (64 - layout.bits()));
        let again =
            layout.encode(layout.timestamp(id), layout.worker(id), layout.sequence(id));
        prop_assert_eq!(again.unwrap(), id);
    }

    #[test]
    fn what_does_not_fit_is_refused(layout in any_layout(), over in 1u64..1_000) {
        prop_assert!(layout.encode(layout.max_timestamp() + over, 0, 0).is_err());
        prop_assert!(layout.encode(0, layout.max_worker() + over, 0).is_err());
        prop_assert!(layout.encode(0, 0, layout.max_sequence() + over).is_err());
    }

    #[test]
    fn a_layout_is_its_text(layout in any_layout()) {
        let again: Layout = layout.to_string().parse().unwrap();
        prop_assert_eq!(again.name(), "custom");
        prop_assert_eq!(again.epoch(), layout.epoch());
        prop_assert_eq!(again.tick(), layout.tick());
        prop_assert_eq!(again.fields(), layout.fields());
        prop_assert_eq!(again, layout);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(custom:)?([a-z=,0-9]|epoch=|tick=){0,40}") {
        let _ = text.parse::<Layout>();
    }
}

#[test]
fn well_known_layouts_have_the_published_shapes() {
    let shape = |name: &str| {
        let layout: Layout = name.parse().unwrap();
        assert_eq!(layout.to_string(), name);
        let fields =
            layout.fields().iter().map(|field| format!("{}{}", field.name(), field.bits()));
        format!("{} {:?} {}", layout.epoch().millis(), layout.tick(), fields.collect::<String>())
    };
    let shapes: Vec<String> = Layout::NAMES.into_iter().map(shape).collect();
    let expected = [
        "1288834974657 1ms timestamp41worker10sequence12",
        "1420070400000 1ms timestamp42worker5process5sequence12",
        "1314220021721 1ms timestamp41shard13sequence10",
        "1409529600000 10ms timestamp39sequence8machine16",
        "0 1ms timestamp48sequence16",
        "1463673600000 1s timestamp28worker22sequence13",
        "1735689600000 1µs timestamp51worker8sequence4",
        "1735689600000 1ms timestamp39worker2sequence22",
    ];
    assert_eq!(shapes, expected);
}

#[test]
fn impossible_specifications_are_refused() {
    let refusals: [(&str, LayoutError); 19] = [
        ("twiter", LayoutError::Unknown { text: "twiter".to_owned() }),
        ("", LayoutError::Unknown { text: String::new() }),
        ("custom", LayoutError::Unknown { text: "custom".to_owned() }),
        ("custom:", LayoutError::NotAPair { part: String::new() }),
        ("custom:epoch", LayoutError::NotAPair { part: "epoch".to_owned() }),
        ("custom:tick=1ms,timestamp=41,sequence=12", LayoutError::Missing { name: "epoch" }),
        ("custom:epoch=0,timestamp=41,sequence=12", LayoutError::Missing { name: "tick" }),
        ("custom:epoch=0,tick=1ms,sequence=12", LayoutError::Missing { name: "timestamp" }),
        ("custom:epoch=0,tick=1ms,timestamp=41", LayoutError::Missing { name: "sequence" }),
        (
            "custom:epoch=0,epoch=1,tick=1ms,timestamp=41,sequence=12",
            LayoutError::Repeated { name: "epoch".to_owned() },
        ),
        (
            "custom:epoch=0,tick=1ms,timestamp=30,timestamp=11,sequence=12",
            LayoutError::Repeated { name: "timestamp".to_owned() },
        ),
        (
            "custom:epoch=0,tick=1ms,timestamp=41,sequence=6,sequence=6",
            LayoutError::Repeated { name: "sequence".to_owned() },
        ),
        (
            "custom:epoch=0,tick=1ms,timestamp=41,worker=0,sequence=12",
            LayoutError::ZeroWidth { name: "worker".to_owned() },
        ),
        (
            "custom:epoch=0,tick=1ms,timestamp=41,worker=12,sequence=12",
            LayoutError::TooManyBits { bits: 65 },
        ),
        (
            "custom:epoch=0,tick=1ms,timestamp=4294967295,sequence=4294967295",
            LayoutError::TooManyBits { bits: 8_589_934_590 },
        ),
        ("custom:epoch=0,tick=1ms,sequence=12,timestamp=41", LayoutError::SequenceFirst),
        ("custom:epoch=0,tick=0ms,timestamp=41,sequence=12", bad_tick("0ms")),
        ("custom:epoch=18446744073710,tick=1ms,timestamp=9,sequence=9", LayoutError::EpochTooLate),
        ("custom:epoch=0,tick=1s,timestamp=51,sequence=12", LayoutError::EndsTooLate),
    ];
    for (spec, refusal) in refusals {
        assert_eq!(spec.parse::<Layout>(), Err(refusal), "{spec}");
    }
    for tick in ["", "1", "ms", "1h", "1.5ms", "-1ms", "99999999999999999999ms", "18446744074s"] {
        let spec = format!("custom:epoch=0,tick={tick},timestamp=41,sequence=12");
        assert_eq!(spec.parse::<Layout>(), Err(bad_tick(tick)), "{spec}");
    }
    for bits in ["", "x", "-1", "1.5", "4294967296"] {
        let spec = format!("custom:epoch=0,tick=1ms,timestamp={bits},sequence=12");
        assert!(matches!(spec.parse::<Layout>(), Err(LayoutError::BadNumber { .. })), "{spec}");
    }
    for name in ["", "Worker", "wörker", "a b"] {
        let spec = format!("custom:epoch=0,tick=1ms,timestamp=41,{name}=2,sequence=12");
        assert!(matches!(spec.parse::<Layout>(), Err(LayoutError::BadName { .. })), "{spec}");
    }
}

#[test]
fn a_layout_needs_a_tick() {
    let fields = [("timestamp", 41), ("sequence", 12)];
    let refused = Layout::new("still", Wall(0), Duration::ZERO, fields);
    assert_eq!(refused, Err(bad_tick("0")));
}

fn bad_tick(value: &str) -> LayoutError {
    LayoutError::BadTick { value: value.to_owned() }
}

#[test]
fn a_layout_has_room_from_its_first_tick_to_its_last() {
    let baidu = Layout::named("baidu").unwrap();
    let end = baidu.epoch() + baidu.tick() * (1 << 28);
    let (begun, last) = (baidu.epoch(), Wall(end.0 - 1));
    for now in [begun, last] {
        assert_eq!(baidu.has_room_at(now), Ok(()));
        assert!(Generator::new(&baidu, 0).unwrap().next(now).is_ok());
    }
    let refused = |now| baidu.has_room_at(now).unwrap_err().to_string();
    assert!(refused(end).contains("layout baidu ended at 2024-11-20T13:24:16.000Z, and"));
    assert!(Generator::new(&baidu, 0).unwrap().next(end).is_err());
    let before = Wall(begun.0 - 1);
    assert!(
        refused(before)
            .contains("begin at 2016-05-19T16:00:00.000Z, and the clock shows 2016-05-19T15")
    );
    assert!(Generator::new(&baidu, 0).unwrap().next(before).is_err());
}
