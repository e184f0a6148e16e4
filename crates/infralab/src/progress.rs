//! Progress of commands that take a while: on stderr, only on a terminal, from the start.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often it is drawn, even if nothing changed.
const TICK: Duration = Duration::from_millis(100);

/// A bar over so many seeds.
pub(crate) fn seeds(count: u64) -> ProgressBar {
    let template = "{bar:30} {pos}/{len} seeds, {rate}, {eta} left {msg}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // If the terminal does not take it, there is nowhere to say so.
        let _ = write!(out, "{:.2}/s", state.per_sec());
    };
    ticking(ProgressBar::new(count).with_style(style.with_key("rate", rate)))
}

/// Shows a spinner while work of unknown length is under way.
pub(crate) fn with_spinner<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let _busy = busy(what);
    work()
}

fn busy(with: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ticking(ProgressBar::new_spinner().with_style(style).with_message(with))
}

/// It goes away when it is dropped, also where a command fails.
fn ticking(bar: ProgressBar) -> ProgressBar {
    bar.enable_steady_tick(TICK);
    bar
}

/// A rate of events, by its size.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        1e6.. => format!("{:.2} million", per_second / 1e6),
        1e3.. => format!("{:.2} thousand", per_second / 1e3),
        _ => format!("{per_second:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_two_digits_whatever_its_size() {
        let rates = [0.0, 999.994, 1_234.5, 2_500_000.0].map(rate);
        assert_eq!(rates, ["0.00", "999.99", "1.23 thousand", "2.50 million"]);
    }
}
