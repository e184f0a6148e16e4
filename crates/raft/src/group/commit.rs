//! The commit rule: an entry that a majority has on its disks is committed (figure 2, leaders).

use machine::Now;

use super::{Group, Role};
use crate::effects::Effects;
use crate::mechanism::Mechanism;
use crate::member::{ANY_DISK, Member};
use crate::rpc::{Appended, Entry, Index, Rpc, Term};

impl Group {
    /// The log up to here is durable on this member's own disk, as of a moment in this term.
    pub(crate) fn persisted(
        &mut self,
        (term, last_index): (Term, Index),
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        if term != self.term {
            return;
        }
        match &mut self.role {
            Role::Candidate(_) => self.on_vote(self.me, term, false, true, now, fx),
            Role::Leader(leadership) => {
                leadership.persisted(last_index);
                self.advance_commit_index(now, fx);
            }
            _ => {}
        }
    }

    /// A follower answered.
    pub(super) fn on_appended(
        &mut self,
        from: Member,
        round: u64,
        outcome: Appended,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        let last = self.log.last_index();
        let Role::Leader(leadership) = &mut self.role else { return };
        let Some(progress) = leadership.followers.get_mut(&from) else { return };
        (progress.round, progress.heard) = (progress.round.max(round), now.time);
        leadership.target.hear(from);
        match outcome {
            Appended::Matches(index) if index <= last => progress.matches(index),
            Appended::Matches(_) => return,
            Appended::Conflicts(hint) => {
                let index = progress.matched;
                // What is said of an earlier term answers no round. A disk that has no identity may be another.
                let lacks = round > 0 && hint < index && from.disk != ANY_DISK;
                if lacks && Mechanism::TellLost.on(self.switches) {
                    let last_term = self.log.term_at(index).unwrap_or_default();
                    fx.send(from, Rpc::Lost { term: self.term, index, last_term });
                }
                progress.conflicts(hint);
            }
        }
        leadership.unsent = true;
        self.advance_commit_index(now, fx);
        if self.log.configuration().learners.contains(&from) {
            self.advance_change(now, fx);
        }
        self.confirm_reads(now, fx);
        self.hand_over(fx);
    }

    /// If there is an entry that a majority has, and it is of this term, then it is committed, and with
    /// it all before it (figure 2, leaders; why only of this term: section 5.4.2 and figure 8).
    pub(super) fn advance_commit_index(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        let Role::Leader(leadership) = &self.role else { return };
        let index = self.log.configuration().reached(|member| leadership.matched(member));
        let of_this_term = self.log.term_at(index) == Some(self.term)
            || !Mechanism::CommitOnlyCurrentTerm.on(self.switches);
        if index > self.commit_index && of_this_term {
            let before = self.commit_index;
            self.commit_index = index;
            // The newest configuration, or that of the leader before, is committed only now.
            if before < self.log.configured_at() || self.log.term_at(before) != Some(self.term) {
                self.advance_change(now, fx);
            }
            self.ask_for_reads(now, fx);
        }
    }

    /// Is there an entry to be applied?
    pub(crate) fn has_committed(&self) -> bool {
        self.applied_index < self.commit_index && self.log.entry(self.applied_index + 1).is_some()
    }

    /// The next entry to be applied.
    pub(crate) fn next_committed(&mut self) -> Option<(Index, Entry)> {
        if self.applied_index >= self.commit_index {
            return None;
        }
        let entry = self.log.entry(self.applied_index + 1)?.clone();
        self.applied_index += 1;
        Some((self.applied_index, entry))
    }
}
