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

/// The beginning of what it says, up to what differs from one to the next.
fn name(moment: &Moment) -> &str {
    match moment {
        Moment::Delivered { text, .. } | Moment::Lost { text, .. } | Moment::Note { text, .. } => {
            let end = text.find(|c: char| c.is_ascii_digit() || ",;:?\"=([{".contains(c));
            let named = text[..end.unwrap_or(text.len())].trim();
            if named.is_empty() { "message" } else { named }
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
