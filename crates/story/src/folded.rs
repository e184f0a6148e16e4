//! What is not told is counted, by what it is called.

use std::collections::BTreeMap;

use sim::{Moment, RunRecord};

use crate::aligned::is_worth_a_row;

/// So many kinds are called by their names.
const NAMED: usize = 2;

/// Is there anything to count between these moments?
pub(crate) fn is_gap(run: &RunRecord, from: usize, to: usize) -> bool {
    run.moments[from..to].iter().any(|(_, moment)| is_worth_a_row(moment))
}

/// What happened between these moments, counted.
pub(crate) fn folded(run: &RunRecord, from: usize, to: usize) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, moment) in run.moments[from..to].iter().filter(|(_, moment)| is_worth_a_row(moment)) {
        *counts.entry(name(moment)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let rest: usize = counts.iter().skip(NAMED).map(|(_, count)| count).sum();
    let named = counts.iter().take(NAMED).map(|(name, count)| format!("{count} × {name}"));
    let mut all: Vec<String> = named.collect();
    if rest > 0 {
        all.push(format!("{rest} more"));
    }
    all.join(", ")
}

/// What it is called.
fn name(moment: &Moment) -> &str {
    match moment {
        Moment::Delivered { text, .. } | Moment::Lost { text, .. } | Moment::Note { text, .. } => {
            beginning(text)
        }
        Moment::Reset { .. } => "link reset",
        Moment::Started { .. } => "start",
        Moment::Crashed { .. } => "crash",
        Moment::FaultBegins { .. } => "fault",
        Moment::FaultEnds { .. } => "end of a fault",
        Moment::Broken { .. } => "broken promise",
        Moment::Disk { .. } => "disk failure",
        Moment::Timer { .. } => "timer",
        Moment::Healed => "heal",
        Moment::ToldToStop { .. }
        | Moment::Stopped { .. }
        | Moment::Overdue { .. }
        | Moment::Halted { .. } => "stop",
        Moment::Resumed { .. } => "resumed node",
    }
}

/// The beginning of what is said, up to what differs from one to the next: numbers, and the nodes and operations that
/// are called by them.
fn beginning(text: &str) -> &str {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut text = text;
    while let Some((first, rest)) = text.split_once(' ')
        && first.contains(is_digit)
    {
        text = rest;
    }
    let end = text.find(|c: char| is_digit(c) || ",;:?\"=([{".contains(c)).unwrap_or(text.len());
    let (named, rest) = text.split_at(end);
    // A word with a number in it is left out as a whole.
    let named = match rest.starts_with(is_digit) {
        true => named.rsplit_once(' ').map_or("", |(before, _)| before),
        false => named.trim(),
    };
    if named.is_empty() { "message" } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_called_by_what_does_not_differ() {
        for (said, called) in [
            ("heartbeat, term 3", "heartbeat"),
            ("n2 has it, for 53", "has it"),
            ("asks n12 for 53", "asks"),
            ("141: put a", "put a"),
            ("6: 7 leads nowhere", "leads nowhere"),
            ("visit /link-3 at n1", "visit"),
            ("g1: matches up to 7, term 2", "matches up to"),
            ("0 entries for 2", "entries for"),
            ("is full and turns a read away", "is full and turns a read away"),
            ("[1, 2]", "message"),
        ] {
            assert_eq!(beginning(said), called, "{said}");
        }
    }
}
