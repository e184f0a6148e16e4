//! The promise `stable-leader`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{NodeId, Time};
use raft::Term;
use sim::Breach;

use super::MemberView;

/// Once a healed leader has led for an election timeout, no healed node follows a node outside of
/// the healed into a term that this one began then.
pub(super) struct StableLeader {
    election_timeout: Duration,
    /// All terms that any node was ever in.
    begun: BTreeSet<Term>,
    /// The term of each node.
    terms: BTreeMap<NodeId, Term>,
    /// The healed node of the highest term that leads, and since when.
    leader: Option<(Term, NodeId, Time)>,
    /// Terms that a node outside began while a healed leader was firmly in office.
    intrusions: BTreeMap<Term, (NodeId, Time)>,
}

impl StableLeader {
    pub(super) fn new(election_timeout: Duration) -> StableLeader {
        StableLeader {
            election_timeout,
            begun: BTreeSet::new(),
            terms: BTreeMap::new(),
            leader: None,
            intrusions: BTreeMap::new(),
        }
    }

    /// Looks at a replica that is up; `healed` is false for all of them before the heal.
    pub(super) fn observe(
        &mut self,
        now: Time,
        node: NodeId,
        healed: bool,
        view: MemberView<'_>,
    ) -> Result<(), Breach> {
        let MemberView { term, leads, .. } = view;
        if healed {
            self.watch_office(now, node, term, leads);
        }
        if self.terms.insert(node, term) == Some(term) {
            return Ok(());
        }
        if self.begun.insert(term) && !healed && self.is_firm(now) {
            self.intrusions.insert(term, (node, now));
        }
        match self.intrusions.get(&term) {
            Some((intruder, since)) if healed => Err(Breach::from(format!(
                "{intruder:?} is not among the healed; it began term {term} while they had a leader, \
                 and {node:?} followed it"
            )).on_moment(*since, *intruder)),
            _ => Ok(()),
        }
    }

    fn watch_office(&mut self, now: Time, node: NodeId, term: Term, leads: bool) {
        match self.leader {
            Some((held, holder, _)) if (held, holder) == (term, node) && leads => {}
            Some((_, holder, _)) if holder == node && !leads => self.leader = None,
            Some((held, ..)) if held >= term => {}
            _ if leads => self.leader = Some((term, node, now)),
            _ => {}
        }
    }

    fn is_firm(&self, now: Time) -> bool {
        self.leader.is_some_and(|(.., since)| now >= since + self.election_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, log};
    use super::*;
    use raft::Log;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Nodes 0 to 2 are healed, 3 is not; node 1 leads from 1 s on. Who was in which term when?
    fn judged(moves: &[(u64, u32, Term)]) -> Result<(), Breach> {
        let log: &Log = &log(&[]);
        let mut check = StableLeader::new(MS(100));
        let time = |ms| Time(0) + MS(ms);
        check.observe(time(0), NodeId(3), false, at(3, 5, log))?;
        check.observe(time(1_000), NodeId(1), true, at(1, 2, log).leading())?;
        for &(ms, node, term) in moves {
            check.observe(time(ms), NodeId(node), node != 3, at(node, term, log))?;
            check.observe(time(ms), NodeId(1), true, at(1, 2, log).leading())?;
        }
        Ok(())
    }

    #[test]
    fn a_node_outside_that_deposes_a_leader_is_noticed() {
        let why = judged(&[(1_200, 3, 6), (1_300, 2, 6)]).unwrap_err();
        assert!(why.starts_with("n3 is not among the healed; it began term 6"), "{why}");
    }

    #[test]
    fn it_may_raise_its_term_as_long_as_nobody_follows() {
        assert_eq!(judged(&[(1_200, 3, 6), (1_300, 3, 7), (1_400, 2, 2)]), Ok(()));
    }

    #[test]
    fn terms_that_are_known_or_were_begun_by_the_healed_or_before_a_leader_is_firm_are_no_intrusion()
     {
        assert_eq!(judged(&[(1_200, 2, 5)]), Ok(()), "n3 was in it before the heal");
        assert_eq!(judged(&[(1_200, 2, 6), (1_201, 3, 6), (1_202, 0, 6)]), Ok(()));
        assert_eq!(judged(&[(1_050, 3, 6), (1_300, 2, 6)]), Ok(()));
    }

    #[test]
    fn a_leader_that_gave_up_is_not_in_office() {
        let log = log(&[]);
        let mut check = StableLeader::new(MS(100));
        let mut see =
            |ms, node, view| check.observe(Time(0) + MS(ms), NodeId(node), node != 3, view);
        assert_eq!(see(0, 1, at(1, 2, &log).leading()), Ok(()));
        assert_eq!(see(500, 1, at(1, 2, &log)), Ok(()));
        assert_eq!(see(600, 3, at(3, 3, &log)), Ok(()));
        assert_eq!(see(700, 2, at(2, 3, &log)), Ok(()));
    }
}
