//! How far a group has read.

use super::*;

#[test]
fn groups_are_where_kafka_has_them() {
    assert_eq!(partition_of("hello", 1 << 30), 99_162_322);
    assert_eq!(partition_of("polygenelubricants", 50), 0, "it has the smallest hash of all");
    assert_eq!(partition_of("console-consumer-1", 50), {
        let hash = "console-consumer-1"
            .bytes()
            .fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        hash.unsigned_abs() % 50
    });
}

#[test]
fn only_who_has_a_part_in_the_generation_commits() {
    let (mut office, leader, other) = Office::two();
    assert_eq!(office.commit_now(&leader, 0, 5), Ok(()));
    assert_eq!(office.commit_now(&nobody(), 0, 9), Err(ErrorCode::UnknownMemberId));
    let stranger = Member { member: "x".into(), ..leader.clone() };
    assert_eq!(office.commit_now(&stranger, 0, 9), Err(ErrorCode::UnknownMemberId));
    // The leader's joining begins a generation; what was read until then may be committed.
    let joins = [office.ask(Ask::JoinGroup(join(&leader.member, None)))];
    assert_eq!(office.commit_now(&other, 1, 6), Ok(()));
    let joins = [joins[0], office.ask(Ask::JoinGroup(join(&other.member, None)))];
    let joined = joins.map(|token| office.joined(token).unwrap().unwrap());
    assert_eq!(office.commit_now(&other, 1, 9), Err(ErrorCode::IllegalGeneration));
    let in_between = office.commit_now(&member(&joined[1]), 1, 9);
    assert_eq!(in_between, Err(ErrorCode::RebalanceInProgress));
    assert_eq!(office.offsets(), [(0, 5), (1, 6)]);

    let off = GroupTuning { fences_generations: false, ..tuning() };
    let mut office = Office::over(office.log, 0, 2, off);
    assert_eq!(office.commit_now(&stranger, 0, 9), Ok(()));
}

#[test]
fn an_offset_is_known_when_it_is_durable() {
    let mut office = Office::new();
    assert_eq!(office.commit_now(&nobody(), 0, 5), Ok(()), "where nobody is, anybody may");
    office.holds = true;
    let commits = [office.commit(&nobody(), 0, 6), office.commit(&nobody(), 1, 7)];
    assert_eq!((office.committed(commits[0]), office.offsets()), (None, vec![(0, 5)]));
    office.release(Ok(()));
    assert_eq!(commits.map(|token| office.committed(token)), [Some(Ok(())); 2]);
    assert_eq!(office.offsets(), [(0, 6), (1, 7)]);
    office.holds = true;
    let lost = office.commit(&nobody(), 0, 8);
    office.release(Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(office.committed(lost), Some(Err(ErrorCode::NotCoordinator)));
    assert_eq!(office.offsets(), [(0, 6), (1, 7)]);

    let long = |length| {
        let text = Some("x".repeat(length).into());
        let part = CommitPart { partition: 2, offset: 1, leader_epoch: Some(3), text };
        let topics = vec![(TopicRef::Name("t".into()), vec![part])];
        Ask::Commit(Commit { member: nobody(), topics })
    };
    let token = office.ask(long(4_097));
    assert_eq!(office.committed(token), Some(Err(ErrorCode::OffsetMetadataTooLarge)));
    let token = office.ask(long(4_096));
    assert_eq!(office.committed(token), Some(Ok(())));
}

#[test]
fn what_is_not_there_cannot_be_committed() {
    let mut office = Office::new();
    let part = |partition| CommitPart { partition, offset: 1, leader_epoch: None, text: None };
    let topics = vec![
        (TopicRef::Name("t".into()), vec![part(0), part(9)]),
        (TopicRef::Name("u".into()), vec![part(0)]),
    ];
    let token = office.ask(Ask::Commit(Commit { member: nobody(), topics }));
    let unknown = Err(ErrorCode::UnknownTopicOrPartition);
    let expected = [
        (TopicRef::Name("t".into()), vec![(0, Ok(())), (9, unknown)]),
        (TopicRef::Name("u".into()), vec![(0, unknown)]),
    ];
    assert_eq!(office.answers.remove(&token), Some(Answer::Committed(expected.into())));
    assert_eq!(office.offsets(), [(0, 1)]);
}

#[test]
fn a_topic_that_goes_takes_its_offsets_along_for_good() {
    let mut office = Office::new();
    assert_eq!(office.commit_now(&nobody(), 0, 5), Ok(()));
    office.forget_topics(|topic| &**topic == "t");
    assert_eq!(office.offsets(), [(0, 5)], "it is there");
    office.forget_topics(|_| false);
    assert_eq!(office.offsets(), []);
    // Whoever coordinates next knows it too, and a topic that is made anew begins with nothing.
    let mut office = Office::over(office.log, 0, 2, tuning());
    assert_eq!(office.offsets(), []);
    assert_eq!(office.commit_now(&nobody(), 0, 1), Ok(()));
    assert_eq!(office.offsets(), [(0, 1)]);
}
