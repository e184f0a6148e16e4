//! The follower's part of replication: AppendEntries, receiver implementation (figure 2).

use machine::Now;

use super::{Group, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{AppendEntries, Appended, Entry, Index, Rpc, Term};

impl Group {
    pub(super) fn on_append_entries(
        &mut self,
        from: Member,
        append: AppendEntries,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let (round, outcome) = if self.accept_leader(from, append.term, now, fx) {
            (append.round, self.take(append, fx))
        } else {
            // Rule 1: the term in the answer deposes it. It may lead again, in this term, before the
            // answer comes, and must not take the old round for one of this term.
            (0, Appended::Conflicts(0))
        };
        fx.send_durable(from, Rpc::Appended { term: self.term, round, outcome });
    }

    /// Follows the leader of this message; false if its term is over.
    pub(super) fn accept_leader(
        &mut self,
        from: Member,
        term: Term,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) -> bool {
        if term < self.term {
            return false;
        }
        if term > self.term || !matches!(self.role, Role::Follower) || self.leader != Some(from) {
            self.follow(term, Some(from), now, fx);
        }
        self.heard = Some(now.time);
        self.wait_for_leader(now);
        true
    }

    /// The leader has this member's word that it has this entry. In the leader's term nobody takes it away again: so
    /// it is here, or the disk lost it.
    pub(super) fn on_lost(
        &mut self,
        term: Term,
        (index, last_term): (Index, Term),
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let last = self.log.last_index();
        let has = match self.log.term_at(index) {
            Some(known) => known == last_term,
            // What was compacted away is in the snapshot.
            None => index <= last,
        };
        if self.is_current_term(term, now, fx) && !has {
            fx.note("loss-told");
            fx.lost = Some((index.min(last + 1), index));
        }
    }

    /// Rules 2 to 5.
    fn take(&mut self, append: AppendEntries, fx: &mut Effects) -> Appended {
        let AppendEntries { prev_index, prev_term, entries, leader_commit, .. } = append;
        if let Some(hint) = self.conflict(prev_index, prev_term) {
            return Appended::Conflicts(hint);
        }
        let matches = prev_index + entries.len() as u64;
        self.add_new(prev_index, entries, fx);
        self.commit_index = self.commit_index.max(leader_commit.min(matches));
        Appended::Matches(matches)
    }

    /// Rule 2: is the entry before the new ones missing here? Then this is the last place at which
    /// the leader's log may agree with this one (end of section 5.3: a term at a time).
    fn conflict(&self, index: Index, term: Term) -> Option<Index> {
        if index > self.log.last_index() {
            return Some(self.log.last_index());
        }
        // What was compacted away was committed, and so it is the leader's.
        let other = self.log.term_at(index).filter(|known| *known != term)?;
        if !Mechanism::ConsistencyCheck.on(self.switches) {
            return None;
        }
        let agrees = |index: &Index| self.log.term_at(*index) != Some(other);
        let last = (self.log.first_index() - 1..index).rev().find(agrees);
        Some(last.unwrap_or(self.log.first_index() - 1).max(self.commit_index.min(index - 1)))
    }

    /// Rules 3 and 4: drops what contradicts the leader, and appends what is not here yet.
    fn add_new(&mut self, prev_index: Index, entries: Vec<Entry>, fx: &mut Effects) {
        let mut index = prev_index;
        for entry in entries {
            index += 1;
            match self.log.term_at(index) {
                Some(term) if term == entry.term => continue,
                Some(_) => {
                    fx.note("log-truncated");
                    self.log.truncate(index);
                }
                None if index <= self.log.last_index() => continue,
                None => {}
            }
            fx.append_from(index);
            self.log.append(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::tests::{follower_in, member};

    /// A leader once took the refusal of what it had sent in an earlier term for the answer to a round of
    /// this one, and answered reads that nobody had confirmed (`flapping-leader`, seed 1001760).
    #[test]
    fn a_refusal_confirms_no_round() {
        follower_in(5, |group, now| {
            let (prev_index, prev_term, entries, leader_commit) = (0, 0, Vec::new(), 0);
            let (term, round) = (4, 99);
            let append =
                AppendEntries { term, round, prev_index, prev_term, entries, leader_commit };
            let mut fx = Effects::default();
            group.on_message(member(1), Rpc::AppendEntries(append), now, &mut fx);
            let refusal = Rpc::Appended { term: 5, round: 0, outcome: Appended::Conflicts(0) };
            assert_eq!(fx.held, [(member(1), refusal)]);
        });
    }
}
