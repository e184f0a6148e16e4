//! `layouts`: the layouts that have a name.

use std::fmt::Write;

use serde_json::{Value, json};
use snowflake::{Field, Layout};

use crate::exit::{Outcome, print};

pub(super) fn layouts(json: bool) -> Outcome {
    let known = Layout::NAMES.into_iter().filter_map(Layout::named);
    if json {
        let all: Vec<_> = known.map(|layout| as_json(&layout)).collect();
        return print(&format!("{}\n", json!({"layouts": all})));
    }
    let mut text = String::new();
    for layout in known {
        let fields: Vec<_> = layout
            .fields()
            .iter()
            .map(|field| format!("{} {}", field.name(), field.bits()))
            .collect();
        let (begins, ends) = (day(&layout, 0), day(&layout, layout.max_timestamp()));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<10} {begins} to {ends:<13} tick {:<5} {}",
            layout.name(),
            format!("{:?}", layout.tick()),
            fields.join(", ")
        );
    }
    text.push_str("or your own, such as ");
    text.push_str("custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12\n");
    print(&text)
}

fn as_json(layout: &Layout) -> Value {
    let field = |field: &Field| json!({"name": field.name(), "bits": field.bits()});
    json!({
        "name": layout.name(),
        "epoch_ms": layout.epoch().millis(),
        "tick_ns": layout.tick().as_nanos() as u64,
        "begins": time(layout, 0),
        "ends": time(layout, layout.max_timestamp()),
        "fields": layout.fields().iter().map(field).collect::<Vec<_>>(),
    })
}

fn day(layout: &Layout, timestamp: u64) -> String {
    time(layout, timestamp).split('T').next().unwrap_or_default().to_owned()
}

/// When a tick begins. Ids with no worker and no sequence exist in every layout.
fn time(layout: &Layout, timestamp: u64) -> String {
    let id = layout.encode(timestamp, 0, 0).ok();
    id.and_then(|id| layout.decode(id).ok()).map(|decoded| decoded.time).unwrap_or_default()
}
