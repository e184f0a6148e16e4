//! The promises `one-leader-per-term` and `leader-completeness`: who leads, and with which log.

use std::collections::BTreeMap;

use machine::{NodeId, Time};
use raft::{Index, Member, Term};
use sim::{Breach, Evidence};

use super::{Invariant, MemberView};

/// Election Safety, in the paper's figure 3. A node with another disk is another member.
#[derive(Default)]
pub(super) struct OneLeaderPerTerm {
    /// And since when.
    leaders: BTreeMap<Term, (Member, Time)>,
}

impl Invariant for OneLeaderPerTerm {
    fn observe(&mut self, node: NodeId, view: Option<MemberView<'_>>) -> Result<(), Breach> {
        let Some(MemberView { member, term, now, .. }) = view.filter(|view| view.leads) else {
            return Ok(());
        };
        let (first, since) = *self.leaders.entry(term).or_insert((member, now));
        if first == member {
            return Ok(());
        }
        let why = if first.node == node {
            format!("{node:?} led in term {term} with the disk that it lost, and leads again")
        } else {
            format!("{first:?} and {node:?} lead in term {term}")
        };
        let value = Evidence::Value(format!("term {term}"));
        Err(Breach::from(why).on_moment(since, first.node).on(value))
    }
}

/// An entry that was committed: its term, and the term in which that happened.
struct Committed {
    term: Term,
    by: Term,
    /// Where that was known first, and when.
    at: (Time, NodeId),
}

/// Leader Completeness: what a leader has committed is in the logs of the leaders of all later terms,
/// whichever of the two came first. A leader of an earlier term that is elected late need not have it.
#[derive(Default)]
pub(super) struct LeaderCompleteness {
    /// From index 1 on; nothing, where nobody has seen the entry.
    committed: Vec<Option<Committed>>,
    /// Those who lead: in which term, and up to where their log was compared.
    leaders: BTreeMap<NodeId, (Term, Index)>,
}

impl Invariant for LeaderCompleteness {
    fn observe(&mut self, node: NodeId, view: Option<MemberView<'_>>) -> Result<(), Breach> {
        let Some(view) = view else {
            self.leaders.remove(&node);
            return Ok(());
        };
        // It may have heard of them in an earlier term than its own, never in a later one.
        for index in self.committed.len() as Index + 1..=view.commit {
            let term = view.log.term_at(index);
            self.committed.push(term.map(|term| Committed {
                term,
                by: view.term,
                at: (view.now, node),
            }));
        }
        if !view.leads {
            self.leaders.remove(&node);
            return Ok(());
        }
        let (term, compared) = self.leaders.entry(node).or_default();
        if *term != view.term {
            (*term, *compared) = (view.term, 0);
        }
        let all = self.committed.len() as Index;
        // What was compacted away was applied, so it was committed.
        let from = (*compared + 1).max(view.log.first_index().saturating_sub(1)).max(1);
        *compared = all;
        for index in from..=all {
            let Some(entry) = &self.committed[index as usize - 1] else { continue };
            let here = view.log.term_at(index);
            if entry.by < view.term && here != Some(entry.term) {
                let Committed { term, by, at: (since, first) } = entry;
                let here = here.map_or("nothing".into(), |term| format!("one of term {term}"));
                let why = format!(
                    "{node:?} leads in term {}, and where an entry of term {term} was committed in \
                     term {by}, at index {index}, it has {here}",
                    view.term
                );
                let value = Evidence::Value(format!("the entry at index {index}"));
                return Err(Breach::from(why).on_moment(*since, *first).on(value));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use machine::DiskId;

    use super::super::tests::{at, log};
    use super::*;

    #[test]
    fn two_leaders_in_one_term_are_noticed_whenever_they_led() {
        let log = log(&[1]);
        let mut check = OneLeaderPerTerm::default();
        let leader = |node, term| at(node, term, &log).leading();
        assert_eq!(check.observe(NodeId(0), Some(leader(0, 1))), Ok(()));
        assert_eq!(check.observe(NodeId(1), Some(at(1, 1, &log))), Ok(()), "it follows");
        assert_eq!(check.observe(NodeId(0), None), Ok(()));
        assert_eq!(check.observe(NodeId(1), Some(leader(1, 2))), Ok(()));
        assert_eq!(check.observe(NodeId(0), Some(leader(0, 3))), Ok(()));
        let why = check.observe(NodeId(2), Some(leader(2, 1))).unwrap_err();
        assert_eq!(why, "n0 and n2 lead in term 1");
        let mut other = leader(0, 1);
        other.member.disk = DiskId(8);
        let why = check.observe(NodeId(0), Some(other)).unwrap_err();
        assert_eq!(why, "n0 led in term 1 with the disk that it lost, and leads again");
    }

    #[test]
    fn a_leader_without_what_was_committed_before_it_is_noticed() {
        let (full, short, other) = (log(&[1, 1, 2]), log(&[1, 1]), log(&[1, 1, 1]));
        let mut check = LeaderCompleteness::default();
        let mut see = |view: MemberView<'_>| check.observe(view.member.node, Some(view));
        assert_eq!(see(at(0, 2, &full).leading().committed(3)), Ok(()));
        assert_eq!(see(at(1, 1, &short)), Ok(()), "a follower may be late");
        assert_eq!(see(at(1, 3, &full).leading()), Ok(()));
        let why = see(at(2, 4, &short).leading()).unwrap_err();
        assert!(why.ends_with("at index 3, it has nothing"), "{why}");
        let why = see(at(0, 5, &other).leading()).unwrap_err();
        assert!(why.ends_with("at index 3, it has one of term 1"), "{why}");
    }

    #[test]
    fn a_leader_that_is_elected_late_need_not_know_of_later_terms() {
        let (new, old) = (log(&[1, 3]), log(&[1]));
        let mut check = LeaderCompleteness::default();
        let mut see = |view: MemberView<'_>| check.observe(view.member.node, Some(view));
        assert_eq!(see(at(0, 3, &new).leading().committed(2)), Ok(()));
        assert_eq!(see(at(1, 2, &old).leading()), Ok(()));
        assert!(see(at(1, 4, &old).leading()).is_err());
    }

    #[test]
    fn what_an_earlier_leader_commits_after_the_election_is_looked_for_too() {
        let (old, new) = (log(&[1, 1]), log(&[1, 2]));
        let mut check = LeaderCompleteness::default();
        let mut see = |view: MemberView<'_>| check.observe(view.member.node, Some(view));
        assert_eq!(see(at(1, 2, &new).leading().committed(0)), Ok(()));
        assert_eq!(see(at(0, 1, &old).leading().committed(2)), Ok(()));
        assert!(see(at(1, 2, &new).leading()).is_err());
    }

    #[test]
    fn what_was_compacted_away_is_not_missed() {
        let mut compacted = log(&[1, 1, 2, 2]);
        compacted.compact(compacted.snapshot_at(3), 0, 0);
        let full = log(&[1, 1, 2, 2]);
        let mut check = LeaderCompleteness::default();
        let mut see = |view: MemberView<'_>| check.observe(view.member.node, Some(view));
        assert_eq!(see(at(0, 2, &full).leading().committed(4)), Ok(()));
        assert_eq!(see(at(1, 3, &compacted).leading().committed(3)), Ok(()));
    }
}
