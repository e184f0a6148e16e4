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
use crate::effects::{Effects, Event, FileWork};
use crate::log::{Log, Snapshot, SnapshotFile};
use crate::member::Configuration;
use crate::rpc::{
    Appended, Entry, GroupId, Index, InstallSnapshot, Payload, RequestVote, Rpc, Term,
};
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
        let fx = &mut Effects::default();
        let group = Group::new(who, Arc::default(), how, remembered, &mut now, fx);
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
    let mut whole = Vec::new();
    let mut piece = |last_index, offset, bytes: &'static str, done| {
        let (configuration, bytes) = (Arc::new(Configuration::of([member(0)])), Bytes::from(bytes));
        let (term, round, last_term, crc) = (5, 0, 4, 77);
        let part = InstallSnapshot {
            term,
            round,
            last_index,
            last_term,
            configuration,
            crc,
            offset,
            bytes,
            done,
        };
        let mut fx = story.hear(1, Rpc::InstallSnapshot(part));
        for event in &fx.events {
            match event {
                Event::Piece { first: true, bytes } => whole = bytes.to_vec(),
                Event::Piece { first: false, bytes } => whole.extend_from_slice(bytes),
                _ => {}
            }
        }
        // Until its disk has a piece it says nothing of it.
        let received = fx.files.iter().any(|work| matches!(work, FileWork::Receive { .. }));
        assert_eq!(received, fx.held.is_empty());
        if received {
            let length = whole.len() as u64;
            let file = done.then_some(SnapshotFile { number: 1, length, crc });
            fx = story.act(|group, _, fx| group.received(file, fx));
        }
        let Some((_, Rpc::SnapshotTaken { next, .. })) = fx.held.first() else { panic!("{fx:?}") };
        let restored = fx.events.iter().any(|event| matches!(event, Event::Restored { .. }));
        (*next, restored.then(|| String::from_utf8(whole.clone()).unwrap()))
    };
    assert_eq!(piece(10, 0, "old ", false), (Some(4), None));
    assert_eq!(piece(20, 0, "new ", false), (Some(4), None));
    assert_eq!(piece(10, 4, "and done", true), (Some(0), None), "it begins anew");
    assert_eq!(piece(20, 0, "new ", false), (Some(4), None));
    assert_eq!(piece(20, 4, "state", true), (None, Some("new state".to_owned())));
}

/// Its last piece came in another round, and its leader may lead again, in a later term.
#[test]
fn a_piece_of_an_earlier_term_confirms_no_round() {
    let mut story = Story::in_term(5);
    let part = InstallSnapshot {
        term: 5,
        round: 99,
        last_index: 10,
        last_term: 4,
        configuration: Arc::new(Configuration::of([member(0)])),
        crc: 77,
        offset: 0,
        bytes: Bytes::from_static(b"piece"),
        done: false,
    };
    story.hear(1, Rpc::InstallSnapshot(part));
    story.hear(
        1,
        Rpc::RequestVote(RequestVote {
            term: 6,
            pre: false,
            transfer: true,
            last_index: 9,
            last_term: 9,
        }),
    );
    assert_eq!(story.group.term(), 6);
    let fx = story.act(|group, _, fx| group.received(None, fx));
    let taken = Rpc::SnapshotTaken { term: 6, round: 0, last_index: 10, next: Some(5) };
    assert_eq!(fx.held, [(member(1), taken)]);
}

/// A snapshot is whole when its checksum is the leader's.
#[test]
fn a_snapshot_that_was_altered_is_not_installed() {
    let mut story = Story::in_term(5);
    let part = InstallSnapshot {
        term: 5,
        round: 1,
        last_index: 10,
        last_term: 4,
        configuration: Arc::new(Configuration::of([member(0)])),
        crc: 77,
        offset: 0,
        bytes: Bytes::from_static(b"piece"),
        done: true,
    };
    story.hear(1, Rpc::InstallSnapshot(part));
    let file = Some(SnapshotFile { number: 1, length: 5, crc: 78 });
    let fx = story.act(|group, _, fx| assert!(!group.received(file, fx), "nobody needs the file"));
    let refused = Rpc::SnapshotTaken { term: 5, round: 1, last_index: 10, next: Some(0) };
    assert_eq!(fx.held, [(member(1), refused)]);
    assert_eq!(story.group.log().last_index(), 1);
}

#[test]
fn who_seems_to_lack_what_it_acknowledged_is_told_and_a_refusal_in_an_earlier_term_is_none() {
    let mut story = Story::leading(2);
    let lost = (member(1), Rpc::Lost { term: 2, index: 2, last_term: 2 });
    for (round, hint, told) in [(0, 0, false), (3, 2, false), (3, 1, true)] {
        let outcome = Appended::Conflicts(hint);
        let fx = story.hear(1, Rpc::Appended { term: 2, round, outcome });
        assert_eq!(fx.sends.contains(&lost), told, "round {round}, hint {hint}");
    }
}

/// A leader takes a follower's hint for a loss where an old entry of the same term as one it acknowledged contradicts a
/// new one. And what a member had in an earlier term, a leader may have taken away since.
#[test]
fn a_member_has_lost_what_it_lacks_of_its_leaders_term_and_nothing_else() {
    for (term, index, last_term, lost) in [
        (3, 9, 2, None),
        (4, 3, 2, None),
        (4, 2, 1, None),
        (4, 4, 3, Some((4, 4))),
        (4, 3, 3, Some((3, 3))),
        (4, 9, 4, Some((4, 9))),
        (5, 9, 4, Some((4, 9))),
    ] {
        let mut story = Story::in_term(4);
        for term in [1, 2] {
            story.group.log.append(Entry { term, payload: Payload::Blank });
        }
        let fx = story.hear(1, Rpc::Lost { term, index, last_term });
        assert_eq!(fx.lost, lost, "entry {index} of {last_term}, told in {term}");
    }
    let mut story = Story::in_term(4);
    story.group.log = Log::new(Snapshot { last_index: 7, last_term: 3, ..Snapshot::default() });
    let fx = story.hear(1, Rpc::Lost { term: 4, index: 5, last_term: 2 });
    assert_eq!(fx.lost, None, "a snapshot has it");
}
