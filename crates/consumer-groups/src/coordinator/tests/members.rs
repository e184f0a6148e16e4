//! Who is in a group.

use super::*;

#[test]
fn a_new_group_waits_for_more_members_and_no_longer_than_the_first_one_does() {
    let mut office = Office::new();
    let (_, first) = office.enrol(None);
    office.pass(MS(400));
    let (_, second) = office.enrol(None);
    office.pass(MS(400));
    assert!(office.joined(first).is_none(), "another one came, and so may more");
    office.pass(MS(100));
    let first = office.joined(first).unwrap().unwrap();
    let second = office.joined(second).unwrap().unwrap();
    assert_eq!((first.generation, second.generation), (1, 1));
    assert_eq!(first.members.len() + second.members.len(), 2, "only the leader is told of both");
    assert_eq!(office.state(), "CompletingRebalance");

    let mut office = Office::new();
    let (_, first) = office.enrol(None);
    for _ in 0..5 {
        office.pass(MS(399));
        assert!(office.joined(first).is_none());
        office.enrol(None);
    }
    office.pass(MS(5));
    assert!(office.joined(first).is_some(), "after its rebalance timeout");
}

#[test]
fn nobody_learns_an_assignment_before_it_is_durable() {
    let (mut office, leader, other) = Office::two();
    let joins = [&leader, &other].map(|it| office.ask(Ask::JoinGroup(join(&it.member, None))));
    // The leader's joining began a generation, to which the other came.
    let [leader, other] = joins.map(|token| office.joined(token).unwrap().unwrap());
    office.holds = true;
    let follower = office.sync(&member(&other), Vec::new());
    let lead = office.lead(&leader);
    assert_eq!((office.synced(lead), office.synced(follower)), (None, None));
    office.release(Ok(()));
    assert_eq!(office.synced(lead), Some(Ok(has(&leader.member))));
    assert_eq!(office.synced(follower), Some(Ok(has(&other.member))));
}

#[test]
fn an_assignment_that_is_not_kept_is_nobodys_and_all_join_again() {
    let (mut office, leader, other) = Office::two();
    let joins = [&leader, &other].map(|it| office.ask(Ask::JoinGroup(join(&it.member, None))));
    let [leader, other] = joins.map(|token| office.joined(token).unwrap().unwrap());
    office.holds = true;
    let syncs = [office.sync(&member(&other), Vec::new()), office.lead(&leader)];
    office.release(Err(ErrorCode::NotEnoughReplicasAfterAppend));
    let refused = Some(Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(syncs.map(|token| office.synced(token)), [refused.clone(), refused]);
    assert_eq!(office.beat(&member(&leader)), Err(ErrorCode::RebalanceInProgress));
    let joins = [&leader, &other].map(|it| office.ask(Ask::JoinGroup(join(&it.member, None))));
    let again = office.joined(joins[0]).unwrap().unwrap();
    assert_eq!(again.generation, leader.generation + 1);
}

#[test]
fn who_is_silent_goes_and_the_others_join_again() {
    let (mut office, one, other) = Office::two();
    office.pass(MS(400));
    assert_eq!(office.beat(&one), Ok(()));
    office.pass(MS(300));
    assert_eq!(office.beat(&other), Err(ErrorCode::UnknownMemberId));
    assert_eq!(office.beat(&one), Err(ErrorCode::RebalanceInProgress));
    let again = office.ask(Ask::JoinGroup(join(&one.member, None)));
    let again = office.joined(again).unwrap().unwrap();
    assert_eq!((again.generation, again.members.len()), (2, 1));
    assert_eq!(office.beat(&one), Err(ErrorCode::IllegalGeneration));
    assert_eq!(office.beat(&member(&again)), Ok(()), "while it waits for its assignment");
}

#[test]
fn who_does_not_join_again_in_time_is_left_out() {
    let (mut office, leader, other) = Office::two();
    let again = office.ask(Ask::JoinGroup(join(&leader.member, None)));
    for _ in 0..4 {
        office.pass(MS(490));
        assert_eq!(office.beat(&other), Err(ErrorCode::RebalanceInProgress), "it is alive");
        assert!(office.joined(again).is_none());
    }
    office.pass(MS(40));
    assert_eq!(office.joined(again).unwrap().unwrap().members.len(), 1);
    assert_eq!(office.beat(&other), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_leader_that_says_nothing_is_left_out() {
    let (mut office, leader, other) = Office::two();
    let joins = [&leader, &other].map(|it| office.ask(Ask::JoinGroup(join(&it.member, None))));
    let [leader, other] = joins.map(|token| office.joined(token).unwrap().unwrap());
    let waits = office.sync(&member(&other), Vec::new());
    for _ in 0..4 {
        office.pass(MS(499));
        assert_eq!(office.beat(&member(&leader)), Ok(()), "it is alive");
    }
    office.pass(MS(5));
    assert_eq!(office.synced(waits), Some(Err(ErrorCode::RebalanceInProgress)));
    assert_eq!(office.beat(&member(&leader)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(office.described().members.len(), 1, "who waited was not silent");
}

#[test]
fn what_is_kept_of_a_generation_that_is_over_is_nobodys() {
    let (mut office, leader, other) = Office::two();
    let both = [&leader.member, &other.member];
    let joins = both.map(|id| office.ask(Ask::JoinGroup(join(id, None))));
    let [second, _] = joins.map(|token| office.joined(token).unwrap().unwrap());
    office.holds = true;
    let late = office.lead(&second);
    office.now(leave(&other));
    assert_eq!(office.synced(late), Some(Err(ErrorCode::RebalanceInProgress)));
    let again = office.ask(Ask::JoinGroup(join(&leader.member, None)));
    let third = office.joined(again).unwrap().unwrap();
    let waits = office.sync(&Member { generation: 3, ..leader.clone() }, Vec::new());
    office.release_one();
    assert_eq!((third.generation, office.synced(waits)), (3, None), "the second's is kept");
    assert_eq!(office.state(), "CompletingRebalance");
    office.release(Ok(()));
    assert_eq!(office.synced(waits), Some(Ok(Bytes::new())), "and now the third's");
}

#[test]
fn a_member_that_goes_on_leaves_no_timers_behind() {
    let (mut office, leader, other) = Office::two();
    for _ in 0..10 {
        office.pass(MS(100));
        assert_eq!([office.beat(&leader), office.beat(&other)], [Ok(()); 2]);
        assert_eq!(office.coordinator.due.len(), 1);
    }
}

#[test]
fn an_id_that_nobody_joins_with_holds_nobody_up_for_longer_than_a_session() {
    let mut office = Office::new();
    let Answer::Joined(Err(_)) = office.now(Ask::JoinGroup(join("", None))) else { panic!() };
    let (_, one) = office.enrol(None);
    office.pass(MS(500));
    assert!(office.joined(one).is_some(), "a first generation has its time");
    let mut office = Office::two().0;
    let Answer::Joined(Err(_)) = office.now(Ask::JoinGroup(join("", None))) else { panic!() };
    assert_eq!(office.state(), "Stable", "it is no member yet");
    office.pass(MS(700));
    assert_eq!(office.state(), "Empty");
}

#[test]
fn a_join_whose_answer_was_lost_is_answered_again() {
    let (mut office, leader, other) = Office::two();
    let again = office.ask(Ask::JoinGroup(join(&other.member, None)));
    let again = office.joined(again).unwrap().unwrap();
    assert_eq!((again.generation, again.members.len()), (1, 0), "a member has what it has");
    let mut wants_more = join(&other.member, None);
    wants_more.protocols[0].1 = Bytes::from_static(b"t, u");
    let changed = office.ask(Ask::JoinGroup(wants_more.clone()));
    assert_eq!(
        office.beat(&leader),
        Err(ErrorCode::RebalanceInProgress),
        "it wants something else"
    );
    let repeated = office.ask(Ask::JoinGroup(wants_more.clone()));
    assert_eq!(office.joined(changed), Some(Err(ErrorCode::RebalanceInProgress)), "asked anew");
    let lead = office.ask(Ask::JoinGroup(join(&leader.member, None)));
    let first = office.joined(lead).unwrap().unwrap();
    let lead = office.ask(Ask::JoinGroup(join(&leader.member, None)));
    assert_eq!(office.joined(lead), Some(Ok(first)), "in the same generation");
    assert_eq!(office.joined(repeated).unwrap().unwrap().generation, 2);
}

#[test]
fn who_leaves_leaves_a_new_generation_behind() {
    let (mut office, leader, other) = Office::two();
    assert!(matches!(office.now(leave(&other)), Answer::Left(Ok(left)) if left[0].1.is_ok()));
    let unknown =
        |left: &[(Leaver, Result<(), ErrorCode>)]| left[0].1 == Err(ErrorCode::UnknownMemberId);
    assert!(matches!(office.now(leave(&other)), Answer::Left(Ok(left)) if unknown(&left)));
    assert_eq!(office.beat(&leader), Err(ErrorCode::RebalanceInProgress));
    office.now(leave(&leader));
    assert_eq!((office.state(), office.described().members.len()), ("Empty", 0));
    let (_, one) = office.enrol(None);
    office.pass(MS(500));
    assert_eq!(office.joined(one).unwrap().unwrap().generation, 3);
}

#[test]
fn a_static_member_comes_back_to_what_it_had() {
    let mut office = Office::new();
    let (_, one) = office.enrol(Some("a"));
    let (_, two) = office.enrol(Some("b"));
    office.pass(MS(500));
    let [one, two] = [one, two].map(|token| office.joined(token).unwrap().unwrap());
    let (leader, other) = if one.members.is_empty() { (two, one) } else { (one, two) };
    let syncs = [office.lead(&leader), office.sync(&member(&other), Vec::new())];
    assert!(syncs.iter().all(|token| office.synced(*token).unwrap().is_ok()));
    let instance = |id: &Name| {
        leader.members.iter().find(|(member, ..)| member == id).unwrap().1.clone().unwrap()
    };
    for (old, leads) in [(&other, false), (&leader, true)] {
        let name = instance(&old.member);
        office.holds = true;
        let (_, back) = office.enrol(Some(&name));
        assert!(office.joined(back).is_none(), "its new id is not kept yet");
        office.release(Ok(()));
        let back = office.joined(back).unwrap().unwrap();
        assert_eq!((back.generation, back.skips_assignment), (1, leads));
        assert!(back.member != old.member && back.leader != back.member && back.members.is_empty());
        let sync = office.sync(&member(&back), Vec::new());
        assert_eq!(office.synced(sync), Some(Ok(has(&old.member))), "what it had");
        let zombie = Member { instance: Some(name), ..member(old) };
        assert_eq!(office.beat(&zombie), Err(ErrorCode::FencedInstanceId));
        assert_eq!(office.beat(&member(old)), Err(ErrorCode::UnknownMemberId));
    }
    let mut next = Office::over(office.log.clone(), 0, 2, tuning());
    assert_eq!(next.described(), office.described());
}

#[test]
fn members_agree_on_what_all_can_do_and_most_like() {
    let mut office = Office::new();
    let can = |names: &[&str]| {
        let protocols = names.iter().map(|name| (Name::from(*name), Bytes::new())).collect();
        Ask::JoinGroup(JoinGroup { protocols, knows_member_ids: false, ..join("", None) })
    };
    let first = office.ask(can(&["a", "b", "c"]));
    let others = [["c", "b"], ["b", "c"], ["b", "c"]].map(|names| office.ask(can(&names)));
    for nothing in [&["a"][..], &["d"], &[]] {
        let Answer::Joined(Err(refused)) = office.now(can(nothing)) else { panic!() };
        assert_eq!(refused.error, ErrorCode::InconsistentGroupProtocol);
    }
    office.pass(MS(500));
    let joined = office.joined(first).unwrap().unwrap();
    assert_eq!(&*joined.protocol, "b", "three like it most, and a not all can do");
    assert!(
        others
            .iter()
            .all(|token| office.joined(*token).unwrap().unwrap().protocol == joined.protocol)
    );
}

#[test]
fn a_session_is_neither_too_short_nor_too_long() {
    let mut office = Office::new();
    for session_timeout in [MS(99), MS(1_800_001)] {
        let join = JoinGroup { session_timeout, ..join("", None) };
        let Answer::Joined(Err(refused)) = office.now(Ask::JoinGroup(join)) else { panic!() };
        assert_eq!(refused.error, ErrorCode::InvalidSessionTimeout);
    }
}

#[test]
fn members_have_only_so_much_memory_and_give_it_back() {
    let mut office = Office::new();
    let metadata = Bytes::from(vec![0; 10 << 20]);
    let heavy = || {
        let protocols = vec![("range".into(), metadata.clone())];
        JoinGroup { protocols, knows_member_ids: false, ..join("", None) }
    };
    let joins: Vec<_> = (0..8).map(|_| office.ask(Ask::JoinGroup(heavy()))).collect();
    let refused = joins.iter().filter_map(|token| office.joined(*token));
    let full = Err(ErrorCode::GroupMaxSizeReached);
    assert!(refused.eq([full.clone(), full]), "the seventh is beyond 64 MiB");
    office.pass(MS(500));
    let joined = office.joined(joins[0]).unwrap().unwrap();
    let again = JoinGroup { member: joined.member.clone(), ..heavy() };
    office.now(Ask::JoinGroup(again));
    office.now(leave(&member(&joined)));
    let next = office.ask(Ask::JoinGroup(heavy()));
    assert_eq!(office.joined(next), None, "there is room for one");
    office.pass(MS(60_000));
    assert_eq!((office.state(), office.coordinator.weight), ("Empty", 0));

    let (office, ..) = Office::two();
    let weight = office.coordinator.weight;
    let mut office = Office::over(office.log, 0, 2, tuning());
    assert!(weight > 0 && office.coordinator.weight > 0, "a next coordinator counts them too");
    office.coordinator.resign(0);
    assert_eq!(office.coordinator.weight, 0);
}

/// Who is in keeps its place, whatever others take.
#[test]
fn who_wants_no_more_than_it_has_is_never_refused() {
    let (mut office, first, _) = Office::two();
    office.coordinator.weight = MOST_BYTES;
    let rejoin = JoinGroup { member: first.member.clone(), ..join("", None) };
    let again = office.ask(Ask::JoinGroup(rejoin.clone()));
    assert_ne!(office.joined(again), Some(Err(ErrorCode::GroupMaxSizeReached)));
    let protocols = vec![("range".into(), Bytes::from(vec![0; 1 << 10]))];
    let more = office.ask(Ask::JoinGroup(JoinGroup { protocols, ..rejoin }));
    assert_eq!(office.joined(more), Some(Err(ErrorCode::GroupMaxSizeReached)));
}
