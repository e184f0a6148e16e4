//! Who belongs to a group, when nodes come back with other disks, late, or not at all.

use std::time::Duration;

use machine::NodeId;
use raft::{Group, GroupId};
use sim::{Script, World};

use crate::lists::{Keeper, Word, elect, item, list, world};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn group(world: &World<Keeper>, node: NodeId) -> &Group {
    world.machine(node).expect("it is up").group(0).expect("it has read its disk")
}

/// Do all that are up agree that these nodes vote, with the disks that they have, and nobody else is in?
fn votes(world: &World<Keeper>, nodes: &[u32]) -> bool {
    nodes.iter().map(|node| NodeId(*node)).all(|node| {
        let Some(keeper) = world.machine(node) else { return true };
        let Some(group) = keeper.group(0) else { return false };
        let configuration = group.log().configuration();
        let all: Vec<u32> = configuration.members().iter().map(|member| member.node.0).collect();
        all == nodes && configuration.voters.contains(&group.member()) && !configuration.is_joint()
    })
}

fn change(world: &mut World<Keeper>, nodes: &[u32]) {
    let leader = elect(world, 0);
    world.tell(leader, Word::Change(GroupId(0), nodes.iter().map(|node| NodeId(*node)).collect()));
    world.run_for(MS(1_500));
}

/// A node that is none of these two.
fn other(one: NodeId, two: NodeId) -> NodeId {
    (0..3).map(NodeId).find(|node| *node != one && *node != two).expect("there are three")
}

/// The disk of one of five was replaced while another was down. The change that would have given it a vote
/// waited for the one that was down, was given up, and began no more: it listened for good, and the group
/// counted on a dead disk.
#[test]
fn a_vote_comes_back_while_another_voter_is_down() {
    let mut world = world(11, 5, 5, 1);
    elect(&mut world, 0);
    world.run_for(MS(500));
    let down = world.crash(NodeId(1));
    world.run_for(MS(1_500));
    let lost = world.disk_replaced(NodeId(0));
    world.run_for(MS(50));
    world.end(lost);
    world.run_for(MS(9_000));
    assert!(votes(&world, &[0, 1, 2, 3, 4]), "nobody waits for the one that is down");
    world.end(down);
    world.run_for(MS(1_000));
    assert!(votes(&world, &[0, 1, 2, 3, 4]), "and it hears of it");
}

/// The only leader that a node with an empty disk met was one that nobody else heard. It had a term from
/// it and nothing else, was no longer blank, and said nothing any more.
#[test]
fn a_node_that_met_a_doomed_leader_is_taken_in() {
    for seed in 0..20 {
        let mut world = world(seed, 5, 5, 1);
        let doomed = elect(&mut world, 0);
        world.run_for(MS(500));
        let lost = NodeId((doomed.0 + 1) % 5);
        let rest: Vec<u32> = (0..5).filter(|node| ![doomed.0, lost.0].contains(node)).collect();
        let empty = world.disk_replaced(lost);
        let cut = world.partition([doomed.0, lost.0], rest.iter().copied());
        world.run_for(MS(20));
        world.end(empty);
        world.run_for(MS(200));
        assert!(group(&world, lost).term() > 0, "it met the leader");
        world.run_for(MS(1_000));
        let reset = world.link_reset([lost.0], rest);
        world.run_for(MS(1));
        world.end(reset);
        world.end(cut);
        world.run_for(MS(3_000));
        assert!(votes(&world, &[0, 1, 2, 3, 4]), "seed {seed}");
    }
}

/// Its own log ends before it was taken out: it would call for elections for ever.
#[test]
fn a_node_that_was_removed_while_it_was_away_learns_of_it_and_may_come_back() {
    for seed in 0..10 {
        let mut world = world(seed, 3, 3, 1);
        let leader = elect(&mut world, 0);
        world.run_for(MS(500));
        let away = NodeId((leader.0 + 1) % 3);
        let rest = [leader.0.min(other(leader, away).0), leader.0.max(other(leader, away).0)];
        let fault = match seed % 2 {
            0 => world.pause(away),
            _ => world.crash(away),
        };
        change(&mut world, &rest);
        assert!(votes(&world, &rest), "seed {seed}");
        world.end(fault);
        world.run_for(MS(2_000));
        let removed = |world: &World<Keeper>| {
            let group = group(world, away);
            let others: Vec<u32> = group.membership().voters.iter().map(|one| one.node.0).collect();
            group.role_name() == "removed" && others == rest
        };
        assert!(removed(&world), "seed {seed}: {}", group(&world, away).role_name());
        let fault = world.crash(away);
        world.run_for(MS(10));
        world.end(fault);
        world.run_for(MS(2_000));
        assert!(removed(&world), "seed {seed}: it restarted");
        let leader = elect(&mut world, 0);
        world.tell(leader, Word::Add(GroupId(0), item(seed)));
        change(&mut world, &[0, 1, 2]);
        assert!(votes(&world, &[0, 1, 2]), "seed {seed}: it is back, with the disk that it had");
        assert_eq!(list(&world, away, 0), [item(seed)], "seed {seed}");
    }
}

/// Who is taken out while it is there has the joint configuration, in which it still votes.
#[test]
fn a_node_that_sees_itself_removed_knows_it() {
    let mut world = world(12, 4, 4, 1);
    let leader = elect(&mut world, 0);
    world.run_for(MS(500));
    let gone = (leader.0 + 1) % 4;
    let rest: Vec<u32> = (0..4).filter(|node| *node != gone).collect();
    let before = group(&world, leader).term();
    change(&mut world, &rest);
    assert!(votes(&world, &rest));
    assert_eq!(group(&world, NodeId(gone)).role_name(), "removed");
    // A leader that is taken out goes, too.
    assert_eq!(elect(&mut world, 0), leader, "nobody was deposed by it");
    assert_eq!(group(&world, leader).term(), before);
    let rest: Vec<u32> = rest.into_iter().filter(|node| *node != leader.0).collect();
    change(&mut world, &rest);
    assert!(votes(&world, &rest));
    assert_eq!(group(&world, leader).role_name(), "removed");
}

/// A change waits for a node that is down, and its leader goes: no other knows of it, until it is asked
/// for again.
#[test]
fn the_same_nodes_again_finish_a_change_that_was_forgotten() {
    let mut world = world(13, 4, 3, 1);
    let first = elect(&mut world, 0);
    world.run_for(MS(500));
    let late = world.crash(NodeId(3));
    change(&mut world, &[0, 1, 2, 3]);
    let gone = world.crash(first);
    world.run_for(MS(2_000));
    world.end(gone);
    world.end(late);
    world.run_for(MS(2_000));
    let second = elect(&mut world, 0);
    let learners = &group(&world, second).log().configuration().learners;
    assert_eq!(learners.len(), 1, "it listens, and nobody remembers what for");
    change(&mut world, &[0, 1, 2, 3]);
    assert!(votes(&world, &[0, 1, 2, 3]));
}

/// What was asked before, and is not under way yet, is over.
#[test]
fn a_change_that_waits_is_taken_back_by_another() {
    let mut world = world(14, 4, 3, 1);
    elect(&mut world, 0);
    world.run_for(MS(500));
    let late = world.crash(NodeId(3));
    change(&mut world, &[0, 1, 2, 3]);
    assert!(!votes(&world, &[0, 1, 2]), "it is a learner");
    change(&mut world, &[0, 1, 2]);
    assert!(votes(&world, &[0, 1, 2]));
    world.end(late);
    world.run_for(MS(2_000));
    let away = group(&world, NodeId(3));
    assert!(away.is_outside() && !away.is_removed(), "it never was one");
    let nothing = "Nothing";
    let said = |world: &World<Keeper>| {
        world.history().iter().filter(|entry| entry.note == nothing).count()
    };
    assert_eq!(said(&world), 0);
    change(&mut world, &[0, 1, 2]);
    assert_eq!(said(&world), 1, "they are the voters already");
}
