//! What readers wait for, and what producers wait while data move: `wakes-fetch` and `bounded-tail`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Measure, Promise, Verdict, World};

use super::ledger::Newest;
use replicated_log::ask::Acks;
use replicated_log::message::ReplicatedLog;
use replicated_log::note::Note;
use replicated_log::words::{Offset, TopicPartition};

/// From when there is something to read until it is sent.
const WAKE: Duration = Duration::from_millis(50);

/// A fetch, by the broker where it waits, its client and its token.
type Key = (NodeId, NodeId, u64);

#[derive(Default)]
pub(super) struct WakesFetch {
    waiting: BTreeMap<Key, Vec<(TopicPartition, Offset)>>,
    /// Those for which there is something to read, and since when.
    due: BTreeMap<Key, Time>,
    by_time: BTreeSet<(Time, Key)>,
}

impl WakesFetch {
    /// What a note says, and whether a broker is up and not held up by a fault.
    fn look(
        &mut self,
        entry: &Entry<Note>,
        is_well: impl Fn(NodeId) -> bool,
    ) -> Result<(), Breach> {
        let Entry { at, node, note } = entry;
        match note {
            Note::FetchWaits { client, token, at } => {
                self.waiting.insert((*node, *client, *token), at.clone());
            }
            Note::Watermark { partition, to } => {
                let here = (*node, NodeId(0), 0)..=(*node, NodeId(u32::MAX), u64::MAX);
                for (key, wants) in self.waiting.range(here) {
                    let is_there =
                        wants.iter().any(|(wanted, offset)| wanted == partition && offset < to);
                    if is_there && !self.due.contains_key(key) {
                        self.due.insert(*key, *at);
                        self.by_time.insert((*at, *key));
                    }
                }
            }
            Note::FetchAnswered { client, token } => {
                if let Some(since) = self.forget((*node, *client, *token)) {
                    return judge((*node, *client, *token), since, *at);
                }
            }
            Note::Boots { .. } => {
                let keys: Vec<Key> =
                    self.waiting.keys().filter(|(broker, ..)| broker == node).copied().collect();
                for key in keys {
                    self.forget(key);
                }
            }
            _ => {}
        }
        match self.by_time.first().copied() {
            Some((since, key)) if *at > since + WAKE => {
                self.forget(key);
                if is_well(key.0) { judge(key, since, *at) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn forget(&mut self, key: Key) -> Option<Time> {
        self.waiting.remove(&key);
        let since = self.due.remove(&key)?;
        self.by_time.remove(&(since, key));
        Some(since)
    }
}

fn judge((broker, client, _): Key, since: Time, now: Time) -> Result<(), Breach> {
    let late = now.since(since);
    if late <= WAKE {
        return Ok(());
    }
    let why = format!(
        "{client:?} waited {late:?} at {broker:?} for what could be read there since {since:?}"
    );
    Err(Breach::from(why).on_moment(since, broker))
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for WakesFetch {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let is_hit = |node: NodeId| world.active_faults().any(|(hit, _)| hit.contains(&node));
        self.look(entry, |node| world.machine(node).is_some() && !is_hit(node))
    }
}

/// How often it may be as slow while data move as while none do, and what is no matter in any case.
const TIMES: u32 = 3;
const NO_MATTER: Duration = Duration::from_millis(100);
/// Of fewer batches it is not judged.
const ENOUGH: usize = 15;

#[derive(Default)]
pub(super) struct BoundedTail {
    moving: BTreeSet<TopicPartition>,
    newest: Newest,
    /// Those that were sent and are not acknowledged: when, and whether data moved.
    waiting: BTreeMap<u64, (Time, bool)>,
    still: Vec<(Duration, u64)>,
    during: Vec<(Duration, u64)>,
}

impl BoundedTail {
    fn look(&mut self, entry: &Entry<Note>) {
        match &entry.note {
            Note::Partition { partition, is } if self.newest.is_it(*partition, is) => {
                match is.adding.is_empty() {
                    true => self.moving.remove(partition),
                    false => self.moving.insert(*partition),
                };
            }
            Note::Sends { operation, acks: Acks::All, .. } => {
                self.waiting.insert(*operation, (entry.at, !self.moving.is_empty()));
            }
            Note::Acked { operation, .. } => self.took(*operation, entry.at),
            _ => {}
        }
    }

    fn took(&mut self, operation: u64, until: Time) {
        match self.waiting.remove(&operation) {
            Some((since, false)) => self.still.push((until.since(since), operation)),
            Some((since, true)) => self.during.push((until.since(since), operation)),
            None => {}
        }
    }

    fn at_the_end(&mut self, now: Time) -> Verdict {
        let waiting: Vec<u64> = self.waiting.keys().copied().collect();
        waiting.into_iter().for_each(|operation| self.took(operation, now));
        if self.still.len() < ENOUGH || self.during.len() < ENOUGH {
            return Verdict::Held;
        }
        let ((still, _), (during, operation)) = (p99(&mut self.still), p99(&mut self.during));
        if during <= (still * TIMES).max(NO_MATTER) {
            return Verdict::Held;
        }
        let why = format!(
            "while data moved, one batch in a hundred waited {during:?} or more for its acknowledgement, and {still:?} while none did"
        );
        Verdict::Broken(Breach::from(why).on_operation(operation))
    }
}

/// No more than one in a hundred took longer.
fn p99(took: &mut [(Duration, u64)]) -> (Duration, u64) {
    took.sort_unstable();
    took[(took.len() * 99).div_ceil(100) - 1]
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for BoundedTail {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.look(entry);
        Ok(())
    }

    fn end(&mut self, world: &World<M>) -> Verdict {
        self.at_the_end(world.now())
    }

    fn measures(&self, world: &World<M>) -> Vec<Measure> {
        let measure = |label: &str, took: &[(Duration, u64)]| {
            let mut took = took.to_vec();
            let value = if took.is_empty() { 0 } else { p99(&mut took).0.as_millis() as u64 };
            Measure { label: label.into(), value, course: Vec::new(), until: world.now() }
        };
        vec![
            measure("p99 of acknowledgements while no data moved, in ms", &self.still),
            measure("p99 while they moved, in ms (at most three times that, or 100)", &self.during),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::{T0, acked, at, boots, entry, is_so, sends};
    use super::*;
    use replicated_log::cluster::Partition;

    const CLIENT: NodeId = NodeId(9);

    fn woken(notes: &[(u64, Note)], is_well: bool) -> Result<(), Breach> {
        let mut promise = WakesFetch::default();
        notes
            .iter()
            .try_for_each(|(ms, note)| promise.look(&entry(*ms, 1, note.clone()), |_| is_well))
    }

    fn waits(token: u64, offset: Offset) -> Note {
        Note::FetchWaits { client: CLIENT, token, at: vec![(T0, offset)] }
    }

    fn rises(to: Offset) -> Note {
        Note::Watermark { partition: T0, to }
    }

    fn answered(token: u64) -> Note {
        Note::FetchAnswered { client: CLIENT, token }
    }

    #[test]
    fn a_fetch_is_woken_by_what_it_waits_for_and_by_nothing_else() {
        assert_eq!(
            woken(&[(0, waits(1, 5)), (10, rises(6)), (60, answered(1)), (900, rises(7))], true),
            Ok(())
        );
        assert_eq!(
            woken(&[(0, waits(1, 5)), (10, rises(5)), (900, answered(1))], true),
            Ok(()),
            "nothing came"
        );
        assert_eq!(
            woken(&[(0, waits(1, 5)), (5, answered(1)), (10, rises(6)), (900, rises(7))], true),
            Ok(())
        );
        assert_eq!(
            woken(&[(0, waits(1, 5)), (10, rises(6)), (20, boots(7)), (900, rises(7))], true),
            Ok(())
        );
    }

    #[test]
    fn a_fetch_that_sleeps_over_what_came_is_noticed() {
        assert!(
            woken(&[(0, waits(1, 5)), (10, rises(6)), (61, answered(1))], true).is_err(),
            "late"
        );
        let silent = [(0, waits(1, 5)), (10, rises(6)), (500, rises(7))];
        assert!(woken(&silent, true).is_err(), "not at all");
        assert_eq!(woken(&silent, false), Ok(()), "its broker is down, or held up");
    }

    fn moved(adding: &[u32]) -> Note {
        is_so(Partition {
            adding: adding.iter().copied().map(NodeId).collect(),
            ..Partition::default()
        })
    }

    /// Batches that take so long before partitions are moved and meanwhile.
    fn tail(still: u64, during: u64, batches: u64) -> Verdict {
        let mut promise = BoundedTail::default();
        for (begins, takes, numbers) in
            [(0, still, 0..batches), (100_000, during, batches..2 * batches)]
        {
            if begins > 0 {
                promise.look(&entry(begins, 3, moved(&[4])));
            }
            for number in numbers {
                promise.look(&entry(begins + number, 9, sends(number, number, 1)));
                promise.look(&entry(begins + number + takes, 9, acked(number, number)));
            }
        }
        promise.look(&entry(200_000, 3, moved(&[])));
        promise.at_the_end(at(300_000))
    }

    #[test]
    fn a_tail_of_three_times_as_long_is_borne_and_no_more() {
        assert_eq!(tail(50, 150, 100), Verdict::Held);
        assert_eq!(tail(1, 100, 100), Verdict::Held, "no matter");
        assert!(matches!(tail(50, 151, 100), Verdict::Broken(_)));
        assert_eq!(tail(50, 151, 10), Verdict::Held, "of so few nothing can be said");
    }

    #[test]
    fn what_is_never_acknowledged_waited_to_the_end() {
        let mut promise = BoundedTail::default();
        for number in 0..ENOUGH as u64 {
            promise.look(&entry(number, 9, sends(number, number, 1)));
            promise.look(&entry(number + 1, 9, acked(number, number)));
        }
        promise.look(&entry(1_000, 3, moved(&[4])));
        (100..200).for_each(|number| promise.look(&entry(1_000, 9, sends(number, number, 1))));
        assert!(matches!(promise.at_the_end(at(5_000)), Verdict::Broken(_)));
    }
}
