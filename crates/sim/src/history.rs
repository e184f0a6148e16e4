//! What a run leaves behind: notes in the order in which they were made.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Index;

use machine::{NodeId, Time};
use recording::NoteKind;

use crate::chunks::Chunks;
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

/// All notes of a world, in the order in which they were made. Its clones share what they have in common.
#[derive(Clone, Debug)]
pub struct History<N>(Chunks<Entry<N>>);

impl<N> History<N> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Was nothing said?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<N>> {
        self.since(0)
    }

    /// Those after the first so many.
    pub fn since(&self, seen: usize) -> impl DoubleEndedIterator<Item = &Entry<N>> {
        self.0.since(seen)
    }

    /// The latest.
    pub fn last(&self) -> Option<&Entry<N>> {
        self.0.last()
    }

    /// The notes of an event lie side by side: what is full is sealed only when the time has moved on.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry<N>) {
        if self.0.is_full() && self.last().is_some_and(|last| last.at < entry.at) {
            self.0.seal();
        }
        self.0.push_beside(entry);
    }

    /// Those after the first so many, which are all of one event.
    #[inline]
    pub(crate) fn of_event(&self, seen: usize) -> &[Entry<N>] {
        let unsealed = self.0.unsealed();
        &unsealed[unsealed.len() - (self.len() - seen)..]
    }
}

/// The note of this number.
impl<N> Index<usize> for History<N> {
    type Output = Entry<N>;

    fn index(&self, number: usize) -> &Entry<N> {
        self.0.get(number).expect("so many notes there are")
    }
}

impl<N> Default for History<N> {
    fn default() -> Self {
        History(Chunks::default())
    }
}

impl<N: PartialEq> PartialEq for History<N> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<N> FromIterator<Entry<N>> for History<N> {
    fn from_iter<I: IntoIterator<Item = Entry<N>>>(entries: I) -> Self {
        let mut history = History::default();
        entries.into_iter().for_each(|entry| history.push(entry));
        history
    }
}

/// How client operations ended. One without an answer stays open: it may have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
        self.ok = self.ok.saturating_add(other.ok);
        self.failed = self.failed.saturating_add(other.failed);
        self.open = self.open.saturating_add(other.open);
    }
}

/// Counts by name, in order of name.
pub type Counts = BTreeMap<Cow<'static, str>, u64>;

/// Adds the counts of another run.
pub(crate) fn add(counts: &mut Counts, other: &Counts) {
    for (name, count) in other {
        let sum = counts.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*count);
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
pub(crate) fn total<N>(history: &History<N>, kind_of: impl Fn(&N) -> NoteKind) -> Totals {
    let mut totals = Totals::default();
    let Totals { operations, latency, outages, .. } = &mut totals;
    let mut sometimes: Vec<(&'static str, u64)> = Vec::new();
    // Those that a client waits for, and since when.
    let mut waiting = BTreeMap::new();
    for &Entry { at, ref note, .. } in history.iter() {
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
        *totals.sometimes.entry(name.into()).or_default() += count;
    }
    totals
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use recording::NoteKind::{Failed, GivenUp, Invoked, Ok};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn totals_of(kinds: &[(u64, NoteKind)]) -> Totals {
        let entry = |&(ms, note)| Entry { at: Time(0) + MS(ms), node: NodeId(0), note };
        total(&kinds.iter().map(entry).collect(), |kind_of| *kind_of)
    }

    /// In a run of a second.
    fn downtime(kinds: &[(u64, NoteKind)], from: u64, until: u64) -> u64 {
        let fault = (Time(0) + MS(from), Time(0) + MS(until));
        let totals = totals_of(kinds);
        let downtimes = totals.outages.downtimes(Time(0) + MS(1_000), [fault].into_iter());
        downtimes.max().unwrap().as_millis() as u64
    }

    #[test]
    fn the_notes_of_an_event_lie_side_by_side_and_clones_share_those_before() {
        let entry = |number: u64| Entry { at: Time(number / 3), node: NodeId(0), note: number };
        let mut history = History::default();
        for number in 0..10_000 {
            history.push(entry(number));
            let event = number / 3 * 3;
            let notes = history.of_event(event as usize).iter().map(|entry| entry.note);
            assert!(notes.eq(event..=number));
        }
        let clone = history.clone();
        let shared = |(ours, theirs): (&Entry<u64>, &Entry<u64>)| std::ptr::eq(ours, theirs);
        assert_eq!(
            history.iter().zip(clone.iter()).take_while(|&both| shared(both)).count(),
            8_192
        );
        assert_eq!((history.len(), history.last().unwrap().note), (10_000, 9_999));
        assert!(
            history == clone && history.since(9_998).map(|entry| entry.note).eq([9_998, 9_999])
        );
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
