//! The promises `log-matching` and `state-machine-safety`: what logs hold, and what becomes of it.

use std::collections::BTreeMap;

use machine::{NodeId, Time};
use raft::{Entry, Index, Log, Snapshot, Term};
use sim::{Breach, Evidence};

use super::{Invariant, MemberView};

/// Where something was seen first, and when.
type First = (Time, NodeId);

/// Log Matching, in the paper's figure 3: where two logs hold an entry of one index and term, they
/// hold the same entry, and the same before it. It is enough that the entry before is of the same
/// term in both: then that, too, is the same.
#[derive(Default)]
pub(super) struct LogMatching {
    /// All that were ever seen: each with the term of the entry before it, and where and when that was.
    entries: BTreeMap<(Index, Term), (Entry, Term, First)>,
    /// How each log was when it was looked at: its revision and its last index.
    seen: BTreeMap<NodeId, (u64, Index)>,
}

impl Invariant for LogMatching {
    fn observe(&mut self, node: NodeId, view: Option<MemberView<'_>>) -> Result<(), Breach> {
        let Some(MemberView { log, now: at, .. }) = view else {
            self.seen.remove(&node);
            return Ok(());
        };
        let now = (log.revision(), log.last_index());
        let before = self.seen.insert(node, now);
        if before == Some(now) {
            return Ok(());
        }
        (new_from(before, now).max(log.first_index())..=log.last_index())
            .try_for_each(|index| self.compare((at, node), log, index))
    }
}

/// Since then entries were added and none was dropped; or nobody knows, and all are new.
fn new_from(before: Option<(u64, Index)>, (revision, last): (u64, Index)) -> Index {
    let Some((old_revision, old_last)) = before else { return 1 };
    match (revision.checked_sub(old_revision), last.checked_sub(old_last)) {
        // Every change of the log is one entry more.
        (Some(changes), Some(more)) if changes == more => old_last + 1,
        _ => 1,
    }
}

impl LogMatching {
    fn compare(
        &mut self,
        (at, node): (Time, NodeId),
        log: &Log,
        index: Index,
    ) -> Result<(), Breach> {
        let (Some(entry), Some(before)) = (log.entry(index), log.term_at(index - 1)) else {
            return Ok(());
        };
        let (known, known_before, (since, other)) = self
            .entries
            .entry((index, entry.term))
            .or_insert_with(|| (entry.clone(), before, (at, node)));
        let place = format_args!("index {index} of term {}", entry.term);
        let why = if known != entry {
            format!("{node:?} has another entry at {place} than {other:?} had")
        } else if *known_before != before {
            format!(
                "before {place} {node:?} has an entry of term {before}, and {other:?} had one of \
                 term {known_before}"
            )
        } else {
            return Ok(());
        };
        let value = Evidence::Value(format!("the entry at index {index}"));
        Err(Breach::from(why).on_moment(*since, *other).on(value))
    }
}

/// State Machine Safety: no two replicas ever apply different entries at one index, nor is one's
/// snapshot of an index another than the other's.
#[derive(Default)]
pub(super) struct StateMachineSafety {
    /// From index 1 on; nothing, where nobody has seen the entry.
    applied: Vec<Option<(Entry, First)>>,
    snapshots: BTreeMap<Index, (Snapshot, First)>,
    /// Up to where each replica has applied, and of which index its snapshot is.
    seen: BTreeMap<NodeId, (Index, Index)>,
}

impl Invariant for StateMachineSafety {
    fn observe(&mut self, node: NodeId, view: Option<MemberView<'_>>) -> Result<(), Breach> {
        let Some(view) = view else {
            self.seen.remove(&node);
            return Ok(());
        };
        let snapshot = view.log.snapshot().last_index;
        let before = self.seen.insert(node, (view.applied, snapshot)).unwrap_or_default();
        if before == (view.applied, snapshot) {
            return Ok(());
        }
        for index in before.0 + 1..=view.applied {
            if let Some(entry) = view.log.entry(index) {
                self.compare_entry((view.now, node), index, entry)?;
            }
        }
        if before.1 == snapshot { Ok(()) } else { self.compare_state((view.now, node), view.log) }
    }
}

impl StateMachineSafety {
    fn compare_entry(
        &mut self,
        (at, node): (Time, NodeId),
        index: Index,
        entry: &Entry,
    ) -> Result<(), Breach> {
        let place = index as usize - 1;
        if self.applied.len() <= place {
            self.applied.resize(place + 1, None);
        }
        let (applied, (since, other)) =
            self.applied[place].get_or_insert_with(|| (entry.clone(), (at, node)));
        if applied == entry {
            return Ok(());
        }
        let why = format!(
            "at index {index} {other:?} applied an entry of term {}, and {node:?} another, of term \
             {}",
            applied.term, entry.term
        );
        Err(on_index(why, index, (*since, *other)))
    }

    fn compare_state(&mut self, (at, node): (Time, NodeId), log: &Log) -> Result<(), Breach> {
        let snapshot = log.snapshot();
        let (index, term) = (snapshot.last_index, snapshot.last_term);
        let applied = self.applied.get((index as usize).wrapping_sub(1));
        if let Some(Some((entry, (since, other)))) = applied
            && entry.term != term
        {
            let why = format!(
                "at index {index} {other:?} applied an entry of term {}, and the snapshot of \
                 {node:?} ends there with one of term {term}",
                entry.term
            );
            return Err(on_index(why, index, (*since, *other)));
        }
        let first = || (snapshot.clone(), (at, node));
        let (known, (since, other)) = self.snapshots.entry(index).or_insert_with(first);
        if known.is_like(snapshot) {
            return Ok(());
        }
        let why =
            format!("the snapshots of {other:?} and {node:?} at index {index} are not the same");
        Err(on_index(why, index, (*since, *other)))
    }
}

/// What rests on what was done at an index first.
fn on_index(why: String, index: Index, (since, first): (Time, NodeId)) -> Breach {
    let value = Evidence::Value(format!("the entry at index {index}"));
    Breach::from(why).on_moment(since, first).on(value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use raft::{Configuration, Member, SnapshotFile};

    use super::super::tests::{at, entry, log};
    use super::*;

    /// A snapshot of a log, with a state of such a checksum.
    fn of_state(log: &Log, index: Index, crc: u32) -> Snapshot {
        let file = Some(SnapshotFile { number: 1, length: 5, crc });
        Snapshot { file, ..log.snapshot_at(index) }
    }

    #[test]
    fn logs_that_agree_match_however_far_they_are_and_whatever_was_dropped() {
        let mut check = LogMatching::default();
        let mut see = |node, log: &Log| check.observe(NodeId(node), Some(at(node, 9, log)));
        let mut one = log(&[1, 1, 2]);
        assert_eq!(see(0, &one), Ok(()));
        assert_eq!(see(1, &log(&[1, 1])), Ok(()));
        assert_eq!(see(2, &log(&[1, 1, 3, 3])), Ok(()), "of other terms");
        one.truncate(3);
        one.append(entry(3, 3));
        assert_eq!(see(0, &one), Ok(()));
        one.compact(one.snapshot_at(2), 0, 0);
        one.append(entry(3, 4));
        assert_eq!(see(0, &one), Ok(()));
    }

    #[test]
    fn another_entry_of_the_same_index_and_term_is_noticed() {
        let mut check = LogMatching::default();
        let mut see = |node, log: &Log| check.observe(NodeId(node), Some(at(node, 9, log)));
        let (mut one, mut two) = (log(&[1, 1]), log(&[1]));
        assert_eq!(see(0, &one), Ok(()));
        assert_eq!(see(1, &two), Ok(()));
        two.append(entry(1, 77));
        let why = see(1, &two).unwrap_err();
        assert_eq!(why, "n1 has another entry at index 2 of term 1 than n0 had");
        // Below one that is the same, where a log was cut.
        one.append(entry(2, 3));
        assert_eq!(see(0, &one), Ok(()));
        let mut cut = log(&[1, 1]);
        assert_eq!(see(2, &cut), Ok(()));
        cut.truncate(2);
        cut.append(entry(1, 78));
        cut.append(entry(2, 3));
        assert!(see(2, &cut).is_err());
    }

    #[test]
    fn another_past_of_the_same_entry_is_noticed() {
        let mut check = LogMatching::default();
        let mut see = |node, log: &Log| check.observe(NodeId(node), Some(at(node, 9, log)));
        assert_eq!(see(0, &log(&[1, 1, 3])), Ok(()));
        let why = see(1, &log(&[1, 2, 3])).unwrap_err();
        let expected =
            "before index 3 of term 3 n1 has an entry of term 2, and n0 had one of term 1";
        assert_eq!(why, expected);
        // After a snapshot, too.
        let mut check = LogMatching::default();
        let mut see = |node, log: &Log| check.observe(NodeId(node), Some(at(node, 9, log)));
        assert_eq!(see(0, &log(&[1, 1, 3])), Ok(()));
        let snapshot = Snapshot { last_index: 2, last_term: 2, ..Snapshot::default() };
        let mut restored = Log::new(snapshot);
        restored.append(entry(3, 3));
        assert!(see(1, &restored).is_err());
    }

    #[test]
    fn a_log_that_is_another_after_a_restart_is_looked_at_as_a_whole() {
        let mut check = LogMatching::default();
        assert_eq!(check.observe(NodeId(0), Some(at(0, 9, &log(&[1, 1])))), Ok(()));
        assert_eq!(check.observe(NodeId(0), None), Ok(()));
        let mut other = Log::default();
        [55, 2, 3].into_iter().for_each(|says| other.append(entry(1, says)));
        assert!(check.observe(NodeId(0), Some(at(0, 9, &other))).is_err());
    }

    #[test]
    fn replicas_that_apply_the_same_are_safe() {
        let (one, mut two) = (log(&[1, 1, 2, 2]), log(&[1, 1, 2, 2]));
        let mut check = StateMachineSafety::default();
        let mut see = |view: MemberView<'_>| check.observe(view.member.node, Some(view));
        assert_eq!(see(at(0, 2, &one).applied(3)), Ok(()));
        assert_eq!(see(at(1, 2, &two).applied(2)), Ok(()));
        two.compact(of_state(&two, 3, 7), 1, 100);
        assert_eq!(see(at(1, 2, &two).applied(4)), Ok(()));
        assert_eq!(see(at(2, 2, &log(&[1, 3])).applied(1)), Ok(()), "the rest is not applied");
    }

    #[test]
    fn another_entry_or_another_state_is_noticed() {
        let (one, mut two) = (log(&[1, 1, 2]), log(&[1, 2, 2]));
        let mut check = StateMachineSafety::default();
        let mut see = |view: MemberView<'_>| check.observe(view.member.node, Some(view));
        assert_eq!(see(at(0, 2, &one).applied(2)), Ok(()));
        assert_eq!(see(at(1, 2, &two).applied(1)), Ok(()));
        let why = see(at(1, 2, &two).applied(2)).unwrap_err();
        assert!(
            why.starts_with("at index 2 n0 applied an entry of term 1, and n1 another"),
            "{why}"
        );
        // In a snapshot it shows by its term, or as another state.
        two.compact(of_state(&two, 2, 7), 0, 0);
        assert!(
            see(at(2, 2, &two).applied(2)).unwrap_err().contains("ends there with one of term 2")
        );
        let state = |crc| {
            let mut log = one.clone();
            log.compact(of_state(&log, 1, crc), 0, 0);
            log
        };
        assert_eq!(see(at(3, 2, &state(1)).applied(1)), Ok(()));
        assert_eq!(see(at(4, 2, &state(1)).applied(1)), Ok(()));
        let why = see(at(5, 2, &state(2)).applied(1)).unwrap_err();
        assert_eq!(why, "the snapshots of n3 and n5 at index 1 are not the same");
        let configuration = Arc::new(Configuration::of([Member::default()]));
        let other = Log::new(Snapshot { configuration, ..state(1).snapshot().clone() });
        assert!(see(at(6, 2, &other).applied(1)).is_err(), "other members");
    }
}
