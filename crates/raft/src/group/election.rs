//! Elections: pre-vote, votes, and who is protected from them.
//!
//! Section 5.2 and 5.4.1 of the paper; pre-vote and the protection of a leader that is well are
//! sections 9.6 and 4.2.3 of Ongaro's thesis.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Now, Time, nanos};
use rand::RngExt;

use super::{Group, Leadership, Role};
use crate::effects::{Effects, Event};
use crate::mechanism::Mechanism;
use crate::member::Member;
use crate::rpc::{Entry, Payload, RequestVote, Rpc, Term};

/// Who is for this member.
pub type Votes = BTreeSet<Member>;

impl Group {
    /// Gives the leader, if there is one, between one and two election timeouts to be heard. The
    /// chance keeps candidates from meeting again and again.
    pub(super) fn wait_for_leader(&mut self, now: &mut Now<'_>) {
        let timeout = nanos(self.tuning.election_timeout);
        let wait = now.random.random_range(timeout..2 * timeout);
        self.election_due = now.time + Duration::from_nanos(wait);
    }

    /// Would the others elect me? Asking costs nobody anything.
    pub(super) fn ask_for_pre_votes(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        fx.note("leader-missed");
        (self.leader, self.handed_over) = (None, 0);
        self.role = Role::PreCandidate(Votes::new());
        self.wait_for_leader(now);
        self.ask_voters(self.term + 1, true, false, fx);
        self.on_vote(self.me, self.term + 1, true, true, now, fx);
    }

    /// Starts an election (figure 2, candidates). The own vote counts when it is durable.
    pub(super) fn campaign(&mut self, transfer: bool, now: &mut Now<'_>, fx: &mut Effects) {
        self.follow(self.term + 1, None, now, fx);
        if transfer {
            self.handed_over = self.term;
        }
        self.voted_for = Some(self.me);
        self.role = Role::Candidate(Votes::new());
        self.wait_for_leader(now);
        self.ask_voters(self.term, false, transfer, fx);
        fx.note("campaigned");
    }

    /// The candidate's own vote is durable before a request leaves.
    fn ask_voters(&self, term: Term, pre: bool, transfer: bool, fx: &mut Effects) {
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        let request = RequestVote { term, pre, transfer, last_index, last_term };
        for member in self.log.configuration().members() {
            if member != self.me && self.log.configuration().votes(member) {
                fx.send_durable(member, Rpc::RequestVote(request));
            }
        }
    }

    pub(super) fn on_request_vote(
        &mut self,
        from: Member,
        request: RequestVote,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        self.tell_members(from, fx);
        if self.is_protecting(request, now.time) {
            fx.note("leader-protected");
            if request.pre {
                fx.send_durable(from, Rpc::Vote { term: self.term, pre: true, granted: false });
            }
            return;
        }
        if request.pre {
            let granted = request.term > self.term && self.is_up_to_date(request);
            let term = if granted { request.term } else { self.term };
            return fx.send_durable(from, Rpc::Vote { term, pre: true, granted });
        }
        if request.transfer {
            self.handed_over = self.handed_over.max(request.term);
        }
        let free = self.is_current_term(request.term, now, fx)
            && self.voted_for.is_none_or(|candidate| candidate == from);
        let granted = free && self.is_up_to_date(request);
        if granted {
            fx.state |= self.voted_for.replace(from).is_none();
            self.wait_for_leader(now);
        }
        fx.send_durable(from, Rpc::Vote { term: self.term, pre: false, granted });
    }

    /// Is there, or may there be, a leader that a majority is content with? A lease rests on this: who
    /// was asked by a leader votes for no other within an election timeout. After a restart it is not
    /// known any more who asked.
    fn is_protecting(&self, request: RequestVote, now: Time) -> bool {
        let timeout = self.tuning.election_timeout;
        let just = |then: Time| now.since(then) < timeout;
        let forgot = just(self.booted) && Mechanism::LeaseMargin.on(self.switches);
        let hears = self.leads() || self.leader.is_some() && self.heard.is_some_and(just);
        !request.transfer && (hears || forgot && !request.pre)
    }

    /// Section 5.4.1: later last term, or the same and no shorter a log.
    fn is_up_to_date(&self, request: RequestVote) -> bool {
        let theirs = (request.last_term, request.last_index);
        theirs >= (self.log.last_term(), self.log.last_index())
            || !Mechanism::UpToDateVote.on(self.switches)
    }

    pub(super) fn on_vote(
        &mut self,
        from: Member,
        term: Term,
        pre: bool,
        granted: bool,
        now: &mut Now<'_>,
        fx: &mut Effects,
    ) {
        if !granted {
            self.is_current_term(term, now, fx);
            return;
        }
        let wanted = if pre { self.term + 1 } else { self.term };
        let votes = match &mut self.role {
            Role::PreCandidate(votes) if pre && term == wanted => votes,
            Role::Candidate(votes) if !pre && term == wanted => votes,
            _ => return,
        };
        votes.insert(from);
        let votes = &*votes;
        if self.log.configuration().is_quorum(|member| votes.contains(&member)) {
            if pre { self.campaign(false, now, fx) } else { self.lead(now, fx) }
        }
    }

    /// Elected. The blank entry lets it commit what its predecessors left (section 8).
    fn lead(&mut self, now: &mut Now<'_>, fx: &mut Effects) {
        (self.leader, self.active) = (Some(self.me), now.time);
        let (members, last) = (self.log.configuration().members(), self.log.last_index());
        self.role = Role::Leader(Box::new(Leadership::new(self.me, &members, last, now.time)));
        fx.events.push(Event::Leads { term: self.term });
        fx.note("elected");
        self.append(Entry { term: self.term, payload: Payload::Blank }, fx);
        self.broadcast(now, fx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::tests::{follower_in, member};

    /// In a term that was known before, the vote alone is what must be remembered.
    #[test]
    fn a_vote_is_written_and_then_sent_and_there_is_one_a_term() {
        follower_in(5, |group, now| {
            let (term, pre, transfer, last_index, last_term) = (5, false, false, 0, 0);
            let request = RequestVote { term, pre, transfer, last_index, last_term };
            for (candidate, granted, written) in
                [(1, true, true), (2, false, false), (1, true, false)]
            {
                let mut fx = Effects::default();
                group.on_message(member(candidate), Rpc::RequestVote(request), now, &mut fx);
                assert_eq!(fx.held, [(member(candidate), Rpc::Vote { term, pre, granted })]);
                assert!(fx.sends.is_empty() && group.voted_for() == Some(member(1)));
                assert_eq!(fx.state, written, "candidate {candidate}");
            }
        });
    }
}
