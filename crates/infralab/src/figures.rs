//! What a system says of a run or a sweep in numbers of its own, for people and for programs.

use serde_json::{Map, Value, json};
use sim::Figures;

use crate::exit::Failure;
use crate::results::say;

/// One object: times in milliseconds, shares between 0 and 1, nothing where there is none.
pub(crate) fn json(figures: &Figures) -> Value {
    let Figures { counts, shares, times } = figures;
    let counts = counts.iter().map(|(name, count)| (name.to_string(), json!(count)));
    let shares = shares.iter().map(|(name, share)| (name.to_string(), json!(share.ratio())));
    let times =
        times.iter().map(|(name, times)| (format!("{name}_ms"), json!(times.percentiles())));
    Value::Object(counts.chain(shares).chain(times).collect::<Map<_, _>>())
}

/// A line each for counts, for shares and for each of the times.
pub(crate) fn print(Figures { counts, shares, times }: &Figures) {
    let words = |name: &str| name.replace('_', " ");
    let counts = counts.iter().map(|(name, count)| format!("{count} {}", words(name)));
    let percent = |ratio: f64| format!("{:.3}%", ratio * 100.0);
    let shares = shares.iter().map(|(name, share)| {
        format!("{} {}", words(name), share.ratio().map_or("unknown".into(), percent))
    });
    for line in [counts.collect::<Vec<_>>(), shares.collect()] {
        if !line.is_empty() {
            say!("{}", line.join(", "));
        }
    }
    for (name, times) in times {
        say!("{}: {times}", words(name));
    }
}

/// Draws how the times of this name are distributed.
pub(crate) fn draw(figures: &Figures, name: &str) -> Result<(), Failure> {
    let Some(times) = figures.times.get(name) else {
        let known: Vec<_> = figures.times.keys().map(|name| &**name).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        return Err(Failure::input(format!("there are no times {name:?}; there are: {known}")));
    };
    say!("\n{name}, {}", story::histogram(times, story::WIDTH).trim_end());
    Ok(())
}
