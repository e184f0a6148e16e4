//! How times are distributed, as bars in a terminal.

use std::fmt::Write;

use machine::nanos;
use sim::Durations;

/// Bars, at most.
const BARS: u64 = 16;
/// What a bar ends in, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// How often each was as long, in parts of equal length, in lines of so many letters; and what stands out.
pub fn histogram(times: &Durations, width: usize) -> String {
    let mut text = format!("{} times: {times}\n", times.count());
    let Some(longest) = times.max() else { return text };
    let step = step(nanos(longest));
    let mut bars = vec![0; (nanos(longest) / step) as usize + 1];
    for (time, count) in times.counts() {
        bars[(nanos(time) / step) as usize] += count;
    }
    let ms = |bar: usize| (bar as u64 * step) as f64 / 1e6;
    let label = |bar: usize| format!("{} to {} ms", ms(bar), ms(bar + 1));
    let most = bars.iter().copied().max().unwrap_or(0);
    let labels = (0..bars.len()).map(|bar| label(bar).len()).max().unwrap_or(0);
    let counts = most.to_string().len();
    let room = width.saturating_sub(labels + counts + 3).max(8) as u64;
    for (bar, &count) in bars.iter().enumerate() {
        // What is there is seen, however little it is.
        let eighths = (count * room * 8).checked_div(most).unwrap_or(0).max(count.min(1));
        let whole = "█".repeat((eighths / 8) as usize);
        let line = format!(
            "{:>labels$} {count:>counts$}  {whole}{}",
            label(bar),
            EIGHTHS[(eighths % 8) as usize]
        );
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A round number of nanoseconds of which there are few in so many.
fn step(longest: u64) -> u64 {
    let mut rounds = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    rounds.find(|step| longest / step < BARS).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(ms: impl IntoIterator<Item = u64>) -> Durations {
        let mut times = Durations::default();
        ms.into_iter().for_each(|ms| times.push(Duration::from_millis(ms)));
        times
    }

    #[test]
    fn a_bar_is_as_long_as_it_is_often() {
        let times = of((0..8).map(|_| 1).chain([4, 7, 7, 12]));
        let expected = "
12 times: p50 1.004 ms, p99 12.000 ms, max 12.000 ms
  0 to 1 ms 0
  1 to 2 ms 8  ████████████████████████
  2 to 3 ms 0
  3 to 4 ms 0
  4 to 5 ms 1  ███
  5 to 6 ms 0
  6 to 7 ms 0
  7 to 8 ms 2  ██████
  8 to 9 ms 0
 9 to 10 ms 0
10 to 11 ms 0
11 to 12 ms 0
12 to 13 ms 1  ███
";
        assert_eq!(histogram(&times, 39), expected[1..]);
    }

    #[test]
    fn whatever_is_measured_is_drawn_in_the_width() {
        assert_eq!(histogram(&Durations::default(), 80), "0 times: none\n");
        for most in [0, 1, 17, 999, 1_000, 86_400_000] {
            let text = histogram(&of([0, most / 2, most]), 80);
            let bars = text.lines().count() - 1;
            assert!((1..=BARS as usize).contains(&bars), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        let rare = histogram(&of((0..1_000).map(|_| 1).chain([10])), 80);
        assert!(rare.ends_with("▏\n"), "{rare}");
    }
}
