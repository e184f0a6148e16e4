//! Stale messages: what belongs to an earlier round, term or snapshot counts for nothing now.
//!
//! Links bring messages late, and scenarios meet these orders only by luck. So each is told here, message
//! by message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::{Generation, Now, Random, Time, Wall};
use rand::SeedableRng;

use super::tests::member;
use super::{Consistency, Group, Remembered, Role};
use crate::effects::{Effects, Event};
use crate::log::Log;
use crate::member::Configuration;
use crate::rpc::{Appended, Entry, GroupId, Index, InstallSnapshot, Payload, Rpc, Term};
use crate::tuning::Tuning;

const MS: Duration = Duration::from_millis(1);

/// Member 0 of three, and its clock.
struct Story {
    group: Group,
    random: Random,
    time: Time,
}

impl Story {
    /// It remembers its term and the founders, and booted so long ago that it protects nobody.
    fn in_term(term: Term) -> Story {
        let founders = Arc::new(Configuration::of((0..3).map(member)));
        let mut log = Log::default();
        log.append(Entry { term: 1, payload: Payload::Configuration(founders) });
        let remembered = Some(Remembered { term, voted_for: None, log });
        let mut random = Random::seed_from_u64(1);
        let (who, how) = ((GroupId(0), member(0)), (Tuning::default(), machine::Switches::ALL_ON));
        let mut now = at(Time(0), &mut random);
        let group = Group::new(who, &[], how, remembered, &mut now, &mut Effects::default());
        Story { group, random, time: Time(0) + 2 * Tuning::default().election_timeout }
    }

    /// It was elected by member 1 in this term, and has committed its first entry.
    fn leading(term: Term) -> Story {
        let mut story = Story::in_term(term - 1);
        story.act(|group, now, fx| group.campaign(false, now, fx));
        story.act(|group, now, fx| group.persisted((term, 1), now, fx));
        story.hear(1, Rpc::Vote { term, pre: false, granted: true });
        story.act(|group, now, fx| group.persisted((term, 2), now, fx));
        story.answer(1, 2);
        assert!(story.group.leads() && story.group.commit_index() == 2);
        while story.group.next_committed().is_some() {}
        story
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Group, &mut Now<'_>, &mut Effects) -> R) -> Effects {
        let mut fx = Effects::default();
        act(&mut self.group, &mut at(self.time, &mut self.random), &mut fx);
        fx
    }

    fn hear(&mut self, from: u32, rpc: Rpc) -> Effects {
        self.act(|group, now, fx| group.on_message(member(from), rpc, now, fx))
    }

    /// Member 1 answers this round: it has everything up to there.
    fn answer(&mut self, round: u64, matches: Index) {
        let term = self.group.term();
        self.hear(1, Rpc::Appended { term, round, outcome: Appended::Matches(matches) });
    }

    /// Is a read answered, if it is asked now and nobody else is?
    fn reads_by_lease(&mut self, token: u64) -> bool {
        self.act(|group, now, fx| group.read(Consistency::Lease, token, now, fx));
        self.group.next_readable().is_some()
    }
}

fn at(time: Time, random: &mut Random) -> Now<'_> {
    Now { time, wall: Wall(0), generation: Generation::default(), random }
}

#[test]
fn a_read_is_confirmed_by_no_round_that_began_before_it() {
    let mut story = Story::leading(2);
    story.time = story.time + 60 * MS;
    story.act(Group::tick);
    story.act(|group, now, fx| group.read(Consistency::Index, 7, now, fx));
    story.answer(2, 2);
    assert_eq!(story.group.next_readable(), None, "the heartbeat was sent before the read came");
    story.answer(3, 2);
    assert_eq!(story.group.next_readable(), Some(Event::Readable { token: 7, index: 2 }));
}

/// Those who are asked hold their votes back from the moment in which they are asked.
#[test]
fn a_lease_lasts_from_the_question_and_not_from_the_answer() {
    let lease = Tuning::default().lease();
    let mut story = Story::leading(2);
    let asked = story.time + 60 * MS;
    story.time = asked;
    story.act(Group::tick);
    story.time = asked + lease - 2 * MS;
    story.answer(2, 2);
    story.time = asked + lease - MS;
    assert!(story.reads_by_lease(7));
    story.time = asked + lease;
    assert!(!story.reads_by_lease(8), "its voters may have elected another");
}

/// It would depose a leader whom all others protect, since who was told to campaign says so.
#[test]
fn a_leader_of_an_earlier_term_has_no_successor() {
    for (term, obeyed) in [(4, false), (5, true)] {
        let mut story = Story::in_term(5);
        let fx = story.hear(1, Rpc::TimeoutNow { term });
        let campaigns = matches!(story.group.role(), Role::Candidate(_));
        assert_eq!((campaigns, !fx.held.is_empty()), (obeyed, obeyed), "told in term {term}");
        assert_eq!(story.group.term(), if obeyed { 6 } else { 5 });
    }
}

#[test]
fn of_the_snapshot_before_no_byte_is_kept() {
    let mut story = Story::in_term(5);
    let mut piece = |last_index, offset, bytes: &'static str, done| {
        let (configuration, bytes) = (Arc::new(Configuration::of([member(0)])), Bytes::from(bytes));
        let (term, round, last_term) = (5, 0, 4);
        let part = InstallSnapshot {
            term,
            round,
            last_index,
            last_term,
            configuration,
            offset,
            bytes,
            done,
        };
        let fx = story.hear(1, Rpc::InstallSnapshot(part));
        let Some((_, Rpc::SnapshotTaken { next, .. })) = fx.held.first() else { panic!("{fx:?}") };
        let restored = fx.events.iter().find_map(|event| match event {
            Event::Restored { state, .. } => Some(state.clone()),
            _ => None,
        });
        (*next, restored)
    };
    assert_eq!(piece(10, 0, "old ", false), (Some(4), None));
    assert_eq!(piece(20, 0, "new ", false), (Some(4), None));
    assert_eq!(piece(10, 4, "and done", true), (Some(0), None), "it begins anew");
    assert_eq!(piece(20, 0, "new ", false), (Some(4), None));
    assert_eq!(piece(20, 4, "state", true), (None, Some(Bytes::from("new state"))));
}
