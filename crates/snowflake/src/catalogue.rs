//! The layouts that have a name, side by side.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::layout::Layout;

/// What there is to choose from.
#[derive(Clone, Debug, Serialize)]
pub struct Catalogue {
    layouts: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    name: String,
    epoch_ms: u64,
    tick_ns: u64,
    begins: String,
    ends: String,
    fields: Vec<Part>,
}

#[derive(Clone, Debug, Serialize)]
struct Part {
    name: String,
    bits: u32,
}

/// All layouts that have a name.
pub fn catalogue() -> Catalogue {
    let known = Layout::NAMES.into_iter().filter_map(Layout::named);
    Catalogue { layouts: known.map(|layout| entry(&layout)).collect() }
}

fn entry(layout: &Layout) -> Entry {
    let fields = layout.fields().iter();
    Entry {
        name: layout.name().to_owned(),
        epoch_ms: layout.epoch().millis(),
        tick_ns: layout.tick().as_nanos() as u64,
        begins: time(layout, 0),
        ends: time(layout, layout.max_timestamp()),
        fields: fields
            .map(|field| Part { name: field.name().to_owned(), bits: field.bits() })
            .collect(),
    }
}

/// When a tick begins. Ids with no worker and no sequence exist in every layout.
fn time(layout: &Layout, timestamp: u64) -> String {
    let id = layout.encode(timestamp, 0, 0).ok();
    id.and_then(|id| layout.decode(id).ok()).map(|decoded| decoded.time).unwrap_or_default()
}

impl fmt::Display for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
        for Entry { name, tick_ns, begins, ends, fields, .. } in &self.layouts {
            let (begins, ends) = (day(begins), day(ends));
            let tick = format!("{:?}", Duration::from_nanos(*tick_ns));
            let fields: Vec<_> =
                fields.iter().map(|Part { name, bits }| format!("{name} {bits}")).collect();
            let fields = fields.join(", ");
            writeln!(f, "{name:<10} {begins} to {ends:<13} tick {tick:<5} {fields}")?;
        }
        writeln!(
            f,
            "or your own, such as custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12"
        )
    }
}
