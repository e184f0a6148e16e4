//! What a group does when nothing, or one thing, goes wrong.

use std::time::Duration;

use machine::NodeId;
use raft::{GroupId, Tuning};
use sim::{Fault, Script};

use crate::lists::{Keeper, Word, elect, item, leader, list, world, world_with};

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_command_reaches_every_log() {
    let mut world = world(1, 3, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(100));
    (0..500).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(200));
    let all: Vec<_> = (0..500).map(item).collect();
    for node in (0..3).map(NodeId) {
        assert_eq!(list(&world, node, 0), all, "{node:?}");
    }
}

#[test]
fn a_leader_that_is_gone_is_replaced_and_comes_back() {
    for seed in 0..20 {
        let mut world = world(seed, 3, 3, 1);
        let first = elect(&mut world, 0);
        world.run_for(MS(100));
        (0..50).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
        world.run_for(MS(100));
        let fault = world.crash(first);
        world.run_for(MS(2_000));
        let second = elect(&mut world, 0);
        assert_ne!(first, second);
        (50..100).for_each(|number| world.tell(second, Word::Add(GroupId(0), item(number))));
        world.run_for(MS(100));
        world.end(fault);
        world.run_for(MS(1_000));
        assert_eq!(leader(&world, 0), Some(second), "it was not deposed");
        let all: Vec<_> = (0..100).map(item).collect();
        for node in (0..3).map(NodeId) {
            assert_eq!(list(&world, node, 0), all, "{node:?}");
        }
    }
}

/// What is on its way of all groups together is bounded, or their links would be reset for it again and again: one
/// node leads twelve of these or more, and has more to send at once than a window.
#[test]
fn many_groups_with_long_entries_leave_room_on_their_links() {
    const GROUPS: u32 = 36;
    let mut world = world(21, 3, 3, GROUPS);
    world.run_for(MS(2_000));
    let long = bytes::Bytes::from(vec![7; 1 << 20]);
    for group in 0..GROUPS {
        let leader = elect(&mut world, group);
        world.tell(leader, Word::Add(GroupId(group), long.clone()));
    }
    world.run_for(MS(4_000));
    for node in (0..3).map(NodeId) {
        let keeper = world.machine(node).unwrap();
        assert_eq!(keeper.resets, 0, "{node:?}");
        assert!(keeper.lists[..GROUPS as usize].iter().all(|list| list.len() == 1), "{node:?}");
    }
}

/// One of three was down while five hundred items were added.
struct Away {
    world: sim::World<Keeper>,
    first: NodeId,
    away: NodeId,
    fault: sim::FaultId,
}

fn while_one_is_away(seed: u64) -> Away {
    let tuning = Tuning { keep_entries: 10, snapshot_chunk: 100, ..Tuning::default() };
    let mut world = world_with(seed, 3, 3, 1, tuning);
    let first = elect(&mut world, 0);
    let away = NodeId((first.0 + 1) % 3);
    let fault = world.crash(away);
    (0..500).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(500));
    Away { world, first, away, fault }
}

#[test]
fn who_was_away_for_long_gets_a_snapshot() {
    let Away { mut world, first, away, fault } = while_one_is_away(3);
    world.tell(first, Word::Compact(GroupId(0)));
    world.run_for(MS(100));
    assert!(world.machine(first).unwrap().group(0).unwrap().log().first_index() > 400);
    world.end(fault);
    world.run_for(MS(3_000));
    assert_eq!(list(&world, away, 0), (0..500).map(item).collect::<Vec<_>>());
    let fault = world.power_loss(away);
    world.run_for(MS(10));
    world.end(fault);
    world.run_for(MS(1_000));
    assert_eq!(list(&world, away, 0), (0..500).map(item).collect::<Vec<_>>());
}

/// It took the place of the one that was being written, again and again.
#[test]
fn a_snapshot_ends_however_often_another_is_due_and_however_much_is_added() {
    let mut world = world(12, 3, 3, 1);
    let first = elect(&mut world, 0);
    (0..400).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(500));
    for number in 400..3_400 {
        world.tell(first, Word::Add(GroupId(0), item(number)));
        world.tell(first, Word::Compact(GroupId(0)));
        world.run_for(MS(1));
    }
    let snapshot = world.machine(first).unwrap().group(0).unwrap().log().snapshot().last_index;
    assert!(snapshot >= 400, "none has ended: {snapshot}");
}

/// The leader knows its file again, piece by piece, and asks its owner for the state anew where it does not.
#[test]
fn what_rotted_on_a_leader_is_sent_to_nobody_and_stops_nobody() {
    for (seed, readable) in [(13, true), (14, false)] {
        let Away { mut world, first, away, fault } = while_one_is_away(seed);
        world.tell(first, Word::Compact(GroupId(0)));
        world.run_for(MS(1_000));
        let file = |world: &sim::World<Keeper>| {
            world.machine(first).unwrap().group(0).unwrap().log().snapshot().file.unwrap().number
        };
        let before = file(&world);
        let harm = match readable {
            true => world.bit_rot_in(first, "snapshot", 1),
            false => world.bad_sector_in(first, "snapshot", 1),
        };
        world.end(harm);
        world.end(fault);
        world.run_for(MS(3_000));
        assert_eq!(list(&world, away, 0), (0..500).map(item).collect::<Vec<_>>());
        assert_eq!(leader(&world, 0), Some(first), "nobody stopped");
        assert!(file(&world) > before, "its state was written anew");
    }
}

/// Each looks whether there is room on the way to it, and all see the same room.
#[test]
fn snapshots_of_many_groups_to_one_follower_fit_on_its_link() {
    const GROUPS: u32 = 60;
    let tuning = Tuning { keep_entries: 0, ..Tuning::default() };
    let mut world = world_with(22, 3, 3, GROUPS, tuning);
    world.run_for(MS(2_000));
    for group in 0..GROUPS {
        if elect(&mut world, group) != NodeId(0) {
            let leads = leader(&world, group).unwrap();
            world.tell(leads, Word::Transfer(GroupId(group), Some(NodeId(0))));
        }
    }
    world.run_for(MS(1_000));
    let fault = world.crash(NodeId(1));
    let long = bytes::Bytes::from(vec![7; 250 << 10]);
    for group in 0..GROUPS {
        assert_eq!(leader(&world, group), Some(NodeId(0)));
        world.tell(NodeId(0), Word::Add(GroupId(group), long.clone()));
        world.run_for(MS(10));
        world.tell(NodeId(0), Word::Compact(GroupId(group)));
    }
    world.run_for(MS(2_000));
    world.slow_link([NodeId(0)], [NodeId(1)], 20);
    world.end(fault);
    world.run_for(MS(20));
    let before = world.machine(NodeId(0)).unwrap().resets;
    world.run_for(MS(10_000));
    let [leads, followed] = [0, 1].map(|node| world.machine(NodeId(node)).unwrap());
    for group in 0..GROUPS {
        let has = |keeper: &Keeper| {
            let log = keeper.group(group).unwrap().log();
            (log.snapshot().last_index, keeper.lists[group as usize].concat().len())
        };
        assert_eq!(has(followed), has(leads), "group {group}");
        assert!(has(followed).0 > 0 && has(followed).1 == 250 << 10, "group {group}");
    }
    assert_eq!(leads.resets, before, "their link was reset for the amount");
}

/// Nothing is written as long as nobody lacks what went.
#[test]
fn an_owner_that_keeps_its_state_itself_is_asked_for_it_when_a_follower_lacks_it() {
    let Away { mut world, first, away, fault } = while_one_is_away(3);
    world.tell(first, Word::CompactTo(GroupId(0)));
    world.run_for(MS(1_000));
    let log =
        |world: &sim::World<Keeper>| world.machine(first).unwrap().group(0).unwrap().log().clone();
    assert!(log(&world).first_index() > 400 && log(&world).snapshot().file.is_none());
    world.end(fault);
    world.run_for(MS(3_000));
    assert!(log(&world).snapshot().file.is_some());
    assert_eq!(list(&world, away, 0), (0..500).map(item).collect::<Vec<_>>());
}

#[test]
fn members_change_one_majority_at_a_time() {
    let mut world = world(5, 6, 3, 1);
    let first = elect(&mut world, 0);
    (0..50).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(500));
    world.tell(first, Word::Change(GroupId(0), (3..6).map(NodeId).collect()));
    world.run_for(MS(3_000));
    let second = elect(&mut world, 0);
    assert!(second.0 >= 3, "{second:?}: {:?}", world.history());
    let old: Vec<_> = (0..3).map(|node| world.crash(NodeId(node))).collect();
    world.tell(second, Word::Add(GroupId(0), item(50)));
    world.run_for(MS(500));
    for node in (3..6).map(NodeId) {
        assert_eq!(list(&world, node, 0).len(), 51, "{node:?}");
    }
    drop(old);
}

#[test]
fn a_node_that_lost_its_disk_comes_back_as_another_member() {
    let mut world = world(6, 3, 3, 1);
    let first = elect(&mut world, 0);
    (0..50).for_each(|number| world.tell(first, Word::Add(GroupId(0), item(number))));
    world.run_for(MS(500));
    let lost = NodeId((first.0 + 1) % 3);
    let before = world.machine(lost).unwrap().group(0).unwrap().member();
    let fault = world.disk_replaced(lost);
    world.run_for(MS(100));
    world.end(fault);
    world.run_for(MS(3_000));
    let group = world.machine(lost).unwrap().group(0).unwrap();
    assert_ne!(group.member(), before);
    assert_eq!(list(&world, lost, 0).len(), 50);
    let voters = &group.log().configuration().voters;
    assert!(voters.contains(&group.member()) && !voters.contains(&before), "{voters:?}");
}

#[test]
fn leadership_goes_where_it_is_sent() {
    let mut world = world(7, 3, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(500));
    let next = NodeId((first.0 + 1) % 3);
    world.tell(first, Word::Transfer(GroupId(0), Some(next)));
    world.run_for(MS(50));
    assert_eq!(leader(&world, 0), Some(next));
}

/// Nobody misses a leader that hands over before it goes: no election timeout runs out.
#[test]
fn leadership_goes_to_whoever_can_lead_soonest() {
    for seed in 0..20 {
        let mut world = world(seed, 3, 3, 1);
        let first = elect(&mut world, 0);
        world.run_for(MS(500));
        let late = NodeId((first.0 + 1 + seed as u32 % 2) % 3);
        let fault = world.crash(late);
        world.tell(first, Word::Add(GroupId(0), item(seed)));
        world.run_for(MS(400));
        let seen = world.history().len();
        world.tell(first, Word::Transfer(GroupId(0), None));
        world.run_for(MS(50));
        let next = leader(&world, 0).expect("somebody leads");
        assert!(next != first && next != late, "seed {seed}: {next:?}");
        let missed = world.history().since(seen).any(|entry| entry.note == "leader-missed");
        assert!(!missed, "seed {seed}");
        world.end(fault);
    }
}

/// The gap between two leaders is some messages long, and whoever hands over goes when it knows its successor.
#[test]
fn a_leader_that_is_told_to_stop_hands_all_groups_over_first() {
    for seed in 0..20 {
        let mut world = world(seed, 3, 3, 4);
        let first = elect(&mut world, 0);
        world.run_for(MS(500));
        let seen = world.history().len();
        let led =
            |world: &_, who| (0..4).filter(|group| leader(world, *group) == Some(who)).count();
        assert!(led(&world, first) > 0);
        let now = world.now();
        world.schedule(now, now + MS(400), Fault::RollingRestart { nodes: vec![first.into()] });
        world.run_for(MS(50));
        assert!(world.machine(first).is_none(), "seed {seed}");
        assert!((0..4).all(|group| leader(&world, group).is_some()), "seed {seed}");
        let missed = world.history().iter().skip(seen).any(|entry| entry.note == "leader-missed");
        assert!(!missed, "seed {seed}");
    }
}

#[test]
fn who_leads_nobody_stops_at_once_and_who_finds_no_successor_soon() {
    let mut world = world(7, 3, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(500));
    for follower in [(first.0 + 1) % 3, (first.0 + 2) % 3] {
        let now = world.now();
        world.schedule(
            now,
            now + MS(9_000),
            Fault::RollingRestart { nodes: vec![follower.into()] },
        );
        world.run_until(now);
        assert!(world.machine(NodeId(follower)).is_none());
    }
    let now = world.now();
    world.schedule(now, now + MS(9_000), Fault::RollingRestart { nodes: vec![first.into()] });
    world.run_for(MS(200));
    assert!(world.machine(first).is_some(), "it waits for an election timeout");
    world.run_for(MS(200));
    assert!(world.machine(first).is_none());
}

#[test]
fn whoever_has_no_vote_or_leads_already_is_handed_nothing() {
    let mut world = world(7, 4, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(500));
    for (to, why) in [(NodeId(3), "NoVote"), (first, "Nothing")] {
        world.tell(first, Word::Transfer(GroupId(0), Some(to)));
        world.run_for(MS(100));
        assert_eq!(world.history().last().unwrap().note, why);
        assert_eq!(leader(&world, 0), Some(first));
    }
}

/// Each has members of its own, and what a node has left it does not find again.
#[test]
fn groups_begin_and_end_while_their_nodes_run() {
    let mut world = world(31, 5, 3, 1);
    elect(&mut world, 0);
    let members = [(7, 0..3), (9, 2..5)];
    for (group, nodes) in members.clone() {
        let nodes: Vec<NodeId> = nodes.map(NodeId).collect();
        for node in &nodes {
            world.tell(*node, Word::Found(GroupId(group), nodes.clone()));
        }
    }
    world.run_for(MS(2_000));
    for (group, nodes) in members.clone() {
        let leader = elect(&mut world, group);
        assert!(nodes.contains(&leader.0));
        (0..50).for_each(|number| world.tell(leader, Word::Add(GroupId(group), item(number))));
        world.run_for(MS(200));
        for node in (0..5).map(NodeId) {
            let length = list(&world, node, group).len();
            assert_eq!(length, if nodes.contains(&node.0) { 50 } else { 0 }, "{group} at {node:?}");
        }
    }
    world.tell(NodeId(2), Word::Compact(GroupId(7)));
    world.run_for(MS(500));
    world.tell(NodeId(2), Word::Leave(GroupId(7)));
    world.run_for(MS(100));
    for _ in 0..2 {
        let gone = world.power_loss(NodeId(2));
        world.run_for(MS(10));
        world.end(gone);
        world.run_for(MS(1_000));
        let has = |group| world.machine(NodeId(2)).unwrap().group(group).is_some();
        assert!(has(0) && !has(7) && has(9));
        assert_eq!(list(&world, NodeId(2), 9).len(), 50, "it found the group by itself");
    }
    let seen = world.history().len();
    world.tell(NodeId(2), Word::Found(GroupId(7), vec![NodeId(0), NodeId(1), NodeId(2)]));
    world.run_for(MS(1_000));
    assert!(world.history().iter().skip(seen).any(|entry| entry.note == "nothing to found"));
    assert!(world.machine(NodeId(2)).unwrap().group(7).is_none(), "it would vote again");
    // The other two are a majority.
    let leader = elect(&mut world, 7);
    world.tell(leader, Word::Add(GroupId(7), item(50)));
    world.run_for(MS(200));
    assert_eq!(list(&world, NodeId(0), 7).len(), 51);
}

/// Groups of a node share timers and messages: a thousand idle ones cost no more messages than one.
#[test]
fn idle_groups_cost_next_to_nothing() {
    let events = |groups| {
        let mut world = world(8, 3, 3, groups);
        world.run_for(MS(5_000));
        let before = world.events();
        world.run_for(MS(5_000));
        world.events() - before
    };
    let (one, many) = (events(1), events(300));
    assert!(many < 8 * one, "{many} events with 300 groups, {one} with one");
}

/// A process that is down refuses streams; a leader that tried again as soon as it was refused would do
/// nothing else.
#[test]
fn a_follower_that_is_down_costs_no_more_than_one_that_is_up() {
    let mut world = world(9, 3, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(500));
    let five_seconds = |world: &mut sim::World<_>| {
        let before = world.events();
        world.run_for(MS(5_000));
        world.events() - before
    };
    let all_up = five_seconds(&mut world);
    world.crash(NodeId((first.0 + 1) % 3));
    let one_down = five_seconds(&mut world);
    assert!(one_down < 2 * all_up, "{one_down} events with one down, {all_up} with none");
}

/// A leader that is cut off learns of no majority, so it must not let anybody read.
#[test]
fn a_read_waits_for_a_majority() {
    let mut world = world(9, 3, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(500));
    let told = |world: &sim::World<_>, what: &str| {
        world.history().iter().any(|entry: &sim::Entry<String>| entry.note.starts_with(what))
    };
    world.tell(first, Word::Read(GroupId(0), 1));
    world.run_for(MS(10));
    assert!(told(&world, "read 1"));
    let others: Vec<u32> = (0..3).filter(|other| *other != first.0).collect();
    world.partition([first], others);
    world.tell(first, Word::Read(GroupId(0), 2));
    world.run_for(MS(2_000));
    assert!(!told(&world, "read 2") && told(&world, "lost 2"));
}
