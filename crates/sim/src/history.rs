//! What a run leaves behind: notes in the order in which they were made.

use std::collections::BTreeMap;

use machine::{NodeId, Time};

use crate::downtime::Outages;
use crate::durations::Durations;

/// A note, and when and where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<N> {
    /// The world's time. The clock of the node may have shown anything.
    pub at: Time,
    /// Who made it.
    pub node: NodeId,
    /// What they said.
    pub note: N,
}

/// What a note means to the lab, whatever the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A client began the operation of this number. Invoke and return bracket the operation.
    Invoked(u64),
    /// It ended well.
    Ok(u64),
    /// It ended, and certainly did nothing.
    Failed(u64),
    /// The client waits for it no longer; it may have happened, so it stays open.
    GivenUp(u64),
    /// Something that a sweep must not be without.
    Sometimes(&'static str),
    /// Nothing that the lab counts.
    Plain,
}

/// How client operations ended. One without an answer stays open: it may have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Operations {
    /// Answered well.
    pub ok: u64,
    /// Answered that nothing was done.
    pub failed: u64,
    /// Not answered.
    pub open: u64,
}

impl Operations {
    /// Adds another run's.
    pub fn add(&mut self, other: Operations) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.open += other.open;
    }
}

/// Counts by name, in order of name.
pub type Counts = BTreeMap<&'static str, u64>;

/// Adds the counts of another run.
pub(crate) fn add(counts: &mut Counts, other: &Counts) {
    for (name, count) in other {
        *counts.entry(name).or_default() += count;
    }
}

/// The counts and times of a history.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) operations: Operations,
    pub(crate) sometimes: Counts,
    /// Of the operations that ended well, from beginning to end.
    pub(crate) latency: Durations,
    pub(crate) outages: Outages,
}

/// Counts and measures what the notes of a history mean.
pub(crate) fn total<N>(history: &[Entry<N>], kind_of: impl Fn(&N) -> NoteKind) -> Totals {
    let mut totals = Totals::default();
    let Totals { operations, latency, outages, .. } = &mut totals;
    let mut sometimes: Vec<(&'static str, u64)> = Vec::new();
    // Those that a client waits for, and since when.
    let mut waiting = BTreeMap::new();
    for &Entry { at, ref note, .. } in history {
        match kind_of(note) {
            NoteKind::Invoked(operation) => {
                waiting.insert(operation, at);
                outages.begun(at);
            }
            NoteKind::Ok(operation) => {
                if let Some(invoked) = waiting.remove(&operation) {
                    operations.ok += 1;
                    latency.push(at.since(invoked));
                    outages.completed(at, !waiting.is_empty());
                }
            }
            NoteKind::Failed(operation) => {
                if waiting.remove(&operation).is_some() {
                    operations.failed += 1;
                    outages.given_up(at, !waiting.is_empty());
                }
            }
            NoteKind::GivenUp(operation) => {
                if waiting.remove(&operation).is_some() {
                    operations.open += 1;
                    outages.given_up(at, !waiting.is_empty());
                }
            }
            // By its place in memory, which is quick to compare; a name may be in several.
            NoteKind::Sometimes(name) => {
                match sometimes.iter_mut().find(|(known, _)| std::ptr::eq::<str>(*known, name)) {
                    Some((_, count)) => *count += 1,
                    None => sometimes.push((name, 1)),
                }
            }
            NoteKind::Plain => {}
        }
    }
    operations.open += waiting.len() as u64;
    for (name, count) in sometimes {
        *totals.sometimes.entry(name).or_default() += count;
    }
    totals
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::NoteKind::{Failed, GivenUp, Invoked, Ok};
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn totals_of(kinds: &[(u64, NoteKind)]) -> Totals {
        let entry = |&(ms, note)| Entry { at: Time(0) + MS(ms), node: NodeId(0), note };
        total(&kinds.iter().map(entry).collect::<Vec<_>>(), |kind_of| *kind_of)
    }

    /// In a run of a second.
    fn downtime(kinds: &[(u64, NoteKind)], from: u64, until: u64) -> u64 {
        let fault = (Time(0) + MS(from), Time(0) + MS(until));
        let totals = totals_of(kinds);
        let downtimes = totals.outages.downtimes(Time(0) + MS(1_000), [fault].into_iter());
        downtimes.max().unwrap().as_millis() as u64
    }

    #[test]
    fn latency_is_of_operations_that_ended_well() {
        let kinds = [(0, Invoked(1)), (5, Invoked(2)), (6, Invoked(3)), (7, Ok(1)), (9, Failed(2))];
        let totals = totals_of(&kinds);
        assert_eq!(totals.operations, Operations { ok: 1, failed: 1, open: 1 });
        assert_eq!((totals.latency.count(), totals.latency.max()), (1, Some(MS(7))));
        let again = [(0, Invoked(1)), (2, Ok(1)), (3, Ok(1)), (4, GivenUp(1)), (5, Ok(7))];
        assert_eq!(totals_of(&again).operations, Operations { ok: 1, failed: 0, open: 0 });
    }

    #[test]
    fn nobody_waits_for_what_was_given_up_and_it_stays_open() {
        let totals = totals_of(&[(0, Invoked(1)), (100, GivenUp(1)), (200, Ok(1))]);
        assert_eq!(totals.operations, Operations { ok: 0, failed: 0, open: 1 });
        assert_eq!(downtime(&[(0, Invoked(1)), (100, GivenUp(1))], 50, 900), 100);
        assert_eq!(downtime(&[(0, Invoked(1)), (100, GivenUp(1))], 100, 900), 0);
    }

    #[test]
    fn downtime_is_the_longest_silence_that_overlaps_the_fault() {
        let served = [
            (0, Invoked(1)),
            (10, Invoked(2)),
            (100, Ok(1)),
            // The fault is from 150 to 200.
            (400, Ok(2)),
            // Nobody waits.
            (800, Invoked(3)),
            (810, Ok(3)),
        ];
        assert_eq!(downtime(&served, 150, 200), 300, "from the last answer to the next");
        assert_eq!(downtime(&served, 50, 200), 300, "not the shorter one before");
        assert_eq!(downtime(&served, 0, 99), 100);
        assert_eq!(downtime(&served, 400, 799), 0, "nobody wanted anything");
        assert_eq!(downtime(&served, 500, 900), 10);
    }

    #[test]
    fn what_was_refused_is_not_served_and_what_is_never_answered_lasts_to_the_end() {
        let refused = [(0, Invoked(1)), (10, Invoked(2)), (300, Failed(1)), (500, Ok(2))];
        assert_eq!(downtime(&refused, 100, 100), 500);
        // One after the other, with half a second of silence in which nobody asks.
        let again = [(0, Invoked(1)), (200, Failed(1)), (700, Invoked(2)), (900, Ok(2))];
        assert_eq!(downtime(&again, 100, 110), 400);
        assert_eq!(downtime(&[(200, Invoked(1))], 300, 400), 800);
    }
}
