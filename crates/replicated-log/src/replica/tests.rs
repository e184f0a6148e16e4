//! One replica of a partition, as its leader and its followers meet it.

mod rig;

use super::*;
use crate::ask::Acks;
use crate::message::{Message, ReplicaFetched};
use rig::{Rig, batch, fetch};

/// What was answered to producers, in order.
fn produced(events: &[ReplicaEvent]) -> Vec<(u64, Result<Offset, ErrorCode>)> {
    let told = |event: &ReplicaEvent| match event {
        ReplicaEvent::Produced { request, outcome, .. } => Some((*request, *outcome)),
        _ => None,
    };
    events.iter().filter_map(told).collect()
}

#[test]
fn a_record_is_acknowledged_when_all_who_count_have_synced_it() {
    let mut rig = Rig::leading("123", 5);
    rig.produce(7, &batch(2), Acks::All).unwrap();
    rig.fetched_by(2, fetch(5, 2, Some(5)));
    rig.fetched_by(3, fetch(5, 2, Some(5)));
    assert_eq!(produced(&rig.take()), [], "its own disk has not synced it");
    rig.settle();
    assert_eq!((produced(&rig.take()), rig.replica.high_watermark()), (vec![(7, Ok(0))], 2));

    rig.produce(8, &batch(1), Acks::All).unwrap();
    rig.settle();
    rig.fetched_by(2, fetch(5, 3, Some(5)));
    assert_eq!((produced(&rig.take()), rig.replica.high_watermark()), (vec![], 2), "3 counts too");
    rig.fetched_by(3, fetch(5, 3, Some(5)));
    assert_eq!((produced(&rig.take()), rig.replica.high_watermark()), (vec![(8, Ok(2))], 3));
}

#[test]
fn with_one_acknowledgement_the_own_disk_is_enough_and_no_less() {
    let mut rig = Rig::leading("123", 5);
    rig.produce(7, &batch(2), Acks::Leader).unwrap();
    assert_eq!(produced(&rig.take()), []);
    rig.settle();
    assert_eq!((produced(&rig.take()), rig.replica.high_watermark()), (vec![(7, Ok(0))], 0));
}

#[test]
fn fetches_of_another_epoch_count_for_nothing_until_it_is_there() {
    let mut rig = Rig::leading("12", 5);
    rig.produce(7, &batch(1), Acks::All).unwrap();
    rig.settle();
    rig.take();
    rig.fetched_by(2, fetch(4, 1, Some(4)));
    assert_eq!((produced(&rig.take()), rig.answers()), (vec![], vec![]), "an earlier one");
    rig.fetched_by(2, fetch(6, 1, Some(5)));
    assert_eq!((produced(&rig.take()), rig.answers()), (vec![], vec![]), "one that is to come");
    rig.decide("12", Some(1), 6);
    assert_eq!(rig.replica.high_watermark(), 1, "it has come");
    assert_eq!(produced(&rig.take()), [(7, Err(ErrorCode::NotLeaderOrFollower))]);
}

#[test]
fn below_the_minimum_nothing_is_taken_and_nothing_acknowledged() {
    let mut rig = Rig::leading("1", 5);
    let refused = rig.produce(7, &batch(1), Acks::All);
    assert_eq!((refused, rig.replica.log.end_offset()), (Err(ErrorCode::NotEnoughReplicas), 0));
    rig.produce(8, &batch(1), Acks::Leader).unwrap();
    rig.settle();
    assert_eq!(produced(&rig.take()), [(8, Ok(0))]);
    assert_eq!(rig.replica.high_watermark(), 0, "who asked for less shows it to nobody");
}

#[test]
fn without_a_session_nothing_is_taken_and_what_waits_goes_on_waiting() {
    let mut rig = Rig::leading("12", 5);
    rig.produce(7, &batch(1), Acks::All).unwrap();
    rig.is_alive = false;
    rig.settle();
    rig.fetched_by(2, fetch(5, 1, Some(5)));
    assert_eq!((produced(&rig.take()), rig.replica.high_watermark()), (vec![], 0));
    let refused = rig.produce(8, &batch(1), Acks::Leader);
    assert_eq!(refused, Err(ErrorCode::NotLeaderOrFollower));
    rig.is_alive = true;
    rig.with(|replica, turn| replica.acknowledge_what_is_kept(turn));
    assert_eq!((produced(&rig.take()), rig.replica.high_watermark()), (vec![(7, Ok(0))], 1));
}

#[test]
fn a_follower_says_that_it_has_what_it_has_synced() {
    let mut rig = Rig::following(5);
    let asked = |rig: &mut Rig| {
        rig.asks().into_iter().map(|it| (it.from, it.last_epoch)).collect::<Vec<_>>()
    };
    assert_eq!(asked(&mut rig), [(0, None)]);
    rig.gets(0, 0, vec![batch(2).stamped(0, 3), batch(1).stamped(2, 4)]);
    assert_eq!((rig.replica.log.end_offset(), asked(&mut rig)), (3, vec![]), "nothing is synced");
    rig.settle();
    assert_eq!(asked(&mut rig), [(3, Some(4))]);
    rig.gets(2, 0, vec![batch(1).stamped(2, 4)]);
    assert_eq!(rig.replica.log.end_offset(), 3, "an answer to what was not asked");
}

#[test]
fn a_follower_knows_no_watermark_beyond_its_end() {
    let mut rig = Rig::following(5);
    rig.gets(0, 9, vec![batch(2).stamped(0, 5)]);
    assert_eq!(rig.replica.high_watermark(), 2);
}

#[test]
fn a_follower_cuts_where_its_log_and_its_leaders_part() {
    // It has epoch 1 up to 3, epoch 3 up to 5, and the watermark is 4.
    for (epoch, leaders_end, left) in [
        // The leader's epoch ends first, or the follower's own does.
        (3, 4, 4),
        (1, 2, 2),
        (1, 9, 3),
        // An epoch that the follower has not: what it has of those before it stays.
        (2, 4, 3),
        (0, 0, 0),
    ] {
        let mut rig = Rig::following(5);
        rig.gets(
            0,
            0,
            vec![batch(3).stamped(0, 1), batch(1).stamped(3, 3), batch(1).stamped(4, 3)],
        );
        rig.settle();
        rig.gets(5, 4, Vec::new());
        let case = format!("epoch {epoch} ends at {leaders_end}");
        assert_eq!((rig.asks().pop().unwrap().from, rig.replica.high_watermark()), (5, 4));
        rig.parts(5, (epoch, leaders_end));
        // In the middle of a batch all of it goes.
        let left = if left == 2 { 0 } else { left };
        assert_eq!(rig.replica.log.end_offset(), left, "{case}");
        assert_eq!(rig.replica.high_watermark(), left.min(4), "{case}");
        assert_eq!(rig.asks().len(), 0, "{case}: it is not gone from the disk yet");
        rig.settle();
        assert_eq!(rig.asks().pop().map(|it| it.from), Some(left), "{case}");
    }
}

#[test]
fn a_leader_says_where_logs_part() {
    for (last_epoch, from, says) in [
        // The same epoch, and no more of it than the leader has.
        (Some(3), 5, None),
        (Some(1), 2, None),
        (None, 0, None),
        // More of an epoch than the leader has of it.
        (Some(1), 4, Some((1, 3))),
        (Some(3), 6, Some((3, 5))),
        // An epoch that the leader has not: the largest below it.
        (Some(2), 4, Some((1, 3))),
        (Some(4), 5, Some((3, 5))),
        // None is below.
        (Some(0), 2, Some((0, 0))),
    ] {
        let mut rig = Rig::following(5);
        rig.gets(0, 0, vec![batch(3).stamped(0, 1), batch(2).stamped(3, 3)]);
        rig.settle();
        rig.decide("12", Some(1), 6);
        rig.answers();
        rig.fetched_by(2, fetch(6, from, last_epoch));
        let said = rig.answers().into_iter().find_map(|answer| answer.diverging);
        assert_eq!(said, says, "from {from}, of epoch {last_epoch:?}");
        assert_eq!(rig.replica.high_watermark(), if says.is_none() { from } else { 0 });
    }
}

#[test]
fn who_has_all_that_may_be_read_is_proposed_and_who_falls_behind_too() {
    let mut rig = Rig::leading("12", 5);
    rig.produce(7, &batch(2), Acks::All).unwrap();
    rig.settle();
    rig.fetched_by(2, fetch(5, 2, Some(5)));
    rig.fetched_by(3, fetch(5, 1, Some(5)));
    assert_eq!(rig.proposed(), None, "1 is below the watermark");
    rig.fetched_by(3, fetch(5, 2, Some(5)));
    assert_eq!(rig.proposed().as_deref(), Some("123"));

    rig.produce(8, &batch(1), Acks::All).unwrap();
    rig.settle();
    rig.fetched_by(2, fetch(5, 3, Some(5)));
    assert_eq!(rig.replica.high_watermark(), 2, "who is proposed counts");
    rig.decide("123", Some(1), 5);
    rig.fetched_by(3, fetch(5, 3, Some(5)));
    assert_eq!(rig.replica.high_watermark(), 3);

    rig.produce(9, &batch(1), Acks::All).unwrap();
    rig.settle();
    rig.time = rig.time + rig.tuning.lag;
    rig.fetched_by(2, fetch(5, 4, Some(5)));
    rig.with(|replica, turn| replica.look_for_lag(turn));
    assert_eq!(rig.proposed().as_deref(), Some("12"));
    assert_eq!(rig.replica.high_watermark(), 3, "who is dropped counts until that is committed");
    rig.decide("12", Some(1), 5);
    assert_eq!(rig.replica.high_watermark(), 4);
}

#[test]
fn a_follower_that_is_told_of_a_later_start_begins_there() {
    let mut rig = Rig::following(5);
    rig.gets(0, 0, vec![batch(2).stamped(0, 5)]);
    rig.settle();
    rig.asks();
    let answer = ReplicaFetched { log_start: 7, ..rig.answer(2, 9, Vec::new()) };
    rig.with(|replica, turn| replica.fetched(NodeId(2), answer, turn));
    rig.settle();
    assert_eq!((rig.replica.log.start_offset(), rig.asks().pop().map(|it| it.from)), (7, Some(7)));
    let sent = rig.sent.iter().filter(|(_, message)| matches!(message, Message::Fetched(_)));
    assert_eq!(sent.count(), 0);
}
